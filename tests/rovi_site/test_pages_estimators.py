"""The pages of estimators, forecasters, tokens and the search over everything."""

import re

import pytest
from django.urls import reverse

from access.models import Token
from jobs.models import Job
from tests.rovi_site.pages import battery_with_rows, with_estimates
from twin.models import Estimator
from twin.registration import register_estimator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_data_folder")]
SCRIPT = "import numpy\n\nestimator = voltage / 0\n"


def page_of(client, path, status=200):
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


@pytest.fixture
def failed(furnished):
    made = register_estimator(battery_name=furnished.battery.name, definition=SCRIPT)
    Estimator.objects.filter(pk=made.pk).update(
        state="failed", last_error="NameError: voltage, line 3.", traceback="Traceback: line 3", error_line=3,
        error_row=5012, library_versions={"numpy": "1.0", "django": "0.1", "no such library": "3"},
    )  # fmt: skip
    return made


# --- estimators -------------------------------------------------------------------------------------------------------
def test_the_error_comes_first_and_its_line_is_marked_in_the_script(session, failed):
    page = page_of(session("viewer"), f"/estimators/{failed.pk}")
    assert "Stopped at row 5012: NameError: voltage, line 3." in page
    assert page.index("NameError") < page.index("<h2>Script</h2>")
    assert "<summary>Traceback, line 3</summary>" in page
    wrong = re.search(r'<tr class="is-wrong" id="wrong-line"><td class="at">(\d+)</td><td><code>([^<]*)</code>', page)
    assert wrong.groups() == ("3", "estimator = voltage / 0")


def test_libraries_are_told_as_they_were_and_as_they_are(session, failed):
    page = page_of(session("viewer"), f"/estimators/{failed.pk}")
    rows = re.findall(r'<tr><th scope="row">(django|no such library)</th><td>([^<]*)</td><td>([^<]*)', page)
    assert [(name, then) for name, then, _ in rows] == [("django", "0.1"), ("no such library", "3")]
    assert rows[1][2] == "—"
    assert page.count("changed</span>") == 2  # django and numpy; of the third nothing is known


def test_only_engineers_are_offered_to_retry_and_do(session, failed):
    address = reverse("version-act", args=[failed.pk, "retry"])
    assert address not in page_of(session("viewer"), f"/estimators/{failed.pk}")
    engineer = session("engineer")
    assert address in page_of(engineer, f"/estimators/{failed.pk}")
    answer = engineer.post(address, {"back": "estimator"})
    assert (answer.status_code, answer["Location"]) == (302, f"/estimators/{failed.pk}")
    failed.refresh_from_db()
    assert (failed.state, failed.last_error) == ("waiting", "")


def test_a_built_in_one_shows_its_parameters_and_its_curve(session, furnished):
    client = session("viewer")
    page = page_of(client, f"/estimators/{furnished.estimator.pk}")
    assert '<tr><th scope="row">RC pairs</th><td>' in page
    assert "joint_ukf" not in re.sub(r'(href|value|data-fit)="[^"]*"', "", page)
    parameters = furnished.estimator.parameters
    curve, knots = client.get(f"/charts/estimators/{furnished.estimator.pk}").json()["ocv"]["panels"][0]["lines"]
    assert knots["y"] == parameters["ocv_voltage"]
    at_the_knots = [curve["y"][round(2 * soc)] for soc in knots["t"]]  # a point each half percent
    assert at_the_knots == pytest.approx(parameters["ocv_voltage"])


def test_one_that_waits_tells_what_is_missing(session, furnished):
    made = register_estimator(battery_name=furnished.battery.name, definition=SCRIPT, required_time=10_800.0)
    Estimator.objects.filter(pk=made.pk).update(entry="estimator")
    page = page_of(session("viewer"), f"/estimators/{made.pk}")
    assert "Has 0.0 h of the 3.0 h it needs." in page
    assert "2 min of 3 h" in page


@pytest.mark.parametrize(
    ("query", "versions"),
    [("", [3, 2, 1]), ("state=failed", [3, 2]), ("kind=joint_ukf", [1]), ("versions=current", [1]),
     ("q=NameError", [3]), ("q=cell", [3, 2, 1]), ("q=nothing", []), ("state=nonsense", [3, 2, 1])],
)  # fmt: skip
def test_the_list_is_filtered(session, failed, query, versions):
    page = page_of(session("viewer"), f"/estimators?{query}")
    assert [int(found) for found in re.findall(r'<td class="name"><a href="[^"]*">cell 3 v(\d+)</a>', page)] == versions


@pytest.mark.parametrize("versions", [1, 40])
def test_many_versions_cost_the_queries_of_one(session, furnished, django_assert_num_queries, versions):
    for _ in range(versions):
        register_estimator(battery_name=furnished.battery.name, kind="joint_ukf", preset="nmc")
    client = session("viewer")
    client.get("/estimators")
    with django_assert_num_queries(12):
        client.get("/estimators")


# --- forecasters ------------------------------------------------------------------------------------------------------
def test_a_forecaster_shows_its_script_its_history_and_its_runs(session, furnished):
    page = page_of(session("viewer"), f"/forecasters/{furnished.forecaster.pk}")
    assert "def forecast(past_estimates, load):" in page
    assert "weights.json" in page
    assert f'href="/forecasts/{furnished.run.pk}"' in page
    assert "FROM $TABLE_NAME$" in page


def test_forecasters_are_listed_with_the_built_in_ones(session, furnished):
    client = session("viewer")
    page = page_of(client, "/forecasters")
    for words in ("Best by back-test", "Ageing model", "Trend", furnished.forecaster.name):
        assert words in page
    assert "No forecaster matches." in page_of(client, "/forecasters?q=nothing")


# --- search -----------------------------------------------------------------------------------------------------------
def found_by(client, text):
    page = client.get("/search", {"q": text}).content.decode()
    parts = re.findall(r"<h2>([^<]*)</h2>.*?<ul class=\"worst found\">(.*?)</ul>", page, re.S)
    return {title: re.findall(r'<a href="([^"]*)"', links) for title, links in parts}


def test_everything_is_searched_by_kind_and_the_exact_comes_first(session, furnished):
    from datahub.models import Battery

    Battery.objects.bulk_create(Battery(name=name) for name in ("a cell 3", "cell 3 b", "other"))
    client = session("viewer")
    found = found_by(client, "cell 3")
    assert found["Batteries"] == ["/dashboard/cell%203", "/dashboard/cell%203%20b", "/dashboard/a%20cell%203"]
    assert {"Estimators", "Forecasters", "Forecasts"} <= found.keys()
    assert found_by(client, "weights")["Files"]
    assert found_by(client, "plain words")["Jobs"][-1] == f"/jobs/{furnished.job.pk}"  # the oldest of those that say so


def test_a_number_with_its_sign_is_a_job_and_nothing_else(session, furnished):
    assert found_by(session("viewer"), f"#{furnished.job.pk}") == {"Jobs": [f"/jobs/{furnished.job.pk}"]}


def test_eight_of_a_kind_are_shown_and_where_the_rest_is(session, db):
    Job.objects.bulk_create(Job(kind="import_file", title=f"import {number}") for number in range(9))
    client = session("viewer")
    page = client.get("/search?q=import").content.decode()
    assert len(found_by(client, "import")["Jobs"]) == 8
    assert '<a href="/jobs?q=import">All of them</a>' in page


@pytest.mark.parametrize("text", ["'; DROP TABLE x; --", "%", "_", "\\", "<script>", "#", "#9999999999999999999999"])
def test_whatever_is_asked_is_answered(session, furnished, text):
    answer = session("viewer").get("/search", {"q": text})
    assert answer.status_code == 200
    assert "<script>a" not in answer.content.decode()


def test_another_ones_tokens_are_not_found(session, furnished):
    assert "Tokens" not in found_by(session("viewer"), "plain")
    assert "Tokens" in found_by(session("administrator"), "plain")


# --- tokens -----------------------------------------------------------------------------------------------------------
def test_a_token_is_made_shown_once_and_revoked(session, db):
    client = session("operator")
    page = client.post("/tokens", {"name": "logger", "battery_name": "cell 3", "days": "30"}).content.decode()
    token = Token.objects.get()
    secret = re.search(r'id="token" type="text" readonly value="([^"]+)"', page)[1]
    assert secret.startswith(token.token_key)
    assert (token.battery_name, token.rows_per_second) == ("cell 3", None)
    assert (token.expiry - token.created).total_seconds() == pytest.approx(30 * 86_400, abs=60)
    assert secret not in client.get("/tokens").content.decode()
    client.post(f"/tokens/{token.token_key}/revoke")
    assert not Token.objects.exists()


def test_limits_are_set_by_administrators(session, db):
    session("administrator").post("/tokens", {"name": "a", "days": "", "rows_per_second": "5", "connections": "2"})
    session("viewer").post("/tokens", {"name": "b", "days": "", "rows_per_second": "5"})
    made = Token.objects.order_by("name").values_list("name", "rows_per_second", "connections", "expiry")
    assert list(made) == [("a", 5, 2, None), ("b", None, None, None)]


def test_what_is_wrong_stands_beside_its_field(session, db):
    client = session("viewer")
    answer = client.post("/tokens", {"name": "", "battery_name": "cell", "days": "7"})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["name"])
    answer = client.post("/tokens", {"name": "x", "battery_name": "cell", "days": "7"})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["battery_name"])
    assert not Token.objects.exists()


def test_another_ones_token_is_neither_seen_nor_revoked(session, furnished):
    viewer = session("viewer")
    assert furnished.token.token_key not in viewer.get("/tokens").content.decode()
    assert viewer.post(f"/tokens/{furnished.token.token_key}/revoke").status_code == 404
    assert Token.objects.count() == 1


def test_a_state_names_times_as_people_do_and_has_all_seconds_in_its_title(client, user_with_role):
    client.force_login(user_with_role("viewer"))
    battery = battery_with_rows("cell", rows=2, step=157_869_120.0)  # 5 years of 365.25 days and 1.3 days
    estimator = with_estimates(battery)
    exact = "157\u202f869\u202f120 s"
    for path in ("/dashboard/cell", f"/estimators/{estimator.pk}"):
        page = client.get(path).content.decode()
        assert f'<span title="t = {exact}">All rows estimated to t = 5.0 y.</span>' in page
    assert f'<span title="{exact}">5.0 y</span>' in client.get("/dashboard/cell?tab=health").content.decode()
    assert client.get(f"/api/v1/estimators/{estimator.pk}/").json()["progress"]["latest_time"] == 157_869_120.0
