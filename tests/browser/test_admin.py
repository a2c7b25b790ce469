"""The admin as a person works in it: batteries and estimators are registered, faults stand at their line."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELL = "bench 4/β"
WRONG = "estimator = (\n"
FAILS = "x = 1\nestimator = 1 / 0\n"
PAGES = (
    "/admin/", "/admin/datahub/battery/", "/admin/datahub/battery/add/", "/admin/datahub/dataimport/add/",
    "/admin/twin/estimator/", "/admin/twin/estimator/add/", "/admin/prognosis/forecaster/",
    "/admin/prognosis/forecaster/add/", "/admin/prognosis/forecastrun/add/", "/admin/jobs/job/", "/admin/jobs/worker/",
    "/admin/access/token/", "/admin/access/token/add/", "/admin/auth/user/", "/admin/access/auditentry/", "/api/docs/",
)  # fmt: skip


def violations(page):
    """What axe finds, as rule and markup. Swagger UI's own markup is not ours to mend."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"], "preload": False}  # it would load style sheets once more
    found = Axe().run(page, context={"exclude": [["#swagger-ui"]]}, options=options).response["violations"]
    return [(rule["id"], node["html"][:120]) for rule in found for node in rule["nodes"]]


def test_a_battery_and_its_estimators_are_registered_followed_promoted_and_rolled_back(visit, site):
    seen = visit()
    page = seen.go("/admin/datahub/battery/add/")
    page.fill("#id_name", CELL)
    page.fill("#id_metadata__battery__nominal_capacity", "2.5")
    page.click("input[name=_save]")
    page.wait_for_selector(f"#result_list >> text={CELL}")
    site.send_rows(CELL, 50)

    page = seen.go("/admin/twin/estimator/add/")
    page.type("#id_battery_name", "bench")
    seen.until("document.querySelector('#id_battery_name_names option')?.value === 'bench 4/β'")
    page.fill("#id_battery_name", CELL)
    page.select_option("#id_preset", "nmc")
    page.wait_for_selector("#ocv-plot .main-svg", state="attached")
    page.click("input[name=_save]")
    page.wait_for_selector("h1:text('bench 4/β v1')")
    first = page.url

    page.goto(f"{site.url}/admin/twin/estimator/add/?battery={CELL}")
    page.check("input[name=kind][value=script]")
    assert page.locator("#id_preset").is_hidden()
    page.fill("#id_definition", WRONG)
    page.wait_for_selector(".script-gutter .is-wrong:text('1')")
    assert page.locator(".script-told").inner_text().startswith("Line 1: '(' was never closed.")
    upload = {"name": "mine.py", "mimeType": "text/x-python", "buffer": FAILS.encode()}
    page.set_input_files("#id_script_file", upload)
    page.wait_for_selector(".script-told:text('No syntax error.')")
    assert page.input_value("#id_definition") == FAILS
    page.click("input[name=_save]")
    page.wait_for_selector("h1:text('bench 4/β v2')")
    page.wait_for_selector("pre.script mark:text('estimator = 1 / 0')", timeout=60_000)  # the page follows the job
    assert "ZeroDivisionError: division by zero, line 2." in page.locator(".field-load_test").inner_text()

    page.goto(f"{site.url}/admin/twin/estimator/add/?from={first.rstrip('/').split('/')[-2]}")
    page.uncheck("#id_promote_when_caught_up")
    page.click("input[name=_save]")
    page.wait_for_selector("h1:text('bench 4/β v3')")
    assert "v2 was of the kind Script." in page.locator(".field-changes").inner_text()
    for verb, standing in (("Promote", "Current"), ("Roll back", "Stands still")):
        page.click(f".rovi-verbs >> text={verb}")
        page.click(f"input[type=submit][value='{verb}']")
        page.wait_for_selector(f".field-standing >> text={standing}")
    assert "1 rolled back." in page.locator(".messagelist").inner_text()
    assert seen.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_admins_pages(visit, site, scheme):
    site.send_rows("seen", 3)
    seen = visit(scheme=scheme)
    found = {}
    for path in PAGES:
        page = seen.go(path)
        page.wait_for_timeout(200)
        found[path] = violations(page)
    assert found == {path: [] for path in PAGES}


def test_the_admin_fits_a_telephone(visit, site):
    site.send_rows("seen", 3)
    seen = visit(width=390)
    overhangs = {}
    for path in PAGES[:-1]:
        page = seen.go(path)
        page.wait_for_timeout(200)
        # Hidden overflow is no way out for a field: each must end within the window.
        beyond = "[...document.querySelectorAll('.form-row input, .form-row textarea, .script-box')]"
        beyond += ".filter((each) => each.offsetParent && each.getBoundingClientRect().right > innerWidth).length"
        overhangs[path] = (seen.overhang, page.evaluate(beyond))
    assert overhangs == dict.fromkeys(PAGES[:-1], (0, 0))
