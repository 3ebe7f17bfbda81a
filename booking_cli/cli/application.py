"""The program: runs a command, and turns its errors into messages and exit statuses."""

import io
import itertools
import logging
import os
import re
import shlex
import sys
from typing import Annotated, TextIO

import typer
from typer import TyperException
from typer.main import get_command

from booking_cli import __version__, signals
from booking_cli.cli.lazy_group import LazyGroup
from booking_cli.cli.parameters import set_verbose
from booking_cli.domain.errors import BookingError, Interrupted, OutcomeUnknown, OutputFailed, UsageError
from booking_cli.output.results import Format
from booking_cli.output.show import tell
from booking_cli.output.text import visible

PROGRAM = "booking"

app = typer.Typer(name=PROGRAM, rich_markup_mode=None, pretty_exceptions_enable=False, cls=LazyGroup)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Log retries and other details to stderr; can also follow the command."),
    ] = False,
) -> None:
    """A clinic's appointment book: no slot is ever booked twice."""
    set_verbose(verbose)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    _prepare()
    try:
        command = get_command(app)
        if os.environ.get("_BOOKING_COMPLETE"):
            try:
                command.main(prog_name=PROGRAM)  # answers the shell, and exits
            except (KeyError, ValueError):
                raise UsageError("The shell's variables COMP_WORDS and COMP_CWORD are missing or wrong.") from None
        # Not main(), which handles Ctrl-C, closed pipes and errors itself.
        with command.make_context(PROGRAM, arguments) as context:
            command.invoke(context)
        signals.deliver_sigint()
    except typer.Exit as exit_:
        return exit_.exit_code
    except SystemExit as exit_:  # raised by completion
        return int(exit_.code or 0)
    except BookingError as error:
        return _report(error, arguments)
    except TyperException as error:
        return _report(_usage_error(error), arguments)
    except KeyboardInterrupt:
        return _report(Interrupted(signals.interruption()), arguments)
    except BrokenPipeError:
        _discard(sys.stdout)  # the reader of the output has ended, as in `| head`
    except Exception as error:
        return _report(_bug(error), arguments)
    return 0


def _prepare() -> None:
    """Set up output for every locale, logging to stderr, and Ctrl-C."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.getLogger("booking").handlers = [_LogHandler()]
    logging.lastResort = logging.NullHandler()
    signals.install()


def _open_closed_streams() -> None:
    """Open closed streams (`>&-`) to the null device, before a connection gets their file descriptors."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


class _LogHandler(logging.Handler):
    """Writes log lines to stderr as sentences."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(record.getMessage())


def _report(error: BookingError, arguments: list[str]) -> int:
    """Write `error` to stderr, as JSON where the output is JSON, and return its exit status."""
    message = str(error)
    if isinstance(error, OutcomeUnknown) and error.advice is None:
        message += f" {_how_to_resolve(error.request_id, arguments)}"
    try:
        sys.stdout.flush()  # before the error
    except OSError:
        _discard(sys.stdout)
    try:
        if _errors_are_json(arguments):
            from booking_cli.output.json import dumps

            sys.stderr.write(dumps({"error": {"code": error.code, "message": message}}) + "\n")
        else:
            tell(f"Error: {message}")
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)
    return signals.exit_status() if error.code == Interrupted.code else error.exit_status


def _how_to_resolve(request_id: str | None, arguments: list[str]) -> str:
    """Return the sentence with the command that resolves an unknown outcome."""
    words = [PROGRAM, *arguments]
    if request_id is None:
        return f"Check whether it was saved, or run this again: {' '.join(map(_shell_word, words))}"
    if not any(word.split("=")[0] == "--request-id" for word in arguments):
        end_of_options = words.index("--") if "--" in words else len(words)
        words[end_of_options:end_of_options] = ["--request-id", request_id]
    return f"Run this command; the change is made once: {' '.join(map(_shell_word, words))}"


def _shell_word(word: str) -> str:
    """Return `word` quoted for a shell. Output escapes invisible characters, so they are escaped as the shell reads them."""
    if visible(word) == word:
        return shlex.quote(word)
    return "$'" + "".join(f"\\U{ord(c):08x}" if c in "\\'" or visible(c) != c else c for c in word) + "'"


def _discard(stream: TextIO) -> None:
    """Redirect a broken stream to the null device, so that it does not fail again when the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _errors_are_json(arguments: list[str]) -> bool:
    """Return whether errors are shown as JSON; reads the arguments, because parsing them can fail."""
    wanted = ""
    words = itertools.takewhile(lambda word: word != "--", arguments)  # no options follow
    for word, following in itertools.pairwise([*words, ""]):
        if match := re.fullmatch(r"(?:--output|-[qv]*o)=?(.*)", word, re.DOTALL):
            wanted = match[1] or following
    return wanted.strip().lower() in (Format.JSON, Format.NDJSON)


def _usage_error(error: TyperException) -> BookingError:
    # Typer lists the choices of a missing option on several lines.
    message = error.format_message().replace(":\n\t", ": ").replace(",\n\t", ", ")
    message = message[:500] + "…" * (len(message) > 500)  # it can quote a very long argument
    if not message.endswith((".", "?")):
        message += "."
    context = getattr(error, "ctx", None)
    if context is not None and type(error) is not typer.BadParameter:  # whose message says what is allowed
        message += f" See '{context.command_path} --help'."
    return UsageError(message)


def _bug(error: Exception) -> BookingError:
    import traceback

    if isinstance(error, OSError) and error.filename is None:  # help and version are written by Typer
        return OutputFailed(f"The output could not be written: {error.strerror}.")
    for line in "".join(traceback.format_exception(error)).splitlines():
        logging.getLogger("booking").info("%s", line)
    first_line = (str(error).splitlines() or [""])[0]
    return BookingError(
        f"This is a bug in booking; please report it: {type(error).__name__}: {first_line} "
        "(run the command again with -v for the details)."
    )
