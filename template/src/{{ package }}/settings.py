"""Every setting, typed, each an ML_* variable (`ML_STORE`, `ML_TRACKING_URI`, ...) or a line in `.env`."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import ProjectError


class Settings(BaseSettings):
    """Where things are and how they run. Empty addresses mean: under `home`, on this machine."""

    model_config = SettingsConfigDict(
        env_prefix="ML_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    home: Path = Field(default=Path("var"), validate_default=True)
    """Folder for everything this machine keeps: store, tracking database, keys, caches."""
    store: str = ""
    """Storage root: a folder, file://, s3://, gs:// or az:// address."""
    tracking_uri: str = ""
    """MLflow tracking and registry: sqlite:/// or http(s)://."""
    feature_online_uri: str = ""
    """Online feature store: sqlite:///PATH or redis://HOST:PORT/NUMBER."""
    contract: Path = Path("contract.yaml")
    gates: Path = Path("gates.yaml")
    roles: Path = Path("roles.yaml")
    seed: int = 7
    commit: str = ""
    """Commit of the sources where git is not at hand; the image sets it."""
    signing_key: Path | None = None
    """Private key that signs bundles; made on first use under `home`."""
    verify_key: Path | None = None
    """Public key that serving and promote check bundles against."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    serving_url: str = ""
    """Address of the running service, for status, smoke tests and the loop."""
    serving_key: str = Field(default="", repr=False)
    """API key that smoke tests show to the service."""
    serving_auth: Literal["auto", "keys", "off"] = "auto"
    """auto: API keys are asked for as soon as one exists, and always beyond loopback."""
    max_body_bytes: int = Field(default=10 * 2**20, gt=0)
    max_rows: int = Field(default=10_000, gt=0)
    """Rows accepted in one request."""
    max_queue: int = Field(default=512, gt=0)
    """Requests in flight; above it the answer is 503 with Retry-After."""
    poll_seconds: float = Field(default=1.0, gt=0)
    """How often serving looks at the pointer and ships its captures."""
    schedule_seconds: float = Field(default=300, gt=0, le=31_536_000)
    """From one round of the schedule to the next."""

    @field_validator("home")
    @classmethod
    def _fits_an_address(cls, home: Path) -> Path:
        whole = str(home.absolute())
        if "?" in whole:
            raise ValueError("has '?' in its path, where the address of a database ends; take a folder without")
        if found := re.search("%[0-9A-Fa-f]{2}", whole):
            raise ValueError(f"has '{found[0]}' in its path, which an address reads as a letter; take a folder without")
        return home

    @field_validator("home", "store", mode="before")
    @classmethod
    def _is_no_abbreviation(cls, place: object) -> object:
        # A shell would have replaced it; a folder of that name is a trap for whoever tidies up.
        if str(place).startswith(("~", "$")):
            raise ValueError(f"begins with {str(place)[0]}, which only a shell replaces; write the whole path")
        return place

    @field_validator("serving_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url and not _host_of(url):
            raise ValueError("is no address such as http://127.0.0.1:8080")
        return url

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        if _host_of(address(host, 8080)) != host.lower():
            raise ValueError("is no host such as 127.0.0.1 or ::1")
        return host

    @property
    def store_root(self) -> str:
        return self.store or str((self.home / "store").resolve())

    @property
    def tracking(self) -> str:
        return self.tracking_uri or f"sqlite:///{(self.home / 'mlflow.db').resolve()}"

    @property
    def online(self) -> str:
        return self.feature_online_uri or f"sqlite:///{(self.home / 'online.db').resolve()}"

    @property
    def private_key(self) -> Path:
        return self.signing_key or self.home / "keys" / "signing.key"

    @property
    def public_key(self) -> Path:
        return self.verify_key or self.home / "keys" / "signing.pub"

    @property
    def api_keys(self) -> Path:
        return self.home / "keys" / "api-keys.json"

    @property
    def service(self) -> str:
        return self.serving_url or address(self.host, self.port)


def load() -> Settings:
    """The settings of this process. Raises ProjectError naming each variable that is wrong or misspelt, or .env."""
    try:
        _check_lines(Path(".env"))
        settings = Settings()
        _check_names({**os.environ, **dotenv_values(".env")})
    except ValidationError as error:
        said = "; ".join(f"ML_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        wrong = said.replace("Value error, ", "")
        raise ProjectError(f"{wrong}. Correct the variable in the environment or in .env.") from None
    except UnicodeDecodeError as error:
        raise ProjectError(f".env is not UTF-8: {error.reason}. Save it as UTF-8.") from None
    return settings


def address(host: str, port: int) -> str:
    """The http:// address of what listens there."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _host_of(url: str) -> str | None:
    """The host of an http(s) address; None where it is no address."""
    with suppress(ValueError):
        parts = urlsplit(url)
        # What is no port raises when it is read.
        if parts.scheme in ("http", "https") and parts.port != 0 and re.fullmatch(r"[\w.:-]+", parts.hostname or ""):
            return parts.hostname
    return None


def _check_lines(path: Path) -> None:
    # What cannot be read would be left out, and what is meant for a server go to this machine.
    if path.is_file():
        with path.open(encoding="utf-8") as lines:
            for line in parse_stream(lines):
                if line.error:
                    text = line.original.string
                    number = line.original.line + text[: len(text) - len(text.lstrip())].count("\n")
                    raise ProjectError(f"{path} line {number} is no NAME=value; correct it.")


def _check_names(variables: Iterable[str]) -> None:
    # A misspelt address would send what is meant for a server to this machine. Variables of other names are the
    # user's own (a contract may ask for any).
    known = {f"ML_{name.upper()}" for name in Settings.model_fields}
    for name in {name.upper() for name in variables if name.upper().startswith("ML_")} - known:
        if meant := get_close_matches(name, known, n=1, cutoff=0.85):
            raise ProjectError(f"{name} is no setting; did you mean {meant[0]}? Correct it in the environment or .env.")
