"""The command ``sureshot``: its commands, and how errors and exit codes look."""

from __future__ import annotations

import sys

import typer

from sureshot.cli import endpoints, serve, settings, sink, webhooks
from sureshot.cli.client import ServiceRefused, ServiceUnreachable
from sureshot.cli.output import complain
from sureshot.domain.errors import ConfigurationError

HELP = """Sureshot stores webhooks durably and delivers them: signed, retried, recorded.

Start here:

  sureshot serve                                  run the service on 127.0.0.1:8080

  sureshot sink                                   a receiver to try it with, on :9099

  sureshot send http://127.0.0.1:9099/ --data '{"n":1}' --wait

Exit codes: 0 done, 1 it failed (not delivered), 2 wrong usage, 3 no service or refused.
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
serve.register(app)
webhooks.register(app)
sink.register(app)
endpoints.register(app)
settings.register(app)


def main() -> None:
    """Run the command line; a user's mistake is a sentence, never a stack trace."""
    try:
        app()
    except ConfigurationError as error:
        complain(error.detail)
        sys.exit(2)
    except ServiceUnreachable as error:
        complain(str(error))
        sys.exit(3)
    except ServiceRefused as error:
        complain(str(error))
        sys.exit(3)
    except BrokenPipeError:
        sys.exit(0)
