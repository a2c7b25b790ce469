"""Versions in the shade, recomputation after late rows, where each estimate comes from."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import connections, migrations, models
from django.db.models import F, Q

from twin import tables

STAND = [
    ("latest_time", models.FloatField(null=True, help_text="test_time of the newest row taken, s.")),
    ("latest_row", models.BigIntegerField(default=0, help_text="Id of that row; of equal times the greater is newer.")),
    ("rows_stepped", models.BigIntegerField(default=0, help_text="Of those, the ones that gave an estimate.")),
    ("mean_nis", models.FloatField(null=True, help_text="Squared innovation over its variance, mean of about 100 rows.")),
    ("reference_capacity", models.FloatField(null=True, help_text="What it started from, Ah.")),
    ("checkpoint", models.BinaryField(null=True, help_text="All that is needed to go on after the cursor.")),
    ("evidence", models.BinaryField(null=True, help_text="What was seen of its errors so far; goes with the checkpoint.")),
    ("is_inconsistent", models.BooleanField(default=False, db_index=True, help_text="Its errors are not what it expects.")),
    ("verdict", models.JSONField(null=True, help_text="Whether it is consistent, and if not what is probably wrong.")),
]
TRACK = [
    *STAND,
    ("cursor", models.BigIntegerField(default=0, help_text="Id of the last row it has seen.")),
    ("rows_seen", models.BigIntegerField(default=0, help_text="Rows up to the cursor.")),
    ("rows_skipped", models.JSONField(default=dict, help_text="Of those, the ones that did not, by reason.")),
    ("late_from", models.FloatField(null=True, help_text="Least test_time (s) of the rows that came too late.")),
    ("mean", models.BinaryField(null=True, help_text="float64, in the order of state_names.")),
    ("covariance", models.BinaryField(null=True, help_text="float64, the upper triangle row by row.")),
    ("innovation", models.FloatField(null=True, help_text="Measured less predicted voltage of the newest row, V.")),
    ("steps_per_second", models.FloatField(null=True)),
    ("kept_stepped", models.BigIntegerField(default=0, help_text="rows_stepped at the newest checkpoint that is kept.")),
    ("updated", models.DateTimeField(auto_now=True, db_index=True)),
]


def carry_over(apps, schema_editor):
    """Estimates get the column that tells when they were made; it is not known of those that are there."""
    connection = connections[schema_editor.connection.alias]
    Estimator, Progress = apps.get_model("twin", "Estimator"), apps.get_model("twin", "EstimatorProgress")
    there = set(connection.introspection.table_names())
    for progress in Progress.objects.only("pk", "state_names").iterator():
        if tables.estimates_table(progress.pk) not in there:
            continue
        renamed = tables.add_computed(connection, progress.pk, progress.state_names)
        if renamed != progress.state_names:
            Progress.objects.filter(pk=progress.pk).update(state_names=renamed)
    # Rows of the newest time with greater ids have not been taken yet.
    Progress.objects.exclude(latest_time=None).update(latest_row=F("cursor"))
    # Those whose script is still to be loaded were meant to become current.
    Estimator.objects.filter(is_current=False, state="waiting", entry="").update(followed=True)


def take_back(apps, schema_editor):
    connection = connections[schema_editor.connection.alias]
    there = set(connection.introspection.table_names())
    for pk in apps.get_model("twin", "Estimator").objects.values_list("pk", flat=True):
        tables.drop(connection, pk, again=True)
        if tables.estimates_table(pk) in there:
            tables.drop_computed(connection, pk)


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("twin", "0001_initial"),
        ("datahub", "0001_initial"),
        ("jobs", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.AddField(
            "estimator", "followed",
            models.BooleanField(default=False, editable=False, help_text="It is stepped although another version is current."),
        ),
        migrations.AddField(
            "estimator", "promote_when_caught_up",
            models.BooleanField(default=True, editable=False, help_text="It becomes current by itself once it has replayed the stored rows."),
        ),
        migrations.AddField(
            "estimator", "library_history",
            models.JSONField(default=list, editable=False, help_text="Those it was stepped with: since (Unix time, s) and versions, in order."),
        ),
        migrations.AddField(
            "estimatorprogress", "latest_row",
            models.BigIntegerField(default=0, help_text="Id of that row; of equal times the greater is newer."),
        ),
        migrations.AddField(
            "estimatorprogress", "kept_stepped",
            models.BigIntegerField(default=0, help_text="rows_stepped at the newest checkpoint that is kept."),
        ),
        migrations.AddField(
            "estimatorprogress", "series",
            models.PositiveIntegerField(default=0, help_text="Counts how often estimates of it were replaced."),
        ),
        migrations.AddField(
            "estimatorprogress", "replaced", models.DateTimeField(null=True, help_text="When that was last."),
        ),
        migrations.AddIndex(
            "estimator", models.Index(fields=["kind"], condition=Q(followed=True), name="followed_estimators"),
        ),
        migrations.AddIndex(
            "estimatorprogress",
            models.Index(fields=["estimator"], condition=Q(late_from__isnull=False), name="estimators_with_late_rows"),
        ),
        migrations.CreateModel(
            "Recomputation",
            [
                *TRACK,
                ("estimator", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, related_name="recomputation", to="twin.estimator")),
                ("up_to", models.BigIntegerField(help_text="Id of the last row that is taken in order of time.")),
                ("late_time", models.FloatField(help_text="Least test_time (s) of the late rows that made it needed.")),
                ("from_time", models.FloatField(null=True, help_text="test_time of the checkpoint it began at, s; null: the start.")),
                ("from_row", models.BigIntegerField(default=0, help_text="Id of that checkpoint's newest row.")),
                ("from_stepped", models.BigIntegerField(default=0)),
                ("in_order", models.BooleanField(default=True, help_text="It still goes in order of time.")),
                ("read_time", models.FloatField(null=True, help_text="Where it reads on in order of time, s.")),
                ("read_row", models.BigIntegerField(default=0)),
                ("needs_start", models.BooleanField(default=False, help_text="It waits for a job to load the script once more.")),
                ("start_job", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="jobs.job")),
                ("error", models.TextField(blank=True, help_text="Why it stopped; a retry lets it begin anew.")),
                ("started", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            "Checkpoint",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                *STAND,
                ("estimator", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="checkpoints", to="twin.estimator")),
                ("is_again", models.BooleanField(default=False, help_text="Of a recomputation that has not ended.")),
                ("unestimated", models.JSONField(default=dict, help_text="Rows taken up to it that gave no estimate, by reason.")),
                ("data_until", models.FloatField(null=True, help_text="Of a start: newest test_time (s) of the rows that the script was given to begin with.")),
                ("kept", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["estimator", "latest_time", "latest_row"],
                "indexes": [models.Index(fields=["estimator", "latest_time", "latest_row"], name="checkpoints_in_order")],
            },
        ),
        migrations.CreateModel(
            "Recomputed",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("estimator", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="recomputed", to="twin.estimator")),
                ("late_time", models.FloatField(help_text="Least test_time of the late rows, s.")),
                ("from_time", models.FloatField(null=True, help_text="test_time of the checkpoint it began at, s; null: the start.")),
                ("from_row", models.BigIntegerField(default=0)),
                ("up_to", models.BigIntegerField(help_text="Id of the last row it had seen.")),
                ("rows", models.BigIntegerField(help_text="Estimates that it gave.")),
                ("started", models.DateTimeField()),
                ("finished", models.DateTimeField(auto_now_add=True)),
            ],
            options={"verbose_name_plural": "recomputed", "ordering": ["-id"]},
        ),
        migrations.CreateModel(
            "VersionChange",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("battery", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="version_changes", to="datahub.battery")),
                ("before", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="twin.estimator")),
                ("after", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="twin.estimator")),
                ("before_version", models.PositiveIntegerField(null=True)),
                ("after_version", models.PositiveIntegerField()),
                ("reason", models.CharField(max_length=200)),
                ("by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"ordering": ["-id"]},
        ),
        migrations.RunPython(carry_over, take_back),
    ]
