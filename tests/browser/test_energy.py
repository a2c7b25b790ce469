"""The pages of energy in a real browser: the fleet, an asset, where a quarter comes from, a file of readings."""

import time
from pathlib import Path

import pytest

from energykit.quarters import labelled, read_instant
from tests.browser.test_pages import AXE, LOOK

pytestmark = [pytest.mark.browser, pytest.mark.slow]

START = 1_535_068_800  # 2018-08-24 00:00 UTC
DAYS = 3
OUTLYING = 50  # the quarter of the second day in which the bakery used ten times as much


@pytest.fixture(scope="module")
def furnished(site):
    """Two assets with three days of quarters, one of which is unlike the others and one of which is missing."""
    rows = [
        (number, labelled(START + 900 * place), 10.0 if (number, place) == (101, 96 + OUTLYING) else 1.0)
        for number in (101, 7) for place in range(96 * DAYS) if (number, place) != (7, 96 + 20)
    ]  # fmt: skip
    numbers, times, values = zip(*rows, strict=True)
    data = {"spaceship_id": numbers, "datetime": times, "value": values}
    site.call("POST", "/api/v1/energy/batches/", {"units": "kWh", "interval": 900, "data": data})
    (bakery,) = site.call("GET", "/api/v1/energy/assets/?number=101")["results"]
    site.call("PATCH", f"/api/v1/energy/assets/{bakery['id']}/", {"name": "Bakery", "kind": "meter", "price": 0.5})
    return bakery


@pytest.fixture(scope="module")
def forecast(site, furnished):
    """Of the third day, from the two before it."""
    asked = {"spaceship_id": 101, "start": labelled(START + 2 * 86_400), "model": "linear"}
    site.call("POST", "/api/v1/energy/forecasts/", asked)
    ends = time.monotonic() + 240
    while not (made := site.call("GET", "/api/v1/energy/forecasts/")["results"]):
        assert time.monotonic() < ends
        time.sleep(0.2)
    return made[0]["id"]


@pytest.mark.parametrize("width", [390, 1024, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_energy_is_complained_of(visit, furnished, forecast, scheme, width):
    seen = visit(scheme=scheme, width=width)
    found = {}
    pages = (
        "/energy", "/energy?by=asset&tz=Europe/Berlin", "/energy/101", f"/energy/101?sources={START}",
        f"/energy/forecasts/{forecast}", "/energy/upload",
    )  # fmt: skip
    for path in pages:
        seen.go(path)
        seen.until("!document.querySelector('.chart-wait')")
        seen.page.evaluate(AXE)
        found[path] = (seen.overhang, seen.page.evaluate(LOOK))
    assert found == dict.fromkeys(found, (0, []))
    assert seen.complaints == []


def test_from_the_fleet_to_an_asset_to_where_a_quarter_comes_from(visit, furnished):
    seen = visit()
    page = seen.go("/energy")
    seen.until("!document.querySelector('.chart-wait')")
    page.click("text=Bakery >> nth=0")
    page.wait_for_url("**/energy/101")
    seen.until("!document.querySelector('.chart-wait')")
    page.click("table >> text=2018-08-26 23:45")
    page.wait_for_selector("#sources >> text=Where the quarter of 2018-08-26T23:45:00Z comes from")
    assert "1.0 kWh" in page.inner_text("#sources")
    assert seen.complaints == []


def test_days_against_the_time_of_day_are_walked_by_keys(visit, furnished):
    seen = visit()
    page = seen.go("/energy/101")
    seen.until("!document.querySelector('.chart-wait')")
    page.focus(".heat canvas")
    assert page.inner_text(".heat-note") == "2018-08-26 00:00 UTC: 1 kWh"
    page.keyboard.press("ArrowUp")
    for _ in range(OUTLYING):
        page.keyboard.press("ArrowRight")
    assert page.inner_text(".heat-note") == "2018-08-25 12:30 UTC: 10 kWh"
    page.keyboard.press("Enter")
    page.wait_for_url("**/energy/101?from=2018-08-25&to=2018-08-26&sources=*")
    assert "10.0 kWh" in page.inner_text("#sources")
    assert seen.complaints == []


def test_keys_move_the_range(visit, furnished):
    seen = visit()
    page = seen.go("/energy/101?from=2018-08-25&to=2018-08-26&tz=Europe/Berlin")
    seen.until("!document.querySelector('.chart-wait')")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**from=2018-08-24T10*")
    assert [page.input_value(f"#range-{end}") for end in ("from", "to")] == ["2018-08-24T12:00", "2018-08-25T12:00"]
    page.keyboard.press("t")
    assert page.evaluate("document.activeElement.id") == "range-from"
    assert seen.complaints == []


def test_a_file_is_looked_at_and_then_stored(visit, furnished):
    seen = visit()
    page = seen.go("/energy/upload")
    file = {"name": "week.csv", "mimeType": "text/csv"}
    page.set_input_files("#id_file", {**file, "buffer": b"datetime,value\n2018-08-24T00:00:00Z,minus one\n"})
    page.fill("#id_number", "55")
    page.click("text=Look at it first")
    page.wait_for_selector("#preview [role=alert] >> text=The file cannot be taken as it is")
    seen.complaints.clear()  # the browser tells of the answer's status, 400
    page.set_input_files("#id_file", {**file, "buffer": b"datetime,value\n2018-08-24T00:00:00Z,2\n"})
    page.click("text=Look at it first")
    page.wait_for_selector("#preview >> text=What the file holds")
    assert page.locator("#id_file").evaluate("(input) => input.files[0].name") == "week.csv"
    page.click("main >> button:text-is('Store')")
    page.wait_for_url("**/energy/55?*")
    assert "1 reading of 1 asset; 1 quarter reckoned anew" in page.inner_text("main")
    assert seen.complaints == []


@pytest.mark.parametrize(
    ("day", "begins", "quarters", "first", "notes"),
    [("2026-03-29", "2026-03-28T23:00:00Z", 92, "2026-03-29T00:00:00+01:00",
      ("2026-03-29 03:00 +02:00: 1.08 kWh", "2026-03-29 23:45 +02:00: 1.91 kWh")),
     ("2026-10-25", "2026-10-24T22:00:00Z", 100, "2026-10-25T00:00:00+02:00",
      ("2026-10-25 02:00 +02:00: 1.08 kWh", "2026-10-25 23:45 +01:00: 1.99 kWh"))],
)  # fmt: skip
def test_days_of_local_time_have_92_or_100_quarters(visit, site, day, begins, quarters, first, notes):
    """In Berlin; the nth quarter of the day used 1 + n/100 kWh: in the chart, the heat map, the table and the file."""
    begin = read_instant(begins).microseconds // 10**6
    number = 1000 + quarters
    values = [round(1 + place / 100, 2) for place in range(quarters)]
    data = [{"datetime": labelled(begin + 900 * place), "value": value} for place, value in enumerate(values)]
    site.call("POST", "/fleet/data", {"spaceship_id": number, "units": "kWh", "interval": 900, "data": data})
    seen = visit(timezone_id="Europe/Berlin")
    page = seen.go(f"/energy/{number}")
    page.select_option("#tz", label="Local time (Europe/Berlin)")
    page.wait_for_url("**tz=Europe*")
    page.fill("#range-from", f"{day}T00:00")
    page.click("main >> button:text-is('Show')")
    page.wait_for_url("**from=*")
    seen.until("!document.querySelector('.chart-wait')")
    assert page.evaluate("document.querySelector('.js-plotly-plot').calcdata[1].map((bar) => bar.s)") == values
    assert page.locator(".quarters tbody tr").count() == quarters
    page.focus(".heat canvas")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    assert page.inner_text(".heat-note") == notes[0]
    for _ in range(quarters):
        page.keyboard.press("ArrowRight")
    assert page.inner_text(".heat-note") == notes[1]
    page.click("#quarters .chart-menu > summary")
    with page.expect_download() as download:
        page.click("#quarters .chart-menu >> text=CSV of what is shown")
    rows = Path(download.value.path()).read_text().split("\n\n")[0].splitlines()
    assert (len(rows), rows[1]) == (1 + quarters, f"{first},1")
    assert seen.complaints == []


def test_local_time_in_an_address_is_that_of_the_browser(visit, furnished):
    seen = visit(timezone_id="Europe/Berlin")
    page = seen.go("/energy/101?tz=local&from=2018-08-25&to=2018-08-26")
    page.wait_for_url("**tz=Europe%2FBerlin*")
    seen.until("!document.querySelector('.chart-wait')")
    assert page.input_value("#tz") == "Europe/Berlin"
    assert page.inner_text(".quarters tbody tr >> nth=0").startswith("2018-08-25 23:45 +02:00")


def test_times_of_utc_are_shown_as_such_wherever_the_browser_is(visit, furnished):
    """Plotly's numbers would be times of the browser's zone."""
    seen = visit(timezone_id="Asia/Tokyo")
    page = seen.go("/energy/101?from=2018-08-25&to=2018-08-26")
    seen.until("!document.querySelector('.chart-wait')")
    first, _ = page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range")
    assert first[:13] == "2018-08-25T00"
