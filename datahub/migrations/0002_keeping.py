"""How many rows of a battery are kept and how long, and which of them were deleted."""

import django.core.validators
from django.db import migrations, models

import datahub.validators
from datahub import tables


def note_first_received(apps, schema_editor):
    Battery = apps.get_model("datahub", "Battery")
    for battery in Battery.objects.exclude(columns={}).only("pk"):
        first = tables.oldest(schema_editor.connection, battery.pk, 1)
        if first:
            Battery.objects.filter(pk=battery.pk).update(first_received=first[0][1])


class Migration(migrations.Migration):

    dependencies = [
        ('datahub', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='battery',
            name='most_rows',
            field=models.BigIntegerField(blank=True, help_text='Most rows that are kept. 0: no limit; empty: as the settings say.', null=True, validators=[django.core.validators.MinValueValidator(0)]),
        ),
        migrations.AddField(
            model_name='battery',
            name='when_full',
            field=models.CharField(blank=True, choices=[('refuse', 'refuse new rows'), ('drop', 'delete the oldest rows')], help_text='What happens when it has that many. Empty: as the settings say.', max_length=10),
        ),
        migrations.AddField(
            model_name='battery',
            name='keep_days',
            field=models.FloatField(blank=True, help_text='Days after which its rows are deleted, counted from when they were received. 0: they are kept; empty: as the settings say.', null=True, validators=[datahub.validators.check_days]),
        ),
        migrations.AddField(
            model_name='battery',
            name='dropped_rows',
            field=models.BigIntegerField(default=0, editable=False, help_text='Of those, the oldest ones that were deleted since.'),
        ),
        migrations.AddField(
            model_name='battery',
            name='dropped_to',
            field=models.BigIntegerField(default=0, editable=False, help_text='Id of the last deleted row.'),
        ),
        migrations.AddField(
            model_name='battery',
            name='dropped_until',
            field=models.FloatField(editable=False, help_text='Greatest test_time of the deleted rows, s: nothing is made anew up to it.', null=True),
        ),
        migrations.AddField(
            model_name='battery',
            name='first_received',
            field=models.FloatField(editable=False, help_text='When the oldest row kept was received, Unix time, s.', null=True),
        ),
        migrations.AlterField(
            model_name='battery',
            name='first_test_time',
            field=models.FloatField(editable=False, help_text='Least test_time of the rows kept, s.', null=True),
        ),
        migrations.AlterField(
            model_name='battery',
            name='rows',
            field=models.BigIntegerField(default=0, editable=False, help_text='Rows ever stored.'),
        ),
        migrations.RunPython(note_first_received, migrations.RunPython.noop),
    ]
