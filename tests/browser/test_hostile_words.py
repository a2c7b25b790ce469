"""Words that would be scripts, wherever people, devices and scripts leave them: a real browser runs none."""

from __future__ import annotations

import json

import playwright.sync_api as playwright
import pytest

from tests.browser.conftest import Visit
from tests.datahub.upload_server import PASSWORD, UploadServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FURNISH = """
import json
from tests.rovi_site.furnished import furnish
from tests.rovi_site.test_hostile_words import ATTACK, pages_of
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
for (const chart of document.querySelectorAll('.js-plotly-plot'))
    Plotly.Fx.hover(chart, chart.data.map((trace, curveNumber) => ({ curveNumber, pointNumber: 0 })));
"""
MADE_OF_WORDS = """
[...document.querySelectorAll('.js-plotly-plot svg a, .js-plotly-plot svg image')].map((node) => node.outerHTML)
"""
NO_PAGE = ("ERR_HTTP_RESPONSE_CODE_FAILURE", "Download is starting")  # takes POST only; is a file
OTHERS = ("/admin/auth/", "/admin/access/", "autocomplete", "/history/", "/admin/jobs/worker", "/delete/", "/add/")


class HostileSite(UploadServer):
    """A web server over records made of markup; what a browser's visit needs to log in."""

    password = PASSWORD

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, browser_path):
    with HostileSite(tmp_path_factory.mktemp("hostile")) as site:
        told = site.manage("shell", "--no-imports", "-c", FURNISH)
        site.pages = json.loads(told.rpartition("pages ")[2])
        yield site


def seen_of(chromium, site, pages):
    """What ran, was stopped, or asked for anything, on each page; and how many charts were drawn."""
    visit = Visit(chromium, site)
    visit.page.on("dialog", lambda dialog: (wrong.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
    visit.page.add_init_script(WATCH)
    wrong, charts = [], 0
    for path in pages:
        visit.complaints.clear()
        try:
            visit.page.goto(site.url + path, wait_until="load")
        except playwright.Error as nothing_to_see:
            assert any(words in str(nothing_to_see) for words in NO_PAGE), nothing_to_see
            continue
        visit.page.wait_for_timeout(150)
        if drawn := visit.page.evaluate("document.querySelectorAll('.js-plotly-plot').length"):
            charts += drawn
            visit.page.evaluate(HOVER)
            visit.page.wait_for_timeout(100)
            wrong += [(path, made) for made in visit.page.evaluate(MADE_OF_WORDS)]
        wrong += [(path, told) for told in visit.page.evaluate("window.attacked")]
        wrong += [(path, told) for told in visit.complaints if "Content Security" in told or "elsewhere" in told]
    visit.context.close()
    return wrong, charts


@pytest.mark.parametrize("which", ["main pages", pytest.param("all pages", marks=pytest.mark.long)])
def test_no_page_runs_a_word(chromium, hostile, which):
    pages = [path for path in hostile.pages if not path.startswith(("/admin/jsi18n", "/admin/logout"))]
    if which == "main pages":
        pages = [path for path in pages if not any(other in path for other in OTHERS)]
    wrong, charts = seen_of(chromium, hostile, pages)
    assert wrong == []
    assert len(pages) > 40
    assert charts > 5


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
