"""Capture: every prediction on disk before it is answered, then shipped to the store.

A line is appended to a spool file by one write; it survives the death of the process. A thread moves what was written
to the store; at the next start what a dead process left is moved first.
"""

import os
import shutil
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from ..errors import StoreError
from ..store import Store
from .decode import Row
from .metrics import Metrics
from .scorer import Floats, Scorer

LIMIT = 256 * 2**20
"""Bytes that may wait for the store; beyond it predictions are answered but dropped here, and counted."""


def lines(scorer: Scorer, rows: list[Row], request_id: str, predictions: Floats, role: str) -> bytes:
    """One JSON line for each row of a request."""
    encode = msgspec.json.encode
    suffix = "/shadow" if role == "shadow" else ""
    at = datetime.now(UTC).isoformat()
    tail = f'","request_id":"{request_id}","at":"{at}","version":{scorer.version},"digest":"{scorer.digest}"'
    tail += f',"role":"{role}","inputs":'
    parts: list[bytes] = []
    for place, (row, prediction) in enumerate(zip(rows, predictions.tolist(), strict=True)):
        answer = prediction if isinstance(prediction, list) else [prediction]
        parts.append(f'{{"id":"{request_id}/{place}{suffix}{tail}'.encode())
        parts += (encode(row), b',"prediction":', encode(answer), b"}\n")
    return b"".join(parts)


class Spool:
    """The spool of one process: a folder it holds locked while it lives, so that others can tell when it is gone."""

    def __init__(self, folder: Path, store: Store, model: str, metrics: Metrics) -> None:
        self._root, self._store, self._model, self._metrics = folder, store, model, metrics
        self._folder = folder / uuid.uuid4().hex
        self._folder.mkdir(parents=True)
        self._alive = FileLock(self._folder / "alive")
        self._alive.acquire()
        self._lock = threading.Lock()
        self._file: int | None = None
        self._path = self._folder
        self._waiting = 0
        self._retry_at = 0.0

    def append(self, data: bytes) -> None:
        """Put captured lines on disk. Never raises: an answer is worth more than its capture, and drops are counted."""
        count = data.count(b"\n")
        with self._lock:
            if self._waiting + len(data) > LIMIT:
                self._metrics.captures_dropped += count
                return
            try:
                if self._file is None:
                    self._path = self._folder / f"{uuid.uuid4().hex}.open"
                    self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.write(self._file, data)
            except OSError:
                self._metrics.captures_dropped += count
                return
            self._waiting += len(data)
            self._metrics.captures += count

    def ship(self) -> None:
        """Move what was written to the store. What cannot be moved waits; the metric tells how much."""
        if time.monotonic() < self._retry_at:
            return
        self._adopt()
        self._end()
        day = datetime.now(UTC).date().isoformat()
        for path in sorted(self._folder.glob("*.jsonl")):
            data = path.read_bytes()
            try:
                self._store.write(f"capture/{self._model}/{day}/{path.name}", data)
            except StoreError:
                self._retry_at = time.monotonic() + 5
                break
            path.unlink()
            with self._lock:
                self._waiting -= len(data)
        self._metrics.captures_waiting = self._waiting

    def close(self) -> None:
        """Ship the rest and give the folder up."""
        self._retry_at = 0.0
        self.ship()
        self._alive.release()
        if not [path for path in self._folder.iterdir() if path.name != "alive"]:
            shutil.rmtree(self._folder)

    def _end(self) -> None:
        """End the open segment, so that it can be shipped."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._path.rename(self._path.with_suffix(".jsonl"))
                self._file = None

    def _adopt(self) -> None:
        """Take over what processes that are gone have left."""
        for folder in self._root.iterdir():
            if folder == self._folder:
                continue
            try:
                with FileLock(folder / "alive", timeout=0):
                    for path in [*folder.glob("*.open"), *folder.glob("*.jsonl")]:
                        self._waiting += path.stat().st_size
                        path.rename((self._folder / path.name).with_suffix(".jsonl"))
            except (Timeout, OSError):
                continue
            shutil.rmtree(folder, ignore_errors=True)
