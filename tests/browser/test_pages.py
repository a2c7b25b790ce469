"""Pages in a real browser, served by a real server, fed by a real worker."""

import re
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELL = "module 7/α"
PATH = "/dashboard/module%207/%CE%B1"
OURS = (
    "/", "/?sort=soh&need=attention", PATH, f"{PATH}?tab=health", f"{PATH}?tab=cycles", f"{PATH}?tab=data",
    f"{PATH}?tab=forecasts", f"{PATH}?tab=about", "/estimators", "/estimators/1", "/parameter-sets", "/forecasts",
    "/forecasts/fleet", "/forecasts/scores", "/forecasters", "/jobs", "/status", "/search?q=module", "/tokens",
    "/import", "/export", "/passport/module%207/%CE%B1", "/energy",
)  # fmt: skip
PAGES = (
    *OURS, "/admin/", "/admin/datahub/battery/", "/admin/twin/estimator/add/", "/admin/access/token/add/",
)  # fmt: skip
LIVE_MS = 20_000
SECONDS_TO_CATCH_UP = 240
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
LOOK = """axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations.map(
    (each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')}`))"""
SHIFTS = """new Promise((resolve) => {
    let sum = 0;
    const add = (shift) => { if (!shift.hadRecentInput) sum += shift.value; };
    new PerformanceObserver((list) => list.getEntries().forEach(add)).observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => resolve(sum), 200);
})"""
WEIGHT = """[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]
    .filter((each) => !each.name.includes('plotly')).reduce((sum, each) => sum + each.encodedBodySize, 0)"""
MOST_SHIFT = 0.02
MOST_BYTES = 500_000


@pytest.fixture(scope="module")
def cell(site):
    """A battery with 500 rows and the built-in estimator, whose first estimates are there."""
    site.call("POST", "/db/register", {"name": CELL, "battery": {"nominal_capacity": 2.5}})
    site.send_rows(CELL, 500)
    battery = site.call("GET", "/api/v1/batteries/?search=module")["results"][0]
    asked = {"battery": CELL, "kind": "joint_ukf", "preset": preset_of(site)}
    estimator = site.call("POST", "/api/v1/estimators/", asked)["id"]
    until = time.monotonic() + SECONDS_TO_CATCH_UP
    while site.call("GET", f"/api/v1/estimators/{estimator}/")["rows_behind"]:
        assert time.monotonic() < until
        time.sleep(0.5)
    return battery


def preset_of(site) -> str:
    from energykit.presets import PRESETS

    return next(iter(PRESETS))


def test_an_empty_fleet_shows_three_steps_and_a_first_battery_appears_by_itself(visit, site):
    seen = visit()
    page = seen.go("/")
    assert page.locator(".empty ol > li").count() == 3
    assert page.locator("#connection").inner_text(timeout=LIVE_MS) == "Live"
    site.send_rows("first", 3)  # the page loads itself anew: the empty state has no table that could grow
    page.wait_for_selector("table.fleet >> text=first", timeout=LIVE_MS)
    site.send_rows("first", 4, start=1000.0)
    seen.until("document.querySelector('table.fleet').innerText.includes('7')")
    assert seen.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_makes_the_browser_complain(visit, cell, scheme):
    seen = visit(scheme=scheme)
    for path in (*PAGES, "/api/docs/"):
        seen.go(path)
        seen.page.wait_for_timeout(400)
    assert seen.complaints == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 390)])
def test_axe_finds_no_violation(visit, cell, scheme, width):
    seen = visit(scheme=scheme, width=width)
    violations = {}
    for path in (*OURS, "/nowhere"):
        seen.go(path)
        seen.page.wait_for_timeout(500)
        seen.page.evaluate(AXE)
        if found := seen.page.evaluate(LOOK):
            violations[path] = found
    assert violations == {}


def test_pages_are_light_and_nothing_jumps(visit, cell):
    """Without the bundle of charts, which is kept by the browser; a shift of 0.1 is what people begin to notice."""
    seen = visit()
    heavy, jumping = {}, {}
    for path in OURS:
        seen.go(path)
        seen.page.wait_for_timeout(800)
        if (weight := seen.page.evaluate(WEIGHT)) > MOST_BYTES:
            heavy[path] = weight
        if (shift := seen.page.evaluate(SHIFTS)) > MOST_SHIFT:
            jumping[path] = round(shift, 3)
    assert (heavy, jumping) == ({}, {})


@pytest.mark.parametrize(("query", "first"), [("", "2023-11-14T22:13"), ("?tz=local", "2023-11-15T07:13")])
def test_a_charts_clock_is_that_of_its_zone_wherever_the_browser_is(visit, site, query, first):
    """Row 0 came at 1 700 000 000 s, 2023-11-14 22:13:20 UTC; Tokyo is nine hours ahead."""
    if not site.call("GET", "/api/v1/batteries/?search=clocked")["results"]:
        rows = [{"test_time": 10.0 * n, "time": 1.7e9 + 10.0 * n, "voltage": 3.7, "current": 0.1} for n in range(60)]
        site.call("POST", "/db/upload/clocked", rows)
    seen = visit(timezone_id="Asia/Tokyo")
    seen.go(f"/dashboard/clocked{query}")
    seen.until("document.querySelector('#chart-rows.js-plotly-plot')")
    begin, _ = seen.page.evaluate("document.querySelector('#chart-rows')._fullLayout.xaxis.range")
    assert begin.replace(" ", "T")[:16] == first


def test_a_chart_is_a_table_a_file_and_a_link_too(visit, cell):
    seen = visit()
    page = seen.go(PATH)
    page.wait_for_selector("#rows .chart-menu", timeout=LIVE_MS)
    page.click("#rows .chart-menu > summary")
    assert page.locator("#rows .chart-menu a").get_attribute("href").startswith(f"/api/v1/batteries/{cell['id']}/rows/")
    with page.expect_download() as download:
        page.click("#rows .chart-menu >> text=CSV of what is shown")
    lines = Path(download.value.path()).read_text().splitlines()
    assert download.value.suggested_filename == "module-7-α-Voltage-current-temperature.csv"
    assert lines[0] == '"test time, min","Voltage, V"'
    assert lines[1] == "0,3.7"
    page.click("#rows .chart-menu > summary")
    page.click("#rows .chart-menu >> text=Table")
    assert "Voltage: " in page.inner_text("dialog.chart-table")
    page.keyboard.press("Escape")
    seen.until("!document.querySelector('dialog.chart-table')")
    assert seen.complaints == []


def test_keys_move_and_widen_what_the_charts_show(visit, cell):
    seen = visit()
    page = seen.go(f"{PATH}?from=1000&to=2000")
    page.wait_for_selector("#chart-rows .draglayer", state="attached", timeout=LIVE_MS)
    page.keyboard.press("ArrowRight")
    seen.until("location.search === '?from=1500.0&to=2500.0'")
    page.keyboard.press("+")
    seen.until("location.search === '?from=1750.0&to=2250.0'")
    page.keyboard.press("0")
    seen.until("location.search === ''")


def test_the_search_is_walked_by_keys(visit, cell):
    seen = visit()
    page = seen.go("/")
    page.keyboard.press("/")
    page.keyboard.type("module 7")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=module+7")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == CELL
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PATH}")


def test_ticked_batteries_are_tagged_and_the_ticks_outlive_news(visit, site):
    site.send_rows("ticked", 700)
    number = site.call("GET", "/api/v1/batteries/?search=ticked")["results"][0]["id"]
    seen = visit()
    page = seen.go("/")
    page.check(f"input[name=battery][value='{number}']")
    assert page.inner_text("#ticked") == "1 chosen"
    site.send_rows("ticked", 1, start=9000.0)
    seen.until("document.querySelector('table.fleet').innerText.includes('701')")
    assert page.is_checked(f"input[name=battery][value='{number}']")
    page.fill("#bulk-tag", "site 3")
    page.click("text=Add tag")
    page.wait_for_selector("a.tag >> text=site 3")
    page.click("text=Undo")
    page.wait_for_selector("text=without the tag")


@pytest.mark.parametrize("width", [390, 1024])
def test_no_page_scrolls_sideways(visit, cell, width):
    seen = visit(width=width)
    overhangs = {}
    for path in PAGES:
        seen.go(path)
        seen.page.wait_for_timeout(300)
        overhangs[path] = seen.overhang
    assert overhangs == dict.fromkeys(PAGES, 0)


def test_the_bar_with_all_rooms_is_one_line(visit, cell):
    seen = visit()
    page = seen.go("/")
    seen.until("document.getElementById('connection').textContent !== ''")
    heights = {}
    for width in (1440, 1280, 1024, 981, 980, 390):
        page.set_viewport_size({"width": width, "height": 900})
        heights[width] = page.evaluate("Math.round(document.querySelector('.bar').getBoundingClientRect().height)")
        assert seen.overhang == 0
    assert max(heights.values()) < 60, heights


def test_charts_draw_estimates_with_bands_and_grow_while_one_looks(visit, site, cell):
    seen = visit()
    page = seen.go(PATH)
    page.wait_for_selector("#chart-capacity .scatterlayer .trace path.js-fill", state="attached", timeout=LIVE_MS)
    assert page.locator("#chart-rows .scatterlayer .trace").count() == 3
    label = page.locator("#chart-rows").get_attribute("aria-label")
    assert re.match(r"Rows over test time\. Voltage, V: newest 3\.700", label)
    seen.until("document.getElementById('note-rows').textContent.includes('500 rows')")
    site.send_rows(CELL, 5, start=6000.0, voltage=3.65)
    seen.until("document.getElementById('note-rows').textContent.includes('505 rows')")
    seen.until("document.querySelector('[data-live=tiles]').innerText.includes('3.650')")
    assert seen.complaints == []


def test_a_zoom_pauses_stands_in_the_address_and_reopens(visit, site, cell):
    seen = visit()
    page = seen.go(PATH)
    page.wait_for_selector("#chart-rows .draglayer", state="attached", timeout=LIVE_MS)
    page.evaluate("Plotly.relayout('chart-rows', {'xaxis.range[0]': 20, 'xaxis.range[1]': 40})")
    seen.until("location.search.includes('from=')")
    assert page.locator("#follow-state").inner_text().startswith("Paused")
    assert page.locator("#follow").is_visible()
    zoomed = page.evaluate("location.search")
    page.goto(site.url + PATH + zoomed)
    page.wait_for_selector("#chart-rows .draglayer", state="attached", timeout=LIVE_MS)
    seen.until("document.getElementById('follow-state').textContent === 'Fixed range'")
    assert page.evaluate("document.getElementById('chart-rows').layout.xaxis.range.map(Math.round)") == [20, 40]
    page.click("#follow")
    seen.until("!location.search.includes('from=')")
    assert seen.complaints == []


def test_the_share_button_that_would_upload_a_chart_is_not_there(visit, cell):
    page = visit().go(PATH)
    page.wait_for_selector("#chart-rows .modebar-btn", state="attached", timeout=LIVE_MS)
    titles = page.eval_on_selector_all("#chart-rows .modebar-btn", "all => all.map(one => one.dataset.title)")
    assert titles == ["Download plot as a PNG", "Zoom in", "Zoom out", "Reset axes"]


def test_a_forecast_is_asked_for_and_appears_without_reloading(visit, site, cell):
    script = "def forecast(past_estimates, load):\n    load['q_t__base_values'] = 2.4\n    return load\n"
    form = {"name": CELL, "definition": script, "sql_query": "SELECT test_time, q_t__base_values FROM $TABLE_NAME$"}
    site.call("POST", "/prognosis/register", form)
    seen = visit()
    page = seen.go(f"{PATH}?tab=forecasts")
    page.fill("#id_ahead", "-1")
    page.click("text=Run forecast")
    assert page.locator(".field:has(#id_ahead) .errorlist").inner_text() != ""
    page.fill("#id_ahead", "2")
    page.click("text=Run forecast")
    page.wait_for_selector(".forecast-chart .main-svg", state="attached", timeout=240_000)
    assert "Done" in page.locator('[data-live="run"]').inner_text()
    assert [c for c in seen.complaints if "422" not in c] == []  # the form that was refused


def test_theme_is_kept_and_shared_with_the_admin(visit, cell):
    page = visit().go("/")
    page.click(".theme-toggle")
    page.click(".theme-toggle")
    page.goto(page.url.rstrip("/") + "/admin/")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"


def test_keys_reach_search_help_and_rooms(visit, cell):
    page = visit().go("/status")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/jobs")


def test_a_server_that_is_gone_looks_gone(visit, site, cell):
    """Last of all, for it stops the server."""
    seen = visit()
    page = seen.go(PATH)
    seen.until("document.getElementById('connection').textContent === 'Live'")
    site.server.stop()
    seen.until("document.getElementById('connection').textContent.startsWith('Polling')")
    page.wait_for_selector("#lost:visible", timeout=240_000)
    told = r"Not connected since \d\d:\d\d:\d\d UTC\. Showing what was known then\."
    assert re.match(told, page.inner_text("#lost-text"))
    assert page.evaluate("document.body.classList.contains('is-disconnected')")
