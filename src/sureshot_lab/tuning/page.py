"""The page of a tuning: what it recommends, before and after, and every trial, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sureshot_lab.analysis.comparison import Comparison
from sureshot_lab.report.axes import Axis, Tick, value_axis
from sureshot_lab.report.chart import Chart, Series, draw
from sureshot_lab.report.figures import change, figure, instant, unit_of
from sureshot_lab.report.files import write_whole
from sureshot_lab.report.interval_bar import interval_bar, reach
from sureshot_lab.report.markup import Html, bullets, element, join, link, pairs, section, table
from sureshot_lab.report.page import page, page_head
from sureshot_lab.report.titles import title_of
from sureshot_lab.tuning.objective import Objective
from sureshot_lab.tuning.outcome import Tuning
from sureshot_lab.tuning.space import Point
from sureshot_lab.tuning.trial import Trial, TrialState

FILE = "tune.html"
COLUMNS = ("Figure", "Before", "Candidate", "Change", "95 %", "p", "Cliff's delta", "Answer")
MOST_TICKS = 10


def cells(one: Comparison) -> list[str]:
    """Return one row of the table before and after, ``COLUMNS``; medians of each side."""
    unit = unit_of(one.metric)
    return [
        title_of(one.metric),
        figure(one.a_median, unit),
        figure(one.b_median, unit),
        change(one.change.value),
        f"{change(one.change.low)} to {change(one.change.high)}",
        f"{one.p:.3f}",
        f"{one.delta:+.2f}",
        str(one.answer),
    ]


def trial_columns(tuning: Tuning) -> list[str]:
    """Return the titles of the table of all trials."""
    names = [_short(one.name) for one in tuning.space]
    return ["Trial", *names, title_of(tuning.metric), "State", "Why"]


def trial_cells(tuning: Tuning, trial: Trial) -> list[str]:
    """Return one row of the table of all trials."""
    return [
        str(trial.number + 1),
        *(str(trial.point[one.name]) for one in tuning.space),
        figure(trial.value, unit_of(tuning.metric)),
        str(trial.state),
        "; ".join(trial.reasons),
    ]


def settings_in_words(tuning: Tuning, trial: Trial) -> str:
    """Return how a trial differs from the first: ``max_in_flight = 500, workers = 2``."""
    moved = {
        one.name: trial.point[one.name]
        for one in tuning.space
        if trial.point[one.name] != one.start
    }
    return changes_in_words(moved) or tuning.start_name


def write_page(folder: Path, tuning: Tuning) -> Path:
    """Write ``tune.html`` into *folder*."""
    title = f"Tuning {tuning.scenario} for {tuning.objective}"
    content = page(
        title,
        page_head(
            title,
            element("p", tuning.judgement.says, role="status"),
            bullets(tuning.remarks) if tuning.remarks else None,
        ),
        section("compared", "Before and after", *_compared(tuning)),
        section("trials", "Trials", *_trials(tuning)),
        section("space", "What was searched", _space(tuning)),
        section("conditions", "Conditions", _conditions(tuning)),
        script=True,
    )
    return write_whole(folder / FILE, content.encode())


def _compared(tuning: Tuning) -> list[Html]:
    judgement = tuning.judgement
    if not judgement.compared:
        text = f"The best candidate was not held against {tuning.start_name} in turns."
        return [element("p", text)]
    most = reach([(one.change.value, _ends(one)) for one in judgement.compared])
    rows = []
    for one in judgement.compared:
        told: list[str | None] = [*cells(one)]
        told[3] = join([
            element("span", told[3], class_="fixed"),
            interval_bar(one.change.value, _ends(one), most),
        ])  # fmt: skip
        rows.append(told)
    found = [table(COLUMNS, rows, numeric=(1, 2, 5, 6))]
    candidate = changes_in_words(tuning.changes)
    found.append(element("p", f"Before: {tuning.start_name}. The candidate: {candidate}."))
    if judgement.kept is not None:
        (before, of_before), (after, of_after) = judgement.kept
        text = (
            f"Every gate was kept in {before} of {of_before} runs of {tuning.start_name} and in "
            f"{after} of {of_after} of the candidate."
        )
        found.append(element("p", text))
    return found


def _ends(one: Comparison) -> tuple[float, float]:
    return one.change.low, one.change.high


def _trials(tuning: Tuning) -> list[Html]:
    marks = ["pass" if trial.number == tuning.candidate else None for trial in tuning.trials]
    rows = []
    for trial in tuning.trials:
        told: list[str | None] = [*trial_cells(tuning, trial)]
        if trial.run:
            told[0] = link(f"trials/{trial.run}/report.html", str(trial.number + 1))
        rows.append(told)
    listed = table(trial_columns(tuning), rows, marks=marks)
    return [draw(_chart(tuning)), listed] if any(_known(tuning.trials)) else [listed]


def _known(trials: Sequence[Trial]) -> list[tuple[Trial, float]]:
    return [(trial, trial.value) for trial in trials if trial.value is not None]


def _chart(tuning: Tuning) -> Chart:
    """Return the objective by trial, and the best candidate's so far."""
    known = _known(tuning.trials)
    unit = unit_of(tuning.metric)

    def dots(state: TrialState) -> list[tuple[float, float | None]]:
        return [(trial.number + 1.0, value) for trial, value in known if trial.state is state]

    series = [
        Series("best so far", _best_so_far(tuning), "teal"),
        Series("candidate", dots(TrialState.CANDIDATE), "blue", width=8.0, dots=True),
        Series("missed gates", dots(TrialState.GATES_MISSED), "red", width=6.0, dots=True),
    ]
    return Chart(
        title=f"{title_of(tuning.metric)} by trial",
        x=_trial_axis(len(tuning.trials)),
        y=value_axis([value for _trial, value in known], unit, ""),
        unit=unit,
        series=[one for one in series if one.points],
        told=lambda at: f"trial {at:.0f}",
        note=f"Trial 1 is {tuning.start_name}. One run each: the comparison decides, not these.",
    )


def _best_so_far(tuning: Tuning) -> list[tuple[float, float | None]]:
    objective = Objective(tuning.objective)
    best: float | None = None
    points: list[tuple[float, float | None]] = []
    for trial in tuning.trials:
        candidate = trial.state is TrialState.CANDIDATE and trial.value is not None
        if candidate and trial.value is not None and (
            best is None or objective.better(trial.value, best)
        ):  # fmt: skip
            best = trial.value
        points.append((trial.number + 1.0, best))
    return points


def _trial_axis(count: int) -> Axis:
    step = max(1, -(-count // MOST_TICKS))
    high = float(max(count, 2))
    ticks = tuple(
        Tick((number - 1) / (high - 1), str(number)) for number in range(1, count + 1, step)
    )
    return Axis(1.0, high, ticks, "trial")


def _space(tuning: Tuning) -> Html:
    rows = [
        [
            _short(one.name),
            ", ".join(str(value) for value in one.values),
            str(one.start),
            "-" if one.importance is None else f"{one.importance:.0%}",
            one.why,
        ]
        for one in tuning.space
    ]
    return table(["Knob", "Values", "Start", "Importance", "Why"], rows, kind="stack even")


def _conditions(tuning: Tuning) -> Html:
    told = tuning.conditions
    machine = told.get("machine", {})
    besides = ", ".join(f"{name} = {value}" for name, value in told["settings"].items())
    return pairs([
        ("Profile", str(told["profile"])),
        ("Load of each run", f"{told['seconds']:g} s, up to {told['peak_per_s']:.0f}/s"),
        ("Points of the space", f"{told['points']:,}"),
        ("Seed", str(tuning.seed)),
        ("Set besides", besides),
        ("Machine", f"{machine.get('cpu', '')}, {machine.get('cores', '')} cores"),
        ("Revision", str(told["revision"])),
        ("Started", instant(tuning.started_at)),
        ("Finished", instant(tuning.finished_at)),
    ])  # fmt: skip


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def changes_in_words(changes: Point) -> str:
    """Return ``max_in_flight = 500, workers = 2``."""
    return ", ".join(f"{_short(name)} = {value}" for name, value in changes.items())
