"""What every command owes whoever types, whatever was typed; each promise that is broken is a sentence."""

import json
import re
from collections.abc import Iterator

from booking_cli.domain import errors
from tests.conftest import Ran
from tests.fuzz.book import Rows
from tests.fuzz.changes import changes, wrong_changes
from tests.fuzz.environment import PASSWORD
from tests.fuzz.lines import FORM, Input
from tests.fuzz.shown import acts, wrong_data

STATUSES = (0, 2, 3, 4)
# A database that cannot be reached, or is too busy, is only due where the settings ask for it.
STATUSES_OF_THE_DATABASE = (5, 6)
# Names that are stored may be long and need escapes; what was typed is never repeated at length.
LONGEST_SENTENCE = 5000
# What a text of this kind must look like at the least; whatever does not is refused, and never reinterpreted.
_WELL_FORMED = {
    "SLOT": "[0-9]+",
    "N": "[0-9]+",
    "MINUTES": r"[0-9]+(\.[0-9]+)?",
    "DOCTOR": "[0-9]+|.+@.+",
    "BOOKING": "[0-9A-Za-z -]+",
    "DATE": r"(?i:today|tomorrow|\+[0-9]+d|[a-z]{3,9}|[0-9]{4}-[0-9]{2}-[0-9]{2})",
    "TIME": "[0-9]{1,2}:[0-9]{2}",
    "FROM-TO": "[0-9]{1,2}:[0-9]{2} *- *[0-9]{1,2}:[0-9]{2}",
    "DAYS": r"[A-Za-z, -]+",
    "EMAIL": r".+@[^@]+[.\u3002\uff0e\uff61][^@]+",  # IDNA reads these dots as dots
    "PHONE": r"[0-9 +\-().x]{3,25}",
    "ZONE": "[A-Za-z0-9/_+-]+",
    "NAME": r"[^\0-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]{1,200}",
    "TEXT": r"[^\0-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]{1,500}",
    "KEY": r"[^\0-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]{1,200}",
}


def broken(tried: Input, ran: Ran, before: Rows, after: Rows) -> Iterator[str]:
    """Say which promises one command has broken."""
    made = changes(before, after)
    yield from _status(tried, ran)
    yield from _streams(tried, ran)
    yield from wrong_changes(tried, ran.status, made)
    helps = tried.typed is None and not made  # it may have asked for help, or for another form
    if ran.status == 0 and tried.form is not None and not helps and not tried.flag("--quiet") and not tried.flag("-q"):
        yield from wrong_data(tried, tried.form.strip().lower(), ran.stdout, before, after)


def codes(kind: type[errors.BookingError] = errors.BookingError) -> Iterator[tuple[str, int]]:
    """Yield every code that an error can have, with its exit status."""
    yield kind.code, kind.exit_status
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from codes(below)


def _status(tried: Input, ran: Ran) -> Iterator[str]:
    allowed = STATUSES + STATUSES_OF_THE_DATABASE if tried.settings else STATUSES
    if ran.status not in allowed:
        yield f"it ended with {ran.status}"
    for part in tried.typed or ():
        pattern = _WELL_FORMED.get(part.kind)
        removes = part.kind == "PHONE" and not part.text.strip()
        # Some values are only known to be wrong by the database, and a hostile setting may be in the way of that.
        turned_away = (2, *STATUSES_OF_THE_DATABASE) if tried.settings else (2,)
        if (
            pattern
            and not removes
            and ran.status not in turned_away
            and not re.fullmatch(pattern, part.text.strip(), re.DOTALL)
        ):
            yield f"{part.name} {part.text[:80]!r} is no {part.kind}, and it ended with {ran.status}, not 2"


def _streams(tried: Input, ran: Ran) -> Iterator[str]:
    for name, text in (("stdout", ran.stdout), ("stderr", ran.stderr)):
        if found := {c for c in text if acts(c) and c != "\n"}:
            yield f"{name} has {sorted(found)}"
        if text and not text.endswith("\n"):
            yield f"{name} ends without a line end"
        if "Traceback (most recent call last)" in text:
            yield f"{name} has a traceback"
        if PASSWORD in text:
            yield f"{name} has the password"
    lines = ran.stderr.splitlines()
    if ran.status == 0:
        if any(line.startswith(("Error", '{"error"')) for line in lines):
            yield "it ended well with an error on stderr"
        return
    if ran.stdout and tried.path != "verify":
        yield "it failed with something on stdout"
    yield from _error(tried, ran.status, lines)


def _error(tried: Input, status: int, lines: list[str]) -> Iterator[str]:
    """There is one error, in the last line, in the form that was asked for."""
    said = [line for line in lines if line.startswith(("Error: ", '{"error": '))]
    if len(said) != 1 or said[0] != lines[-1]:
        yield f"stderr has {len(said)} errors in {len(lines)} lines"
        return
    verbose = any(re.match("-[oqv]*v|--verbose", word) for word in tried.argv)
    if len(lines) > 1 and not verbose and tried.path != "slots bulk":
        yield f"stderr has {len(lines)} lines"
    is_json = said[0].startswith("{")
    if tried.form is not None:
        form = tried.form.strip().lower()
        last = [part.text for part in tried.typed or () if part.kind == FORM][-1:]
        if last and form in ("json", "ndjson") and not is_json:
            yield f"the error is not JSON, and -o {form} was given"
        if form in ("table", "csv") and is_json:
            yield f"the error is JSON, and the form is {form}"
    if is_json:
        try:
            error = json.loads(said[0])["error"]
        except (ValueError, KeyError) as problem:
            yield f"the error is not JSON: {problem}"
            return
        if (error["code"], status) not in set(codes()) or set(error) != {"code", "message"}:
            yield f"code {error.get('code')!r} does not go with exit status {status}"
    if len(said[0]) > LONGEST_SENTENCE and not tried.settings:
        yield f"the error has {len(said[0])} characters"
