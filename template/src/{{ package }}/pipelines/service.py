"""A real serving process on a free loopback port, for the loop and for tests."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from ..errors import ProjectError
from ..settings import Settings


class Service:
    """`ml serve` as a process; leaving the context stops it and waits for its captures."""

    def __init__(self, settings: Settings) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = settings.home / "serve.log"
        # Of the surroundings, neither a proxy nor settings meant for another service count.
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self._environment = os.environ | {
            "ML_HOME": str(settings.home),
            "ML_STORE": settings.store_root,
            "ML_FEATURE_ONLINE_URI": settings.online,
            "ML_CONTRACT": str(settings.contract),
            "ML_POLL_SECONDS": "0.2",
            "ML_HOST": "127.0.0.1",
            "ML_SERVING_AUTH": settings.serving_auth,
            "ML_MAX_ROWS": str(settings.max_rows),
            "ML_PORT": str(port),
        }

    def __enter__(self) -> Self:
        # Not from this folder: a file of the user's may have the name of a module.
        command = [sys.executable, "-P", "-m", __package__.partition(".")[0], "serve"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        try:
            self.wait("/health/live", 200)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._client.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def wait(self, path: str, status: int, seconds: float = 30) -> float:
        """Seconds until a path answers with a status. Raises ProjectError when it does not in time."""
        started = time.perf_counter()
        while time.perf_counter() - started < seconds:
            if self._process.poll() is not None:
                raise ProjectError(f"The service ended: {_last_line(self.log)} (whole log: {self.log}).")
            try:
                if self._client.get(path).status_code == status:
                    return time.perf_counter() - started
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise ProjectError(
            f"The service did not answer {path} with {status} in {seconds:.0f} s; its log is {self.log}."
        )

    def version(self) -> int | None:
        """Model version that answers now."""
        value = self._ask("GET", "/health").json().get("version")
        return None if value is None else int(value)

    def wait_for_version(self, version: int, seconds: float = 30) -> float:
        """Seconds until a version answers. Raises ProjectError when it does not in time."""
        started = time.perf_counter()
        while self.version() != version:
            if time.perf_counter() - started > seconds:
                raise ProjectError(
                    f"The service did not switch to version {version} in {seconds:.0f} s; see {self.log}."
                )
            time.sleep(0.02)
        return time.perf_counter() - started

    def invoke(self, rows: list[dict[str, Any]]) -> httpx.Response:
        """POST rows to /invocations."""
        return self._ask("POST", "/invocations", json={"dataframe_records": rows})

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **content)
        except httpx.TransportError as error:
            raise ProjectError(
                f"The service does not answer any more ({error!r}): {_last_line(self.log)} (whole log: {self.log})."
            ) from None


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
