"""Settings: the environment, then `.env` in the current folder, then the user's configuration folder.

Their names begin with `BOOKING_`. This module imports pydantic, so commands import it only when they need a setting.
"""

import contextlib
import errno
import functools
import getpass
import io
import logging
import os
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import parse_hold_minutes, parse_text

LONGEST_FILE = 64 * 1024


def _checked(parse: Callable[[str], Any], allowed: str) -> Callable[[object], Any]:
    """Return a validator that reports `allowed`, and never the value."""

    def validate(value: object) -> Any:
        try:
            return parse(str(value))
        except (InvalidInput, RuntimeError):
            raise ValueError(allowed) from None

    return validate


def _parse_folder(text: str) -> Path:
    if "\0" in text:
        raise InvalidInput("a NUL character")
    return Path(text).expanduser().absolute()


_parse_actor = functools.partial(parse_text, what="A name", longest=200)


class Settings(BaseSettings):
    """The settings; the reference shows their descriptions."""

    model_config = SettingsConfigDict(
        env_prefix="BOOKING_",
        env_ignore_empty=True,
        validate_default=False,
        extra="ignore",
        # A wrong value can be an address with a password.
        hide_input_in_errors=True,
    )

    database_url: SecretStr | None = Field(
        None, description="A libpq URL; PG* variables fill what it leaves out. Unset: the embedded PostgreSQL."
    )
    data_dir: Annotated[
        Path | None, AfterValidator(_checked(_parse_folder, "use the path of a folder; ~ needs a home folder"))
    ] = Field(None, description="The folder of the embedded database. Unset: the user's data folder.")
    timeout_minutes: Annotated[
        Decimal | None,
        BeforeValidator(_checked(parse_hold_minutes, "use minutes above 0 and up to 1440, such as 2 or 0.5")),
    ] = Field(None, description="Minutes until a hold lapses, above 0 and up to 1440; overrides the clinic's setting.")
    pool_size: int = Field(
        10, ge=1, le=20, description="The limit of connections, 1 to 20. Only `book --from` with `--jobs` uses several."
    )
    statement_timeout: float = Field(
        30,
        gt=0,
        le=3600,
        description="The timeout of a statement in seconds, above 0 and up to 3600. `slots bulk`, `stats`, `verify` and "
        "`db status` have longer ones.",
    )
    actor: Annotated[
        str | None, AfterValidator(_checked(_parse_actor, "use 1 to 200 characters, none of them a control character"))
    ] = Field(None, description="Who is recorded in the history. Unset: the login name.")

    def data_folder(self) -> Path:
        """Return the folder of the embedded database; raises InvalidInput where there is no home folder."""
        try:
            return self.data_dir or platformdirs.user_data_path("booking", appauthor=False)
        except RuntimeError:
            raise InvalidInput("There is no home folder for the embedded database; set BOOKING_DATA_DIR.") from None

    def actor_name(self) -> str:
        """Return who is recorded in the history: the actor, or else the login name."""
        if self.actor:
            return self.actor
        try:
            return _parse_actor(getpass.getuser())
        except (OSError, KeyError, InvalidInput):  # a container's user can lack a name
            return f"uid {os.getuid()}"


@functools.cache
def load() -> Settings:
    """Read the settings; raises InvalidInput with the names of wrong ones, and never with their values."""
    files = [Path(".env")]  # later ones override earlier ones
    with contextlib.suppress(RuntimeError):  # there is no home folder
        files.insert(0, platformdirs.user_config_path("booking", appauthor=False) / ".env")
    variables: dict[str, str] = {}
    for file in files:
        variables |= {name.upper(): value for name, value in _variables(file).items() if value}
    names = {name: f"BOOKING_{name.upper()}" for name in Settings.model_fields}
    # An argument would override the environment.
    given: dict[str, Any] = {
        field: variables[name] for field, name in names.items() if name in variables and not os.environ.get(name)
    }
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = [
            f"BOOKING_{str(item['loc'][0]).upper()} is not valid: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
        raise InvalidInput("; ".join(problems) + ". See .env.example for the values of each setting.") from None


def _variables(path: Path) -> dict[str, str | None]:
    """Return the variables of a settings file; raises InvalidInput where it cannot be parsed."""
    warnings: list[str] = []

    def collect(record: logging.LogRecord) -> bool:
        warnings.append(record.getMessage().removeprefix("python-dotenv "))
        return False

    # For a malformed line python-dotenv logs a warning and raises no error.
    dotenv_log = logging.getLogger("dotenv.main")
    dotenv_log.addFilter(collect)
    try:
        # Without interpolation, which would send environment variables to where the file says.
        variables = dotenv_values(stream=io.StringIO(_read_trusted(path).decode()), interpolate=False)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"A settings file (.env) cannot be read: {error}.") from None
    finally:
        dotenv_log.removeFilter(collect)
    if warnings:
        # Without the malformed line, the command could work on another database.
        raise InvalidInput(f"A settings file (.env) cannot be read: {warnings[0]}.")
    return variables


def _read_trusted(path: Path) -> bytes:
    """Return what is in a settings file, or nothing where there is none, or where another user could have written it."""
    try:
        folder = path.parent.stat()
        path.lstat()
    except OSError:  # no file, or a folder that this user cannot read
        return b""
    try:
        # A FIFO is opened without waiting for a writer.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        problem = "it is a symbolic link" if error.errno == errno.ELOOP else f"{error.strerror}"
    else:
        with open(file, "rb") as opened:
            found = os.fstat(file)
            if not (problem := _distrust(found, folder)):
                return opened.read()
    logging.getLogger("booking").warning("Ignored the settings file %s: %s.", path, problem)
    return b""


def _distrust(file: os.stat_result, folder: os.stat_result) -> str:
    """Return why a settings file cannot be trusted, or ""."""
    trusted = {0, os.geteuid()}
    if not stat.S_ISREG(file.st_mode):
        return "it is not a regular file"
    if file.st_uid not in trusted or folder.st_uid not in trusted:
        return "it or its folder belongs to another user"
    if (file.st_mode | folder.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        return "other users can write it or its folder, which 'chmod go-w' changes"
    if file.st_size > LONGEST_FILE:
        return f"it is longer than {LONGEST_FILE // 1024} KiB"
    return ""
