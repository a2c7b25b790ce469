"""The ledger's tables; on SQLite readings and sums lie in the order of their keys and have no row id beside them."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class CreateInOrder(migrations.CreateModel):
    """On SQLite the table is the index of its key: half the pages, and an asset's readings side by side.

    The key's columns come first: where they do not, quick_check of SQLite 3.40 finds NULL that is not there.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            text, values = schema_editor.table_sql(model)
            schema_editor.execute(f"{text} WITHOUT ROWID", values or None)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Asset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.BigIntegerField(help_text='What clients call it: the spaceship_id of /fleet/data.', unique=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(9223372036854775807)])),
                ('name', models.CharField(blank=True, help_text='For people; empty: its number.', max_length=255)),
                ('kind', models.CharField(choices=[('ship', 'ship'), ('meter', 'meter'), ('battery', 'battery'), ('other', 'other')], default='ship', max_length=10)),
                ('price', models.FloatField(blank=True, help_text='Of a kWh; empty: none is known.', null=True, validators=[django.core.validators.MinValueValidator(0.0)])),
                ('currency', models.CharField(blank=True, max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}$', 'Three capitals, such as EUR.')])),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('first_time', models.BigIntegerField(editable=False, help_text='Time of its oldest reading, µs.', null=True)),
                ('last_time', models.BigIntegerField(editable=False, help_text='Time of its newest reading, µs.', null=True)),
                ('last_received', models.FloatField(editable=False, help_text='When readings last came, Unix time, s.', null=True)),
                ('changes', models.BigIntegerField(default=0, editable=False, help_text='How often quarters of it were computed.')),
                ('battery_id', models.BigIntegerField(editable=False, help_text='Of the battery whose rows it takes its energy from.', null=True, unique=True)),
                ('begun_at', models.FloatField(blank=True, help_text="Unix time (s) at which the battery's test_time is 0.", null=True)),
                ('cursor', models.BigIntegerField(default=0, editable=False, help_text='Id of the last row that was accounted for.')),
                ('rows_seen', models.BigIntegerField(default=0, editable=False, help_text='How many rows the battery had when the last one was.')),
            ],
            options={
                'ordering': ['number'],
            },
        ),
        CreateInOrder(
            name='EnergyDay',
            fields=[
                ('pk', models.CompositePrimaryKey('asset_id', 'start', blank=True, editable=False, primary_key=True, serialize=False)),
                ('asset', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='fleet.asset')),
                ('start', models.BigIntegerField(help_text='Unix time, s.')),
                ('energy', models.FloatField(help_text='kWh used; of a battery what was drawn from it.')),
                ('charged', models.FloatField(default=0.0, help_text='kWh that a battery was charged with.')),
                ('covered', models.BigIntegerField(help_text='How much of the span is known, µs.')),
            ],
            options={
                'abstract': False,
            },
        ),
        CreateInOrder(
            name='EnergyMonth',
            fields=[
                ('pk', models.CompositePrimaryKey('asset_id', 'start', blank=True, editable=False, primary_key=True, serialize=False)),
                ('asset', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='fleet.asset')),
                ('start', models.BigIntegerField(help_text='Unix time, s.')),
                ('energy', models.FloatField(help_text='kWh used; of a battery what was drawn from it.')),
                ('charged', models.FloatField(default=0.0, help_text='kWh that a battery was charged with.')),
                ('covered', models.BigIntegerField(help_text='How much of the span is known, µs.')),
            ],
            options={
                'abstract': False,
            },
        ),
        CreateInOrder(
            name='Quarter',
            fields=[
                ('pk', models.CompositePrimaryKey('asset_id', 'start', blank=True, editable=False, primary_key=True, serialize=False)),
                ('asset', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='fleet.asset')),
                ('start', models.BigIntegerField(help_text='Unix time, s.')),
                ('energy', models.FloatField(help_text='kWh used; of a battery what was drawn from it.')),
                ('charged', models.FloatField(default=0.0, help_text='kWh that a battery was charged with.')),
                ('covered', models.BigIntegerField(help_text='How much of the span is known, µs.')),
            ],
            options={
                'abstract': False,
            },
        ),
        CreateInOrder(
            name='Reading',
            fields=[
                ('pk', models.CompositePrimaryKey('asset_id', 'time', blank=True, editable=False, primary_key=True, serialize=False)),
                ('asset', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='readings', to='fleet.asset')),
                ('time', models.BigIntegerField(help_text='µs.')),
                ('value', models.FloatField(help_text='kW or kWh; empty: a gap begins.', null=True)),
                ('is_energy', models.BooleanField(default=False, help_text='It is kWh.')),
                ('interval', models.BigIntegerField(help_text='Declared length of its time, µs.', null=True)),
                ('step', models.BigIntegerField(help_text='Typical step of the readings that it came with, µs.', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='EnergyForecast',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('model', models.CharField(help_text='Name of what made it.', max_length=40)),
                ('made', models.DateTimeField(auto_now_add=True)),
                ('made_from', models.BigIntegerField(help_text='Quarters that end up to then were known to it, Unix time, s.')),
                ('start', models.BigIntegerField(help_text='Unix time, s.')),
                ('quarters', models.PositiveIntegerField(help_text='How many it foretells.')),
                ('expected', models.BinaryField(help_text='kWh of each, float64.')),
                ('low', models.BinaryField(help_text='Lower bound of each, float64.', null=True)),
                ('high', models.BinaryField(help_text='Upper bound of each, float64.', null=True)),
                ('scores', models.JSONField(default=dict, help_text='By name, as far as it can be held against what happened.')),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='forecasts', to='fleet.asset')),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['asset', 'start'], name='forecast_of_asset')],
            },
        ),
        migrations.CreateModel(
            name='EnergyScore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('model', models.CharField(max_length=40)),
                ('tested', models.DateTimeField(auto_now=True)),
                ('scores', models.JSONField(default=dict)),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scores', to='fleet.asset')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('asset', 'model'), name='score_of_asset_and_model')],
            },
        ),
    ]
