"""Makes the pictures in docs/images from a running service: `python -m tests.browser.screenshots --password …`

Start one with an empty data folder first (`ROVI_DATA=/tmp/pictures make run`) and let its simulated fleet come as far
as years of life, some minutes. What the pictures need beside the fleet (an estimator that failed, forecasts) is
registered here. Needs requirements-dev.txt and a Chromium.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import math
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parents[2] / "docs" / "images"
COLOURS = 256  # by octree, which keeps the colour of a single point
TALLEST = 2400
FAILING = """from math import sqrt

START_VOLTAGE = -3.2


def resistance(voltage, current):
    return voltage / current


estimator = sqrt(START_VOLTAGE)  # the mistake of this example
"""
# Light and dark at 1440, light at 390: the widths and themes that are looked at.
LOOKS = (("", 1440, "light"), ("-dark", 1440, "dark"), ("-390", 390, "light"))


@dataclass(frozen=True)
class Service:
    address: str
    user: str
    password: str

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": content_type}
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def list(self, path: str) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = self.call("GET", path)["results"]
        return results


def furnish(service: Service) -> dict[str, str]:
    """What the pictures show beside the simulated fleet, made once; the address of each page by the picture's name."""
    batteries = service.list("/api/v1/batteries/?search=simulated")
    first, second = batteries[0], batteries[1]
    path = f"/dashboard/{urllib.parse.quote(first['name'])}"
    if not service.list("/api/v1/batteries/?search=module"):
        _make(service, first["name"])
    failed = service.list("/api/v1/estimators/?state=failed")[0]
    current = service.list(f"/api/v1/estimators/?battery__name={urllib.parse.quote(second['name'])}")[0]
    forecast = service.list("/api/v1/forecasts/?ordering=id")[0]
    pages = {
        "home": "/",
        "battery": path,
        "battery-health": f"{path}?tab=health",
        "battery-cycles": f"{path}?tab=cycles",
        "battery-data": f"{path}?tab=data",
        "battery-forecasts": f"{path}?tab=forecasts",
        "battery-about": f"{path}?tab=about",
        "estimators": "/estimators",
        "estimator": f"/estimators/{current['id']}",
        "estimator-failed": f"/estimators/{failed['id']}",
        "cell-models": "/parameter-sets",
        "forecasts": "/forecasts",
        "forecast": f"/forecasts/{forecast['id']}",
        "forecasters": "/forecasters",
        "jobs": "/jobs",
        "job": f"/jobs/{service.list('/api/v1/jobs/?state=failed')[0]['id']}",
        "status": "/status",
        "search": "/search?q=nmc",
        "tokens": "/tokens",
        "imports": "/import",
        "import": f"/import/{service.list('/api/v1/imports/')[0]['id']}",
        "export": "/export",
        "passport": f"/passport/{urllib.parse.quote(first['name'])}",
        **energy_pages(service),
        "admin": "/admin/",
        "admin-batteries": "/admin/datahub/battery/",
        "admin-estimator": "/admin/twin/estimator/add/",
    }
    for name, route, page in (
        ("fleet-forecast", "fleet-forecasts", "/forecasts/fleet"),
        ("comparison", "comparisons", "/forecasts/compare"),
        ("forecaster", "forecasters", "/forecasters"),
        ("cell-model", "parameter-sets", "/parameter-sets"),
    ):
        if found := service.list(f"/api/v1/{route}/"):
            pages[name] = f"{page}/{found[0]['id']}"
    return pages


# Number, name, kind, price, kWh of a quarter at night and at noon of a working day; weekends use a third of the rest.
USERS = (
    (7, "Nostromo", "ship", None, 3.9, 5.2), (8, "Heart of Gold", "ship", None, 0.6, 5.1),
    (101, "Bakery", "meter", 0.31, 0.8, 5.3), (102, "Workshop hall 2", "meter", 0.29, 2.0, 12.4),
    (103, "Office, north wing", "meter", 0.31, 0.4, 3.2),
)  # fmt: skip
DAYS = 28
QUARTER = 900


def energy_pages(service: Service) -> dict[str, str]:
    """Five users of energy with four weeks, an hour that is unlike others and one of which nothing is known."""
    now = int(time.time()) // QUARTER * QUARTER
    if not service.list("/api/v1/energy/assets/?number=101"):
        _use_energy(service, now)
    newest = service.list("/api/v1/energy/forecasts/?asset__number=101&ordering=-id")[0]
    past = service.list("/api/v1/energy/forecasts/?asset__number=101&ordering=id")[0]
    return {
        "energy": "/energy",
        "energy-top": "/energy?by=asset",
        "energy-asset": f"/energy/101?sources={_most_used(service, 101, now)}",
        "energy-forecast": f"/energy/forecasts/{past['id'] if past['scored'] else newest['id']}",
        "energy-upload": "/energy/upload",
    }


def _most_used(service: Service, number: int, now: int) -> int:
    """Beginning (s) of the quarter of the last week in which an asset used most."""
    start, end = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (now - 7 * 86_400, now))
    quarters = service.call("GET", f"/fleet/data?spaceship_id={number}&start={start}&end={end}")["data"]
    most = max(quarters, key=lambda quarter: float(quarter["value"]))
    return int(datetime.fromisoformat(most["datetime"]).timestamp())


def _use_energy(service: Service, now: int) -> None:
    chance = random.Random(4)
    for number, _, _, _, night, noon in USERS:
        rows = []
        for at in range(now - DAYS * 86_400, now, QUARTER):
            is_weekend = (at // 86_400 + 3) % 7 >= 5
            share = max(0.0, math.sin(math.pi * ((at % 86_400) / 86_400 * 24 - 5) / 15)) * (0.3 if is_weekend else 1.0)
            value = (night + (noon - night) * share) * chance.uniform(0.95, 1.05)
            if number == 101 and at == now - 86_400 - 10 * QUARTER:
                value = 6.9
            if not (number == 102 and 0 <= at - (now - 2 * 86_400) < 20 * QUARTER):
                rows.append({"datetime": datetime.fromtimestamp(at, UTC).isoformat(), "value": round(value, 4)})
        service.call("POST", "/fleet/data", {"spaceship_id": number, "units": "kWh", "interval": QUARTER, "data": rows})
    for number, name, kind, price, *_ in USERS:
        (asset,) = service.list(f"/api/v1/energy/assets/?number={number}")
        wishes = {"name": name, "kind": kind} | ({"price": price, "currency": "EUR"} if price else {})
        service.call("PATCH", f"/api/v1/energy/assets/{asset['id']}/", wishes)
    two_days_ago = datetime.fromtimestamp(now - 2 * 86_400, UTC).isoformat()
    service.call("POST", "/api/v1/energy/forecasts/", {"spaceship_id": 101, "start": two_days_ago, "model": "seasonal"})
    _wait_for_jobs(service)
    service.call("POST", "/api/v1/energy/forecasts/", {"model": "auto"})
    _wait_for_jobs(service)


def _make(service: Service, battery: str) -> None:
    rows = [
        {"test_time": n * 10.0 + (7200 if n > 300 else 0), "voltage": 3.7 + 0.00125 * (n % 40), "current": 0.5,
         "temperature": 25.0} for n in range(500)
    ]  # fmt: skip
    for name in ("module 7/α", "pack 9"):
        service.call("POST", f"/db/upload/{urllib.parse.quote(name, safe='')}", rows)
    service.call("POST", "/api/v1/estimators/", {"battery": "pack 9", "kind": "script", "definition": FAILING})
    year = {"ahead_time": 31_557_600.0, "resolution": 864_000.0}
    service.call("POST", "/api/v1/forecasts/", {"battery": battery, "kind": "trend", **year})
    service.call("POST", "/api/v1/fleet-forecasts/", year)
    service.call("POST", "/api/v1/imports/", _bench_form(), "multipart/form-data; boundary=part")
    _wait_for_jobs(service)


def _wait_for_jobs(service: Service) -> None:
    ends = time.monotonic() + 120
    while time.monotonic() < ends and service.list("/api/v1/jobs/?state=queued") + service.list(
        "/api/v1/jobs/?state=running"
    ):
        time.sleep(1)


def _bench_form() -> bytes:
    """An import that waits: an hour as a bench writes it, in minutes and milliamperes, ten minutes missing."""
    rows = [
        f"{second / 60:.3f},1250,{4.1 - second * 2e-4:.4f},{25 + second / 1800:.2f}"
        for second in (*range(0, 1200, 10), *range(1800, 3600, 10))
    ]
    form = ["--part", 'Content-Disposition: form-data; name="waits"', "", "true"]
    form += ["--part", 'Content-Disposition: form-data; name="file"; filename="bench 4.csv"', "",
             "Time/min,I/mA,Ecell/V,Temp/degC", *rows, "--part--", ""]  # fmt: skip
    return "\r\n".join(form).encode()


def shoot(browser: Browser, service: Service, pages: dict[str, str], folder: Path) -> None:
    for ending, width, scheme in LOOKS:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{service.address}/login")
        page.fill("#id_username", service.user)
        page.fill("#id_password", service.password)
        page.click("main button[type=submit]")
        for name, path in pages.items():
            page.goto(service.address + path)
            _settle(page)
            keep(page.screenshot(full_page=True), folder / f"{name}{ending}.png")
        context.close()


def _settle(page: Page) -> None:
    """Until no chart is waited for, at most a minute."""
    for _ in range(120):
        page.wait_for_timeout(500)
        if not page.evaluate("document.querySelectorAll('.chart-wait').length"):
            break
    page.wait_for_timeout(400)


def keep(picture: bytes, file: Path) -> None:
    """Small: few colours, and no more than the first screens of a long page."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, TALLEST)))
    image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password", required=True)
    parser.add_argument("--folder", type=Path, default=IMAGES)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--only", nargs="*", help="names of pictures; all without it")
    asked = parser.parse_args()
    service = Service(asked.address.rstrip("/"), asked.user, asked.password)
    is_energy_alone = bool(asked.only) and all(name.startswith("energy") for name in asked.only)
    pages = energy_pages(service) if is_energy_alone else furnish(service)
    wanted = {name: path for name, path in pages.items() if not asked.only or name in asked.only}
    asked.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=asked.chromium, args=["--no-sandbox", "--disable-gpu"])
        shoot(browser, service, wanted, asked.folder)
        browser.close()


if __name__ == "__main__":
    main()
