"""The floor: an ASGI application that reads the body, has orjson parse it, and answers always the same card."""

from __future__ import annotations

import orjson

_CARD = orjson.dumps({"cards": [{"summary": "Fixed", "indicator": "info", "source": {"label": "Floor"}}]})
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_CARD)).encode())]


async def app(scope, receive, send):  # noqa: ANN001, ANN201  # the ASGI signature
    """The answer to anything."""
    if scope["type"] == "lifespan":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    orjson.loads(body or b"{}")
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _CARD})
