"""The judge of a JMeter run: what it lets pass and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jmeter.plan import load_judge

HEAD = "timeStamp,elapsed,label,responseCode,success,failureMessage,grpThreads,allThreads,Latency"
JUDGE = load_judge()


def results(
    folder: Path, *, count: int = 2000, slow: int = 0, refused: int = 0, every_ms: int = 6
) -> str:
    """Write a results file: 10,000 a minute, 5 ms each, unless told otherwise."""
    lines = [HEAD]
    for number in range(count):
        took_ms = 400 if number < slow else 5
        good = number >= refused
        # JMeter writes what an assertion says over several lines.
        said = "" if good else '"Test failed: code expected to equal /\n\n202/, was 503"'
        code, success = (202, "true") if good else (503, "false")
        lines.append(
            f"{1767225600000 + number * every_ms},{took_ms},submit,{code},{success},{said},9,9,5"
        )
    path = folder / "results.jtl"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_a_run_that_keeps_the_promises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert JUDGE.main([results(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "kept    accepted 100.000% of 2,000, promised above 99.9%",
        "kept    p99 5 ms, promised below 100 ms",
        "offered 10,000 a minute of 10,000",
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"refused": 3}, "BROKEN  accepted 99.850% of 2,000"),
        ({"slow": 30}, "BROKEN  p99 400 ms"),
    ],
    ids=["refused", "slow"],
)
def test_a_broken_promise_is_named(
    changes: dict[str, int], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert JUDGE.main([results(tmp_path, **changes)]) == 1
    assert told in capsys.readouterr().out


def test_a_few_slow_or_refused_ones_are_within_the_promise(tmp_path: Path) -> None:
    assert JUDGE.main([results(tmp_path, slow=19, refused=1)]) == 0


def test_a_run_that_offered_too_little_proves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = results(tmp_path, every_ms=7)
    assert JUDGE.main([path]) == 2
    assert "INVALID: offered 8,571 a minute of 10,000" in capsys.readouterr().out
    assert JUDGE.main([path, "--rate", "8500"]) == 0


@pytest.mark.parametrize("count", [0, 1])
def test_a_run_that_sent_nothing_is_no_success(count: int, tmp_path: Path) -> None:
    assert JUDGE.main([results(tmp_path, count=count)]) == 2


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", f"{HEAD}\nx,y,z,1,true,,1,1,1\n"])
def test_another_file_is_told_apart(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text)
    assert JUDGE.main([str(path)]) == 2
    assert JUDGE.main([str(tmp_path / "absent")]) == 2
