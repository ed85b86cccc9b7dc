"""The serving process: uvicorn around the application, logs as JSON lines, a stop that finishes what it began."""

import logging
import socket
import sys
from contextlib import suppress
from typing import Any

import structlog

from ..contract import Contract
from ..errors import ProjectError
from ..settings import Settings, address

KEEP_ALIVE = 75
"""Seconds a silent connection is kept: longer than load balancers do (60), so that none sends into a closed one."""
PATIENCE = 20
"""Seconds that requests get to end after the service was told to stop."""

log = structlog.get_logger()


def serve(settings: Settings, contract: Contract) -> None:
    """Serve until told to stop (SIGTERM, Ctrl-C): requests are finished and captures shipped first."""
    import uvicorn

    from .app import Application
    from .connection import Connection

    log_as_json()
    app = Application(contract, settings)
    listening = _bound(settings)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=PATIENCE,
    )
    host, port = listening.getsockname()[:2]
    log.info("serving", model=contract.name, url=address(host, port), keys=app.guard.asks)
    # Ctrl-C is how a person stops it; uvicorn passes it on once everything is finished.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


class _Lines:
    """Standard output; what it does not take is lost. Who collected the log may be gone, or it is
    closed (None): the service goes on.
    """

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError, AttributeError):
            sys.stdout.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            sys.stdout.flush()


def log_as_json() -> None:
    """One JSON object per line on standard output, from this package and from libraries alike."""
    lines: Any = _Lines()
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(lines),
    )
    handler = logging.StreamHandler(lines)
    without = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[without, structlog.processors.JSONRenderer()]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _bound(settings: Settings) -> socket.socket:
    """A bound socket, so that a taken port is one sentence and not a traceback."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
    except OSError as error:
        raise ProjectError(
            f"ML_HOST={settings.host} ML_PORT={settings.port} cannot be bound: {error.strerror or error}. "
            "Stop what listens there, or choose another."
        ) from None
    return listening
