"""Words that would be markup, wherever a record holds words: every page shows them as text, and every link works."""

from urllib.parse import parse_qs, quote, unquote, urljoin, urlsplit

import pytest
from django.template.base import Template

from datahub.queries import battery_named
from rovi_site.middleware import POLICY
from tests.rovi_site.furnished import furnish
from tests.rovi_site.markup import read
from tests.rovi_site.routes import all_routes, ask

ATTACK = (
    "'\"><script>rovi_attack()</script><img src=x onerror=rovi_attack()>{{ 7|add:7 }}{% now %}"
    "<a href=javascript:rovi_attack()>\u202egnp.exe</a></textarea></title><!-- \\ ${x} &lt;b&gt;"
)
SERVED_TO_PROGRAMS = (
    "api/", "db/", "online/", "prognosis/", "healthz/", "charts/", "fleet/data", "fleet/topusers", "fleet/forecast",
)  # fmt: skip
NAMES = {
    "markup": f"cell {ATTACK}",
    "long": ("module 7/α/" + "αβγ/δ" * 60)[:254] + "ω",
    "of an address": "a b/../?q=1&r=2#part;%2F%00+100 %/.json",
    "of a route": "prognosis/x/run",
    "right to left": "\u202eאב/ج د\u200f",
    "of lines": "first line\nsecond line",
    "dots": "..",
}
LEFT_OUT = {"admin:jsi18n", "admin:logout", "admin:login", "admin:view_on_site"}


@pytest.fixture
def hostile(db, own_data_folder):
    return furnish("cell " + ATTACK[:200], ATTACK)


def pages_of(furnished):
    """Addresses of all that answers HTML: pages with their tabs, and the admin."""
    for route in all_routes():
        is_page = not route.pattern.startswith(SERVED_TO_PROGRAMS)
        if is_page and route.name not in LEFT_OUT:
            yield route.path(furnished.values_for(route))
    name = quote(furnished.battery.name)
    yield from (f"/dashboard/{name}?tab={tab}" for tab in ("overview", "health", "data", "forecasts", "about"))
    yield f"/dashboard/{name}?tab=forecasts&run={furnished.failed_run.pk}"
    yield f"/forecasts/{furnished.failed_run.pk}"
    yield f"/admin/twin/estimator/{furnished.failed.pk}/change/"
    yield f"/admin/twin/estimator/add/?from={furnished.failed.pk}"
    yield f"/admin/prognosis/forecaster/{furnished.failed_forecaster.pk}/change/"
    yield f"/admin/prognosis/forecaster/add/?from={furnished.failed_forecaster.pk}"
    yield f"/admin/prognosis/forecastrun/{furnished.failed_run.pk}/change/"
    yield f"/admin/prognosis/forecastrun/add/?battery={name}"
    yield f"/admin/twin/estimator/add/?battery={name}"
    yield f"/admin/datahub/battery/add/?name={name}&description={name}"
    searched = quote(ATTACK)
    for path in (
        "/",
        "/jobs",
        "/parameter-sets",
        "/admin/jobs/job/",
        "/admin/datahub/battery/",
        "/admin/twin/estimator/",
        "/no/such/page",
    ):
        yield f"{path}?q={searched}&sort={searched}&state={searched}&page={searched}&from={searched}&data={searched}"
    yield f"/dashboard/{searched}"
    yield f"/login?next={searched}"
    yield "/api/docs/"


def html_answers(furnished, client):
    for path in dict.fromkeys(pages_of(furnished)):
        answer = ask(client, "GET", path)
        if answer["Content-Type"].startswith("text/html") and answer.status_code not in (301, 302, 405):
            yield path, answer


def test_no_page_holds_what_the_policy_forbids_nor_words_as_markup(hostile, session):
    wrong, seen = {}, 0
    for path, answer in html_answers(hostile, session("administrator")):
        found = read(answer.content.decode())
        seen += 1
        if found.forbidden:
            wrong[path] = found.forbidden
        if answer.headers.get("Content-Security-Policy") != POLICY:
            wrong[f"the policy of {path}"] = answer.headers.get("Content-Security-Policy")
        if "14" in found.text and "{{ 7|add:7 }}" not in found.text and ATTACK[:20] in found.text:
            wrong[f"a template in {path}"] = found.text
    assert wrong == {}
    assert seen > 60


def test_every_page_answers_though_words_are_hostile(hostile, session):
    client = session("administrator")
    answers = {path: ask(client, "GET", path).status_code for path in dict.fromkeys(pages_of(hostile))}
    expected = {path: 404 for path in answers if path.startswith(("/no/such", f"/dashboard/{quote(ATTACK)}"))}
    odd = {path: status for path, status in answers.items() if status not in (200, 301, 302)}
    assert {path: status for path, status in odd.items() if status not in (404, 405, 403)} == {}
    assert {path for path, status in odd.items() if status == 404} >= set(expected)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "name"), ("/dashboard/{name}", "name"), ("/dashboard/{name}", "words"),
        ("/dashboard/{name}?tab=about", "words"), ("/dashboard/{name}?tab=data", "words"),
        ("/jobs/{job}", "words"), ("/forecasts/{failed_run}", "words"),
        ("/admin/datahub/battery/", "name"), ("/admin/datahub/battery/{battery}/change/", "words"),
        ("/admin/datahub/battery/{battery}/rows/", "words"), ("/admin/datahub/battery/{battery}/delete/", "name"),
        ("/admin/twin/estimator/{failed}/change/", "words"), ("/admin/jobs/job/{job}/change/", "words"),
        ("/admin/prognosis/forecaster/{failed_forecaster}/change/", "words"),
        ("/admin/datahub/dataimport/{data_import}/change/", "words"),
    ],
)  # fmt: skip
def test_hostile_words_are_shown_as_they_are(path, shown, hostile, session):
    places = {name: getattr(record, "pk", None) for name, record in vars(hostile).items()}
    address = path.format(**places, name=quote(hostile.battery.name))
    answer = ask(session("administrator"), "GET", address)
    assert answer.status_code == 200
    text = " ".join(read(answer.content.decode()).text.split())
    assert " ".join((hostile.battery.name if shown == "name" else ATTACK).split()) in text


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_battery_of_any_name_is_reached_by_page_admin_and_api(name, db, own_data_folder, session):
    furnished = furnish(name)
    client = session("administrator")
    home = read(client.get("/").content.decode())
    page = next(link for link in home.links if link.startswith("/dashboard/"))
    assert unquote(page.removeprefix("/dashboard/")) == name
    pk = furnished.battery.pk
    for address in (page, f"/admin/datahub/battery/{pk}/change/", f"/admin/datahub/battery/{pk}/rows/"):
        answer = client.get(address)
        assert (address, answer.status_code) == (address, 200)
        assert " ".join(name.split()) in " ".join(read(answer.content.decode()).text.split())
    told = client.get(f"/api/v1/batteries/{pk}/").json()
    assert (told["name"], told["page"]) == (name, page)
    assert list(client.get("/db/stats").json()) == [name]
    assert list(client.get("/online/status").json()) == [name]
    rows = '[{"test_time": 7.0, "current": 0.5, "voltage": 3.6, "remark": "x"}]'
    sent = client.post("/db/upload/" + quote(name, safe=""), rows, content_type="application/json")
    assert (sent.status_code, sent.json()) == (200, 1)
    assert battery_named(name).rows == told["rows"] + 1


def test_no_link_of_any_page_leads_nowhere(hostile, session, monkeypatch):
    """Follows every link of our own, as an administrator, as far as they lead.

    Of pages that differ in the values of their query alone, the first is read for more links; the others must answer.
    """
    client = session("administrator")
    read_before = set()
    waiting, seen, wrong = ["/", *dict.fromkeys(pages_of(hostile))], set(), {}
    given = set(waiting)
    while waiting:
        address = waiting.pop(0)
        if address in seen or len(seen) > 1500:
            continue
        seen.add(address)
        kind = address if address in given else _kind(address)
        with monkeypatch.context() as patched:
            if kind in read_before:
                patched.setattr(Template, "_render", lambda template, context: "")
            answer = ask(client, "GET", address)
        if answer.status_code >= 400 and address not in given:
            wrong[address] = answer.status_code
        if kind in read_before:
            continue
        read_before |= {kind, _kind(address)}
        if answer.status_code == 200 and not answer.streaming and answer["Content-Type"].startswith("text/html"):
            links = read(answer.content.decode()).links
            waiting += [found for link in links if (found := _ours(address, link)) not in (None, *seen)]
    assert wrong == {}


def _kind(address):
    found = urlsplit(address)
    return found.path, tuple(sorted(parse_qs(found.query)))


def _ours(page, link):
    """The address that a link of a page means, where it is one of ours."""
    found = urlsplit(urljoin(f"http://testserver{page}", link))
    if found.netloc != "testserver" or not link or link.startswith("#"):
        return None
    path = found.path + (f"?{found.query}" if found.query else "")
    # The admin's lists link to every order of their columns: one of each list is enough.
    return None if found.path.startswith(("/static/", "/admin/logout")) or "&o=" in path or "?o=" in path else path


@pytest.mark.parametrize(
    "markup",
    [
        "<script>rovi_attack()</script>", "<img src=x onerror=rovi_attack()>", "<p style=x>", "<style>p{}</style>",
        "<a href='javascript:rovi_attack()'>", "<a href=' java\nscript:rovi_attack()'>", "<base href=//evil.example>",
        "<form action=https://evil.example>", "<script src=//evil.example/x.js>", "<iframe src=/>", "<svg ONLOAD=x>",
    ],
)  # fmt: skip
def test_the_reader_of_these_tests_sees_what_is_forbidden(markup):
    assert read(f"<main>{markup}</main>").forbidden != []


@pytest.mark.parametrize(
    "markup",
    ["<script src=/x.js defer></script>", "<a href=../rows/?a=b:c>", "<a href=https://a.example>", "<img src=data:,>"],
)
def test_the_reader_of_these_tests_lets_pass_what_is_allowed(markup):
    assert read(f"<main>{markup}</main>").forbidden == []
