"""HTTP without a framework: headers and bodies of requests, and whole responses."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .refusal import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[bytes, bytes]

ALSO = {
    401: [(b"www-authenticate", b"Bearer")],
    405: [(b"allow", b"POST")],
    503: [(b"retry-after", b"1")],
}
"""Headers that belong to a status."""
SECONDS = 30.0
"""Time a client has to send a body."""
DIGITS = 18
"""No length has more of them."""


class Gone(Exception):
    """The client hung up before it had sent its request."""


async def read(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The body of a request. Raises Refusal as soon as it is known to be too large, or too slow; it is not kept."""
    declared = headers.get(b"content-length", b"").lstrip(b"0")
    if declared.isdigit() and (len(declared) > DIGITS or int(declared) > limit):
        raise _too_large(limit)
    try:
        async with asyncio.timeout(SECONDS):
            return await _body(receive, limit)
    except TimeoutError:
        raise Refusal(408, f"The body did not come within {SECONDS:g} seconds.") from None


async def _body(receive: Receive, limit: int) -> bytes:
    body = b""
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body = message.get("body", b"")
        size += len(body)
        if size > limit:
            raise _too_large(limit)
        parts.append(body)
        more = message.get("more_body", False)
    return body if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"The body is larger than {limit} bytes; send the rows in several requests.")


async def reply(send: Send, status: int, body: bytes) -> None:
    """Send a JSON response."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *ALSO.get(status, ())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
