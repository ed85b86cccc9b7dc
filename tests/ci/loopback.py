"""A web server on a free loopback port, which answers as its handler says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """What one request is answered; it keeps no log."""

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, content: object, status: int = 200) -> None:
        """Answer with JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> Any:
        """The JSON that was sent; None when nothing was."""
        return json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or "null")


@contextmanager
def a_server(handler: type[Handler]) -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
