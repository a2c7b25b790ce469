"""Every list of the admin: words instead of codes, links, and as many queries for thirty records as for one."""

import copy
import uuid

import pytest
from django.contrib import admin
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from datahub.models import Battery
from jobs.models import Job
from twin.models import Estimator

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

LISTS = sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)
MANY = 30


def list_of(client, name):
    """The answer, and the queries that it took."""
    address = reverse(f"admin:{name}_changelist")
    client.get(address)  # what is remembered from then on is not counted
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)
    assert answer.status_code == 200
    return answer, asked.captured_queries


def copies(record, batteries):
    """As many more as there are batteries; each keeps every constraint of its table."""
    together = {name for each in record._meta.constraints for name in getattr(each, "fields", ())}
    for number, battery in enumerate(batteries, start=1):
        made = copy.copy(record)
        made._state = copy.copy(record._state)
        made._state.adding = True
        if isinstance(record._meta.pk, models.AutoField):
            made.pk = None
        made.is_current = False
        for field in record._meta.concrete_fields:
            if isinstance(field, models.UUIDField):
                setattr(made, field.attname, uuid.uuid4())
            elif field.is_relation and field.related_model is Battery:
                setattr(made, field.attname, battery.pk)
            elif field.unique and isinstance(field, models.IntegerField) and not field.primary_key:
                setattr(made, field.attname, (getattr(record, field.attname) or 0) + number)
            elif (field.unique or field.name in together) and isinstance(field, models.CharField):
                setattr(made, field.attname, f"{number}{getattr(record, field.attname)}"[: field.max_length])
        yield made


@pytest.fixture
def many(furnished):
    """What fills a list: the first record of it, thirty times, and of batteries what hangs on them."""

    def make(model):
        sample = Battery.objects.get()
        Battery.objects.bulk_create(
            Battery(name=f"cell {number}", rows=sample.rows, last_received=sample.last_received)
            for number in range(10, 9 + MANY)
        )
        batteries = Battery.objects.exclude(pk=sample.pk)
        of_batteries = [Estimator] if model is Battery else []
        for each in [model, *of_batteries]:
            if each is not Battery:
                each.objects.bulk_create(copies(each.objects.first(), batteries))
        progress = furnished.estimator.progress
        for estimator in Estimator.objects.filter(progress=None):
            progress.pk = estimator.pk
            progress._state.adding = True
            progress.save()

    return make


@pytest.mark.parametrize("name", LISTS)
def test_thirty_records_cost_the_queries_of_one(name, furnished, many, client_as_admin):
    model = next(each for each in admin.site._registry if f"{each._meta.app_label}_{each._meta.model_name}" == name)
    _, for_few = list_of(client_as_admin, name)
    many(model)
    answer, for_many = list_of(client_as_admin, name)
    assert len(answer.context["cl"].result_list) >= min(MANY, model.objects.count())
    assert model.objects.count() >= MANY
    assert len(for_many) <= len(for_few), [query["sql"] for query in for_many]


@pytest.fixture
def client_as_admin(client, user_with_role):
    client.force_login(user_with_role("administrator"))
    return client


@pytest.mark.parametrize("name", LISTS)
def test_no_list_shows_a_code_for_a_word(name, furnished, client_as_admin):
    answer, _ = list_of(client_as_admin, name)
    text = answer.content.decode()
    if name == "access_auditentry":  # it tells what was written, to the letter
        text = text.partition('id="result_list"')[0]
    for code in (
        "joint_ukf",
        "import_file",
        "load_estimator",
        "datahub.battery",
        "prognosis.forecastrun",
        "dataimport:",
    ):
        assert f">{code}" not in text, code


@pytest.mark.parametrize(
    "kind",
    [
        "battery",
        "estimator",
        "forecaster",
        "run",
        "fleet",
        "comparison",
        "job",
        "worker",
        "token",
        "parameter_set",
        "asset",
        "energy_forecast",
    ],
)
def test_a_record_links_to_its_page_and_its_api_address(kind, furnished, client_as_admin):
    record = getattr(furnished, kind)
    meta = record._meta
    change = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[record.pk])
    answer = client_as_admin.get(change)
    api = answer.context["api_address"]
    assert api.startswith("/api/v1/")
    assert client_as_admin.get(api).status_code == 200
    page = answer.context["page_address"]
    assert (page == "") == (kind in ("worker", "token"))
    text = answer.content.decode()
    for address in (api, page or api):
        assert f'href="{address}"' in text
    if page:
        assert f'href="{change}"' in client_as_admin.get(page).content.decode() or kind in ("estimator", "forecaster")


def test_a_question_names_what_it_touches_and_nothing_happens_before_the_answer(furnished, client_as_admin):
    address = reverse("admin:datahub_battery_changelist")
    chosen = {"action": "finish", "_selected_action": [furnished.battery.pk]}
    answer = client_as_admin.post(address, chosen)
    assert (answer.context["number"], answer.context["names"]) == (1, ["cell 3"])
    furnished.battery.refresh_from_db()
    assert furnished.battery.finished_at is None
    client_as_admin.post(address, {**chosen, "sure": "yes"})
    furnished.battery.refresh_from_db()
    assert furnished.battery.finished_at is not None


def test_the_message_of_a_finished_battery_takes_it_back(furnished, client_as_admin):
    address = reverse("admin:datahub_battery_changelist")
    chosen = {"action": "finish", "_selected_action": [furnished.battery.pk], "sure": "yes"}
    text = client_as_admin.post(address, chosen, follow=True).content.decode()
    undo = text.partition('class="rovi-undo">')[2].partition("</form>")[0]
    fields = dict(
        part.split('" value="')
        for part in undo.replace('">', "\n").split('name="')[1:]
        for part in [part.split("\n")[0]]
    )
    assert {name: value for name, value in fields.items() if name != "csrfmiddlewaretoken"} == {
        "action": "reopen", "sure": "yes", "_selected_action": str(furnished.battery.pk),
    }  # fmt: skip
    client_as_admin.post(address, fields)
    furnished.battery.refresh_from_db()
    assert furnished.battery.finished_at is None


def test_what_an_action_skips_is_counted_with_its_reason(furnished, client_as_admin):
    done = Job.objects.filter(state="done").first()
    chosen = {"action": "retry_jobs", "_selected_action": [furnished.job.pk, done.pk], "sure": "yes"}
    answer = client_as_admin.post(reverse("admin:jobs_job_changelist"), chosen, follow=True)
    assert [str(message) for message in answer.context["messages"]] == [
        f"1 retried, 1 skipped: Job #{done.pk} is done; only a failed or cancelled job is retried, and once."
    ]
