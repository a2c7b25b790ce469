"""Parameters of cells, found from data."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("datahub", "0001_initial"),
        ("twin", "0003_consistency"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name='ParameterSet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=200)),
                ('source', models.CharField(editable=False, help_text='The battery or file whose rows were fitted.', max_length=255)),
                ('wishes', models.JSONField(default=dict, editable=False, help_text='What the fit was asked for.')),
                ('parameters', models.JSONField(editable=False, help_text='Of the cell and the filter, complete.')),
                ('findings', models.JSONField(default=list, editable=False, help_text='Each number with its standard deviation, rows used and origin.')),
                ('warnings', models.JSONField(default=list, editable=False, help_text='What the data could not tell.')),
                ('rows', models.BigIntegerField(editable=False, help_text='So many were used.')),
                ('first_time', models.FloatField(editable=False, help_text='test_time of the first row used, s.')),
                ('last_time', models.FloatField(editable=False, help_text='test_time of the last row used, s.')),
                ('first_row_id', models.BigIntegerField(editable=False, help_text="Of the battery's rows.", null=True)),
                ('last_row_id', models.BigIntegerField(editable=False, help_text="Of the battery's rows.", null=True)),
                ('mean_nis', models.FloatField(editable=False, help_text='Of the filter over these rows; near 1 when it is right.')),
                ('voltage_rmse', models.FloatField(editable=False, help_text="Of the filter's predictions over these rows, V.")),
                ('plots', models.JSONField(default=dict, editable=False, help_text='Columns of numbers for the plots of the fit.')),
                ('library_versions', models.JSONField(default=dict, editable=False, help_text='With which it was fitted.')),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('battery', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='parameter_sets', to='datahub.battery')),
                ('fitted_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.AddField(
            model_name='estimator',
            name='parameter_set',
            field=models.ForeignKey(editable=False, help_text='The fit that its parameters came from.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='estimators', to='twin.parameterset'),
        ),
    ]
