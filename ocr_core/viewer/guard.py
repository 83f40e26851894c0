"""What stands before every request: who may ask, how much may be sent, and what the browser may do with the answer.

A page elsewhere on the web must not reach the viewer through the reader's browser: a foreign `Host` (DNS rebinding) and a
foreign `Origin` are refused, and whatever writes needs an `Origin` of its own.
"""

from __future__ import annotations

import logging
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
log = logging.getLogger(__name__)

_SAFE: Final = frozenset({"GET", "HEAD"})
_ALLOWED: Final = _SAFE | {"POST"}
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class TooLarge(Exception):
    """A request's body is larger than allowed."""


class Guard:
    """ASGI middleware.

    Args:
        names: the host names under which the viewer may be asked, without port: it may be forwarded to another.
        most_bytes: of a request's body.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str] = LOCAL_NAMES, most_bytes: int = 1 << 20) -> None:
        self._app = app
        self._names = names
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nobody speaks WebSocket here
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal:
            status, reason = refusal
            await PlainTextResponse(reason + "\n", status, dict(_HEADERS))(scope, receive, send)
            return
        # Scripts import each other by name, so they are known to be fresh by asking, not by an address of their version.
        answer = _Answer(send, "no-cache" if scope["path"].startswith("/static/") else "no-store")
        try:
            await self._app(scope, self._limited(receive), answer)
        except Exception as error:
            if answer.begun:
                raise
            status, reason = 413, "The request is too large."
            if not isinstance(error, TooLarge):
                log.exception("%s %s failed", scope["method"], scope["path"])
                status, reason = 500, "Something went wrong; the viewer's log tells what."
            await PlainTextResponse(reason + "\n", status, dict(_HEADERS))(scope, receive, send)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or _without_port(host).lower() not in self._names:
            return 421, "The viewer answers on this machine only: ask it as localhost."
        if method not in _ALLOWED:
            return 405, "Only GET, HEAD and POST are known here."
        origin = headers.get("origin")
        foreign = origin is not None and origin.lower() != f"http://{host.lower()}"
        if foreign or (method not in _SAFE and origin is None):
            return 403, "Requests from other pages are refused."
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > self._most_bytes:
            return 413, "The request is too large."
        return None

    def _limited(self, receive: Receive) -> Receive:
        """`receive` for bodies that do not tell their length, or lie about it."""
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most_bytes:
                raise TooLarge
            return message

        return limited


class _Answer:
    """`send` that adds the headers, and knows whether an answer has begun.

    Args:
        keeping: what caches may do where the answer itself does not say.
    """

    def __init__(self, send: Send, keeping: str) -> None:
        self._send = send
        self._keeping = keeping
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", self._keeping)
        await self._send(message)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
