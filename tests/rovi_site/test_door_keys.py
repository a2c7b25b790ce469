"""How callers show who they are: cookies with their secret, passwords, tokens; and what roles do in the admin."""

import base64

import pytest
from django.contrib.admin import site
from django.db import connection, transaction
from django.test import Client
from django.test.client import ClientHandler
from django.test.utils import CaptureQueriesContext

from access.models import LoginTries
from access.roles import Role
from tests.rovi_site.routes import UNSAFE, all_routes, ask, is_refused, told
from twin.registration import register_estimator
from twin.versions import promote

# Actions on lists of the admin to the role that they need.
ADMIN_ACTIONS = {
    "access.logintries.delete_selected": Role.ADMINISTRATOR,
    "access.token.revoke": Role.VIEWER,  # one's own
    "auth.user.let_in": Role.ADMINISTRATOR,
    "auth.user.shut_out": Role.ADMINISTRATOR,
    "datahub.battery.archive": Role.OPERATOR,
    "datahub.battery.export": Role.VIEWER,
    "datahub.battery.finish": Role.OPERATOR,
    "datahub.battery.fit_cell_model": Role.ENGINEER,
    "datahub.battery.forecast_batteries": Role.OPERATOR,
    "datahub.battery.reopen": Role.OPERATOR,
    "datahub.battery.restore": Role.OPERATOR,
    "datahub.battery.tag": Role.OPERATOR,
    "datahub.battery.untag": Role.OPERATOR,
    "datahub.dataimport.cancel": Role.OPERATOR,
    "datahub.dataimport.delete_selected": Role.ADMINISTRATOR,
    "datahub.dataimport.reopen_batteries": Role.OPERATOR,
    "datahub.dataimport.retry": Role.OPERATOR,
    "fleet.asset.forecast": Role.OPERATOR,
    "fleet.energyforecast.delete_selected": Role.ADMINISTRATOR,
    "fleet.energyforecast.forecast_again": Role.OPERATOR,
    "jobs.job.cancel_jobs": Role.OPERATOR,
    "jobs.job.delete_selected": Role.ADMINISTRATOR,
    "jobs.job.retry_jobs": Role.OPERATOR,
    "jobs.worker.delete_selected": Role.ADMINISTRATOR,
    "jobs.worker.drain": Role.ADMINISTRATOR,
    "prognosis.comparison.delete_selected": Role.ADMINISTRATOR,
    "prognosis.fleetforecast.delete_selected": Role.ADMINISTRATOR,
    "prognosis.forecaster.disable": Role.ENGINEER,
    "prognosis.forecaster.enable": Role.ENGINEER,
    "prognosis.forecaster.load_again": Role.ENGINEER,
    "prognosis.forecastrun.delete_selected": Role.ADMINISTRATOR,
    "prognosis.forecastrun.forecast_again": Role.OPERATOR,
    "prognosis.forecastrun.score_now": Role.OPERATOR,
    "twin.estimator.delete_results": Role.ADMINISTRATOR,
    "twin.estimator.follow": Role.ENGINEER,
    "twin.estimator.promote": Role.ENGINEER,
    "twin.estimator.retry": Role.ENGINEER,
    "twin.estimator.roll_back": Role.ENGINEER,
    "twin.estimator.stop_following": Role.ENGINEER,
    "twin.parameterset.delete_selected": Role.ADMINISTRATOR,
}
# A download; and what has nothing to change in the furnished records: an import under way, a person who is in, a
# worker that is lost, a battery without tags that is in the fleet.
WRITE_NOTHING = (
    "datahub.battery.export", "datahub.dataimport.retry", "auth.user.let_in", "jobs.worker.drain",
    "datahub.battery.restore", "datahub.battery.untag",
)  # fmt: skip


@pytest.fixture(scope="module")
def strict_handler():
    return ClientHandler(enforce_csrf_checks=True)


def basic(username, password):
    return {"authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def is_for_programs(route):
    of_energy = ("fleet/data", "fleet/topusers", "fleet/forecast")
    return route.pattern.startswith(("api/v1", "db/", *of_energy, "online/", "prognosis/"))


def unsafe_doors():
    """Routes and methods that change something, or would if their body were not empty."""
    for route in all_routes():
        if route.name not in ("login", "admin:login", "api-docs", "schema"):
            for method in UNSAFE if route.methods is None else sorted(route.methods & set(UNSAFE)):
                yield route, method


@pytest.mark.usefixtures("unrendered")
def test_a_cookie_alone_changes_nothing_anywhere(furnished, user_with_role, strict_handler):
    """Another site's page can make a browser send the cookie, but not the secret of our forms."""
    browser = Client()
    browser.handler = strict_handler
    browser.force_login(user_with_role("administrator"))
    wrong = []
    for route, method in unsafe_doors():
        path = route.path(furnished.values_for(route))
        answer = ask(browser, method, path)
        if answer.status_code not in (403, 405):
            wrong.append(told(method, path, "a cookie", answer))
    assert wrong == []


def test_another_sites_page_logs_nobody_in(user_with_role, strict_handler):
    """Nor into an account of its own, where its visitor would leave what he thinks is his."""
    user_with_role("viewer")
    browser = Client()
    browser.handler = strict_handler
    answer = browser.post("/login", {"username": "the-viewer", "password": "correct horse battery"})
    assert (answer.status_code, "sessionid" in browser.cookies) == (403, False)


def test_a_cookie_with_the_secret_of_our_forms_changes_things(furnished, user_with_role, strict_handler):
    browser = Client()
    browser.handler = strict_handler
    browser.force_login(user_with_role("operator"))
    secret = browser.get("/").cookies["csrftoken"].value
    address = f"/api/v1/batteries/{furnished.battery.pk}/"
    answer = browser.patch(
        address, {"description": "new"}, content_type="application/json", headers={"x-csrftoken": secret}
    )
    assert (answer.status_code, answer.json()["description"]) == (200, "new")


@pytest.mark.parametrize("by", ["password", "token"])
@pytest.mark.usefixtures("unrendered")
def test_a_program_that_sends_its_credentials_needs_no_secret_of_a_form(by, furnished, with_token, strict_handler):
    client = with_token()[1]
    if by == "password":
        client = Client(headers=basic("the-administrator", "correct horse battery"))
    client.handler = strict_handler
    wrong = []
    for route, method in unsafe_doors():
        path = route.path(furnished.values_for(route))
        if is_for_programs(route) and is_refused(answer := ask(client, method, path)) and answer.status_code != 405:
            wrong.append(told(method, path, by, answer))
    assert wrong == []


def test_a_password_that_a_browser_remembers_posts_no_form_by_itself(furnished, user_with_role, strict_handler):
    """A browser sends it with forms of other sites too, as it does cookies."""
    user_with_role("administrator")
    client = Client(headers=basic("the-administrator", "correct horse battery"))
    client.handler = strict_handler
    assert client.get(f"/jobs/{furnished.job.pk}").status_code == 200
    assert client.post(f"/jobs/{furnished.job.pk}/retry").status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 200), ("http://testserver", 200), ("https://evil.example", 403), ("null", 403)],
)
def test_another_sites_page_changes_nothing_with_a_password_that_the_browser_remembers(
    origin, status, furnished, user_with_role, handler
):
    user_with_role("operator")
    headers = basic("the-operator", "correct horse battery") | ({"origin": origin} if origin else {})
    client = Client(headers=headers)
    client.handler = handler
    answer = client.post(f"/db/upload/{furnished.battery.name}", "[]", content_type="text/plain")
    assert answer.status_code == status
    assert client.get("/db/stats").status_code == 200  # it reads: the page of another origin does not see the answer


@pytest.mark.parametrize("path", ["/", "/status", "/db/stats", "/api/v1/batteries/", "/api/docs/", "/api/schema/"])
@pytest.mark.parametrize("why", ["wrong password", "no such account", "account switched off", "no base64"])
def test_wrong_credentials_are_told_with_401_and_how_to_log_in(path, why, user_with_role, handler):
    person = user_with_role("administrator")
    headers = basic("the-administrator", "correct horse battery")
    if why == "wrong password":
        headers = basic("the-administrator", "wrong")
    elif why == "no such account":
        headers = basic("nobody-of-that-name", "correct horse battery")
    elif why == "no base64":
        headers = {"authorization": "Basic \xff\xfe"}
    else:
        person.is_active = False
        person.save()
    client = Client(headers=headers)
    client.handler = handler
    answer = client.get(path)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Basic realm="ROVI"')


@pytest.mark.parametrize("role", ["viewer", "operator", "engineer"])
def test_tokens_of_others_are_not_there(role, furnished, session, with_token):
    token, _ = with_token()
    client = session(role)
    assert client.get("/api/v1/tokens/").json()["results"] == []
    assert client.delete(f"/api/v1/tokens/{token.token_key}/").status_code == 404
    assert client.get(f"/admin/access/token/{token.pk}/delete/").status_code == 302  # to the list, which is empty
    token.refresh_from_db()


def test_nobody_but_an_administrator_makes_tokens_for_others(furnished, session):
    wish = {"name": "mine", "user": furnished.person.username}
    for role in ("viewer", "operator", "engineer"):
        answer = session(role).post("/api/v1/tokens/", wish, content_type="application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "token_refused")
    assert session("administrator").post("/api/v1/tokens/", wish).status_code == 201


def actions_of_the_admin():
    return sorted(
        f"{model._meta.label_lower}.{name}" for model, admin in site._registry.items() for name in _names(admin)
    )


def _names(admin):
    own = [name if isinstance(name, str) else name.__name__ for name in admin.actions]
    one_at_a_time = getattr(admin, "typed_name", False) or admin.opts.label_lower in ("access.token", "fleet.asset")
    deletes_none = one_at_a_time or admin.opts.label_lower.startswith(
        ("twin.measured", "twin.versionchange", "access.auditentry")
    )
    return [*own, *([] if deletes_none else ["delete_selected"])]


def test_each_action_of_the_admin_has_a_decision_who_may_do_it():
    assert actions_of_the_admin() == sorted(ADMIN_ACTIONS)


@pytest.mark.parametrize("role", ["viewer", "operator", "engineer", "administrator"])
@pytest.mark.usefixtures("unrendered")
def test_an_action_of_the_admin_writes_nothing_for_a_lesser_role(role, furnished, session):
    client = session(role)
    wrong = []
    newer = register_estimator(battery_name=furnished.battery.name, kind="joint_ukf", preset="nmc")
    promote(newer)
    versions = {"roll_back": newer, "promote": furnished.estimator, "follow": furnished.estimator}
    for action, least in ADMIN_ACTIONS.items():
        app, model, name = action.split(".")
        record = {
            "battery": furnished.battery, "dataimport": furnished.data_import,
            "estimator": versions.get(name, furnished.failed),
            "forecaster": furnished.forecaster, "forecastrun": furnished.run, "job": furnished.job,
            "worker": furnished.worker, "token": furnished.token, "user": furnished.person,
            "parameterset": furnished.parameter_set, "comparison": furnished.comparison,
            "fleetforecast": furnished.fleet, "asset": furnished.asset, "energyforecast": furnished.energy_forecast,
            "logintries": LoginTries.objects.get(),
        }[model]  # fmt: skip
        chosen = {"action": name, "_selected_action": [str(record.pk)], "post": "yes", "sure": "yes", "tag": "x"}
        with CaptureQueriesContext(connection) as asked, transaction.atomic():
            client.post(f"/admin/{app}/{model}/", chosen)
            transaction.set_rollback(True)
        wrote = [query["sql"] for query in asked if _writes(query["sql"])]
        writes_nothing = Role[role.upper()] < least or action in WRITE_NOTHING
        if bool(wrote) == writes_nothing and (writes_nothing or role == "administrator"):
            wrong.append((action, wrote))
    assert wrong == []


def _writes(statement):
    """Beside the session, and the note that something was downloaded."""
    is_ours = "django_session" in statement or "access_auditentry" in statement
    return statement.startswith(("INSERT", "UPDATE", "DELETE")) and not is_ours
