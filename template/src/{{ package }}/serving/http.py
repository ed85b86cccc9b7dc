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
SECONDS, PATIENCE = 30.0, 5.0
"""Time a client has to send a body, and one that is too large anyway."""
SWALLOWED = 8
"""So many times the limit are read at most."""
DIGITS = 18
"""No length has more of them."""


class Gone(Exception):
    """The client hung up before it had sent its request."""


async def read(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The body of a request. Raises Refusal when it says to be no plain JSON, is too large, without keeping it, or
    too slow."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(415, "The body is compressed; send it as it is.")
    if headers.get(b"content-type", b"").lower().startswith(b"text/csv"):
        raise Refusal(415, "The body is CSV; send JSON, or score the file with ml score.")
    if b"inference-header-content-length" in headers:
        raise Refusal(415, "The tensors are binary; send them as JSON.")
    declared = headers.get(b"content-length", b"").lstrip(b"0")
    is_larger = declared.isdigit() and (len(declared) > DIGITS or int(declared) > limit)
    body = None
    # Who asks before sending a body that is too large hears the answer at once.
    if not (is_larger and b"expect" in headers):
        try:
            async with asyncio.timeout(PATIENCE if is_larger else SECONDS):
                body = await _body(receive, limit)
        except TimeoutError:
            if not is_larger:
                raise Refusal(408, f"The body did not come within {SECONDS:g} seconds.") from None
    if is_larger or body is None:
        raise Refusal(413, f"The body is larger than {limit} bytes; send the rows in several requests.")
    return body


async def _body(receive: Receive, limit: int) -> bytes | None:
    """What comes in; None when it is too large. Read to its end all the same: who is cut off hears no answer."""
    body = b""
    parts: list[bytes] = []
    size = 0
    more = True
    while more and size <= SWALLOWED * limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body = message.get("body", b"")
        size += len(body)
        if size <= limit:
            parts.append(body)
        else:
            parts.clear()
        more = message.get("more_body", False)
    if size > limit:
        return None
    return body if len(parts) == 1 else b"".join(parts)


async def reply(send: Send, status: int, body: bytes) -> None:
    """Send a JSON response."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *ALSO.get(status, ())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
