"""The fleet's page at work: sorted and filtered by health, its histogram, and what is done with many at once."""

import io
import re
import zipfile

import numpy as np
import pytest

from access.models import AuditEntry
from datahub.models import Battery
from rovi_site.pages import fleet
from rovi_site.pages.histogram import histogram_of, percentiles
from tests.rovi_site.pages import SD, STATES, battery_with_rows, heard, with_estimates
from twin.models import Estimator, EstimatorProgress

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]  # SQL of our own


@pytest.fixture
def operator(client, user_with_role):
    client.force_login(user_with_role("operator"))
    return client


def names_on(answer) -> list[str]:
    return re.findall(r'<td class="name"><a href="[^"]*">([^<]*)</a>', answer.content.decode())


def fleet_with_soh(**shares) -> dict[str, Battery]:
    """Batteries whose newest estimate is that share of 0.8 Ah; None has no estimator."""
    made = {name: battery_with_rows(name, rows=3) for name in shares}
    for name, share in shares.items():
        if share is not None:
            with_estimates(made[name], capacity=0.8 * share)
    return made


def many_with_estimates(number: int) -> None:
    """Without tables of estimates: what is asked of thousands stands in their progress alone."""
    metadata = {"name": "x", "battery": {"nominal_capacity": 0.8}}
    batteries = Battery.objects.bulk_create(
        Battery(name=f"cell {place:05d}", metadata=metadata, rows=9, last_received=1.0) for place in range(number)
    )
    estimators = Estimator.objects.bulk_create(
        Estimator(battery=battery, version=1, kind="joint_ukf", is_current=True, state="ready") for battery in batteries
    )
    packed = np.diag(SD**2)[np.triu_indices(4)].astype("<f8").tobytes()
    EstimatorProgress.objects.bulk_create(
        EstimatorProgress(
            estimator=estimator, state_names=STATES, covariance=packed, rows_seen=9, cursor=9, latest_time=9.0,
            mean=np.array([0.5, 0.0, 0.8 * (0.7 + 0.3 * place / number), 0.04]).astype("<f8").tobytes(),
        )
        for place, estimator in enumerate(estimators)
    )  # fmt: skip


# --- sorting and filtering --------------------------------------------------------------------------------------------
def test_health_sorts_worst_first_and_the_unknown_last(operator):
    fleet_with_soh(good=0.95, worn=0.81, unknown=None, fair=0.88)
    assert names_on(operator.get("/?sort=soh")) == ["worn", "fair", "good", "unknown"]
    assert names_on(operator.get("/?sort=-soh")) == ["good", "fair", "worn", "unknown"]


def test_charge_sorts_by_its_newest_estimate(operator):
    made = fleet_with_soh(full=0.9, empty=0.9)
    means = {"full": 0.97, "empty": 0.03}
    for name, battery in made.items():
        mean = np.array([means[name], 0.0, 0.7, 0.04]).astype("<f8").tobytes()
        EstimatorProgress.objects.filter(estimator__battery=battery).update(mean=mean)
    assert names_on(operator.get("/?sort=soc")) == ["empty", "full"]
    assert names_on(operator.get("/?sort=-soc")) == ["full", "empty"]


def test_the_address_filters_by_tag_simulated_health_and_need(operator):
    made = fleet_with_soh(a=0.875, b=0.885, c=None)
    for battery in made.values():
        heard(battery, 1.0)
    heard(made["c"], 4000.0)
    Battery.objects.filter(name="a").update(tags=["site 3"], is_simulated=True)
    found = {
        query: names_on(operator.get(f"/?{query}"))
        for query in ("tag=site+3", "tag=site", "simulated=yes", "simulated=no", "soh=87-88", "soh=-88", "need=1")
    }
    assert found == {
        "tag=site+3": ["a"], "tag=site": [], "simulated=yes": ["a"], "simulated=no": ["b", "c"],
        "soh=87-88": ["a"], "soh=-88": ["a"], "need=1": ["c"],
    }  # fmt: skip


def test_a_filter_that_means_nothing_hides_nothing(operator):
    fleet_with_soh(a=0.9)
    for query in ("soh=much", "soh=", "data=dead", "sort=nonsense", "simulated=perhaps"):
        assert names_on(operator.get(f"/?{query}")) == ["a"], query


@pytest.mark.parametrize("batteries", [1, 1000])
def test_a_thousand_batteries_cost_the_queries_of_one(operator, django_assert_num_queries, batteries):
    many_with_estimates(batteries)
    operator.get("/")
    with django_assert_num_queries(11):  # no table of estimates, so no small curves to read
        operator.get("/?sort=soh&soh=-100")


# --- histogram --------------------------------------------------------------------------------------------------------
def test_bars_are_of_one_percent_and_lead_to_their_batteries():
    found = histogram_of([0.875, 0.879, 0.881, 0.30, 1.5], "88-89")
    tall = {bar.wanted: (bar.label, bar.height) for bar in found.bars if bar.height}
    assert tall == {
        "-50": ("below 50 %: 1 battery", "42.0"),
        "87-88": ("87 to 88 %: 2 batteries", "84.0"),
        "88-89": ("88 to 89 %: 1 battery", "42.0"),
        "110-": ("110 % and more: 1 battery", "42.0"),
    }
    assert [bar.wanted for bar in found.bars if bar.is_chosen] == ["88-89"]


def test_percentiles_are_those_of_numpy():
    shares = np.random.default_rng(3).normal(0.9, 0.05, 1001).tolist()
    assert percentiles(shares) == pytest.approx(np.percentile(100 * np.array(shares), [5, 50, 95]).tolist())


def test_the_page_tells_the_spread_of_the_whole_fleet(operator):
    fleet_with_soh(a=0.80, b=0.90, c=1.00)
    page = operator.get("/").content.decode()
    assert "SOH of 3 batteries: median 90.0 %, nine in ten between 81.0 and 99.0 %" in page
    assert 'href="/?soh=80-81" aria-label="80 to 81 %: 1 battery"' in page


# --- many at once -----------------------------------------------------------------------------------------------------
def test_ticked_batteries_are_tagged_and_it_can_be_undone(operator):
    made = fleet_with_soh(a=None, b=None, c=None)
    ticked = [made["a"].pk, made["b"].pk]
    answer = operator.post("/batteries/tag", {"battery": ticked, "tag": "site 3"}, follow=True)
    assert "2 batteries tagged &#x27;site 3&#x27;." in answer.content.decode()
    assert list(Battery.objects.order_by("name").values_list("tags", flat=True)) == [["site 3"], ["site 3"], []]
    assert AuditEntry.objects.filter(action="tagged").count() == 2
    assert 'action="/batteries/undo"' in answer.content.decode()
    operator.post("/batteries/undo")
    assert not any(Battery.objects.values_list("tags", flat=True))


def test_all_that_match_are_archived_leave_the_lists_and_come_back(operator):
    made = fleet_with_soh(**{"old 1": None, "old 2": None, "new": None})
    heard(made["old 1"], 4000.0)
    operator.post("/batteries/archive", {"all": "yes", "matching": "q=old"})
    page = operator.get("/")
    assert names_on(page) == ["new"]
    assert "old 1" not in page.content.decode()  # nor does it need attention any more
    assert names_on(operator.get("/?archived=yes")) == ["old 1", "old 2"]
    assert Battery.objects.get(name="old 1").rows == 3
    operator.post("/batteries/undo")
    assert names_on(operator.get("/")) == ["new", "old 1", "old 2"]


def test_export_is_an_archive_with_a_file_a_battery(operator):
    made = fleet_with_soh(a=None, b=None, c=None)
    answer = operator.get("/batteries/export", {"battery": [made["a"].pk, made["c"].pk]})
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.namelist() == [f"{made['a'].pk}_a.parquet", f"{made['c'].pk}_c.parquet"]


@pytest.mark.parametrize(
    ("verb", "form", "sentence"),
    [
        ("tag", {"tag": "x"}, "No battery was ticked, so nothing was done."),
        ("tag", {"all": "yes", "tag": " "}, "A tag is a word or some; this one is empty."),
        ("tag", {"all": "yes", "tag": "a,b"}, "A tag holds no comma and no line break; &#x27;a,b&#x27; does."),
        ("undo", {}, "There is nothing to undo any more."),
    ],
)
def test_what_cannot_be_done_is_told(operator, verb, form, sentence):
    fleet_with_soh(a=None)
    assert sentence in operator.post(f"/batteries/{verb}", form, follow=True).content.decode()
    assert Battery.objects.get().tags == []


def test_an_unknown_verb_is_not_found(operator):
    assert operator.post("/batteries/burn", {"all": "yes"}).status_code == 404


# --- beginning and watching -------------------------------------------------------------------------------------------
def test_steps_that_were_gone_are_ticked_and_the_first_row_changes_the_frame(operator):
    Battery.objects.create(name="registered only")
    page = operator.get("/").content.decode()
    assert 'data-frame="empty"' in page
    assert page.count('class="is-done"') == 1
    assert names_on(operator.get("/")) == ["registered only"]
    battery_with_rows("sends", rows=1)
    page = operator.get("/").content.decode()
    assert 'data-frame="fleet"' in page
    assert "Three ways to begin" not in page


def test_those_who_watch_share_one_look_and_those_who_act_do_not(operator, monkeypatch):
    fleet_with_soh(a=None)
    monkeypatch.setattr(fleet, "_shared", None)
    watching = {"X-Requested-With": "live"}
    assert names_on(operator.get("/", headers=watching)) == ["a"]
    battery_with_rows("b", rows=1)
    assert names_on(operator.get("/", headers=watching)) == ["a"]
    assert names_on(operator.get("/")) == ["a", "b"]
    monkeypatch.setattr(fleet, "SHARED_SECONDS", 0.0)
    assert names_on(operator.get("/", headers=watching)) == ["a", "b"]
