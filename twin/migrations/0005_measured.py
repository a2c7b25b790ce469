"""What was measured of a battery: cycles, throughput, resistance."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("datahub", "0001_initial"), ("twin", "0004_parameter_sets")]

    operations: ClassVar = [
        migrations.CreateModel(
            name='MeasuredProgress',
            fields=[
                ('battery', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='measured', serialize=False, to='datahub.battery')),
                ('cursor', models.BigIntegerField(default=0, help_text='Id of the last row taken, in order of arrival.')),
                ('rows_seen', models.BigIntegerField(default=0, help_text='Rows up to the cursor.')),
                ('latest_time', models.FloatField(help_text='test_time of the newest row taken, s.', null=True)),
                ('stale_from', models.FloatField(help_text='Rows came late from this test_time (s) on; what follows is being measured anew.', null=True)),
                ('rules', models.JSONField(default=dict, help_text='By which it is measured; others mean measuring anew.')),
                ('checkpoint', models.BinaryField(help_text='All that is needed to go on after the cursor.', null=True)),
                ('checkpoint_rows', models.BigIntegerField(default=0, help_text='Rows taken when a checkpoint was kept last.')),
                ('soc_estimator', models.BigIntegerField(default=0, help_text='Id of the estimator whose SOC is counted in bands; 0: none.')),
                ('soc_series', models.BigIntegerField(default=0, help_text='Which of its series of estimates.')),
                ('soc_cursor', models.BigIntegerField(default=0, help_text='Where that estimator stood when they were counted last.')),
                ('soc_time', models.FloatField(help_text='test_time of its last estimate counted, s.', null=True)),
                ('soc_row', models.BigIntegerField(default=0, help_text="Id of that estimate's row.")),
                ('soc_checkpoint', models.BinaryField(help_text='Time in each band of SOC, and what is needed to go on.', null=True)),
                ('updated', models.DateTimeField(db_index=True, help_text='When it was measured last.', null=True)),
                ('owner', models.CharField(blank=True, help_text='The process that measures now, or did last.', max_length=200)),
                ('lease_until', models.DateTimeField(help_text='Until then nobody else may.', null=True)),
                ('fence', models.BigIntegerField(default=0, help_text='Counts the claims; a commit of an older claim is refused.')),
            ],
            options={
                'verbose_name_plural': 'measured progress',
            },
        ),
        migrations.CreateModel(
            name='MeasuredCheckpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('test_time', models.FloatField(help_text='Of the newest row in it, s.')),
                ('row_id', models.BigIntegerField(help_text='Id of that row.')),
                ('state', models.BinaryField()),
                ('battery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='measured_checkpoints', to='datahub.battery')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('battery', 'test_time'), name='measured_checkpoint_time')],
            },
        ),
        migrations.CreateModel(
            name='MeasuredCycle',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveIntegerField(help_text="0 is the battery's first cycle.")),
                ('number', models.BigIntegerField(help_text='cycle_number of its rows; where they have none, place + 1.')),
                ('start_time', models.FloatField(help_text='test_time of its first row, s.')),
                ('end_time', models.FloatField(help_text="test_time of the next cycle's first row, s.")),
                ('charge_ah', models.FloatField(help_text='Charged, Ah.')),
                ('discharge_ah', models.FloatField(help_text='Discharged, Ah.')),
                ('charge_wh', models.FloatField(help_text='Energy taken in, Wh.')),
                ('discharge_wh', models.FloatField(help_text='Energy given, Wh.')),
                ('mean_temperature', models.FloatField(help_text='Weighted with time, °C.', null=True)),
                ('highest_temperature', models.FloatField(help_text='°C', null=True)),
                ('gap_seconds', models.FloatField(help_text='Of its duration, that in gaps, where nothing could be integrated, s.')),
                ('throughput_ah', models.FloatField(help_text='In and out, of all cycles to the end of this one, Ah.')),
                ('throughput_wh', models.FloatField(help_text='The same in Wh.')),
                ('swing_ah', models.FloatField(help_text='Its largest discharge without a gap, net, Ah.')),
                ('swing_start_row', models.BigIntegerField(help_text='Row in which the largest discharge begins.')),
                ('swing_start_voltage', models.FloatField(help_text='V', null=True)),
                ('swing_start_current', models.FloatField(help_text='A', null=True)),
                ('swing_end_row', models.BigIntegerField(help_text='Row in which it ends; 0 where nothing was discharged.')),
                ('swing_end_voltage', models.FloatField(help_text='V', null=True)),
                ('battery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='measured_cycles', to='datahub.battery')),
            ],
            options={
                'ordering': ['battery', 'place'],
                'constraints': [models.UniqueConstraint(fields=('battery', 'place'), name='measured_cycle_place')],
            },
        ),
        migrations.CreateModel(
            name='MeasuredResistance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('row_id', models.BigIntegerField(help_text='The row after the step.')),
                ('test_time', models.FloatField(help_text='Of that row, s.')),
                ('ohm', models.FloatField(help_text='Ω')),
                ('ohm_sd', models.FloatField(help_text='Standard deviation, from noise and drift of the voltage, Ω.')),
                ('delay_s', models.FloatField(help_text='Between the rows before and after the step, s.')),
                ('is_charge', models.BooleanField(help_text='Whether the larger of both currents charges.')),
                ('current_before', models.FloatField(help_text='A, positive while charging.')),
                ('current_after', models.FloatField(help_text='A, positive while charging.')),
                ('temperature', models.FloatField(help_text='°C', null=True)),
                ('battery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='measured_resistances', to='datahub.battery')),
            ],
            options={
                'ordering': ['battery', 'test_time', 'row_id'],
                'indexes': [models.Index(fields=['battery', 'test_time'], name='measured_resistance_time')],
                'constraints': [models.UniqueConstraint(fields=('battery', 'row_id'), name='one_measured_resistance_a_row')],
            },
        ),
    ]
