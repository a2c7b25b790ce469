"""Batteries in the admin: described by field or as JSON, looked at, ended, deleted with a typed name."""

import io
import re
import zipfile

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from datahub.filing import archive_batteries
from datahub.forms import AS_JSON, battery_form
from datahub.ingest import store_records
from datahub.marks import mark_event
from datahub.models import Battery, DataImport
from jobs.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

LIST = "admin:datahub_battery_changelist"


@pytest.fixture
def admin(client, user_with_role):
    client.force_login(user_with_role("administrator"))
    return client


@pytest.fixture
def battery():
    store_records("cell <3>", [{"test_time": float(i), "voltage": 3.5, "state": "hold"} for i in range(60)])
    return Battery.objects.get()


def change(battery):
    return reverse("admin:datahub_battery_change", args=[battery.pk])


def page(answer):
    """The text of a page, which must have come and hold nothing inline."""
    assert answer.status_code == 200
    text = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)(?![^>]*application/json)|<style|\sstyle=|\son[a-z]+=", text), "inline"
    return text


def filled(form, **changes):
    """What a browser would post of a form, with some fields changed."""
    values = {}
    for bound in form:
        value = bound.value()
        if value not in (None, False):
            values[bound.html_name] = value
    return {**values, **changes}


def form_of(admin, battery):
    return admin.get(change(battery)).context["adminform"].form


# --- describing ----------------------------------------------------------------------------------------------------
def test_the_form_has_a_field_for_each_plain_value_of_the_toolkits_schema(admin):
    page(admin.get(reverse("admin:datahub_battery_add")))
    names = [field.name for field in battery_form().metadata_fields]
    assert {"metadata__battery__nominal_capacity", "metadata__battery__cathode", "metadata__source"} <= set(names)
    assert battery_form().base_fields["metadata__battery__nominal_capacity"].label == "Nominal Capacity, Ah"


def test_a_battery_is_registered_with_metadata_by_field(admin):
    admin.post(
        reverse("admin:datahub_battery_add"),
        {
            "name": "pack 7",
            "description": "in the yard",
            "metadata__battery__nominal_capacity": "2.5",
            "metadata__battery__cathode": '{"name": "NMC"}',
            "metadata__is_measurement": "true",
        },
    )
    made = Battery.objects.get()
    assert (made.name, made.description) == ("pack 7", "in the yard")
    assert made.metadata["battery"] == {"nominal_capacity": 2.5, "cathode": {"name": "NMC"}}


def test_a_name_that_is_taken_is_refused_beside_its_field(admin, battery):
    answer = admin.post(reverse("admin:datahub_battery_add"), {"name": battery.name})
    assert "name" in answer.context["adminform"].form.errors
    assert Battery.objects.count() == 1


def test_saving_a_form_that_was_not_changed_changes_nothing(admin, battery):
    battery.metadata = {"name": "cell <3>", "version": "0.4.0", "battery": {"nominal_capacity": 1.5}, "rack": 7}
    battery.save()
    answer = admin.post(change(battery), filled(form_of(admin, battery)))
    assert answer.status_code == 302
    battery.refresh_from_db()
    assert battery.metadata == {
        "name": "cell <3>", "version": "0.4.0", "is_measurement": True, "battery": {"nominal_capacity": 1.5}, "rack": 7,
    }  # fmt: skip
    assert battery.rows == 60


def test_a_field_changes_its_value_and_leaves_the_rest_of_the_document(admin, battery):
    battery.metadata = {"battery": {"nominal_capacity": 1.5, "design": "old"}, "rack": 7}
    battery.save()
    admin.post(change(battery), filled(form_of(admin, battery), metadata__battery__design=""))
    battery.refresh_from_db()
    assert battery.metadata["battery"] == {"nominal_capacity": 1.5}
    assert battery.metadata["rack"] == 7


def test_the_json_changes_the_whole_document(admin, battery):
    admin.post(change(battery), filled(form_of(admin, battery), **{AS_JSON: '{"comments": "c", "rack": 8}'}))
    battery.refresh_from_db()
    assert (battery.metadata["comments"], battery.metadata["rack"]) == ("c", 8)


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("metadata__battery__layer_count", "1", "metadata__battery__layer_count"),
        ("metadata__battery__cathode", '{"porosity": 300}', "metadata__battery__cathode"),
        (AS_JSON, '{"battery": {"nominal_capacity": "much"}}', "metadata__battery__nominal_capacity"),
        (AS_JSON, "{", AS_JSON),
        (AS_JSON, "[1]", AS_JSON),
        ("metadata__battery__cathode", "{", "metadata__battery__cathode"),
    ],
)
def test_wrong_metadata_is_refused_beside_its_field(admin, battery, field, value, where):
    answer = admin.post(change(battery), filled(form_of(admin, battery), **{field: value}))
    assert list(answer.context["adminform"].form.errors) == [where]
    page(answer)
    assert Battery.objects.get().metadata is None


def test_a_name_is_shown_and_not_changed(admin, battery):
    admin.post(change(battery), filled(form_of(admin, battery), name="other"))
    assert Battery.objects.get().name == "cell <3>"


def test_a_viewer_sees_the_record_and_changes_nothing(client, user_with_role, battery):
    battery.metadata = {"comments": "seen"}
    battery.save()
    client.force_login(user_with_role("viewer"))
    text = page(client.get(change(battery)))
    assert "seen" in text
    assert 'name="_save"' not in text
    assert client.post(change(battery), {"description": "mine"}).status_code == 403


def test_a_battery_links_to_its_page_rows_and_api(admin, battery):
    text = page(admin.get(change(battery)))
    assert re.search(r"tone-ok[^>]*>.*#shape-ok.*Live</span> Last row", text)
    for address in (
        "/dashboard/cell%20%3C3%3E",
        f"/admin/datahub/battery/{battery.pk}/rows/",
        f"/api/v1/batteries/{battery.pk}/",
    ):
        assert f'href="{address}"' in text


# --- the list ------------------------------------------------------------------------------------------------------
def test_three_batteries_cost_the_queries_of_one(admin, django_assert_max_num_queries, battery):
    admin.get(reverse(LIST))
    with django_assert_max_num_queries(9) as for_one:
        admin.get(reverse(LIST))
    for name in "bc":
        store_records(name, [{"test_time": 0.0}])
    with django_assert_max_num_queries(len(for_one.captured_queries)):
        text = page(admin.get(reverse(LIST)))
    assert text.count("Live") == 4  # three rows and the filter


@pytest.mark.parametrize(
    ("age", "interval", "finished", "state"),
    [
        (1, 1, False, "live"),
        (20, 1, False, "late"),
        (4000, 1, False, "silent"),
        (4000, 3600, False, "live"),
        (1, 1, True, "finished"),
    ],
)
def test_the_filter_finds_what_the_state_says(admin, battery, age, interval, finished, state):
    from django.utils import timezone

    from datahub.states import WORDS, data_state

    now = timezone.now()
    Battery.objects.update(
        last_received=now.timestamp() - age, interval_seconds=interval, finished_at=now if finished else None
    )
    Battery.objects.create(name="empty")
    found = {
        word: [each.name for each in admin.get(reverse(LIST), {"data": word}).context["cl"].result_list]
        for word in WORDS
    }
    wanted = {word: [] for word in WORDS} | {state: ["cell <3>"]}
    wanted["never"] = ["empty"]
    assert found == wanted
    assert data_state(Battery.objects.get(rows=60), now).code == state


def test_actions_finish_and_reopen_and_say_what_they_skipped(admin, battery):
    other = Battery.objects.create(name="b")
    post = {"_selected_action": [battery.pk, other.pk], "sure": "yes"}
    admin.post(reverse(LIST), {"action": "finish", "_selected_action": [other.pk], "sure": "yes"})
    text = page(admin.post(reverse(LIST), {"action": "finish", **post}, follow=True))
    assert "1 finished, 1 skipped: it is so already." in text
    admin.post(reverse(LIST), {"action": "reopen", **post})
    assert not Battery.objects.exclude(finished_at=None).exists()


def test_a_viewers_actions_are_refused(client, user_with_role, battery):
    client.force_login(user_with_role("viewer"))
    client.post(reverse(LIST), {"action": "finish", "_selected_action": [battery.pk], "sure": "yes"})
    assert Battery.objects.get().finished_at is None


def test_several_are_exported_as_an_archive_of_a_file_each(admin, battery):
    import pyarrow.parquet as pq

    store_records("b", [{"test_time": 0.0}])
    ids = list(Battery.objects.values_list("pk", flat=True))
    answer = admin.post(reverse(LIST), {"action": "export", "_selected_action": ids, "sure": "yes"})
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert [name.split("_", 1)[1] for name in archive.namelist()] == ["b.parquet", "cell_3.parquet"]
    assert pq.read_table(io.BytesIO(archive.read(archive.namelist()[1]))).num_rows == 60


# --- rows and download ---------------------------------------------------------------------------------------------
def test_rows_are_shown_page_by_page_with_units_and_kinds(admin, battery):
    path = reverse("admin:datahub_battery_rows", args=[battery.pk])
    text = page(admin.get(path))
    assert "voltage, V" in text
    assert text.count('<td class="nowrap">hold</td>') == 50
    rest = page(admin.get(path, {"after": re.search(r"\?after=(\d+)", text)[1]}))
    assert rest.count('<td class="nowrap">hold</td>') == 10
    assert "Next rows" not in rest


def test_a_window_without_rows_says_where_they_are(admin, battery):
    path = reverse("admin:datahub_battery_rows", args=[battery.pk])
    assert "They lie between 0.0 s and 59.0 s" in page(admin.get(path, {"start": "100"}))
    assert "start cannot be used" in page(admin.get(path, {"start": "soon"}))


def test_rows_are_downloaded_in_the_chosen_columns(admin, battery):
    path = reverse("admin:datahub_battery_download", args=[battery.pk])
    page(admin.get(path))
    answer = admin.get(path, {"format": "csv", "start": "", "end": "2", "column": ["voltage"]})
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0] == "voltage,received"
    assert len(lines) == 3


@pytest.mark.parametrize("name", ["rows", "download"])
def test_a_stranger_sees_no_rows(client, battery, name):
    answer = client.get(reverse(f"admin:datahub_battery_{name}", args=[battery.pk]))
    assert answer.status_code == 302
    assert "/login" in answer["Location"]


# --- filing ----------------------------------------------------------------------------------------------------------
def names_in(answer):
    return [battery.name for battery in answer.context["cl"].result_list]


def test_tags_and_filing_are_filtered_by_the_whole_word(admin, battery):
    for name, tags in (("a", ["site 3", "Ä"]), ("b", ["site 33"]), ("c", ["Site 3", 'say "x"'])):
        Battery.objects.create(name=name, tags=tags)
    archive_batteries(Battery.objects.filter(name="b").values_list("pk", flat=True))
    asked = {"tag": ("site 3", "Site 3", "Ä", 'say "x"', "si.e 3"), "filing": ("archived", "fleet")}
    found = {
        (name, value): names_in(admin.get(reverse(LIST), {name: value})) for name in asked for value in asked[name]
    }
    assert found == {
        ("tag", "site 3"): ["a"], ("tag", "Site 3"): ["c"], ("tag", "Ä"): ["a"], ("tag", 'say "x"'): ["c"],
        ("tag", "si.e 3"): [], ("filing", "archived"): ["b"], ("filing", "fleet"): ["a", "c", "cell <3>"],
    }  # fmt: skip
    assert "Archived</span>" in page(admin.get(reverse(LIST), {"filing": "archived"}))


def test_batteries_are_archived_and_come_back(admin, battery):
    chosen = {"action": "archive", "_selected_action": [battery.pk]}
    assert "Nothing is deleted" in page(admin.post(reverse(LIST), chosen))
    assert Battery.objects.get().archived_at is None
    text = page(admin.post(reverse(LIST), {**chosen, "sure": "yes"}, follow=True))
    assert "1 archived." in text
    assert 'name="action" value="restore"' in text  # the message's Undo
    assert Battery.objects.get().archived_at is not None
    admin.post(reverse(LIST), {**chosen, "action": "restore", "sure": "yes"})
    assert Battery.objects.get().archived_at is None


def test_a_tag_is_written_beside_the_action_and_asked_about_before(admin, battery):
    chosen = {"action": "tag", "tag": "site 3", "_selected_action": [battery.pk]}
    assert '<input type="hidden" name="tag" value="site 3">' in page(admin.post(reverse(LIST), chosen))
    assert Battery.objects.get().tags == []
    text = page(admin.post(reverse(LIST), {**chosen, "sure": "yes"}, follow=True))
    assert Battery.objects.get().tags == ["site 3"]
    undo = re.search(r'class="rovi-undo">.*?</form>', text, re.DOTALL)[0]
    assert 'name="action" value="untag"' in undo
    assert 'name="tag" value="site 3"' in undo
    admin.post(reverse(LIST), {**chosen, "action": "untag", "sure": "yes"})
    assert Battery.objects.get().tags == []
    text = page(admin.post(reverse(LIST), {**chosen, "tag": "", "sure": "yes"}, follow=True))
    assert "A tag is a word or some; this one is empty." in text
    verbs = admin.get(change(battery)).context["verbs"]
    assert [name for name, _ in verbs if name in ("archive", "tag", "untag")] == ["archive"]  # no field for a tag there


# --- deleting ------------------------------------------------------------------------------------------------------
def test_deleting_names_the_loss_and_takes_the_name_typed(admin, battery):
    path = reverse("admin:datahub_battery_delete", args=[battery.pk])
    mark_event(battery, 60.0, "The chamber stopped.")
    assert "This deletes 60 rows and 1 marked event" in page(admin.get(path))
    assert "This is not the battery" in page(admin.post(path, {"confirm": "cell 3"}))
    assert Battery.objects.exists()
    text = page(admin.post(path, {"confirm": "cell <3>"}, follow=True))
    assert "Deleted cell &lt;3&gt; with 60 rows and 1 marked event." in text
    assert not Battery.objects.exists()


def test_an_operator_deletes_nothing(client, user_with_role, battery):
    client.force_login(user_with_role("operator"))
    path = reverse("admin:datahub_battery_delete", args=[battery.pk])
    assert client.post(path, {"confirm": "cell <3>"}).status_code == 403
    assert Battery.objects.exists()


def test_many_are_never_deleted_at_once(admin, battery):
    admin.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [battery.pk], "post": "yes"})
    assert Battery.objects.exists()


# --- imports -------------------------------------------------------------------------------------------------------
def test_a_file_is_imported_from_the_battery_and_its_job_is_shown(admin, battery, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    path = reverse("admin:datahub_dataimport_add")
    assert f'value="{battery.pk}" selected' in page(admin.get(path, {"battery": battery.pk}))
    answer = admin.post(path, {"battery": battery.pk, "file": ContentFile(b"test_time\n0\n", "x.csv")})
    job = Job.objects.get()
    assert answer["Location"] == reverse("job", args=[job.pk])
    made = DataImport.objects.get()
    assert (made.battery, made.job, made.file_name) == (battery, job, "x.csv")
    assert "x.csv" in page(admin.get(reverse("admin:datahub_dataimport_change", args=[made.pk])))
    page(admin.get(reverse("admin:datahub_dataimport_changelist")))


def test_metadata_with_a_script_tag_stays_text(admin, battery):
    battery.metadata = {"comments": "</textarea><script>alert(1)</script>"}
    battery.save()
    assert "<script>alert" not in page(admin.get(change(battery)))
