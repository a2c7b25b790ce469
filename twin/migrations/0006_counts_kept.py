"""Counts of SOC that are kept, and how far measuring anew has come."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('datahub', '0001_initial'),
        ('twin', '0005_measured'),
    ]

    operations = [
        migrations.AddField(
            model_name='measuredprogress',
            name='again_of',
            field=models.BigIntegerField(help_text='About so many are to be measured anew.', null=True),
        ),
        migrations.AddField(
            model_name='measuredprogress',
            name='again_rows',
            field=models.BigIntegerField(help_text='Rows measured anew so far; empty: none are.', null=True),
        ),
        migrations.AlterField(
            model_name='parameterset',
            name='mean_nis',
            field=models.FloatField(editable=False, help_text='Of the filter over the rows that it was fitted to; near 1 when it is right.'),
        ),
        migrations.AlterField(
            model_name='parameterset',
            name='voltage_rmse',
            field=models.FloatField(editable=False, help_text="Of the filter's predictions over the rows that it was fitted to, V."),
        ),
        migrations.CreateModel(
            name='MeasuredSoc',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('estimator', models.BigIntegerField(help_text='Id of the estimator whose SOC it is.')),
                ('test_time', models.FloatField(help_text='Of the newest estimate in it, s.')),
                ('row_id', models.BigIntegerField(help_text="Id of that estimate's row.")),
                ('state', models.BinaryField()),
                ('battery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='measured_soc', to='datahub.battery')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('battery', 'test_time', 'row_id'), name='measured_soc_place')],
            },
        ),
    ]
