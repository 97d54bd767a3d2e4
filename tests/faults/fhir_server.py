"""A FHIR server that can be told to fail: each fault writes one bad answer, by a real socket.

`good` is what the server would have answered, so that a fault can spoil it.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeAlias

from tests.servers import respond

Json: TypeAlias = Any
Fault: TypeAlias = Callable[[BaseHTTPRequestHandler, Json], None]

SLOW_S = 3.0
"""How long a fault that keeps the caller waiting lasts; longer than any deadline of these tests."""
OPEN_S = 0.1
"""A delay that every deadline allows."""
ELSEWHERE = "http://elsewhere.example/fhir/Condition?page=2"


def answering(to: BaseHTTPRequestHandler, good: Json, **more: Any) -> None:
    """The good answer, as FHIR."""
    respond(to, json.dumps(good).encode(), **({"content_type": "application/fhir+json"} | more))


def saying(body: bytes | str, **how: Any) -> Fault:
    """This body whatever was asked."""
    raw = body.encode() if isinstance(body, str) else body
    return lambda to, _good: respond(to, raw, **({"content_type": "application/fhir+json"} | how))


def refusing(status: int, **headers: str) -> Fault:
    """This status, with an OperationOutcome."""
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]}
    return saying(json.dumps(outcome), status=status, **headers)


def late(to: BaseHTTPRequestHandler, good: Json) -> None:
    """The good answer, after a while that is allowed."""
    time.sleep(OPEN_S)
    answering(to, good)


def silent(_to: BaseHTTPRequestHandler, _good: Json) -> None:
    """Nothing, and the connection stays open."""
    time.sleep(SLOW_S)


def dripping(to: BaseHTTPRequestHandler, good: Json) -> None:
    """The good answer, a byte at a time."""
    _begin(to)
    for byte in json.dumps(good).encode():
        to.wfile.write(bytes([byte]))
        to.wfile.flush()
        time.sleep(SLOW_S / 60)


def stalling(to: BaseHTTPRequestHandler, good: Json) -> None:
    """Half of the good answer, and then nothing more."""
    body = json.dumps(good).encode()
    _begin(to, content_length=str(len(body)))
    to.wfile.write(body[: len(body) // 2])
    to.wfile.flush()
    time.sleep(SLOW_S)


def resetting(to: BaseHTTPRequestHandler, _good: Json) -> None:
    """The connection, torn down before a word."""
    to.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    to.connection.close()


def resetting_within(to: BaseHTTPRequestHandler, good: Json) -> None:
    """The connection, torn down in the middle of the answer."""
    body = json.dumps(good).encode()
    _begin(to, content_length=str(len(body)))
    to.wfile.write(body[: len(body) // 2])
    to.wfile.flush()
    resetting(to, good)


def not_http(to: BaseHTTPRequestHandler, _good: Json) -> None:
    """Something of another protocol."""
    to.wfile.write(b"220 mail.example ESMTP\r\n")


def truncated(to: BaseHTTPRequestHandler, good: Json) -> None:
    """Half of the good answer, declared to be all of it."""
    body = json.dumps(good).encode()
    respond(to, body[: len(body) // 2], content_type="application/fhir+json")


def as_text(to: BaseHTTPRequestHandler, good: Json) -> None:
    """The good answer under another content type."""
    answering(to, good, content_type="text/html")


def zipped(to: BaseHTTPRequestHandler, good: Json) -> None:
    """The good answer, compressed."""
    respond(to, gzip.compress(json.dumps(good).encode()), content_encoding="gzip")


def falsely_zipped(to: BaseHTTPRequestHandler, good: Json) -> None:
    """The good answer, said to be compressed."""
    answering(to, good, content_encoding="gzip")


def bomb(to: BaseHTTPRequestHandler, _good: Json) -> None:
    """64 MB in 64 KB."""
    respond(to, _BOMB, content_encoding="gzip")


def huge(to: BaseHTTPRequestHandler, _good: Json) -> None:
    """50 MB."""
    _begin(to, content_length=str(50_000_000))
    to.wfile.write(b'{"resourceType": "Bundle", "x": "')
    for _ in range(50):
        to.wfile.write(b" " * 1_000_000)


def redirecting(to: BaseHTTPRequestHandler, _good: Json) -> None:
    """To somewhere else on this server."""
    respond(to, status=302, location=to.path + "&moved=1")


def with_next(address: Callable[[BaseHTTPRequestHandler], str]) -> Fault:
    """The good answer, with a further page at the address."""
    return lambda to, good: answering(to, good | {"link": [{"relation": "next", "url": address(to)}]})


def failing_later(fault: Fault) -> Fault:
    """The good answer with a further page; that page is spoilt."""

    def answer(to: BaseHTTPRequestHandler, good: Json) -> None:
        if "page=2" in to.path:
            fault(to, good)
        else:
            with_next(lambda to: f"{_question(to)}&page=2")(to, good)

    return answer


def doubled(to: BaseHTTPRequestHandler, good: Json) -> None:
    """The good answer with its members written twice; the last writing counts."""
    body = json.dumps(good)
    respond(to, f'{{"resourceType": "Basic", "entry": 5, {body[1:]}'.encode())


def _question(to: BaseHTTPRequestHandler) -> str:
    return to.path.removeprefix("/fhir/")


def _begin(to: BaseHTTPRequestHandler, **headers: str) -> None:
    to.send_response(200)
    for name, value in ({"content_type": "application/fhir+json"} | headers).items():
        to.send_header(name.replace("_", "-"), value)
    to.end_headers()


_BOMB = gzip.compress(b'{"resourceType": "Bundle", "x": "' + b" " * 64_000_000, 1)

HARMLESS: Mapping[str, Fault] = {
    "nothing wrong": answering,
    "late, in time": late,
    "another content type": as_text,
    "compressed": zipped,
    "members written twice": doubled,
    "a byte order mark": lambda to, good: respond(to, b"\xef\xbb\xbf" + json.dumps(good).encode()),
}
"""Oddities that cost nothing."""

SLOW: Mapping[str, Fault] = {"silence": silent, "drip": dripping, "a stop half-way": stalling}

FAILED: Mapping[str, Fault] = {
    "reset": resetting,
    "reset half-way": resetting_within,
    "another protocol": not_http,
    "429": refusing(429, retry_after="30"),
    "500": refusing(500),
    "503": refusing(503),
    "503 with Retry-After": refusing(503, retry_after="30"),
    "a redirect": redirecting,
}

UNREADABLE: Mapping[str, Fault] = {
    "half an object": truncated,
    "a login page": saying("<html><body>Please log in</body></html>", content_type="text/html"),
    "XML": saying('<Bundle xmlns="http://hl7.org/fhir"/>', content_type="application/fhir+xml"),
    "an empty body": saying(""),
    "a bare word": saying('"ok"'),
    "another type": saying('{"resourceType": "Binary", "id": "x"}'),
    "no type": saying('{"message": "ok"}'),
    "nested 100,000 deep": saying('{"resourceType": "Bundle", "entry": ' + "[" * 100_000),
    "NaN": saying('{"resourceType": "Bundle", "total": NaN}'),
    "a lone surrogate": saying('{"resourceType": "Bundle", "id": "\\ud800"}'),
    "not UTF-8": saying(b'{"resourceType": "Bundle", "id": "\xff"}'),
    "a gzip bomb": bomb,
    "said to be compressed": falsely_zipped,
    "50 MB": huge,
}

DENIED: Mapping[str, Fault] = {"401": refusing(401), "403": refusing(403)}
NOT_THERE: Mapping[str, Fault] = {"404": refusing(404)}
GONE: Mapping[str, Fault] = {"410": refusing(410)}
OUTCOME: Mapping[str, Fault] = {
    "an OperationOutcome": saying(
        '{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}'
    )
}

LONG: Mapping[str, Fault] = {"endless pages": with_next(lambda to: f"{_question(to)}&again=1")}
"""For searches: the pages that were read are used, and those beyond them are not."""
LATER: Mapping[str, Fault] = {
    "a next page elsewhere": with_next(lambda _to: ELSEWHERE),
    "a failed next page": failing_later(refusing(500)),
    "a silent next page": failing_later(silent),
    "a next page that is no JSON": failing_later(saying("<html>")),
    "a next page that has gone": failing_later(refusing(404)),
}
"""For searches: the first page is used, and why the next is missing is said."""
