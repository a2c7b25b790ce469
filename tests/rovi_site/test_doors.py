"""Who may come in where. A route that stands in no table here fails: somebody has to decide who may use it."""

from datetime import timedelta

import pytest

from access.roles import Role
from tests.rovi_site.routes import UNSAFE, all_routes, ask, is_refused, told

# Route name to the least role a method needs. Methods that are not named answer 405, or are refused before that.
DOORS = {
    # --- open to all
    "health-live": "GET open",
    "health-ready": "GET open",
    "metrics": "GET viewer",
    "login": "GET open, POST open, PUT open",  # PUT is POST to Django's form view
    "logout": "POST open",
    "admin:login": "GET open, POST open",  # leads to the login
    "admin:logout": "GET open, POST open",
    # --- pages
    "home": "GET viewer",
    "fleet-export": "GET viewer",
    "fleet-undo": "POST operator",
    "fleet-act": "POST operator",
    "dashboard": "GET viewer, POST operator",
    "battery-act": "POST operator",
    "battery-series": "GET viewer",
    "consistency-series": "GET viewer",
    "battery-coverage": "GET viewer",
    "battery-measured": "GET viewer",
    "beside-series": "GET viewer",
    "forecast-series": "GET viewer",
    "forecast": "GET viewer, POST operator",
    "parameter-sets": "GET viewer",
    "parameter-set": "GET viewer",
    "parameter-set-series": "GET viewer",
    "fit": "GET engineer, POST engineer",
    "estimators": "GET viewer",
    "estimator": "GET viewer",
    "estimator-series": "GET viewer",
    "forecasters": "GET viewer",
    "forecaster": "GET viewer",
    "forecaster-act": "POST engineer",
    "search": "GET viewer",
    "tokens": "GET viewer, POST viewer",  # one's own; an administrator's are all
    "token-revoke": "POST viewer",  # as above
    "forecasts": "GET viewer",
    "forecast-scores-page": "GET viewer",
    "fleet-form": "GET viewer, POST operator",
    "fleet-forecast": "GET viewer",
    "compare-form": "GET viewer, POST operator",
    "comparison": "GET viewer",
    "comparison-series": "GET viewer",
    "version-series": "GET viewer",
    "version-origin": "GET viewer",
    "version-act": "POST engineer",
    "version-recompute": "GET engineer, POST engineer",
    "version-delete-results": "GET administrator, POST administrator",
    "imports": "GET viewer, POST operator",
    "import": "GET viewer, POST operator",
    "import-undo-page": "POST administrator",
    "export": "GET viewer",
    "passport": "GET viewer",
    "passport-passport": "GET viewer",
    "jobs": "GET viewer",
    "jobs-retry-failed": "POST operator",
    "job": "GET viewer",
    "job-cancel-page": "POST operator",
    "job-retry-page": "POST operator",
    "energy": "GET viewer",
    "energy-forecast-page": "POST operator",
    "energy-forecasts-page": "GET viewer",
    "energy-forecasts-file": "GET viewer",
    "energy-forecasts-series": "GET viewer",
    "energy-upload": "GET operator, POST operator",
    "energy-asset": "GET viewer",
    "energy-file": "GET viewer",
    "energy-asset-file": "GET viewer",
    "energy-series": "GET viewer",
    "energy-asset-series": "GET viewer",
    "status": "GET viewer",
    "worker-drain-page": "POST administrator",
    # --- seed paths
    "db-register": "POST operator",
    "db-upload": "POST operator",
    "db-stats": "GET viewer",
    "online-register": "POST engineer",
    "online-status": "GET viewer",
    "prognosis-register": "POST engineer",
    "prognosis-run": "GET operator, POST operator",
    "prognosis-run-named": "GET operator, POST operator",
    "fleet-data": "GET viewer, POST operator",
    "fleet-top-users": "GET viewer",
    "fleet-energy-forecast": "GET viewer",
    # --- REST
    "api-root": "GET viewer",
    "schema": "GET viewer",
    "api-docs": "GET viewer",
    "battery-list": "GET viewer, POST operator",
    "battery-detail": "GET viewer, PATCH operator, DELETE administrator",
    "battery-rows": "GET viewer, POST operator",
    "battery-chart": "GET viewer",
    "battery-truth": "GET viewer, POST operator",
    "battery-import-file": "POST operator",
    "mark-list": "GET viewer, POST operator",
    "mark-detail": "GET viewer, DELETE operator",
    "import-begin": "POST operator",
    "import-undo": "POST administrator",
    "import-list": "GET viewer, POST operator",
    "import-detail": "GET viewer, DELETE operator",
    "estimator-list": "GET viewer, POST engineer",
    "estimator-detail": "GET viewer",
    "estimator-retry": "POST engineer",
    "estimator-make-current": "POST engineer",
    "estimator-promote": "POST engineer",
    "estimator-roll-back": "POST engineer",
    "estimator-follow": "POST engineer",
    "estimator-stop-following": "POST engineer",
    "estimator-recompute": "POST engineer",
    "estimator-results": "GET viewer, DELETE administrator",
    "estimator-provenance": "GET viewer",
    "version-change-list": "GET viewer",
    "estimator-estimates": "GET viewer",
    "estimator-chart": "GET viewer",
    "preset-list": "GET viewer",
    "measured-cycles": "GET viewer",
    "measured-resistances": "GET viewer",
    "measured-totals": "GET viewer",
    "parameter-set-list": "GET viewer",
    "parameter-set-detail": "GET viewer",
    "parameter-set-fit": "POST engineer",
    "forecaster-list": "GET viewer, POST engineer",
    "forecaster-detail": "GET viewer, DELETE administrator",
    "forecaster-scores": "GET viewer",
    "forecaster-disable": "POST engineer",
    "forecaster-enable": "POST engineer",
    "forecast-list": "GET viewer, POST operator",
    "forecast-detail": "GET viewer, DELETE administrator",
    "forecast-scores": "GET viewer",
    "forecast-rerun": "POST operator",
    "forecast-result": "GET viewer",
    "fleet-list": "GET viewer, POST operator",
    "fleet-detail": "GET viewer, DELETE administrator",
    "fleet-batteries": "GET viewer",
    "comparison-list": "GET viewer, POST operator",
    "comparison-detail": "GET viewer, DELETE administrator",
    "asset-list": "GET viewer, POST operator",
    "asset-detail": "GET viewer, PATCH operator, DELETE administrator",
    "asset-sources": "GET viewer",
    "asset-scores": "GET viewer",
    "energy-readings-list": "POST operator",
    "energy-batches-list": "POST operator",
    "energy-quarters-list": "GET viewer",
    "energy-top-list": "GET viewer",
    "energy-forecast-list": "GET viewer",
    "energy-forecasts-list": "GET viewer, POST operator",
    "energy-forecasts-detail": "GET viewer",
    "energy-fleet-list": "GET viewer",
    "job-list": "GET viewer",
    "job-detail": "GET viewer",
    "job-cancel": "POST operator",
    "job-retry": "POST operator",
    "job-events": "GET viewer",
    "worker-list": "GET viewer",
    "worker-detail": "GET viewer",
    "worker-drain": "POST administrator",
    "token-list": "GET viewer, POST viewer",  # one's own; an administrator's are all
    "token-detail": "GET viewer, DELETE viewer",
    "audit-list": "GET administrator",
    "audit-detail": "GET administrator",
    # --- the admin's own; its views answer any method as GET or POST
    "admin:index": "GET viewer, POST viewer",
    "admin:app_list": "GET viewer, POST viewer",
    "admin:password_change": "GET viewer, POST viewer",
    "admin:password_change_done": "GET viewer",
    "admin:jsi18n": "GET viewer",
    "admin:autocomplete": "",  # no record of ours has any
    "admin:view_on_site": "GET viewer, POST viewer",
    "admin:auth_user_password_change": "GET administrator, POST administrator",
    "admin:datahub_battery_rows": "GET viewer, POST viewer",
    "admin:twin_estimator_check": "GET engineer, POST engineer",  # compiles what is posted, and runs nothing
    "admin:prognosis_forecaster_check": "GET engineer, POST engineer",  # the same
    "admin:datahub_battery_download": "GET viewer, POST viewer",
    "admin:fleet_asset_readings": "GET viewer, POST viewer",
    "admin/(?P<url>.*)$": "GET viewer, POST viewer",  # nothing is there; that, too, is told to viewers alone
}

# Records in the admin: who may add, change and delete them. All are listed and seen by viewers, but people are not.
# Where nobody may change a record, the page of the record stands open to read.
ADMIN_RECORDS = {
    "auth_user": "see administrator, add administrator, change administrator, delete administrator",
    "access_token": "see viewer, add viewer, delete viewer",  # one's own
    "access_auditentry": "see administrator",
    "access_logintries": "see administrator, delete administrator",
    "datahub_battery": "see viewer, add operator, change operator, delete administrator",
    "datahub_dataimport": "see viewer, add operator, delete administrator",
    "fleet_asset": "see viewer, add operator, change operator, delete administrator",
    "fleet_energyforecast": "see viewer, delete administrator",
    "jobs_job": "see viewer, delete administrator",
    "jobs_worker": "see viewer, delete administrator",
    "twin_parameterset": "see viewer, change engineer, delete administrator",
    "twin_estimator": "see viewer, add engineer, delete administrator",
    "twin_measuredcycle": "see viewer",
    "twin_measuredresistance": "see viewer",
    "twin_measuredprogress": "see viewer",
    "twin_versionchange": "see viewer",
    "prognosis_forecaster": "see viewer, add engineer, delete administrator",
    "prognosis_fleetforecast": "see viewer, delete administrator",
    "prognosis_comparison": "see viewer, delete administrator",
    "prognosis_forecastrun": "see viewer, add operator, delete administrator",
}
ROLES = ("viewer", "operator", "engineer", "administrator")
ROUTES = all_routes()


def needed_by(route):
    """Method to least role of a route; KeyError where nobody has decided."""
    if route.name in DOORS:
        return _parsed(DOORS[route.name])
    model = next((model for model in ADMIN_RECORDS if f"admin/{model.replace('_', '/', 1)}/" in route.pattern), None)
    if model is None:
        raise KeyError(route.name)
    may = _parsed(ADMIN_RECORDS[model])
    see = may["see"]
    view = route.name.removeprefix(f"admin:{model}_")
    if view == route.pattern:  # leads on to the record's page
        return {"GET": Role.VIEWER, "POST": Role.VIEWER}
    if view in ("changelist", "history"):
        return {"GET": see, "POST": see}
    if view in ("add", "delete"):
        return {"GET": may[view], "POST": may[view]} if view in may else {}
    if view == "change":
        return {"GET": see, "POST": may["change"]} if "change" in may else {"GET": see}
    raise KeyError(route.name)


def _parsed(text):
    pairs = (part.split() for part in text.split(", ") if part)
    return {word: Role.NONE if role == "open" else Role[role.upper()] for word, role in pairs}


# --- the table holds what is there -----------------------------------------------------------------------------------
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_each_route_has_a_decision_who_may_use_it(route):
    try:
        needed = needed_by(route)
    except KeyError:
        pytest.fail(f"nobody has decided who may use {route}: write it into DOORS or ADMIN_RECORDS in {__file__}")
    if route.methods is not None and not route.name.startswith("admin"):
        assert set(needed) == route.methods


def test_no_decision_is_about_a_route_that_is_gone():
    names = {route.name for route in ROUTES}
    assert set(DOORS) - names == set()
    assert {model for model in ADMIN_RECORDS if f"admin:{model}_changelist" not in names} == set()


def test_only_health_and_login_are_open():
    opened = {name for name, text in DOORS.items() if "open" in text}
    assert opened == {"health-live", "health-ready", "login", "logout", "admin:login", "admin:logout"}


# --- each method of each route, by each caller -----------------------------------------------------------------------
AREAS = {
    "admin": [route for route in ROUTES if route.pattern.startswith("admin/")],
    "api": [route for route in ROUTES if route.pattern.startswith("api/")],
    "pages and seed paths": [route for route in ROUTES if not route.pattern.startswith(("admin/", "api/"))],
}


def methods_of(route):
    """The admin answers any other method as GET; that none of them leads around its doors is tested by itself."""
    return ("GET", "POST") if route.name.startswith("admin") else ("GET", "HEAD", "OPTIONS", *UNSAFE)


def least_role(route, method):
    """None where the method is not there. HEAD is GET without a body; OPTIONS tells no more than the schema."""
    needed = needed_by(route)
    if method == "OPTIONS":
        return min(Role.VIEWER, *needed.values())
    return needed.get("GET" if method == "HEAD" else method)


def paths_of(routes, furnished):
    return {route: route.path(furnished.values_for(route)) for route in routes}


def has_own_way(route):
    """Of who is logged in or out already, these lead elsewhere; that they are open is tested by themselves."""
    return route.name in ("login", "logout", "admin:login", "admin:logout")


@pytest.mark.slow
@pytest.mark.parametrize("area", AREAS)
@pytest.mark.usefixtures("unrendered")
def test_a_role_opens_what_the_table_says_and_nothing_else(area, furnished, session):
    paths = paths_of(AREAS[area], furnished)
    wrong = []
    for role in (None, "nobody", *ROLES):
        client = session(role)
        level = Role[role.upper()] if role in ROLES else Role.NONE
        for route, path in paths.items():
            for method in () if has_own_way(route) else methods_of(route):
                least = least_role(route, method)
                if least is None and role not in (None, "administrator"):
                    continue  # what is not there for who may do everything is not there for who may do less
                answer = ask(client, method, path)
                if least is None:
                    is_gone = role != "administrator" or area == "admin" or answer.status_code == 405
                    is_right = is_refused(answer) and is_gone
                elif method in ("HEAD", "OPTIONS"):  # may be missing
                    is_right = is_refused(answer) or level >= least
                else:
                    is_right = is_refused(answer) == (level < least)
                if not is_right:
                    wrong.append(told(method, path, role, answer))
    assert wrong == []


@pytest.mark.usefixtures("unrendered")
def test_no_other_method_leads_around_a_door_of_the_admin(furnished, session):
    """Asked by the strongest of those who may do nothing there."""
    clients = {role: session(role) for role in ("nobody", *ROLES)}
    wrong = []
    for route, path in paths_of(AREAS["admin"], furnished).items():
        least = min(needed_by(route).values(), default=Role.ADMINISTRATOR)
        caller = ("nobody", *ROLES)[least - 1] if least > Role.NONE else None
        for method in () if caller is None else ("HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "PROPFIND"):
            answer = ask(clients[caller], method, path)
            tells_nothing = method == "OPTIONS" and not answer.content  # but which methods there are
            if not is_refused(answer) and not tells_nothing:
                wrong.append(told(method, path, caller, answer))
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("area", AREAS)
@pytest.mark.usefixtures("unrendered")
def test_a_token_that_is_expired_revoked_or_of_a_device_opens_nothing_but_that_devices_upload(
    area, furnished, with_token
):
    paths = paths_of(AREAS[area], furnished)
    revoked, client_of_revoked = with_token()
    revoked.delete()
    own = "the battery's own token"
    callers = {
        "an expired token": with_token(expires_in=timedelta(seconds=-1))[1],
        "a revoked token": client_of_revoked,
        "another battery's token": with_token("another battery")[1],
        own: with_token(furnished.battery.name)[1],
    }
    wrong = []
    for caller, client in callers.items():
        for route, path in paths.items():
            for method in () if has_own_way(route) else methods_of(route):
                answer = ask(client, method, path)
                is_upload = caller == own and route.name in ("db-upload", "battery-rows")
                if is_upload and method == "POST":
                    is_right = answer.status_code == 422  # an empty body holds no rows
                else:
                    is_open = least_role(route, method) == Role.NONE or (is_upload and method == "OPTIONS")
                    is_right = is_refused(answer) or is_open
                if not is_right:
                    wrong.append(told(method, path, caller, answer))
    assert wrong == []


@pytest.mark.parametrize(
    ("method", "path", "leads_to"),
    [
        ("GET", "/login", None),
        ("GET", "/admin/login/", "/login?next=/admin/"),
        ("GET", "/admin/logout/", "/admin/"),  # which asks for a login
        ("POST", "/logout", "/login"),
        ("GET", "/healthz/live", None),
        ("GET", "/healthz/ready", None),
        ("GET", "/static/css/tokens.css", None),
    ],
)
def test_a_stranger_comes_to_the_login_health_and_static_files(method, path, leads_to, session, db):
    answer = ask(session(None), method, path)
    assert (answer.status_code, answer.headers.get("Location")) == ((302, leads_to) if leads_to else (200, None))


def test_the_admins_login_tells_an_account_without_a_role_why_it_may_not_enter(session):
    answer = ask(session("nobody"), "GET", "/admin/login/?next=/admin/")
    assert answer.status_code == 403
    assert "Your account has no role yet. Ask an administrator to give it one." in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["/static/../manage.py", "/static/%2e%2e/manage.py", "/uploads-are-never-served-by-url/x"]
)
def test_no_file_of_the_service_is_served_as_a_static_one(path, session):
    assert ask(session("administrator"), "GET", path).status_code == 404
