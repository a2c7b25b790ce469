"""A server with a worker in processes of their own, and a Chromium that tells everything it complains of."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.servers import Server

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


class Site:
    """The running service, and the doors through which a test feeds it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url
        self.password = server.password

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        login = base64.b64encode(f"admin:{self.server.password}".encode()).decode()
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": content_type}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=240) as answer:
            return json.loads(answer.read() or b"null")

    def send_rows(self, name: str, rows: int, start: float = 0.0, step: float = 10.0, **changes: float) -> None:
        records = [
            {"test_time": start + i * step, "voltage": 3.7, "current": -0.05, "temperature": 25.0} | changes
            for i in range(rows)
        ]
        assert self.call("POST", f"/db/upload/{quote(name, safe='')}", records) == rows


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, browser_path: str) -> Iterator[Site]:
    with Server(tmp_path_factory.mktemp("rovi")) as server:
        yield Site(server)


@pytest.fixture(scope="module")
def chromium(browser_path: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
        yield browser
        browser.close()


class Visit:
    """A page logged in, and what its browser complained of: console, scripts, policy, requests to elsewhere."""

    def __init__(self, browser: Any, site: Site, width: int = 1440, scheme: str = "light", **wishes: Any) -> None:
        self.site = site
        self.complaints: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **wishes)
        self.context.set_default_timeout(240_000)
        self.page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self._see)
        self.page.goto(f"{site.url}/login")
        self.page.fill("#id_username", "admin")
        self.page.fill("#id_password", site.password)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url(f"{site.url}/")

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _see(self, request: Any) -> None:
        if not request.url.startswith((self.site.url, self.site.url.replace("http", "ws"), "data:", "blob:")):
            self.complaints.append(f"request to elsewhere: {request.url}")

    def go(self, path: str) -> Any:
        self.page.goto(self.site.url + path)
        return self.page

    def until(self, expression: str, seconds: float = 240.0) -> None:
        """Playwright's own wait evaluates text inside the page, which our policy forbids."""
        ends = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < ends, f"{expression} did not come true; {self.complaints}"
            self.page.wait_for_timeout(100)

    @property
    def overhang(self) -> int:
        """How far the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.fixture
def visit(chromium: Any, site: Site) -> Iterator[Any]:
    visits: list[Visit] = []

    def make(**wishes: Any) -> Visit:
        visits.append(Visit(chromium, site, **wishes))
        return visits[-1]

    yield make
    for each in visits:
        each.context.close()
