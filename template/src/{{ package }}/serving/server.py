"""The serving process: uvicorn around the application, logs as JSON lines, a stop that finishes what it began."""

import logging
import sys
from typing import Any

import structlog

from ..contract import Contract
from ..settings import Settings


def serve(settings: Settings, contract: Contract) -> None:
    """Serve until told to stop (SIGTERM, Ctrl-C): requests are finished and captures shipped first."""
    import uvicorn

    from .app import create

    _log_as_json()
    app = create(contract, settings)
    structlog.get_logger().info("serving", model=contract.name, url=f"http://{settings.host}:{settings.port}")
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="auto",
        http="auto",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_graceful_shutdown=20,
    )


def _log_as_json() -> None:
    """One JSON object per line on standard output, from this package and from uvicorn alike."""
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
