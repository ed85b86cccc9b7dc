"""A connection: uvicorn's, with bounds on what stands before a body, and deaf to offers of another protocol."""

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = 64 * 2**10
"""Bytes of request line and headers. They come before any key, so nobody may send them without end."""
PATIENCE = 30
"""Seconds until they have to be there: whoever connects and says nothing would keep a place for good."""
OFFER = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
"""Java's client offers HTTP/2 with every request; the parser would take what follows, the body, for HTTP/2."""
DEAF = b"\r\nxpgrade:"
"""As long as an offer: a body that holds one must not reach beyond its length, into the next request."""
SEAM = len(DEAF) - 1
"""Bytes of an offer that may have come before the rest of it."""


class Connection(HttpToolsProtocol):
    _head: int | None = 0
    """Bytes of the headers so far; None while a body comes in."""
    _late: asyncio.TimerHandle | None = None
    """Closes the connection; armed while the first request, or the rest of one's headers, is waited for."""
    _seen = b""
    """What came last, as an offer may come in two pieces."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._late = self.loop.call_later(PATIENCE, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        data = OFFER.sub(DEAF, data)
        if self._head is not None:
            self._head += len(data)
            data = _without_rest(self._seen, data)
        self._seen = (self._seen + data[-SEAM:])[-SEAM:]
        super().data_received(data)
        if self._head is not None and self._head > HEAD and not self.transport.is_closing():
            self.send_400_response(f"The headers are larger than {HEAD} bytes.")
        elif self._head and self._late is None:
            self._late = self.loop.call_later(PATIENCE, self.transport.close)

    def on_headers_complete(self) -> None:
        self._in_time()
        self._head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head = 0
        super().on_message_complete()

    def _in_time(self) -> None:
        if self._late:
            self._late.cancel()
            self._late = None


def _without_rest(seen: bytes, data: bytes) -> bytes:
    """The data, with a character changed where it ends an offer that began in `seen`."""
    found = OFFER.search(seen + data[: len(seen)])
    if not found:
        return data
    at = max(found.start() + len(b"\r\n") - len(seen), 0)
    # Headers have no length of their own: where only the colon is left, the name may grow.
    return data[:at] + (b"x:" if data[at : at + 1] == b":" else b"x") + data[at + 1 :]
