"""Forecasters without code, forecasts of many batteries, scores."""

import django.db.models.deletion
import django.utils.timezone
import prognosis.models
import uploads.storage
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('datahub', '0001_initial'),
        ('jobs', '0001_initial'),
        ('prognosis', '0001_initial'),
        ('twin', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='forecaster',
            name='kind',
            field=models.CharField(default='script', help_text='script, or one that is built in: auto, trend, ageing.', max_length=20),
        ),
        migrations.AddField(
            model_name='forecaster',
            name='options',
            field=models.JSONField(blank=True, default=dict, help_text="Of a built-in kind, such as the preset of the cell's chemistry."),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='as_of',
            field=models.FloatField(help_text='test_time, s: made of nothing newer. Empty: made of all that was known.', null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='crossing_probability',
            field=models.FloatField(help_text='Of crossing the threshold within the horizon.', null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='crossing_q05',
            field=models.FloatField(help_text='battery_time, s; empty: not within the horizon.', null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='crossing_q25',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='crossing_q50',
            field=models.FloatField(db_index=True, null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='crossing_q75',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='crossing_q95',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='estimator',
            field=models.ForeignKey(help_text='Whose estimates it was made from.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='twin.estimator'),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='estimator_version',
            field=models.PositiveIntegerField(help_text='Stays when the estimator is deleted.', null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='headline',
            field=models.TextField(blank=True, help_text='When the threshold is crossed, and how sure that is.'),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='horizon_end',
            field=models.FloatField(help_text='battery_time of the last point, s.', null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='kind',
            field=models.CharField(default='script', help_text='script, or one that is built in: auto, trend, ageing.', max_length=20),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='label',
            field=models.CharField(blank=True, help_text='What the load is called.', max_length=100),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='last_test_time',
            field=models.FloatField(help_text="Of the battery's rows when it was asked for, s.", null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='made_by',
            field=models.CharField(blank=True, help_text='The built-in kind that made it: what auto chose.', max_length=20),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='next_score',
            field=models.FloatField(db_index=True, help_text='battery_time, s, of the next point to score.', null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='options',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='place',
            field=models.PositiveIntegerField(default=0, help_text='Within its comparison.'),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='reference_capacity',
            field=models.FloatField(help_text='What 100 % SOH is, Ah.', null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='scored_column',
            field=models.CharField(blank=True, help_text='What of the result is held against truth; - for nothing.', max_length=200),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='scored_estimator',
            field=models.BigIntegerField(help_text='Id of the estimator whose estimates are the truth.', null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='scored_series',
            field=models.BigIntegerField(help_text='How often those had been replaced by late rows.', null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='threshold',
            field=models.FloatField(help_text='SOH whose crossing is told, 0 to 1.', null=True),
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='why',
            field=models.TextField(blank=True, help_text='Why that kind, and from what.'),
        ),
        migrations.AlterField(
            model_name='forecaster',
            name='script',
            field=models.FileField(blank=True, max_length=200, storage=uploads.storage.keep_names, upload_to=prognosis.models.path_of_script),
        ),
        migrations.AlterField(
            model_name='forecaster',
            name='script_sha256',
            field=models.CharField(blank=True, editable=False, max_length=64),
        ),
        migrations.AlterField(
            model_name='forecaster',
            name='sql_query',
            field=models.TextField(blank=True, help_text='Fetches the history: SELECT … FROM $TABLE_NAME$ …, over the health estimates.', verbose_name='SQL template'),
        ),
        migrations.CreateModel(
            name='Comparison',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(blank=True, max_length=200)),
                ('kind', models.CharField(default='auto', help_text="auto, trend or ageing; script: each battery's own.", max_length=20)),
                ('options', models.JSONField(blank=True, default=dict)),
                ('threshold', models.FloatField(help_text='SOH below which a battery counts as worn out, 0 to 1.')),
                ('total', models.PositiveIntegerField(default=0, help_text='How many forecasts it is to make.')),
                ('created', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('battery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='comparisons', to='datahub.battery')),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='jobs.job')),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='comparison',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='prognosis.comparison'),
        ),
        migrations.CreateModel(
            name='FleetForecast',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(blank=True, max_length=200)),
                ('kind', models.CharField(default='auto', help_text="auto, trend or ageing; script: each battery's own.", max_length=20)),
                ('options', models.JSONField(blank=True, default=dict)),
                ('threshold', models.FloatField(help_text='SOH below which a battery counts as worn out, 0 to 1.')),
                ('total', models.PositiveIntegerField(default=0, help_text='How many forecasts it is to make.')),
                ('created', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('load', models.JSONField(help_text="As a forecast's.")),
                ('chosen', models.JSONField(default=dict, help_text='Which batteries were asked for: all, a text or a list of names.')),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='jobs.job')),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'fleet forecast',
                'ordering': ['-id'],
            },
        ),
        migrations.AddField(
            model_name='forecastrun',
            name='fleet',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='prognosis.fleetforecast'),
        ),
        migrations.CreateModel(
            name='ForecastScore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('horizon', models.PositiveSmallIntegerField(help_text='Place among the ranges of prognosis.scoring.horizons.')),
                ('points', models.PositiveIntegerField(default=0)),
                ('sum_error', models.FloatField(default=0.0)),
                ('sum_absolute', models.FloatField(default=0.0)),
                ('sum_squared', models.FloatField(default=0.0)),
                ('sum_absolute_of_last_value', models.FloatField(default=0.0, help_text='Had it said that nothing changes.')),
                ('banded', models.PositiveIntegerField(default=0, help_text='Points that have a band.')),
                ('inside_50', models.PositiveIntegerField(default=0, help_text='Of those, truth between q25 and q75.')),
                ('inside_90', models.PositiveIntegerField(default=0, help_text='Of those, truth between q05 and q95.')),
                ('sum_pinball', models.FloatField(default=0.0, help_text='Mean pinball loss of the five quantiles, of those.')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scores', to='prognosis.forecastrun')),
            ],
            options={
                'ordering': ['run', 'horizon'],
                'constraints': [models.UniqueConstraint(fields=('run', 'horizon'), name='one_score_a_horizon')],
            },
        ),
    ]
