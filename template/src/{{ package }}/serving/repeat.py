"""Something done every few seconds, in a thread of its own."""

import threading
from collections.abc import Callable


class Repeated:
    """Calls `action` at once and then every `seconds`; what it raises goes to `failed`, and it is called again."""

    def __init__(
        self, name: str, seconds: float, action: Callable[[], None], failed: Callable[[str, Exception], None]
    ) -> None:
        self._name, self._seconds, self._action, self._failed = name, seconds, action, failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let the running call end."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._action()
            except Exception as error:  # a thread that ends would leave the service blind without a word
                self._failed(self._name, error)
            self._stop.wait(self._seconds)
