"""Who may ask the viewer, and what no answer may do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.testclient import TestClient

from ocr_core.library import Library
from ocr_core.viewer import ViewerSettings, create_app
from tests.viewer.make import HOST, Shown

PAGES = ("/", "/search?q=dyer", "/runs", "/nowhere", "/static/viewer.css", "/static/nothing.css")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8400",
        "localhost.evil.example",
        "127.0.0.1.nip.io:8400",
        "",
        "[::2]:8400",
    ],
)
def test_foreign_hosts_are_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "warraq" not in answer.text.lower()


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:8400", "LOCALHOST", "[::1]:8400"])
def test_names_of_this_machine_are_served_whatever_the_port(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://localhost:8400",
        "http://localhost:9999",
        "null",
        "http://localhost:8400.evil.example",
    ],
)
def test_foreign_origins_are_refused(client: TestClient, origin: str) -> None:
    for method in ("GET", "POST"):
        assert client.request(method, "/try", headers={"origin": origin}).status_code == 403


def test_nothing_is_posted_without_an_origin(shown: Shown) -> None:
    with TestClient(create_app(Library.open(shown.root), ViewerSettings(edit=True)), base_url=HOST) as client:
        assert client.post("/try", content=b"x").status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    assert client.request(method, "/").status_code == 405


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_forbids_foreign_scripts_and_frames(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert (
        "default-src 'none'" in policy
        and "script-src 'self'" in policy
        and "frame-ancestors 'none'" in policy
    )
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_body_may_not_be_larger_than_allowed(shown: Shown) -> None:
    app = create_app(Library.open(shown.root), ViewerSettings(most_bytes=1000))
    with TestClient(app, base_url=HOST, headers={"origin": HOST}) as client:
        assert client.post("/try", content=b"x" * 1001).status_code == 413
        pieces = (b"x" * 100 for _ in range(11))  # without a length
        assert client.post("/try", content=pieces).status_code == 413


def test_web_sockets_are_not_answered(shown: Shown) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/", "headers": [(b"host", b"localhost")], "query_string": b""}
    asyncio.run(create_app(Library.open(shown.root))(scope, receive, send))
    assert not any(message["type"] == "websocket.accept" for message in sent)
