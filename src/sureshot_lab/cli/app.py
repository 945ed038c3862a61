"""``sureshot lab``: the laboratory's commands, and what its exit codes mean."""

from __future__ import annotations

import typer

from sureshot_lab.cli import (
    capacity_commands,
    check_commands,
    compare_commands,
    profile_commands,
    report_commands,
    run_commands,
    scale_commands,
    scale_database_command,
    scale_queue_command,
    scaling_commands,
    traffic_commands,
    tune_commands,
)
from sureshot_lab.cli.printing import examples

HELP = """Measure what the service can do on this machine, and hold it against its targets.

\b
A scenario is run with a service and receivers of its own, or against one that runs
elsewhere (--target). Each run leaves runs/<id>/ with result.json and reports.

\b
Verdicts, and the exit codes of `run`:
  0  PASS      every gate of the scenario holds
  1  FAIL      one does not
  2  INVALID   the figures say nothing about the service: the generator, the host or
               the ledger was at fault, or the run was stopped or broke off
  3  the run could not begin: wrong usage, something missing, or no service there
"""

EPILOG = examples(
    "sureshot lab list                      # what there is to run",
    "sureshot lab run performance           # the promised 10,000 webhooks a minute",
    "sureshot lab run spike --smoke         # any scenario in half a minute or less",
    "sureshot lab run load --target https://hooks.staging.example --token T --admin-token A",
    "sureshot lab report runs/<id>          # read a result again, or any file of k6",
    "sureshot lab compare 'runs/*-before' 'runs/*-after'",
)

app = typer.Typer(
    name="lab",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
run_commands.register(app)
report_commands.register(app)
compare_commands.register(app)
check_commands.register(app)
traffic_commands.register(app)
profile_commands.register(app)
capacity_commands.register(app)
scale_commands.register(app)
scale_database_command.register(app)
scale_queue_command.register(app)
scaling_commands.register(app)
tune_commands.register(app)
