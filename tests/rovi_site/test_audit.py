"""The audit trail: who did what, through every door; nothing secret, nothing of what the service counts itself."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from access import auditing
from access.audit_words import changes_in_words
from access.audited import audited_by
from access.authentication import Caller
from access.models import AuditEntry, LoginTries, Token
from datahub.imports.requesting import request_import
from datahub.ingest import store_records
from datahub.ingest.buffer import Buffer, Stream
from datahub.ingest.commit import commit_group
from datahub.ingest.isolation import commit_singly
from datahub.models import Battery
from datahub.registration import register_battery
from jobs import retention
from jobs.models import Job, Worker
from jobs.running.claim import claim_next_job
from jobs.running.run import run_job
from rovi_site.housekeeping import delete_what_is_old
from twin.registration import register_estimator
from twin.versions import promote

ROOMS = ("access", "datahub", "twin", "prognosis", "jobs")
JSON = {"content_type": "application/json"}


def told(**about):
    """(action, name of the record) of the entries, the oldest first."""
    return [(entry.action, entry.name) for entry in AuditEntry.objects.filter(**about).order_by("id")]


@pytest.fixture
def forget(db):
    """Entries of what the test set up are not what it is about."""
    return lambda: AuditEntry.objects.all().delete()


def test_each_record_is_audited_or_somebody_decided_that_it_is_not():
    undecided, unknown = [], []
    for label in ROOMS:
        room = apps.get_app_config(label)
        models = {model._meta.model_name: model for model in room.get_models()}
        named = {*audited_by(room), *room.not_audited}
        undecided += [f"{label}.{model}" for model in set(models) - named]
        unknown += [f"{label}.{model}" for model in named - set(models)]
        for model, fields in audited_by(room).items():
            known = {field.name for field in models[model]._meta.concrete_fields}
            unknown += [f"{label}.{model}.{field}" for field in set(fields) - known]
    assert (undecided, unknown) == ([], [])


def test_what_people_may_edit_in_a_record_is_in_its_entries():
    """What can be edited in a form and is not listed would change in silence."""
    silent = []
    for label in ROOMS:
        for model, fields in audited_by(apps.get_app_config(label)).items():
            if model in ("job", "worker", "forecastrun", "fleetforecast", "comparison", "parameterset"):
                continue  # made by verbs and never edited
            editable = {
                field.name
                for field in apps.get_model(label, model)._meta.concrete_fields
                if field.editable and not field.primary_key
            }
            by_the_service = {"token_key", "digest", "script", "file", "job", "at", "before", "after"}
            silent += [f"{label}.{model}.{name}" for name in editable - set(fields) - by_the_service]
    assert silent == []


def test_a_change_over_rest_tells_who_from_where_the_old_and_the_new(session, user_with_role, forget):
    client = session("operator")
    made = client.post("/api/v1/batteries/", {"name": "cell", "description": "old"}, **JSON).json()
    forget()
    answer = client.patch(f"/api/v1/batteries/{made['id']}/", {"description": "new"}, REMOTE_ADDR="192.0.2.7", **JSON)
    assert answer.status_code == 200
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.address, entry.door, entry.action) == ("the-operator", "192.0.2.7", "REST", "changed")
    assert (entry.kind, entry.record, entry.name) == ("datahub.battery", str(made["id"]), "cell")
    assert entry.changes == {"description": ["old", "new"]}


def test_what_is_written_again_as_it_was_is_no_change(session, forget):
    battery, client = register_battery(None, name="cell", description="same"), session("operator")
    forget()
    client.patch(f"/api/v1/batteries/{battery.pk}/", {"description": "same"}, **JSON)
    assert told() == []


def test_a_program_is_told_with_its_token(with_token, forget):
    token, client = with_token()
    forget()
    client.post("/api/v1/batteries/", {"name": "cell"}, **JSON)
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.token) == ("the-administrator", f"a test's ({token.token_key}…)")


def test_making_ending_and_deleting_a_battery_is_told(session, forget):
    client = session("administrator")
    forget()
    pk = client.post("/api/v1/batteries/", {"name": "cell"}, **JSON).json()["id"]
    client.patch(f"/api/v1/batteries/{pk}/", {"finished": True}, **JSON)
    client.patch(f"/api/v1/batteries/{pk}/", {"finished": False}, **JSON)
    client.get(f"/api/v1/batteries/{pk}/rows/?format=csv")
    client.delete(f"/api/v1/batteries/{pk}/?confirm=cell")
    actions = ["created", "finished", "reopened", "downloaded", "deleted"]
    assert told() == [(action, "cell") for action in actions]
    assert AuditEntry.objects.get(action="downloaded").note == "cell.csv"


def test_what_becomes_of_versions_is_told(furnished, session, forget):
    client = session("administrator")
    newer = register_estimator(battery_name=furnished.battery.name, kind="joint_ukf", preset="nmc")
    forget()
    base = f"/api/v1/estimators/{newer.pk}"
    for verb in ("follow", "stop-following", "promote", "roll-back"):
        assert client.post(f"{base}/{verb}/", {}, **JSON).status_code in (200, 202), verb
    client.delete(f"{base}/results/?confirm=delete")
    old, new = str(furnished.estimator), str(newer)
    kinds = told(kind="twin.estimator")
    assert kinds[:4] == [("followed", new), ("stopped following", new), ("promoted", new), ("promoted", old)]
    assert AuditEntry.objects.filter(action="promoted").last().changes == {"current": [old, new]}


def test_jobs_that_people_ended_or_began_again_are_told(furnished, session, forget):
    client = session("operator")
    queued = Job.objects.create(kind="import_file", title="one")
    forget()
    assert client.post(f"/api/v1/jobs/{queued.pk}/cancel/").status_code == 200
    assert client.post(f"/api/v1/jobs/{queued.pk}/retry/").status_code == 202
    assert {action for action, _ in told(kind="jobs.job")} == {"cancelled", "created", "retried"}
    assert AuditEntry.objects.get(action="cancelled").changes == {"state": ["queued", "cancelled"]}


def test_tokens_made_and_revoked_are_told_and_kept_secret(session, forget):
    client = session("viewer")
    forget()
    made = client.post("/api/v1/tokens/", {"name": "logger"}, **JSON).json()
    digest = Token.objects.get().pk
    client.delete(f"/api/v1/tokens/{made['id']}/")
    assert [action for action, _ in told(kind="access.token")] == ["created", "deleted"]
    kept = json.dumps(list(AuditEntry.objects.values()), default=str)
    assert made["id"] in kept
    assert made["token"] not in kept
    assert digest not in kept


def test_people_in_the_admin_are_told_with_their_roles_and_without_their_passwords(session, forget):
    client = session("administrator")
    forget()
    secret = "a rather long secret"
    form = {"username": "bob", "usable_password": "true", "password1": secret, "password2": secret, "role": "viewer"}
    assert client.post("/admin/auth/user/add/", form).status_code == 302
    bob = User.objects.get(username="bob")
    answer = client.post(f"/admin/auth/user/{bob.pk}/password/", {"password1": secret + "!", "password2": secret + "!"})
    assert answer.status_code == 302
    bob.groups.set([Group.objects.get_or_create(name="engineer")[0]])
    changes = [entry.changes for entry in AuditEntry.objects.filter(name="bob").order_by("id")]
    assert changes[0]["username"] == ["", "bob"]
    assert {"password": ["•••", "•••"]} in changes
    assert [change["role"] for change in changes if "role" in change] == [
        ["", "viewer"],
        ["viewer", ""],
        ["", "engineer"],
    ]
    kept = json.dumps(list(AuditEntry.objects.values()), default=str)
    assert secret not in kept
    assert bob.password not in kept
    assert {entry.door for entry in AuditEntry.objects.filter(who="the-administrator")} == {"admin"}


def test_logins_and_failed_ones_are_told_and_no_name_that_was_typed_wrong(user_with_role, handler, forget):
    user_with_role("viewer")
    forget()
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.handler = handler
    client.post("/login", {"username": "the-viewer", "password": "wrong"})
    client.post("/login", {"username": "my secret password", "password": "x"})
    client.post("/login", {"username": "the-viewer", "password": "correct horse battery"})
    client.post("/logout")
    failed, unknown = AuditEntry.objects.filter(action="login failed").order_by("id")
    assert (failed.name, failed.who, failed.address, failed.door) == ("the-viewer", "", "192.0.2.7", "page")
    assert (unknown.name, unknown.note) == ("", "No account of that name.")
    actions = [action for action, _ in told(who="the-viewer")]
    assert actions == ["password accepted", "logged in", "logged out"]
    kept = [*AuditEntry.objects.values(), *LoginTries.objects.values()]
    assert "my secret password" not in json.dumps(kept, default=str)


def test_a_command_is_told_with_its_name(forget, monkeypatch):
    auditing._program.cache_clear()
    monkeypatch.setattr("sys.argv", ["/srv/manage.py", "createsuperuser", "--noinput"])
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery")
    call_command("createsuperuser", interactive=False, username="root", email="", verbosity=0)
    entry = AuditEntry.objects.get(action="created")
    auditing._program.cache_clear()
    assert (entry.name, entry.door) == ("root", "manage.py createsuperuser")
    assert entry.who.endswith("(of the machine)")


def test_rows_and_what_is_counted_of_them_are_telemetry(db, forget):
    register_battery(None, name="cell")
    forget()
    store_records("cell", [{"test_time": float(n), "voltage": 3.7} for n in range(10)])
    assert Battery.objects.get().rows == 10
    assert told() == []


def sent_on_a_socket(name, caller):
    """A frame on its way as UploadSocket puts it, for the writer of the process."""
    deed = auditing.Deed("socket", "192.0.2.7", user=caller.user, token=caller.token)
    buffer = Buffer(100, 100)
    stream = Stream(name, None, wants_answers=False, deed=deed)
    buffer.put(stream, [{"test_time": 1.0}], 10, 1.0)
    return {name: [item.submission for item in buffer.arrivals.take(100)]}


def test_who_sends_the_first_row_of_a_battery_made_it(with_token, forget):
    token, _ = with_token()
    caller = Caller(token.user, token)
    forget()
    commit_group(sent_on_a_socket("a", caller) | sent_on_a_socket("b", caller))
    commit_group(sent_on_a_socket("a", caller))
    entries = AuditEntry.objects.order_by("name")
    assert [(entry.action, entry.name) for entry in entries] == [("created", "a"), ("created", "b")]
    assert {(entry.who, entry.token, entry.address, entry.door) for entry in entries} == {
        ("the-administrator", f"a test's ({token.token_key}…)", "192.0.2.7", "socket")
    }


def test_a_commit_that_has_to_be_cut_still_knows_the_sender(with_token, forget):
    token, _ = with_token()
    forget()

    def fails_at_first(group):
        if len(submissions := group["a"][0].frame) > 1:
            raise ValueError(submissions)
        return commit_group(group)

    group = sent_on_a_socket("a", Caller(token.user, token))
    group["a"][0].frame.append({"test_time": 2.0})
    group["a"][0].received.append(2.0)
    commit_singly(group, fails_at_first)
    assert AuditEntry.objects.get().who == "the-administrator"


def test_who_posts_the_first_row_of_a_battery_made_it(session, forget):
    client = session("operator")
    forget()
    assert client.post("/db/upload/cell", [{"test_time": 1.0}], **JSON).status_code == 200
    entry = AuditEntry.objects.get(kind="datahub.battery")
    assert (entry.who, entry.door, entry.action, entry.name) == ("the-operator", "REST", "created", "cell")


def test_what_a_job_makes_is_the_doing_of_who_asked_for_it(user_with_role, own_data_folder, forget):
    asking = user_with_role("operator")
    request_import(ContentFile(b"test_time\n0\n", "cell 9.csv"), requested_by=asking)
    forget()
    run_job(claim_next_job(Worker.objects.create(name="w", heartbeat=timezone.now())))
    made = AuditEntry.objects.get(kind="datahub.battery", action="created")
    assert (made.name, made.user, made.door) == ("cell 9", asking, "job")


def test_jobs_that_go_by_retention_fill_no_pages(db, forget, settings, monkeypatch):
    monkeypatch.setattr(retention, "_looked", float("-inf"))
    settings.JOBS_DAYS = 7.0
    kinds = {"kind": "import_file", "state": "done"}
    Job.objects.create(finished=timezone.now() - timedelta(days=8), **kinds)
    by_hand = Job.objects.create(finished=timezone.now(), **kinds)
    forget()
    assert not retention.delete_old_jobs()
    assert (Job.objects.count(), told()) == (1, [])
    by_hand.delete()
    assert [action for action, _ in told(kind="jobs.job")] == ["deleted"]


def test_what_was_not_done_is_not_told(db, forget):
    with transaction.atomic():
        register_battery(None, name="cell")
        transaction.set_rollback(True)
    assert told() == []


def test_what_goes_along_with_another_record_is_told_by_that_one(furnished, forget, session):
    forget()
    client = session("administrator")
    client.delete(f"/api/v1/batteries/{furnished.battery.pk}/?confirm={furnished.battery.name}")
    assert told(action="deleted") == [("deleted", str(furnished.token)), ("deleted", furnished.battery.name)]


def test_nobody_changes_or_deletes_an_entry(session, forget):
    client = session("administrator")
    forget()
    register_battery(None, name="cell")
    entry = AuditEntry.objects.get()
    page = f"/admin/access/auditentry/{entry.pk}"
    assert client.get(f"{page}/change/").status_code == 200
    assert client.post(f"{page}/change/", {"who": "x"}).status_code == 403
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    client.post(
        "/admin/access/auditentry/", {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    )
    for method in (client.put, client.patch, client.delete):
        assert method(f"/api/v1/audit/{entry.pk}/", {}, **JSON).status_code == 405
    entry.refresh_from_db()


def test_a_records_history_is_shown_to_administrators(session, forget):
    battery = register_battery(None, name="cell", description="described so")
    page = f"/admin/datahub/battery/{battery.pk}/history/"
    shown = session("administrator").get(page).content.decode()
    assert "described so" in shown
    assert "The whole audit trail" in shown
    assert "The whole audit trail" not in session("engineer").get(page).content.decode()


def test_the_trail_speaks_in_words(session, forget):
    client = session("administrator")
    battery = Battery.objects.create(name="cell")
    ended = datetime(2026, 11, 22, 1, 2, 3, 4, tzinfo=UTC)
    entry = auditing.note(
        "changed", battery,
        changes={
            "is_simulated": [False, True], "finished_at": [None, str(ended)], "tags": ["[]", "['site 3', 'α']"],
            "when_full": ["", "drop"], "role": ["viewer", "operator"], "description": ["", "x" * 100],
        },
    )  # fmt: skip
    told = [
        ("is simulated", "no", "yes"), ("finished at", "nothing", "2026-11-22 01:02:03 UTC"),
        ("tags", "nothing", "site 3, α"), ("when full", "nothing", "delete the oldest rows"),
        ("role", "viewer", "operator"), ("description", "nothing", "x" * 100),
    ]  # fmt: skip
    assert changes_in_words(entry) == told
    assert changes_in_words(entry, most=10)[-1] == ("description", "nothing", "x" * 9 + "…")
    for path in ("/admin/access/auditentry/", f"/admin/access/auditentry/{entry.pk}/change/"):
        assert "<div>finished at: nothing → 2026-11-22 01:02:03 UTC</div>" in client.get(path).content.decode()
    assert "</div>and 3 more" in client.get("/admin/access/auditentry/").content.decode()
    history = client.get(f"/admin/datahub/battery/{battery.pk}/history/").content.decode()
    assert "<div>tags: nothing → site 3, α</div>" in history
    AuditEntry.objects.filter(pk=entry.pk).update(kind="gone.record")
    entry.refresh_from_db()
    assert changes_in_words(entry)[0] == ("is simulated", "no", "yes")


def test_the_trail_is_filtered_over_rest(session, forget):
    client = session("administrator")
    forget()
    one, _ = register_battery(None, name="one"), register_battery(None, name="two")
    found = client.get(f"/api/v1/audit/?kind=datahub.battery&record={one.pk}").json()["results"]
    assert [(entry["action"], entry["name"]) for entry in found] == [("created", "one")]
    assert client.get("/api/v1/audit/?since=2100-01-01T00:00:00Z").json()["count"] == 0
    assert client.get("/api/v1/audit/?until=2100-01-01T00:00:00Z").json()["count"] == 2
    assert client.get("/api/v1/audit/?search=two").json()["count"] == 1


def test_old_entries_go_where_the_settings_say_so(db, settings, forget):
    for name in ("old", "new"):
        register_battery(None, name=name)
    AuditEntry.objects.filter(name="old").update(at=timezone.now() - timedelta(days=31))
    settings.AUDIT_DAYS = None
    delete_what_is_old()
    assert told() == [("created", "old"), ("created", "new")]
    settings.AUDIT_DAYS = 30.0
    delete_what_is_old()
    assert told() == [("created", "new")]


def test_promoting_by_itself_tells_that_nobody_did_it(furnished, forget):
    newer = register_estimator(battery_name=furnished.battery.name, kind="joint_ukf", preset="nmc")
    forget()
    promote(newer, None, "had replayed the stored rows")
    entry = AuditEntry.objects.get(action="promoted")
    assert (entry.user, entry.note) == (None, "had replayed the stored rows")
