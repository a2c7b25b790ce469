"""Built-in kinds, groups and deletions through REST, the admin and pages; what is gone is told, never a fault."""

import pytest
from django.urls import reverse

from prognosis import registration
from prognosis.forecasting.groups import Chosen, GroupAsk, NamedLoad, request_comparison, request_fleet
from prognosis.forecasting.load import load_from
from prognosis.forecasting.runs import Way, request_run
from prognosis.models import Comparison, FleetForecast, Forecaster, ForecastRun
from tests.prognosis.conftest import HOLDS, QUERY, where_history_is_read
from tests.prognosis.past import DAY, YEAR

pytestmark = where_history_is_read
LOAD = {"ahead_time": 10 * YEAR, "resolution": 30 * DAY}


@pytest.fixture
def done(battery_with_past, work):
    battery, _ = battery_with_past()
    run = request_run(battery, load_from(LOAD), way=Way(kind="trend"))
    work()
    run.refresh_from_db()
    return run


def test_a_battery_without_a_forecaster_is_forecast_by_the_best_built_in_one(battery_with_past, client_as, work):
    battery_with_past()
    answer = client_as("operator").post("/api/v1/forecasts/", {"battery": "cell", "ahead_time": YEAR}, format="json")
    assert (answer.status_code, answer.json()["kind"]) == (202, "auto")
    work()
    found = client_as("viewer").get(f"/api/v1/forecasts/{answer.json()['id']}/").json()
    assert (found["state"], found["made_by"] in ("trend", "ageing")) == ("done", True)
    assert set(found["crossing"]["battery_time"]) == {"q05", "q25", "q50", "q75", "q95"}


def test_a_result_whose_file_is_gone_is_told(done, client_as, client, user_with_role):
    done.result_file.storage.delete(done.result_file.name)
    viewer = client_as("viewer")
    answer = viewer.get(f"/api/v1/forecasts/{done.pk}/result/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "result_missing")
    assert viewer.get(f"/api/v1/forecasts/{done.pk}/").json()["result"] is None
    client.force_login(user_with_role("operator"))
    assert client.get(f"/forecasts/{done.pk}").status_code == 200
    assert client.get(f"/charts/forecasts/{done.pk}").status_code == 410
    assert client.get("/dashboard/cell?tab=forecasts").status_code == 200


def test_deleting_takes_an_administrator_and_a_forecast_that_has_ended(done, client_as):
    waiting = request_run(done.battery, load_from(LOAD), way=Way(kind="trend"))
    administrator = client_as("administrator")
    assert client_as("engineer").delete(f"/api/v1/forecasts/{done.pk}/").status_code == 403
    assert administrator.delete(f"/api/v1/forecasts/{waiting.pk}/").status_code == 409
    assert administrator.delete(f"/api/v1/forecasts/{done.pk}/").status_code == 204
    assert list(ForecastRun.objects.all()) == [waiting]


def test_two_first_registrations_at_one_moment_become_two_versions(db, monkeypatch):
    real, stale = registration._next_version, [1, 1]
    monkeypatch.setattr(registration, "_next_version", lambda name: stale.pop() if stale else real(name))
    for _ in range(2):
        registration.register_forecaster(name="cell", definition=HOLDS, sql_query=QUERY)
    assert sorted(Forecaster.objects.values_list("version", flat=True)) == [1, 2]


def test_forms_ask_for_a_fleet_and_for_compared_loads(battery_with_past, client, user_with_role, work):
    battery_with_past()
    client.force_login(user_with_role("operator"))
    form = {"which": "all", "ahead": 10, "ahead_unit": "y", "profile": "none", "kind": "trend"}
    answer = client.post(reverse("fleet-form"), form)
    assert answer.url == reverse("fleet-forecast", args=[FleetForecast.objects.get().pk])
    form = {"ahead": 10, "days": 2, "with_offset": "on", "offset": -10, "kind": "ageing"}
    compared = client.post(f"{reverse('compare-form')}?battery=cell", form)
    assert compared.url == reverse("comparison", args=[Comparison.objects.get().pk])
    work()
    assert "1<span" in client.get(answer.url).content.decode()
    assert [row.run.label for row in client.get(compared.url).context["rows"]] == ["today's duty", "10 °C cooler"]
    lines = client.get(reverse("comparison-series", args=[Comparison.objects.get().pk])).json()["lines"]
    assert [len(line["lower"]) == len(line["t"]) for line in lines] == [True, True]


def test_the_form_remembers_the_last_ask(battery_with_past, client, user_with_role):
    battery_with_past()
    client.force_login(user_with_role("operator"))
    form = {"battery": "cell", "ahead": 7, "ahead_unit": "y", "profile": "current", "current": -0.5, "kind": "ageing"}
    assert client.post("/dashboard/cell?tab=forecasts", form).status_code == 302
    shown = client.get("/dashboard/cell?tab=forecasts").context["form"]
    assert {name: str(shown[name].value()) for name in form if name != "battery"} == {
        "ahead": "7", "ahead_unit": "y", "profile": "current", "current": "-0.5", "kind": "ageing",
    }  # fmt: skip


def test_the_admin_registers_a_built_in_kind_and_forecasts_chosen_batteries(battery_with_past, client, user_with_role):
    battery, _ = battery_with_past()
    client.force_login(user_with_role("administrator"))
    form = {"name": "cell", "batteries": "", "kind": "ageing", "preset": "nca", "keep_files_of": ""}
    assert client.post("/admin/prognosis/forecaster/add/", form).status_code == 302
    made = Forecaster.objects.get()
    assert (made.kind, made.options, made.is_current) == ("ageing", {"preset": "nca"}, True)
    chosen = {"action": "forecast_batteries", "_selected_action": [battery.pk], "sure": "yes"}
    answer = client.post("/admin/datahub/battery/", chosen)
    assert answer.url == reverse("fleet-forecast", args=[FleetForecast.objects.get().pk])


@pytest.mark.parametrize("is_pinned", [False, True])
def test_a_built_in_standing_forecaster_takes_steps_that_suit_ten_years(battery_with_past, client_as, is_pinned):
    battery_with_past(rows=False)
    standing = registration.register_built_in(name="cell", kind="trend")
    asked = {"battery": "cell", "ahead_time": 10 * YEAR} | ({"forecaster": standing.pk} if is_pinned else {})
    answer = client_as("operator").post("/api/v1/forecasts/", asked, format="json")
    assert (answer.status_code, answer.json()["load"]["resolution"]) == (202, 30 * DAY)


def test_what_is_being_made_is_not_deleted(battery_with_past, client_as, client, work, django_user_model):
    battery, _ = battery_with_past(rows=False)
    fleet = request_fleet(Chosen(), load_from(LOAD), GroupAsk("", Way(kind="trend")))
    loads = [NamedLoad(label, load_from(LOAD)) for label in "ab"]
    comparison = request_comparison(battery, loads, GroupAsk("", Way(kind="trend")))
    administrator = client_as("administrator")
    client.force_login(django_user_model.objects.get())
    doors = [f"/api/v1/fleet-forecasts/{fleet.pk}/", f"/api/v1/comparisons/{comparison.pk}/"]
    records = (("fleetforecast", fleet), ("comparison", comparison), ("forecastrun", fleet.runs.get()))
    pages = [reverse(f"admin:prognosis_{name}_delete", args=[record.pk]) for name, record in records]
    answers = [administrator.delete(door) for door in doors]
    assert [(each.status_code, each.json()["error"]["code"]) for each in answers] == [(409, "forecast_goes_on")] * 2
    assert [client.post(page, {"post": "yes"}).status_code for page in pages] == [403] * 3
    work()
    assert client.post(pages[2], {"post": "yes"}).status_code == 302
    assert [administrator.delete(door).status_code for door in doors] == [204] * 2
    assert not ForecastRun.objects.exists()
