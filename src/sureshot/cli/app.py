"""The command ``sureshot``: its commands, and how errors and exit codes look."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from sureshot.cli import (
    backup,
    endpoints,
    migrate,
    recover,
    serve,
    settings,
    sink,
    tokens,
    up,
    webhooks,
)
from sureshot.cli.client import ServiceRefused, ServiceUnreachable
from sureshot.cli.output import complain, examples
from sureshot.domain.errors import ConfigurationError
from sureshot_lab.cli import app as laboratory
from sureshot_lab.errors import LabError

LAB_MODULES = frozenset({"hdrh", "numpy", "psutil", "scipy"})
"""What only the laboratory needs: the optional dependencies ``lab``."""

HELP = """Sureshot stores webhooks durably and delivers them: signed, retried, recorded.

\b
Environment:
  SURESHOT_URL          the service these commands call (http://127.0.0.1:8080)
  SURESHOT_API_TOKEN    the token they use, or SURESHOT_ADMIN_TOKEN; else those in
                        data/tokens.env, where `sureshot serve` keeps what it generated
  SURESHOT_CONFIG       the file of settings (sureshot.toml in this folder)
  SURESHOT_...          every setting; `sureshot config` explains them all

\b
Exit codes:
  0  done
  1  the thing itself failed: not delivered, a wrong signature, nothing to show
  2  wrong usage or a wrong setting
  3  no service there, or it refused
"""

EPILOG = examples(
    "sureshot serve                    # run the service",
    "sureshot sink                     # a receiver to try it with, on port 9099",
    "sureshot send http://127.0.0.1:9099/ --data '{\"n\":1}' --wait",
    "sureshot endpoints create Billing https://example.com/hooks",
    "sureshot lab run performance      # what it can do on this machine",
    "sureshot send --help              # every command has examples",
)

app = typer.Typer(
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
serve.register(app)
up.register(app)
migrate.register(app)
backup.register(app)
webhooks.register(app)
sink.register(app)
endpoints.register(app)
recover.register(app)
settings.register(app)
tokens.register(settings.tokens)
app.add_typer(
    laboratory.app, name="lab", short_help="Measure what the service can do on this machine."
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; a mistake is a sentence, never a stack trace."""
    try:
        app(args=arguments, prog_name="sureshot")
        code = 0
    except ConfigurationError as error:
        complain(error.detail)
        code = 2
    except (ServiceUnreachable, ServiceRefused, LabError) as error:
        complain(str(error))
        code = 3
    except ModuleNotFoundError as error:
        if error.name not in LAB_MODULES:
            raise
        complain(f"the laboratory needs {error.name}: install it with `pip install sureshot[lab]`")
        code = 3
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
