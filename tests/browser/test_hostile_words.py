"""Words that would be scripts, wherever people, devices and scripts leave them: a real browser runs none."""

from __future__ import annotations

import json
import re
import time

import pytest

from tests.browser.conftest import Visit
from tests.datahub.upload_server import PASSWORD, UploadServer
from tests.migrated import put_migrated

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FURNISH = """
import json
from django.contrib.auth.models import User
from tests.rovi_site.furnished import furnish
from tests.rovi_site.test_hostile_words import ATTACK, pages_of
User.objects.create_superuser("admin", password={password!r})
furnished = furnish("cell " + ATTACK[:200], ATTACK)
print("pages", json.dumps(list(dict.fromkeys(pages_of(furnished)))))
"""
WATCH = """
window.attacked = [];
window.rovi_attack = () => window.attacked.push("a script ran");
document.addEventListener("securitypolicyviolation", (report) => window.attacked.push(
    `${report.violatedDirective} ${report.blockedURI} ${report.sample}`));
"""
HOVER = """
(() => {
    let hovered = 0;
    for (const chart of document.querySelectorAll('.js-plotly-plot'))
        chart.data.forEach((trace, curveNumber) => {
            if (trace.hoverinfo === 'skip') return;
            try { Plotly.Fx.hover(chart, [{ curveNumber, pointNumber: 0 }], `x${trace.yaxis || 'y'}`); hovered += 1; }
            catch (error) { if (!(error instanceof TypeError)) throw error; }  // the trace is hidden
        });
    return hovered;
})()
"""
AWAITED = "!!document.querySelector('.chart-wait, .forecast-chart') && !document.querySelector('.js-plotly-plot')"
MADE_OF_WORDS = """
[...document.querySelectorAll('.js-plotly-plot svg a, .js-plotly-plot svg image')].map((node) => node.outerHTML)
"""
MAIN = re.compile(r"/(?!admin/|api/)|/admin/(datahub|twin/estimator|jobs/job|prognosis/forecaster)/.*/(change|rows)/")


class HostileSite(UploadServer):
    """A web server over records made of markup; what a browser's visit needs to log in."""

    password = PASSWORD

    def __enter__(self):
        put_migrated(self.data)
        told = self.manage("shell", "--no-imports", "-c", FURNISH.format(password=PASSWORD))
        self.pages = json.loads(told.rpartition("pages ")[2])
        self.start()
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, browser_path):
    with HostileSite(tmp_path_factory.mktemp("hostile")) as site:
        yield site


def wait_for_charts(page):
    """Until one is drawn, where the page has any; those that have nothing to draw say so in words and stay away."""
    until = time.monotonic() + 5
    while page.evaluate(AWAITED) and time.monotonic() < until:
        page.wait_for_timeout(100)


def seen_of(chromium, site, pages):
    """What ran, was stopped, or asked for anything, on each page; how many charts were drawn and pages seen."""
    visit = Visit(chromium, site)
    visit.page.on("dialog", lambda dialog: (wrong.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
    visit.page.add_init_script(WATCH)
    wrong, charts, hovered, seen = [], 0, 0, 0
    for path in pages:
        visit.complaints.clear()
        answer = visit.page.request.get(site.url + path)
        if not answer.headers.get("content-type", "").startswith("text/html") or answer.status == 405:
            continue  # a file, or what takes POST only
        visit.page.goto(site.url + path, wait_until="load")
        seen += 1
        visit.page.wait_for_timeout(100)
        wait_for_charts(visit.page)
        if drawn := visit.page.evaluate("document.querySelectorAll('.js-plotly-plot').length"):
            charts += drawn
            hovered += visit.page.evaluate(HOVER)
            visit.page.wait_for_timeout(100)
            wrong += [(path, made) for made in visit.page.evaluate(MADE_OF_WORDS)]
        wrong += [(path, told) for told in visit.page.evaluate("window.attacked")]
        wrong += [(path, told) for told in visit.complaints if "Content Security" in told or "elsewhere" in told]
    visit.context.close()
    return wrong, charts, hovered, seen


@pytest.mark.parametrize("which", ["main pages", pytest.param("all pages", marks=pytest.mark.long)])
def test_no_page_runs_a_word(chromium, hostile, which):
    pages = [path for path in hostile.pages if not path.startswith(("/admin/jsi18n", "/admin/logout"))]
    if which == "main pages":
        pages = [path for path in pages if MAIN.match(path)]
    wrong, charts, hovered, seen = seen_of(chromium, hostile, pages)
    assert wrong == []
    assert seen > 25
    assert charts > 2
    assert hovered > 2


def test_the_watch_of_this_test_sees_an_attack(chromium, hostile):
    """The same page with what a template that forgot to escape would have let through."""
    visit = Visit(chromium, hostile)
    visit.page.add_init_script(WATCH)
    visit.page.goto(hostile.url + "/status")
    visit.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=rovi_attack()>')")
    visit.page.wait_for_timeout(300)
    told = visit.page.evaluate("window.attacked")
    visit.context.close()
    assert any("script-src" in report for report in told)
