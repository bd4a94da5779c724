"""The command line (CONTRACT 1): each command is a few lines over the rooms below.

Exit codes: 0 done, 1 a negative answer, 2 wrong use or wrong settings, always with one line on stderr.
"""

from typing import NoReturn

import typer

from mailsvc.cli import database, dkim, keys
from mailsvc.cli.audit import audit
from mailsvc.cli.check import check
from mailsvc.cli.classify import classify
from mailsvc.cli.doctor import doctor
from mailsvc.cli.failure import INTERRUPTED, Failure
from mailsvc.cli.ingest import ingest
from mailsvc.cli.preview import preview
from mailsvc.cli.run import run
from mailsvc.cli.send import send

app = typer.Typer(
    name="mailsvc",
    help="The mail service whose unit of work is a code with a deadline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run)
app.command("send")(send)
app.command("check")(check)
app.command("audit")(audit)
app.command("ingest")(ingest)
app.command("preview")(preview)
app.command("classify")(classify)
app.command("doctor")(doctor)
app.add_typer(keys.app, name="keys")
app.add_typer(dkim.app, name="dkim")
app.add_typer(database.app, name="db")


def main() -> NoReturn:
    """Run the command line and end the process."""
    try:
        raise SystemExit(app(prog_name="mailsvc", standalone_mode=False))
    except Failure as failure:
        typer.echo(f"mailsvc: {failure}", err=True)
        raise SystemExit(failure.exit_code) from None
    except typer.TyperException as wrong_use:
        if line := wrong_use.format_message().strip():  # empty where the help has been shown instead
            typer.echo(f"mailsvc: {line}", err=True)
        raise SystemExit(wrong_use.exit_code) from None
    except typer.Abort:
        raise SystemExit(INTERRUPTED) from None
