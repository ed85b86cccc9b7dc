"""A connection: uvicorn's, with a bound on what stands before a body, and deaf to offers of another protocol."""

import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = 64 * 2**10
"""Bytes of request line and headers. They come before any key, so nobody may send them without end."""
OFFER = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
"""Java's client offers HTTP/2 with every request; the parser would take what follows, the body, for HTTP/2."""


class Connection(HttpToolsProtocol):
    _head: int | None = 0
    """Bytes of the headers so far; None while a body comes in."""

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += len(data)
            data = OFFER.sub(b"\r\nx-upgrade:", data)
        super().data_received(data)
        if self._head is not None and self._head > HEAD and not self.transport.is_closing():
            self.send_400_response(f"The headers are larger than {HEAD} bytes.")

    def on_headers_complete(self) -> None:
        self._head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head = 0
        super().on_message_complete()
