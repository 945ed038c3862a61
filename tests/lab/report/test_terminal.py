"""What a terminal shows: during a run, and at its end."""

from __future__ import annotations

import io
from dataclasses import replace as changed

import pytest
from msgspec.structs import replace
from rich.console import Console

from sureshot_lab.report.figures import measured
from sureshot_lab.report.live import LiveState, LiveView, line_of, spark
from sureshot_lab.report.terminal import render_summary
from sureshot_lab.result import Finding, RunResult
from tests.lab.report.examples import all_examples, bad, good, invalid

STATE = LiveState(
    scenario="steady",
    elapsed_s=32.4,
    total_s=63.0,
    phase="load",
    intended_per_s=1000,
    achieved_per_s=998,
    accepted=31_990,
    delivered=31_984,
    dropped=2,
    p50_s=0.00061,
    p95_s=0.0014,
    p99_s=0.0032,
    in_flight=12,
    backlog=6,
    queue_depth=0,
    service_cpu_cores=0.42,
    rss_bytes=89e6,
    message="worker 1 killed",
    rates_per_s=[100.0, 500.0, 1000.0],
    latencies_s=[0.001, None, 0.003],
)


def printed(result: RunResult, *, terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=terminal, color_system="standard")
    if not terminal:
        console = Console(file=out, width=80)
    console.print(render_summary(result))
    return out.getvalue()


def on_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("result", all_examples(), ids=lambda result: result.id)
def test_the_summary_fits_80_columns_and_has_no_colours_off_a_terminal(result: RunResult) -> None:
    text = printed(result)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


@pytest.mark.parametrize("result", all_examples(), ids=lambda result: result.id)
def test_the_summary_has_verdict_gates_reasons_and_findings(result: RunResult) -> None:
    text = printed(result)
    assert text.startswith(result.verdict.value)
    told = on_one_line(text)
    for reason in result.reasons:
        assert reason in told
    for gate in result.gates:
        assert gate.value is None or measured(gate) in text
    for finding in result.findings:
        assert finding.what in told
        assert finding.recommendation in told


def test_a_gate_is_one_row_with_value_limit_and_status() -> None:
    row = next(line for line in printed(bad()).splitlines() if line.startswith("Success rate"))
    assert on_one_line(row) == "Success rate FAIL 97.5 % > 99.9 % misses by 2.4 points"


def test_colours_are_used_on_a_terminal() -> None:
    text = printed(bad(), terminal=True)
    assert text.startswith("\x1b[1;31mFAIL")
    assert "\x1b[32mPASS" in text


def test_a_partial_run_says_so() -> None:
    assert "This run was stopped early" in printed(invalid())
    assert "stopped early" not in printed(good())


def test_a_resource_that_is_no_gate_is_shown_beside_its_levels() -> None:
    text = on_one_line(printed(good()))
    assert "Queue depth within the target 14 < 1,000 5,000 10,000" in text
    assert text.count("Memory per pod") == 1


def test_texts_of_a_result_cannot_steer_the_terminal_or_act_as_markup() -> None:
    evil = "[red]\x1b[2J\x07[/red]"
    result = replace(
        good(),
        title=evil,
        reasons=[evil],
        findings=[Finding(severity=evil, what=evil, evidence=evil, recommendation=evil)],
    )
    text = printed(result)
    assert "\x1b" not in text
    assert text.count("[red]?[2J?[/red]") == 6


def test_without_a_terminal_the_live_view_prints_a_line_every_five_seconds() -> None:
    out = io.StringIO()
    with LiveView(Console(file=out, width=80)) as view:
        for second in range(12):
            view.update(changed(STATE, elapsed_s=float(second)))
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["0:00", "0:05", "0:10"]
    assert "\x1b" not in out.getvalue()


def test_a_new_phase_or_message_is_printed_at_once() -> None:
    out = io.StringIO()
    with LiveView(Console(file=out, width=80)) as view:
        view.update(changed(STATE, elapsed_s=0.0))
        view.update(changed(STATE, elapsed_s=1.0, phase="drain"))
        view.update(changed(STATE, elapsed_s=2.0, phase="drain"))
        view.update(changed(STATE, elapsed_s=3.0, phase="drain", message="done"))
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["0:00", "0:01", "0:03"]


def test_a_line_tells_rate_latency_queue_cpu_and_time_left() -> None:
    line = line_of(STATE)
    for told in (
        "0:32 of 1:03",
        "load",
        "998/s of 1,000/s",
        "p50 610 µs",
        "p95 1.40 ms",
        "p99 3.20 ms",
        "in flight 12",
        "backlog 6",
        "CPU 0.42 cores",
        "dropped 2",
        "0:31 left",
        "worker 1 killed",
    ):
        assert told in line
    assert "\n" not in line


def test_what_is_not_known_yet_is_a_dash() -> None:
    line = line_of(LiveState(scenario="x", elapsed_s=0, total_s=0))
    assert "p99 -" in line
    assert "backlog -" in line


def test_on_a_terminal_the_view_is_drawn_in_place_in_80_columns() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    with LiveView(console) as view:
        view.update(STATE)
        view.update(changed(STATE, elapsed_s=33.4))
    drawn = out.getvalue()
    for told in ("998/s of 1,000/s", "p99 3.20 ms", "backlog 6", "memory 84.9 MiB", "0:31 left"):
        assert told in drawn
    assert "worker 1 killed" in drawn
    assert "▂▅█" in drawn
    assert "\x1b[1A" in drawn
    assert all(len(line) <= 80 for line in drawn.split("\x1b[2K")[0].splitlines())


def test_history_is_drawn_as_blocks_with_blanks_where_nothing_is_known() -> None:
    assert spark([0.0, 50.0, 100.0]) == "▁▅█"
    assert spark([1.0, None, 1.0]) == "█ █"
    assert spark([]) == ""
    assert spark([0.0, None]) == ""
