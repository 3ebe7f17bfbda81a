"""Settings: the environment, then `.env` in the current folder, then the user's configuration folder.

All begin with `BOOKING_`. pydantic is imported with this module, so commands import it only when they need a setting.
"""

import functools
import logging
import os
import sys
from decimal import Decimal
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from typer import get_app_dir

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import parse_hold_minutes, parse_text


class Settings(BaseSettings):
    """What can be set from outside; each field's description is what the documents say."""

    model_config = SettingsConfigDict(
        env_prefix="BOOKING_",
        env_ignore_empty=True,
        validate_default=False,
        env_file_encoding="utf-8",
        extra="ignore",
        # A wrong value must not be repeated in an error: it may be an address with a password.
        hide_input_in_errors=True,
    )

    database_url: SecretStr | None = Field(
        default=None,
        description="A libpq URL; PG* variables fill what it leaves out. Unset: the embedded PostgreSQL.",
    )
    data_dir: Path | None = Field(
        default=None,
        description="Where the embedded database lives.",
    )
    timeout_minutes: Decimal | None = Field(
        default=None,
        description="Minutes until a hold lapses, above 0 and up to 1440; wins over the clinic's own.",
    )
    pool_size: int = Field(
        default=10,
        ge=1,
        le=20,
        description="The most connections at a time, 1 to 20. Only `book --from` with `--jobs` needs more than one.",
    )
    statement_timeout: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="Seconds after which a statement is given up, above 0 and up to 3600. `slots bulk`, `stats`, "
        "`verify` and `db status` may take longer.",
    )
    actor: str | None = Field(
        default=None,
        description="Who is recorded in the history. Unset: the login name.",
    )

    @field_validator("timeout_minutes", mode="before")
    @classmethod
    def _check_timeout(cls, value: object) -> Decimal:
        try:
            return parse_hold_minutes(str(value))
        except InvalidInput:
            raise ValueError("use minutes above 0 and up to 1440, such as 2 or 0.5") from None

    @field_validator("actor")
    @classmethod
    def _check_actor(cls, value: str) -> str:
        try:
            return parse_text(value, "A name", 200)
        except InvalidInput:
            raise ValueError("use 1 to 200 characters, none of them a control character") from None

    @field_validator("data_dir")
    @classmethod
    def _check_data_dir(cls, value: Path) -> Path:
        if "\0" in str(value):
            raise ValueError("the name of a folder has no NUL character")
        try:
            return value.expanduser().absolute()
        except RuntimeError:
            raise ValueError("there is no such user's home folder") from None

    def data_folder(self) -> Path:
        """Return where the embedded database lives; raises InvalidInput where there is no home folder to put it in."""
        if self.data_dir:
            return self.data_dir
        try:
            return default_data_dir()
        except RuntimeError:
            raise InvalidInput("There is no home folder for the embedded database; set BOOKING_DATA_DIR.") from None

    def who(self) -> str:
        """Return who is recorded in the history: the actor that was set, or the login name."""
        if self.actor:
            return self.actor
        import getpass

        try:
            return parse_text(getpass.getuser(), "A login name", 200)
        except (OSError, KeyError, InvalidInput):  # a container's user may have no name, or a variable gave it one
            return f"uid {os.getuid()}"


def files() -> list[Path]:
    """Return the settings files, the one that wins last; without a home there is no user's configuration folder."""
    folder = get_app_dir("booking")
    return [*([] if folder.startswith("~") else [Path(folder) / ".env"]), Path(".env")]


def default_data_dir() -> Path:
    """Return where the embedded database lives unless it is set: the user's data folder."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "booking"
    if folder := os.environ.get("XDG_DATA_HOME"):
        return Path(folder) / "booking"
    return Path.home() / ".local" / "share" / "booking"


@functools.cache
def load() -> Settings:
    """Read the settings; raises `InvalidInput` naming each that is wrong, never its value."""
    complaints = _Complaints()
    parser_log = logging.getLogger("dotenv.main")
    parser_log.addHandler(complaints)
    try:
        chosen = Settings(_env_file=files())  # type: ignore[call-arg]  # pydantic-settings adds it
    except ValidationError as error:
        problems = [_problem(str(item["loc"][0]), item["msg"]) for item in error.errors()]
        raise InvalidInput("; ".join(problems) + ". See .env.example for what each setting takes.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"A settings file (.env) cannot be read: {error}.") from None
    finally:
        parser_log.removeHandler(complaints)
    if complaints.messages:
        # To go on without it could mean another database than the one that was meant.
        raise InvalidInput(f"A settings file (.env) cannot be read: {complaints.messages[0]}.")
    return chosen


def _problem(name: str, message: str) -> str:
    return f"BOOKING_{name.upper()} is not valid: {message.removeprefix('Value error, ')}"


class _Complaints(logging.Handler):
    """Collects what the parser of `.env` files only writes to its log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage().removeprefix("python-dotenv "))
