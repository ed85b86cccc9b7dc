"""Capture: every prediction is on disk before it is answered, and in the store soon after.

A line is appended to a spool file in one write, so it survives the death of the process (not of the machine: nothing
is synced). The spool is moved to the store in segments; what a dead process left behind is moved by the next.
"""

import os
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from ..errors import ProjectError, StoreError
from ..store import Store
from .decode import Row
from .metrics import Metrics
from .scorer import Floats, Scorer

LIMIT = 256 * 2**20
"""Bytes that may wait for the store; beyond them predictions are answered all the same, but not captured."""
SHADOW = "/shadow"
"""How the ids of what a shadow said end: the rest is the id of the answer that was given."""
TRIAL = "smoke-"
"""How the request ids of ml smoke begin: captured like any other, but the monitors leave them out."""
PAUSE = 5.0
"""Seconds until a store that failed is tried again."""


def lines(scorer: Scorer, rows: Sequence[Row], request_id: str, predictions: Floats, role: str, at: str) -> bytes:
    """One JSON line for each row of a request. request_id: holds nothing that JSON escapes; at: ISO 8601."""
    written, encode = scorer.decoder.written, msgspec.json.encode
    suffix = SHADOW if role == "shadow" else ""
    head = f'{{"id":"{request_id}/'.encode()
    tail = (
        f'{suffix}","request_id":"{request_id}","at":"{at}","version":{scorer.version},'
        f'"digest":"{scorer.digest}","role":"{role}","inputs":'
    ).encode()
    parts: list[bytes] = []
    for place, (row, prediction) in enumerate(zip(rows, predictions.tolist(), strict=True)):
        answer = prediction if isinstance(prediction, list) else [prediction]
        parts += (head, b"%d" % place, tail, written(row), b',"prediction":', encode(answer), b"}\n")
    return b"".join(parts)


def now() -> str:
    return datetime.now(UTC).isoformat()


class Spool:
    """The spool folder, shared with other processes; each holds a lock beside the file it writes."""

    def __init__(self, folder: Path, store: Store, model: str, metrics: Metrics) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ProjectError(f"{folder} cannot be made: {error.strerror}. Captures need it; see ML_HOME.") from None
        self._folder, self._store, self._model, self._metrics = folder, store, model, metrics
        self._lock = threading.Lock()
        self._file: int | None = None
        self._path, self._held = folder, _lock_of(folder)
        self._open_bytes = self._open_lines = self._ended_bytes = 0
        self._retry_at = 0.0

    def append(self, data: bytes) -> None:
        """Put captured lines on disk. Never raises: an answer is worth more than its capture, and drops are counted."""
        count = data.count(b"\n")
        with self._lock:
            if self._open_bytes + self._ended_bytes + len(data) > LIMIT:
                self._metrics.captures_dropped += count
                return
            try:
                written = os.write(self._segment(), data)
            except OSError:
                written = 0
            self._open_bytes += written
            if written < len(data):
                # The disk is full. The torn line ends its segment, so that it spoils no other.
                self._metrics.captures_dropped += count
                self._end()
                return
            self._open_lines += count
            self._metrics.captures += count

    def ship(self, at_once: bool = False) -> None:
        """Move to the store what was captured so far. What cannot be moved waits, and the metric tells how much.

        at_once: even if the store has just failed.
        """
        with self._lock:
            self._end()
        self._adopt()
        waiting = sorted(self._folder.glob("*.jsonl"))
        if at_once or time.monotonic() >= self._retry_at:
            waiting = self._moved(waiting)
        with self._lock:
            self._ended_bytes = sum(_size(path) for path in waiting)
            self._metrics.captures_waiting = self._ended_bytes + self._open_bytes

    def _moved(self, waiting: list[Path]) -> list[Path]:
        day = datetime.now(UTC).date().isoformat()
        for place, path in enumerate(waiting):
            try:
                self._store.write(f"capture/{self._model}/{day}/{path.name}", path.read_bytes())
            except FileNotFoundError:
                continue  # another process sharing the folder moved it
            except StoreError:
                self._retry_at = time.monotonic() + PAUSE
                return waiting[place:]
            path.unlink(missing_ok=True)
        return []

    def _segment(self) -> int:
        """The file that is written, made when there is none."""
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._folder / f"{uuid.uuid4().hex}.open"
            # Locked before it is there: an unlocked one counts as left behind.
            held = _lock_of(path)
            held.acquire()
            try:
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            except OSError:
                _unlock(held)
                raise
            self._path, self._held = path, held
        return self._file

    def _end(self) -> None:
        """End the open segment. One that somebody has deleted is counted as dropped."""
        if self._file is None:
            return
        os.close(self._file)
        try:
            self._path.rename(self._path.with_suffix(".jsonl"))
            self._ended_bytes += self._open_bytes
        except FileNotFoundError:
            self._metrics.captures_dropped += self._open_lines
        except OSError:
            pass  # once unlocked, it is adopted
        _unlock(self._held)
        self._file = None
        self._open_bytes = self._open_lines = 0

    def _adopt(self) -> None:
        """End the segments of processes that are gone: the system has freed their locks."""
        for path in self._folder.glob("*.open"):
            held = _lock_of(path)
            try:
                held.acquire(blocking=False)
                path.rename(path.with_suffix(".jsonl"))
            except (Timeout, FileNotFoundError):
                continue
            finally:
                if held.is_locked:
                    _unlock(held)


def _lock_of(path: Path) -> FileLock:
    # Taken in one thread, given back in another.
    return FileLock(path.with_suffix(".lock"), mode=0o600, thread_local=False)


def _unlock(held: FileLock) -> None:
    held.release()
    # An empty file left behind harms nobody, and capturing never raises.
    with suppress(OSError):
        Path(held.lock_file).unlink()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
