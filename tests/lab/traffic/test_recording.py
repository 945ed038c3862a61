"""Files of recorded traffic, good and bad."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sureshot_lab.traffic.recording import (
    Record,
    UnreadableRecording,
    read_records,
    write_records,
)

LINE = '{"at_s":1.5,"eventType":"user.created","endpoint":"crm","payload":{"a": 1.50}}\n'


def record(at_s: float, payload: str = '{"a":1}') -> Record:
    return Record(
        at_s=at_s, event_type="a.b", endpoint="crm", payload=msgspec.Raw(payload.encode())
    )


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "traffic.ndjson"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("name", ["traffic.ndjson", "traffic.ndjson.gz"])
def test_what_is_written_is_read_again(name: str, tmp_path: Path) -> None:
    records = [record(0.0), record(2.5, '{"name":"Zoë","n":1.50}'), record(1.0)]
    assert write_records(tmp_path / name, records) == 3
    assert list(read_records(tmp_path / name)) == records
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_packed_is_packed(tmp_path: Path) -> None:
    write_records(tmp_path / "a.ndjson.gz", [record(0.0)] * 1000)
    assert (tmp_path / "a.ndjson.gz").stat().st_size < 1000


def test_more_members_of_an_access_log_are_passed_over(tmp_path: Path) -> None:
    [read] = read_records(written(tmp_path, LINE.replace('"at_s"', '"status":202,"at_s"') + "\n"))
    assert (read.at_s, read.event_type, read.endpoint) == (1.5, "user.created", "crm")
    assert read.payload_text == '{"a": 1.50}'


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "traffic.ndjson"
    write_records(path, [record(0.0)])
    before = path.read_bytes()

    def broken() -> object:
        yield record(1.0)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_records(path, broken())  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_cut_off_is_told_so_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRecording, match="cut off in line 2"):
        list(read_records(written(tmp_path, LINE + LINE[:40])))


def test_a_packed_file_that_is_cut_off_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "traffic.ndjson.gz"
    write_records(path, [record(n) for n in range(1000)])
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(UnreadableRecording, match="cut off"):
        list(read_records(path))


def test_a_last_line_without_its_end_counts_when_it_is_whole(tmp_path: Path) -> None:
    assert len(list(read_records(written(tmp_path, LINE + LINE.strip())))) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (LINE + "nonsense\n" + LINE, "line 2"),
        (LINE.replace('"at_s":1.5', '"at_s":"now"'), r"line 1: .*at_s"),
        (LINE.replace('"endpoint":"crm",', ""), "line 1: .*endpoint"),
        (LINE.replace('{"a": 1.50}', "[1]"), "JSON object"),
        (b'{"at_s":1,"eventType":"a","endpoint":"b","payload":{"a":"\xff"}}\n', "line 1"),
        ("", "empty"),
    ],
)
def test_what_is_no_recording_is_told_where(
    content: str | bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableRecording, match=told):
        list(read_records(written(tmp_path, content)))


def test_files_that_are_not_there_or_not_packed_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRecording, match=r"nothing\.ndjson does not exist"):
        list(read_records(tmp_path / "nothing.ndjson"))
    (tmp_path / "plain.ndjson.gz").write_text(LINE)
    with pytest.raises(UnreadableRecording, match="cannot be read"):
        list(read_records(tmp_path / "plain.ndjson.gz"))
