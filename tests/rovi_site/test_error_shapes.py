"""What every refusal looks like to a program: one shape under /api/, FastAPI's at the seed paths."""

import pytest
from django.test import Client
from django.test.client import ClientHandler

from tests.rovi_site.routes import UNSAFE, all_routes, told
from tests.rovi_site.test_doors import DOORS, needed_by

REST = [route for route in all_routes() if route.pattern.startswith("api/") and route.name != "api-docs"]
OF_ENERGY = ("fleet-data", "fleet-top-users", "fleet-energy-forecast")
SEED = [route for route in all_routes() if route.name.startswith(("db-", "online-", "prognosis-r", *OF_ENERGY))]
BROKEN = b'{"name": "cell", "metadata": {'
TAKES_ANY_BODY = ("battery-rows", "db-upload", "db-register")  # read it themselves, whatever its content type says


def is_in_shape(route, answer):
    """A code for programs, and sentences for people that end."""
    if not answer["Content-Type"].startswith("application/json"):
        return False
    told_back = answer.json()
    if route.pattern.startswith("api/"):
        error = told_back.get("error", {})
        return (
            list(told_back) == ["error"]
            and set(error) - {"fields"} == {"code", "message", "hint"}
            and all(isinstance(error[name], str) for name in ("code", "message", "hint"))
            and error["code"].replace("_", "").isalnum()
            and error["code"] == error["code"].lower()
            and error["message"].endswith((".", "?", "!"))
        )
    if route.name in OF_ENERGY and answer.status_code == 400 and "detail" not in told_back:  # complaints by field
        return isinstance(told_back, dict) and all(isinstance(each, list) for each in told_back.values())
    return list(told_back) == ["detail"] and isinstance(told_back["detail"], str | list | dict)


def odd_answers(client, statuses, cases):
    """Those that have another status, or another shape."""
    wrong = []
    for route, method, path, content_type, body in cases:
        answer = client.generic(method, path, body, content_type=content_type)
        expected = statuses(route, method)
        if answer.status_code not in expected or (method != "HEAD" and not is_in_shape(route, answer)):
            wrong.append(f"{told(method, path, None, answer)} {answer.content[:300]!r}")
    return wrong


def cases_of(routes, furnished, methods=None, content_type="application/json", body=b"{}"):
    for route in routes:
        for method in methods or needed_by(route):
            yield route, method, route.path(furnished.values_for(route)), content_type, body


@pytest.mark.parametrize("routes", [REST, SEED], ids=["api", "seed"])
def test_who_says_nothing_of_who_they_are_is_told_so(routes, furnished, session):
    cases = cases_of(routes, furnished, ("GET", *UNSAFE))
    assert odd_answers(session(None), lambda route, method: (401,), cases) == []


@pytest.mark.parametrize("routes", [REST, SEED], ids=["api", "seed"])
def test_who_may_not_is_told_which_role_it_takes(routes, furnished, session):
    client = session("nobody")
    cases = list(cases_of(routes, furnished))
    assert odd_answers(client, lambda route, method: (403,), cases) == []
    sentences = {client.generic(method, path).content.decode() for _, method, path, *_ in cases}
    assert {text for text in sentences if "your account may do nothing yet" not in text} == set()


@pytest.mark.parametrize("routes", [REST, SEED], ids=["api", "seed"])
def test_a_method_that_is_not_there_is_405(routes, furnished, session):
    cases = [case for case in cases_of(routes, furnished, ("GET", *UNSAFE)) if case[1] not in needed_by(case[0])]
    assert len(cases) > 20 or routes is SEED
    assert odd_answers(session("administrator"), lambda route, method: (405,), cases) == []


def test_what_is_not_there_is_404(furnished, session):
    gone = {
        "pk": 987654,
        "row_id": 987654,
        "battery_id": 987654,
        "token_key": "0123456789abcde",
        "name": "no such battery",
    }
    of_records = [route for route in REST if "(?P<" in route.pattern]
    cases = [
        (route, method, route.path(gone), "application/json", b"{}")
        for route in of_records
        for method in needed_by(route)
    ]
    assert len(cases) > 15
    assert odd_answers(session("administrator"), lambda route, method: (404,), cases) == []


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/nothing/", "/api/v1/batteries/x/", "/api/v2/", "/api/v1/jobs/99999999999999999999/"]
)
def test_an_address_of_the_api_that_leads_nowhere_is_404_in_the_same_shape(path, session):
    answer = session("administrator").get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert is_in_shape(REST[0], answer)


def bodies(routes):
    return [route for route in routes if {"POST", "PUT", "PATCH"} & set(needed_by(route)) and takes_body(route)]


def takes_body(route):
    return route.name.rpartition("-")[2] not in (
        "cancel",
        "retry",
        "rerun",
        "current",
        "promote",
        "back",
        "following",
        "undo",
        "disable",
        "enable",
        "drain",
    )


@pytest.mark.parametrize("routes", [REST, SEED], ids=["api", "seed"])
def test_a_body_that_is_no_json_is_told_with_the_place_where_it_breaks(routes, furnished, session):
    cases = cases_of(bodies(routes), furnished, body=BROKEN)
    cases = [case for case in cases if case[1] in ("POST", "PATCH") and case[0].name != "battery-import-file"]
    assert len(cases) >= 5
    statuses = dict.fromkeys(TAKES_ANY_BODY, (422,))
    assert odd_answers(session("administrator"), lambda route, method: statuses.get(route.name, (400,)), cases) == []


@pytest.mark.parametrize("routes", [REST, SEED], ids=["api", "seed"])
def test_a_content_type_that_nobody_reads_is_415(routes, furnished, session):
    cases = cases_of(bodies(routes), furnished, content_type="image/png", body=b"\x89PNG")
    cases = [case for case in cases if case[1] in ("POST", "PATCH") and case[0].name not in TAKES_ANY_BODY]
    assert len(cases) >= 3
    assert odd_answers(session("administrator"), lambda route, method: (415,), cases) == []


@pytest.mark.parametrize(
    "body", [b"[]", b"7", b'"text"', b"null", b"[[]]", b'{"name": {"a": [1]}, "metadata": 7}', b"NaN"]
)
@pytest.mark.parametrize("routes", [REST, SEED], ids=["api", "seed"])
def test_json_of_another_form_is_refused_in_shape_and_never_a_fault_of_ours(routes, body, furnished, session):
    client = session("administrator")
    wrong = []
    for route, method, path, *_ in cases_of(bodies(routes), furnished):
        if method not in ("POST", "PATCH"):
            continue
        answer = client.generic(method, path, body, content_type="application/json")
        if answer.status_code >= 500 and route.name not in ("prognosis-run", "prognosis-run-named"):
            wrong.append(told(method, path, None, answer))
        if 400 <= answer.status_code < 500 and not is_in_shape(route, answer):
            wrong.append(f"{told(method, path, None, answer)} {answer.content[:300]!r}")
    assert wrong == []


def test_a_form_without_its_secret_is_refused_in_shape(furnished, user_with_role):
    client = Client()
    client.handler = ClientHandler(enforce_csrf_checks=True)
    client.force_login(user_with_role("administrator"))
    cases = [case for case in cases_of([*REST, *SEED], furnished) if case[1] != "GET"]
    assert odd_answers(client, lambda route, method: (403,), cases) == []


def test_every_route_of_rest_and_seed_paths_is_tried_here():
    assert {route.name for route in [*REST, *SEED]} == {
        name for name in DOORS if not name.startswith(("admin", "health")) and name not in OTHERS
    }


OTHERS = {
    "energy", "energy-asset", "energy-asset-file", "energy-asset-series", "energy-file", "energy-forecast-page",
    "energy-forecasts-file", "energy-forecasts-page", "energy-forecasts-series", "energy-series", "energy-upload",
    "metrics",  # for Prometheus, in plain text
    "battery-act", "battery-coverage", "estimator", "estimator-series", "estimators", "fleet-act", "fleet-export",
    "fleet-undo", "forecaster", "forecaster-act", "forecasters", "jobs-retry-failed", "search", "token-revoke",
    "tokens", "api-docs", "battery-measured", "battery-series", "beside-series", "compare-form", "comparison",
    "comparison-series", "consistency-series", "dashboard", "export", "imports", "import",
    "import-undo-page", "passport",
    "fit", "fleet-forecast", "fleet-form", "forecast", "forecast-scores-page",
    "forecast-series", "forecasts", "home", "job", "job-cancel-page", "job-retry-page", "jobs", "login", "logout",
    "parameter-set", "parameter-set-series", "parameter-sets", "status", "version-act", "version-delete-results",
    "version-origin", "version-recompute", "version-series", "worker-drain-page",
}  # fmt: skip
