"""Ports of loopback that nobody has."""

import contextlib
import socket


def free_port(wanted: int, last: int) -> int:
    """`wanted`; or, when that is 0, `last` if it is free, else any. Raises RuntimeError when `wanted` is taken."""
    for port in [wanted] if wanted else [last, 0]:
        if found := _bound(port):
            return found
    raise RuntimeError(f"port {wanted} is taken; give another one in the stack file, or 0 for a free one")


def is_free(port: int) -> bool:
    """Whether a process could have it now."""
    return _bound(port) == port


def _bound(port: int) -> int:
    """The port that a process would get now; 0 when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    return 0
