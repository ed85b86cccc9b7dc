"""The command line `ml`. Each verb imports what it needs when it runs, so that help answers at once."""

import errno
import io
import signal
import sys

import typer

from .commands import data, model, service, watch
from .errors import ProjectError

INTERRUPTED, TERMINATED = 130, 143
FULL = (errno.ENOSPC, errno.EDQUOT)

app = typer.Typer(
    name="ml",
    help="Data to model to service to monitoring and back. Start with `ml run promote`, look around with `ml status`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
for group in (model, service, watch):
    app.add_typer(group.app)


def _ends_as_exceptions() -> list[int]:
    # As an exception, so that what a command began is put away: processes are stopped, runs marked as failed.
    asked: list[int] = []

    def end(signum: int, _: object) -> None:
        if signum == signal.SIGINT:
            asked.append(INTERRUPTED)
            raise KeyboardInterrupt
        asked.append(TERMINATED)
        sys.exit(TERMINATED)

    signal.signal(signal.SIGTERM, end)
    for asking in (signal.SIGINT, getattr(signal, "SIGHUP", None)):
        # Nohup, and a shell's background, ignore them on purpose.
        if asking is not None and signal.getsignal(asking) != signal.SIG_IGN:
            signal.signal(asking, end)
    return asked


def main() -> None:
    """Run the command line. Exit codes: 0 done, 2 input to correct, 3 a check said no, 130 or 143 ended, 1 a bug."""
    asked = _ends_as_exceptions()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names of columns may be in any script; Windows' own encoding knows one.
            # What is no text at all, as in a file name of another encoding, is written as its bytes.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app()
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        # Typer turns Ctrl-C into an exit code, and libraries into errors of their own: DuckDB's query was interrupted.
        code = error.code if isinstance(error, SystemExit) else asked[0] if asked else None
        if code in (INTERRUPTED, TERMINATED) or isinstance(error, KeyboardInterrupt):
            print("ml: interrupted; what is not finished is not visible, and ml status tells what is.", file=sys.stderr)
            sys.exit(code or INTERRUPTED)
        if isinstance(error, ProjectError):
            print(f"ml: {error}", file=sys.stderr)
            sys.exit(error.exit_code)
        if isinstance(error, OSError) and (error.filename or error.errno in FULL):
            place = error.filename or "ML_HOME or the place for temporary files"
            print(f"ml: {place}: {error.strerror}; give access or space, or another place.", file=sys.stderr)
            sys.exit(ProjectError.exit_code)
        raise
