"""What is done with one battery from its page."""

import pytest

from access.models import AuditEntry
from datahub.models import Battery, Mark
from tests.rovi_site.pages import battery_with_rows, heard, with_estimates
from twin.models import EstimatorProgress
from twin.recompute import Cost

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client, user_with_role):
    client.force_login(user_with_role("operator"))
    return client


@pytest.mark.parametrize(
    ("verb", "back", "field", "sentence"),
    [
        ("finish", "reopen", "finished_at", "Finished: silence is no alarm any more."),
        ("archive", "restore", "archived_at", "Archived: out of the fleet&#x27;s lists, and nothing is deleted."),
    ],
)
def test_a_battery_is_ended_or_archived_and_taken_back(operator, verb, back, field, sentence):
    battery = battery_with_rows("cell 1", rows=2)
    answer = operator.post(f"/batteries/{battery.pk}/{verb}", follow=True)
    assert answer.redirect_chain == [("/dashboard/cell%201", 302)]
    assert sentence in answer.content.decode()
    assert getattr(Battery.objects.get(), field) is not None
    assert f"/batteries/{battery.pk}/{back}" in answer.content.decode()
    operator.post(f"/batteries/{battery.pk}/{back}")
    assert getattr(Battery.objects.get(), field) is None


def test_a_tag_stands_on_the_page_and_leads_to_its_batteries(operator):
    battery = battery_with_rows("cell 1", rows=2)
    page = operator.post(f"/batteries/{battery.pk}/tag", {"tag": "site 3"}, follow=True).content.decode()
    assert '<a class="tag" href="/?tag=site%203">site 3</a>' in page
    operator.post(f"/batteries/{battery.pk}/untag", {"tag": "site 3"})
    assert Battery.objects.get().tags == []


def test_what_was_so_already_is_told(operator):
    battery = battery_with_rows("cell 1", rows=2)
    page = operator.post(f"/batteries/{battery.pk}/reopen", follow=True).content.decode()
    assert "It was so already; nothing was changed." in page


@pytest.mark.parametrize("path", ["/batteries/999/finish", "/batteries/1/burn"])
def test_what_is_not_there_is_not_found(operator, path):
    assert operator.post(path).status_code == 404


def test_a_silent_battery_tells_since_when_and_what_to_do(operator):
    battery = battery_with_rows("cell 1", rows=2)
    heard(battery, 4000.0)
    page = operator.get("/dashboard/cell%201").content.decode()
    assert "<strong>Silent.</strong> No row since" in page
    assert "finish the test under Actions" in page


# --- marked events ---------------------------------------------------------------------------------------------------
def test_an_event_is_marked_stands_in_the_charts_and_is_taken_away(operator):
    battery = battery_with_rows("cell 1", rows=3, step=10.0)
    page = operator.post(f"/batteries/{battery.pk}/mark", {"t": "10", "text": " sensor  changed "}, follow=True)
    assert "Marked &#x27;sensor changed&#x27; at 10 s" in page.content.decode()
    (event,) = operator.get(f"/charts/batteries/{battery.pk}").json()["events"]
    assert event == {"t": 10.0, "kind": "mark", "words": "sensor changed (the-operator)"}
    mark = Mark.objects.get()
    assert "sensor changed" in operator.get("/dashboard/cell%201?tab=data").content.decode()
    page = operator.post(f"/batteries/{battery.pk}/unmark", {"mark": mark.pk}, follow=True)
    assert page.redirect_chain == [("/dashboard/cell%201?tab=data#marks", 302)]
    assert not Mark.objects.exists()
    told = AuditEntry.objects.filter(kind="datahub.mark").order_by("pk").values_list("action", flat=True)
    assert list(told) == ["created", "deleted"]


@pytest.mark.parametrize(
    ("t", "at"), [("", 20.0), ("end", 20.0), ("end-5s", 15.0), ("-3.5", -3.5)], ids=["newest", "end", "before", "s"]
)
def test_a_mark_stands_where_its_words_say(operator, t, at):
    battery = battery_with_rows("cell 1", rows=3, step=10.0)
    operator.post(f"/batteries/{battery.pk}/mark", {"t": t, "text": "x"})
    assert Mark.objects.get().test_time == at


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"t": "soon", "text": "x"}, "&#x27;soon&#x27; is no time: write seconds of test time"),
        ({"t": "0", "text": " "}, "Say in 1 to 200 characters what happened; these are 0."),
        ({"t": "0", "text": "x" * 201}, "Say in 1 to 200 characters what happened; these are 201."),
    ],
)
def test_a_mark_that_says_nothing_is_refused_in_words(operator, form, complaint):
    battery = battery_with_rows("cell 1", rows=3)
    page = operator.post(f"/batteries/{battery.pk}/mark", form, follow=True).content.decode()
    assert complaint in page
    assert not Mark.objects.exists()


def test_marks_are_written_read_and_deleted_over_rest(operator):
    battery_with_rows("cell 1", rows=3)
    body = {"battery": "cell 1", "test_time": 5.0, "text": "paused"}
    made = operator.post("/api/v1/marks/", body, content_type="application/json")
    assert (made.status_code, made.json() | body) == (201, made.json())
    listed = operator.get("/api/v1/marks/?battery__name=cell 1&test_time__gte=5").json()["results"]
    assert [mark["text"] for mark in listed] == ["paused"]
    assert operator.get("/api/v1/marks/?test_time__gte=6").json()["count"] == 0
    assert operator.delete(f"/api/v1/marks/{made.json()['id']}/").status_code == 204
    refused = operator.post("/api/v1/marks/", body | {"text": " "}, content_type="application/json")
    assert refused.status_code in (400, 422)


# --- computed anew ---------------------------------------------------------------------------------------------------
def test_what_recomputing_takes_is_told_before_it_is_asked_for(client, user_with_role):
    client.force_login(user_with_role("engineer"))
    battery = battery_with_rows("cell 1", rows=100, step=10.0)
    estimator = with_estimates(battery, steps_per_second=10.0)
    address = f"/versions/{estimator.pk}/recompute"
    assert f'action="{address}"' in client.get("/dashboard/cell%201").content.decode()
    page = client.get(address, {"t": "end-100s"})
    assert (page.context["at"], page.context["cost"]) == (890.0, Cost(None, 100, 10.0))
    assert "100 rows are estimated once more, from the first one on; that takes about 10 s." in page.content.decode()
    assert EstimatorProgress.objects.get().late_from is None
    answer = client.post(address, {"t": "end-100s"}, follow=True)
    assert answer.redirect_chain == [("/dashboard/cell%201?tab=health", 302)]
    assert EstimatorProgress.objects.get().late_from == 890.0
    assert "To be made anew from t = " in answer.content.decode()


@pytest.mark.parametrize(
    ("t", "complaint"),
    [("soon", "is no time"), ("1e9", "has no estimate at or after 1000000000 s"), ("nan", "is no time")],
)
def test_a_time_from_which_nothing_can_be_made_anew_is_told_beside_its_field(client, user_with_role, t, complaint):
    client.force_login(user_with_role("engineer"))
    estimator = with_estimates(battery_with_rows("cell 1", rows=10))
    for answer in (client.get(f"/versions/{estimator.pk}/recompute", {"t": t}),
                   client.post(f"/versions/{estimator.pk}/recompute", {"t": t})):  # fmt: skip
        assert (answer.status_code, complaint in answer.content.decode()) == (422, True)
    assert EstimatorProgress.objects.get().late_from is None
