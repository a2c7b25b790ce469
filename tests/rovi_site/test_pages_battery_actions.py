"""What is done with one battery from its page."""

import pytest

from datahub.models import Battery
from tests.rovi_site.pages import battery_with_rows, heard

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
