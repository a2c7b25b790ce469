"""The versions panel of a battery's page: what it shows, what its buttons do, and where an estimate comes from."""

import pytest

from datahub.ingest import store_records
from rovi_site import sources
from rovi_site.live import Source
from tests.twin import oracle
from tests.twin.conftest import catch_up
from twin.models import Estimator, VersionChange
from twin.registration import register_estimator
from twin.versions import follow, promote

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]  # SQL of our own
PANEL = "/dashboard/cell?tab=health"


@pytest.fixture
def versions(settings):
    """Two, of which the first is current and the second, with another start, is followed; 49 estimates of each."""
    settings.CHECKPOINT_ROWS = 10
    parameters = oracle.parameters("one_rc")
    first = register_estimator(battery_name="cell", kind="joint_ukf", parameters=parameters)
    store_records("cell", oracle.records(last=50))
    catch_up()
    second = register_estimator(
        battery_name="cell", kind="joint_ukf", parameters={**parameters, "initial_soc": 0.9},
        promote_when_caught_up=False,
    )  # fmt: skip
    catch_up()
    return first, second


@pytest.fixture
def client_of(client, user_with_role):
    def log_in(role):
        client.force_login(user_with_role(role))
        return client

    return log_in


def is_current(version):
    return Estimator.objects.get(pk=version.pk).is_current


def test_the_panel_shows_each_version_and_how_far_two_lie_apart(versions, client_of):
    page = client_of("engineer").get(PANEL)
    first, second = versions
    assert [(row.estimator, row.badge.word) for row in page.context["versions"]] == [
        (second, "Ready"), (first, "Ready"),
    ]  # fmt: skip
    assert page.context["compared"] == (first, second)
    assert [each.title for each in page.context["differences"]] == ["State of charge", "Capacity", "Resistance"]
    assert page.context["differences"][0].rows == 49
    told = page.content.decode()
    assert "Promote v2" in told
    assert "Roll back" not in told
    assert "Delete results" not in told  # for administrators
    assert f"estimator:{second.pk}" in page.context["watch"]


def test_the_difference_is_that_of_the_estimates(versions, client_of):
    first, second = versions
    client = client_of("viewer")
    rows = [client.get(f"/api/v1/estimators/{version.pk}/estimates/").json()["results"] for version in (first, second)]
    apart = [100 * (b["soc"] - a["soc"]) for a, b in zip(*rows, strict=True)]
    found = client.get(f"{PANEL}&a={first.pk}&b={second.pk}").context["differences"][0]
    assert float(found.rmse) == pytest.approx((sum(each**2 for each in apart) / 49) ** 0.5, abs=0.005)
    assert float(found.newest.replace("−", "-").replace("+", "")) == pytest.approx(apart[-1], abs=0.005)
    other = client.get(f"{PANEL}&a={second.pk}&b={first.pk}").context["differences"][0]
    assert float(other.rmse) == float(found.rmse)


def test_the_series_of_two_versions_come_for_one_chart(versions, client_of):
    first, second = versions
    battery = first.battery
    client, address = client_of("viewer"), f"/charts/batteries/{battery.pk}/versions"
    answer = client.get(address, {"a": first.pk, "b": "no"}).json()
    assert [version["name"] for version in answer["versions"]] == ["v1 (current)"]
    answer = client.get(address, {"a": first.pk, "b": second.pk}).json()
    assert [version["name"] for version in answer["versions"]] == ["v1 (current)", "v2"]
    assert set(answer["versions"][1]["series"]) == {"soc", "q_t", "r0"}
    assert len(answer["versions"][1]["series"]["q_t"]["mean"]) == 49
    assert client.get("/charts/batteries/999/versions").status_code == 404


def test_buttons_promote_and_roll_back_and_the_changes_are_told(versions, client_of):
    first, second = versions
    client = client_of("engineer")
    page = client.post(f"/versions/{second.pk}/promote", follow=True)
    assert is_current(second)
    assert "Roll back to v1" in page.content.decode()
    assert [str(message) for message in page.context["messages"]] == ["v2 is current now."]
    page = client.post(f"/versions/{second.pk}/roll-back", follow=True)
    assert is_current(first)
    assert "rolled back from v2, by the-engineer" in page.content.decode()
    assert VersionChange.objects.count() == 3
    client.post(f"/versions/{second.pk}/follow")
    assert Estimator.objects.get(pk=second.pk).followed
    client.post(f"/versions/{second.pk}/stop-following")
    assert not Estimator.objects.get(pk=second.pk).followed
    assert client.post(f"/versions/{second.pk}/retire").status_code == 404
    page = client.post(f"/versions/{second.pk}/roll-back", follow=True)
    assert "is not the current version" in str(*page.context["messages"])


def test_a_viewer_sees_the_versions_and_changes_none(versions, client_of):
    _, second = versions
    client = client_of("operator")
    assert "Changing versions needs the role engineer." in client.get(PANEL).content.decode()
    assert client.post(f"/versions/{second.pk}/promote").status_code == 403
    assert client.get(f"/versions/{second.pk}/promote").status_code == 405
    assert not is_current(second)


def test_results_go_after_a_page_that_says_how_many(versions, client_of):
    first, second = versions
    client = client_of("administrator")
    address = f"/versions/{second.pk}/delete-results"
    assert "This deletes 49 estimates for good." in client.get(address).content.decode()
    page = client.post(address, follow=True)
    assert [str(message) for message in page.context["messages"]] == ["Deleted 49 estimates of v2."]
    address = f"/versions/{first.pk}/delete-results"
    page = client.post(address, follow=True)
    assert "is the current version" in str(*page.context["messages"])
    client.post(address, {"even_if_current": "yes"})
    assert Estimator.objects.get(pk=first.pk).progress.rows_stepped == 0


def test_an_estimate_tells_its_origin_on_a_page(versions, client_of):
    first, _ = versions
    client = client_of("viewer")
    newest = client.get(f"/versions/{first.pk}/origin")
    assert newest.context["told"]["estimate"]["row_id"] == 50
    time = oracle.cell()["test_time"][29]
    between = client.get(f"/versions/{first.pk}/origin?t={time + 0.01}").context["told"]
    assert between["estimate"] == {**between["estimate"], "row_id": 30, "test_time": time}
    assert between["rows"]["used"] == 30
    assert "capacity_ah" in newest.content.decode()
    for wrong in ("row=999", "t=-5"):
        assert client.get(f"/versions/{first.pk}/origin?{wrong}").status_code == 404
    assert client.get("/versions/999/origin").status_code == 404


def test_pages_learn_of_a_promotion_and_of_a_series_that_was_replaced(versions):
    first, second = versions
    twin, steps = Source("twin", sources.twins_since), Source("estimator", sources.estimators_since)
    twin.changed(0.0), steps.changed(0.0)
    promote(second)
    assert (twin.changed(0.0), steps.changed(0.0)) == ({first.battery_id}, {first.pk, second.pk})
    follow(first)
    assert steps.changed(0.0) == {first.pk}
    first.progress.__class__.objects.filter(pk=first.pk).update(series=1)
    assert steps.changed(0.0) == {first.pk}


def test_charts_are_drawn_anew_when_the_series_was_replaced(versions, client_of):
    first, _ = versions
    client, address = client_of("viewer"), f"/charts/batteries/{first.battery_id}"
    after = client.get(address).json()["after"]
    asked = {"after": after["rows"], "after_estimate": after["estimates"], "after_series": after["series"]}
    assert "reload" not in client.get(address, asked).json()
    first.progress.__class__.objects.filter(pk=first.pk).update(series=1)
    assert client.get(address, asked).json()["reload"] is True
