"""What every command must keep to, whatever the input; each violation is a sentence."""

import json
import re
from collections.abc import Iterator

from booking_cli.domain import errors
from tests.conftest import Ran
from tests.fuzz.changes import changes, wrong_changes
from tests.fuzz.database import Rows
from tests.fuzz.inputs import Input
from tests.fuzz.output import acts, wrong_output

# Names in an error can be long and need escapes; arguments are never repeated at length.
LONGEST_ERROR = 5000
_DATABASE_STATUSES = (5, 6)  # only where the settings are hostile
_TEXT = r"[^\0-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]"
# The least that a text of a kind must look like; any other is refused, and never reinterpreted.
_WELL_FORMED = {
    "SLOT": "[0-9]+",
    "N": "[0-9]+",
    "MINUTES": r"[0-9]+(\.[0-9]+)?",
    "DOCTOR": "[0-9]+|.+@.+",
    "PATIENT": r"[0-9]+|.+@.+|[0-9 +\-().x]{7,25}",
    "INTO": r"[0-9]+|.+@.+|[0-9 +\-().x]{7,25}",
    "BOOKING": "[0-9A-Za-z -]+",
    "DATE": r"(?i:today|tomorrow|\+[0-9]+d|[a-z]{3,9}|[0-9]{4}-[0-9]{2}-[0-9]{2})",
    "TIME": "[0-9]{1,2}:[0-9]{2}",
    "FROM-TO": "[0-9]{1,2}:[0-9]{2} *- *[0-9]{1,2}:[0-9]{2}",
    "DAYS": r"[A-Za-z, -]+",
    "EMAIL": r".+@[^@]+[.\u3002\uff0e\uff61][^@]+",  # in IDNA these are dots
    "PHONE": r"[0-9 +\-().x]{3,25}",
    "ZONE": "[A-Za-z0-9/_+-]+",
    "NAME": f"{_TEXT}{{1,200}}",
    "TEXT": f"{_TEXT}{{1,500}}",
    "KEY": f"{_TEXT}{{1,200}}",
}
_CODES = {(kind.code, kind.exit_status) for kind in vars(errors).values() if isinstance(kind, type)}


def violations(tried: Input, ran: Ran, before: Rows, after: Rows) -> Iterator[str]:
    """Yield the invariants that a command violated."""
    made = changes(before, after)
    yield from _wrong_status(tried, ran)
    yield from _wrong_streams(tried, ran)
    yield from wrong_changes(tried, ran.status, made, after)
    shows = ran.status == 0 or (tried.is_import and ran.stdout)
    if shows and tried.format_ is not None and not {"--quiet", "-q"} & set(tried.argv):
        yield from wrong_output(tried, ran.stdout, before, after)


def _wrong_status(tried: Input, ran: Ran) -> Iterator[str]:
    unavailable = _DATABASE_STATUSES if tried.settings else ()
    if ran.status not in (0, 2, 3, 4, *unavailable) or (ran.status == 4 and tried.path == "verify"):
        yield f"exit status {ran.status}: {(ran.stdout + ran.stderr)[-200:]!r}"
    for argument in tried.arguments or ():
        pattern, text = _WELL_FORMED.get(argument.kind), argument.text.strip()
        removes = not text and argument.name in ("phone", "email", "note") and tried.path.endswith("update")
        # With hostile settings the database can be unavailable before it has checked a value.
        if (
            pattern
            and not removes
            and ran.status not in (2, *unavailable)
            and not re.fullmatch(pattern, text, re.DOTALL)
        ):
            yield f"{argument.name} {text[:80]!r} is not a {argument.kind}, and the exit status is {ran.status}"


def _wrong_streams(tried: Input, ran: Ran) -> Iterator[str]:
    for name, text in (("stdout", ran.stdout), ("stderr", ran.stderr)):
        if found := {c for c in text if acts(c) and c != "\n"}:
            yield f"{name} has {sorted(found)}"
        if text and not text.endswith("\n"):
            yield f"{name} does not end with a line end"
        if "Traceback (most recent call last)" in text:
            yield f"{name} has a traceback"
    lines = ran.stderr.splitlines()
    if ran.status != 0:
        if ran.stdout and not tried.is_import:
            yield f"exit status {ran.status}, and stdout has data"
        yield from _wrong_error(tried, ran.status, lines)
    elif any(line.startswith(("Error", '{"error"')) for line in lines):
        yield "exit status 0, and stderr has an error"


def _wrong_error(tried: Input, status: int, lines: list[str]) -> Iterator[str]:
    """There is one error, in the last line, in the format of the output."""
    found = [line for line in lines if line.startswith(("Error: ", '{"error": '))]
    if len(found) != 1 or found[0] != lines[-1]:
        yield f"stderr has {len(found)} errors in {len(lines)} lines"
        return
    error, verbose = found[0], any(re.match("-[oqv]*v|--verbose", word) for word in tried.argv)
    if len(lines) > 1 and not verbose and tried.path != "slots bulk":
        yield f"stderr has {len(lines)} lines"
    wants_json = (tried.format_ or "").strip().lower() in ("json", "ndjson")
    if tried.format_ is not None and error.startswith("{") != wants_json:
        yield f"the format is {tried.format_!r}, and the error is {error[:80]!r}"
    if error.startswith("{"):
        try:
            content = json.loads(error)["error"]
            if (content["code"], status) not in _CODES or set(content) != {"code", "message"}:
                yield f"code {content['code']!r} does not have exit status {status}"
        except (ValueError, KeyError) as problem:
            yield f"the error is not JSON: {problem}"
    if len(error) > LONGEST_ERROR and not tried.settings:
        yield f"the error has {len(error)} characters"
