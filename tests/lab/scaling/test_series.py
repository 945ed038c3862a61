"""Series as people have them: read, evened out, or refused with a sentence."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from sureshot_lab.errors import LabError, TargetUnreachable, UnreadableResult
from sureshot_lab.scaling.prometheus import query_range
from sureshot_lab.scaling.series import MOST_VALUES, evenly, read_series


def written(folder: Path, text: str) -> Path:
    path = folder / "series"
    path.write_text(text)
    return path


VALUES = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]
PROMETHEUS = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [{"metric": {}, "values": [[60 * n, str(v)] for n, v in enumerate(VALUES)]}],
    },
}


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"{60 * n},{v}" for n, v in enumerate(VALUES)),
        "time,value\n" + "\n".join(f"{60 * n},{v}" for n, v in enumerate(VALUES)),
        "time,value\n" + "\n".join(f"2026-01-01T00:0{n}:00Z,{v}" for n, v in enumerate(VALUES)),
        "\n".join(f"{1767225600000 + 60000 * n},{v}" for n, v in enumerate(VALUES)),
        json.dumps([[60 * n, v] for n, v in enumerate(VALUES)]),
        json.dumps(PROMETHEUS),
        "\n".join(f"{60 * n},{VALUES[n]}" for n in (3, 1, 0, 2, 7, 6, 5, 4)),
    ],
    ids=["csv", "header", "iso", "milliseconds", "json", "prometheus", "unordered"],
)
def test_every_form_is_the_same_series(tmp_path: Path, text: str) -> None:
    series = read_series(written(tmp_path, text))
    assert (series.values, series.step_s, series.filled) == (VALUES, 60.0, 0)


def test_lone_values_are_one_a_second(tmp_path: Path) -> None:
    series = read_series(written(tmp_path, "\n".join(map(str, VALUES))))
    assert (series.values, series.step_s) == (VALUES, 1.0)


def test_gaps_are_filled_straight_and_counted() -> None:
    points = [(60.0 * n, 10.0 * n) for n in range(20) if n not in {5, 6, 13}]
    series = evenly(points, "here")
    assert series.values == [10.0 * n for n in range(20)]
    assert series.filled == 3


def test_what_is_not_a_number_is_a_gap() -> None:
    points = [(60.0 * n, float("nan") if n == 3 else 1.0) for n in range(12)]
    assert evenly(points, "here").filled == 1


def test_a_long_series_is_averaged_to_coarser_steps() -> None:
    series = evenly([(float(n), float(n % 2)) for n in range(2 * MOST_VALUES)], "here")
    assert len(series.values) == MOST_VALUES
    assert series.step_s == 2.0
    assert set(series.values) == {0.5}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "0 values are too few|1 values are too few"),
        ("1,2\n3,4", "too few"),
        ("a,b\nc,d\n", "lines like"),
        ("{}", "lines like"),
        (json.dumps({"data": {"result": [{"values": []}, {"values": []}]}}), "gives 2 series"),
    ],
)
def test_what_is_no_series_is_refused_with_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UnreadableResult, match=says):
        read_series(written(tmp_path, text))


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableResult, match="cannot be read"):
        read_series(tmp_path / "nothing")


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers like Prometheus, and remembers what it was asked."""

    asked: ClassVar[dict[str, list[str]]] = {}

    def do_GET(self) -> None:
        type(self).asked = parse_qs(urlsplit(self.path).query)
        wrong = self.asked["query"] == ["wrong("]
        body: Any = {"status": "error", "error": "parse error"} if wrong else PROMETHEUS
        self.send_response(400 if wrong else 200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


def test_prometheus_is_asked_for_the_span_at_steps_it_allows(server: str) -> None:
    series = query_range(server, "sum(up)", span_s=14 * 86_400, now_s=2e9)
    assert series.values == VALUES
    asked = Answering.asked
    assert asked["query"] == ["sum(up)"]
    assert float(asked["end"][0]) - float(asked["start"][0]) == 14 * 86_400
    assert 14 * 86_400 / float(asked["step"][0]) <= 11_000


def test_what_prometheus_says_is_passed_on(server: str) -> None:
    with pytest.raises(LabError, match="parse error"):
        query_range(server, "wrong(", span_s=3600)
    with pytest.raises(TargetUnreachable, match="does not answer"):
        query_range("http://127.0.0.1:9", "up", span_s=3600)
    with pytest.raises(TargetUnreachable, match="is no address"):
        query_range("file:///etc/passwd", "up", span_s=3600)
