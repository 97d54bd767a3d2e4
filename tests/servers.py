"""A real HTTP server on this machine, for what cannot be seen without a socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Server:
    """Its address, how it answers, and every request it got: (path with query, headers)."""

    url: str
    answer: Callable[[BaseHTTPRequestHandler], None] | None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None] | None) -> Iterator[Server]:
    """A server that answers every GET by `answer`, which writes the whole response and may be set later."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            assert server.answer
            server.answer(self)

        def log_message(self, *_args: object) -> None:
            """Nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                """Whoever asked has hung up, which is what some tests are about."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = Server(f"http://127.0.0.1:{http.server_address[1]}", answer)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def respond(to: BaseHTTPRequestHandler, body: bytes = b"{}", *, status: int = 200, **headers: str) -> None:
    """One whole answer; underscores in the names of headers become hyphens."""
    to.send_response(status)
    for name, value in ({"content_length": str(len(body))} | headers).items():
        to.send_header(name.replace("_", "-"), value)
    to.end_headers()
    to.wfile.write(body)
