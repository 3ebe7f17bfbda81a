"""Settings: the environment, then `.env` in the current folder, then the user's configuration folder.

All begin with `BOOKING_`. pydantic is imported with this module, so commands import it only when they need a setting.
"""

import functools
import os
import sys
from decimal import Decimal
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from typer import get_app_dir

from booking_cli.errors import InvalidInput
from booking_cli.inputs import parse_hold_minutes, parse_text


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
    data_dir: Path = Field(
        default_factory=lambda: default_data_dir(),
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
        description="The most connections at a time, 1 to 20, for work that uses many.",
    )
    statement_timeout: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="Seconds after which a statement is given up, above 0 and up to 3600.",
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
        except InvalidInput as error:
            raise InvalidInput(f"BOOKING_TIMEOUT_MINUTES: {error}") from None

    @field_validator("actor")
    @classmethod
    def _check_actor(cls, value: str) -> str:
        return parse_text(value, "BOOKING_ACTOR", 200)

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    def who(self) -> str:
        """Return who is recorded in the history: the actor that was set, or the login name."""
        if self.actor:
            return self.actor
        import getpass

        try:
            return getpass.getuser()
        except (OSError, KeyError):  # a container's user may have no name
            return f"uid {os.getuid()}"


def config_file() -> Path:
    """Return the settings file in the user's configuration folder."""
    return Path(get_app_dir("booking")) / ".env"


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
    try:
        return Settings(_env_file=(config_file(), Path(".env")))  # type: ignore[call-arg]  # pydantic-settings adds it
    except ValidationError as error:
        problems = [f"BOOKING_{str(item['loc'][0]).upper()} is not valid: {item['msg']}" for item in error.errors()]
        raise InvalidInput("; ".join(problems) + ". See .env.example for what each setting takes.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"A settings file cannot be read: {error}.") from None
