"""Tracking: one MLflow run for each training."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from ..address import hidden
from ..errors import StoreError, first_line
from ..settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


SERVERS, DATABASES = ("http://", "https://"), ("postgresql", "mysql", "mssql")
PATIENCE = 4.0
"""Seconds in which a tracking server has to say anything; MLflow itself waits for minutes."""


class Run:
    """A run being written."""

    def __init__(self, client: "MlflowClient", run_id: str) -> None:
        self._client = client
        self.id = run_id

    def log(self, params: dict[str, Any], metrics: dict[str, float], tags: dict[str, str]) -> None:
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        self._client.log_batch(
            self.id,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            params=[Param(name, str(value)[:6000]) for name, value in params.items()],
            tags=[RunTag(name, value[:5000]) for name, value in tags.items()],
        )

    def json(self, name: str, content: dict[str, Any]) -> None:
        self._client.log_dict(self.id, content, name)


@contextmanager
def run(settings: Settings, experiment: str) -> Iterator[Run]:
    """A run of an experiment: FINISHED when the block ends, FAILED when it raises.

    Raises StoreError when the tracking server or database cannot be used.
    """
    with client(settings) as mlflow:
        started = mlflow.create_run(_experiment(mlflow, settings, experiment)).info.run_id
        try:
            yield Run(mlflow, started)
        except BaseException:
            mlflow.set_terminated(started, "FAILED")
            raise
        mlflow.set_terminated(started, "FINISHED")


def reach(settings: Settings) -> None:
    """Raises StoreError when the tracking server, or its database, does not answer; asked once, a file never."""
    if settings.tracking.startswith((*SERVERS, *DATABASES)):
        _reached(settings.tracking)


@contextmanager
def client(settings: Settings) -> Iterator["MlflowClient"]:
    """MLflow's client for tracking and registry; what it cannot do becomes one sentence, without passwords."""
    reach(settings)
    quiet()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        try:
            _make_database(settings.tracking)
            made = MlflowClient(settings.tracking, settings.tracking)
        except (ImportError, OSError) as error:
            # A database without its driver, or in a folder that is not there.
            raise MlflowException(str(error)) from error
        yield made
    except (MlflowException, SQLAlchemyError) as error:
        if _is_server(settings):
            # Gone in the middle: that says more than how MLflow noticed.
            _answers(settings.tracking)
        # SQLAlchemy tells first when it noticed, and then what.
        lines = [line for line in str(error).splitlines() if not line.startswith("(raised as a result of")]
        reason = hidden(lines[0].strip(" .") if lines else type(error).__name__, settings.tracking)
        raise StoreError(f"MLflow at {hidden(settings.tracking)} said: {reason}. Check ML_TRACKING_URI.") from None


def _make_database(address: str) -> None:
    """Make a SQLite database that is not there yet, whole or not at all: half a migration spoils it for good."""
    path = Path(address.removeprefix("sqlite:///"))
    if not address.startswith("sqlite:///") or path.exists() or not path.parent.is_dir():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with FileLock(f"{path}.lock"):
        if not path.exists():
            draft = path.with_name(f"{path.name}.draft")
            draft.unlink(missing_ok=True)
            SqlAlchemyStore(f"sqlite:///{draft}", "./mlruns").engine.dispose()
            draft.replace(path)


def quiet() -> None:
    """Before mlflow is imported: no telemetry, no migration log on screen, no long retries against a dead server."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # It logs the trace of what it raises.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def _is_server(settings: Settings) -> bool:
    return settings.tracking.startswith(SERVERS)


def _answers(address: str) -> None:
    """Ask whether anything is there. Any answer will do, so which certificate it shows is left to MLflow's settings."""
    import httpx

    try:
        # Without the address's password: whoever answers is not known yet.
        url = httpx.URL(address).copy_with(userinfo=b"", path="/health")
        httpx.get(url, timeout=PATIENCE, verify=False)  # noqa: S501
    except (httpx.TransportError, httpx.InvalidURL) as error:
        if "[SSL" in str(error):
            # It is there, and may want the certificate MLflow was given.
            return
        raise StoreError(
            f"ML_TRACKING_URI={hidden(address)}: no tracking server answers there ({hidden(str(error), address)}). "
            "Start it, or correct ML_TRACKING_URI."
        ) from None


def _connects(address: str) -> None:
    """Connect once: MLflow itself would try for minutes, and a roll back cannot wait."""
    import sqlalchemy

    patience = {"connect_timeout": int(PATIENCE)} if address.startswith("postgresql") else {}
    try:
        sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool, connect_args=patience).connect().close()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        reason = first_line(error)
        raise StoreError(
            f"ML_TRACKING_URI={hidden(address)}: no tracking database answers there ({hidden(reason, address)}). "
            "Start it, or correct ML_TRACKING_URI."
        ) from None


@cache
def _reached(address: str) -> None:
    _answers(address) if address.startswith(SERVERS) else _connects(address)


def _experiment(client: "MlflowClient", settings: Settings, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, _artifacts(settings, name)))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    return str(found.experiment_id)


def _artifacts(settings: Settings, name: str) -> str | None:
    """Beside a local database; a server has its own place. Left alone, MLflow would write into the current folder."""
    if _is_server(settings):
        return None
    return (settings.home / "artifacts" / name).resolve().as_uri()
