"""Files that are no result: each is refused in a sentence that says what is wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.readers.files import read_file
from tests.lab.readers.conftest import OneRun

HEADER = "metric_name,timestamp,metric_value,name,group\n"
POINT = '{"type":"Point","metric":"vus","data":{"time":"2026-01-01T00:00:00Z","value":1,"tags":{}}}'
NO_REQUESTS = {"metrics": {"http_reqs": {"count": 0, "rate": 0}, "vus": {"value": 1}}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("     execution: local\n        script: x.js\n", "What k6 prints is for people"),
        ('{"metrics": {"http_reqs": {"cou', "is not whole JSON, it may be cut off"),
        ("[1, 2]", "neither JSON nor CSV"),
        ('{"a": 1}', "is JSON, but no result"),
        ('{"metrics": []}', "is JSON, but no result"),
        ('{"metrics": {"http_reqs": 5}}', "not as k6 writes them"),
        ('{"metrics": {"http_reqs": {"count": "many", "rate": 1}}}', "not as k6 writes them"),
        ('{"metrics": {}}', "holds no requests"),
        (json.dumps(NO_REQUESTS), "holds no requests"),
        ('{"conditions": {}, "verdict": "PASS"}', "is not a result of the laboratory"),
        (HEADER, "holds no requests"),
        (HEADER + "vus,1700000000,1,,\n", "holds no requests"),
        (HEADER + "http_reqs,1700000000,1,,\nhttp_re", "is cut off in line 3"),
        (HEADER + "http_reqs,yesterday,1,,\n", "line 2, is not k6's"),
        ("metric_name,value\nx,1\n", "has no column metric_value, timestamp"),
        (POINT + "\n", "holds no requests"),
        (POINT + "\n" + POINT[:40], "is cut off in line 2"),
        (POINT + "\n{broken}\n" + POINT + "\n", "line 2, is not k6's"),
        (POINT[:30], "cut off"),
    ],
)
def test_what_is_wrong_is_said(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "result"
    file.write_text(content)
    with pytest.raises(UnreadableResult, match=said) as caught:
        read_file(file)
    assert str(file) in str(caught.value)


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableResult, match="does not exist"):
        read_file(tmp_path / "nothing.json")
    with pytest.raises(UnreadableResult, match="does not exist"):
        read_file(tmp_path)
    (tmp_path / "image").write_bytes(b"\x89PNG\xff\xfe\n")
    with pytest.raises(UnreadableResult, match="is not text"):
        read_file(tmp_path / "image")


def test_a_packed_file_cut_off_is_not_read_in_part(good_run: OneRun, tmp_path: Path) -> None:
    for ending in ("ndjson.gz", "csv.gz"):
        whole = good_run.file(ending).read_bytes()
        (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UnreadableResult, match="cut off"):
            read_file(tmp_path / "cut")


def test_a_packed_summary_is_read(good_run: OneRun, tmp_path: Path) -> None:
    packed = tmp_path / "summary.json.gz"
    packed.write_bytes(gzip.compress(good_run.file("summary.json").read_bytes()))
    assert read_file(packed).label == "summary"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_ends_in_a_traceback(data: st.DataObject, good_run: OneRun) -> None:
    file = good_run.file(data.draw(st.sampled_from(["export.json", "summary.json", "csv.gz"])))
    content = bytearray(file.read_bytes()[:20_000])
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where] = data.draw(st.integers(0, 255))
    damaged = good_run.folder / "damaged"
    damaged.write_bytes(bytes(content))
    try:
        reading = read_file(damaged)
    except UnreadableResult:
        return
    assert reading.requests > 0
