"""What is asked of a fleet is kept once; an index for what ended last."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('prognosis', '0002_built_in'),
    ]

    operations = [
        migrations.AlterField(
            model_name='forecastrun',
            name='finished',
            field=models.DateTimeField(db_index=True, null=True),
        ),
        migrations.AlterField(
            model_name='forecastrun',
            name='load',
            field=models.JSONField(help_text='ahead_time and resolution in s; current in A or power in W, + charging. In a fleet forecast the rows of profiles stand in its record.'),
        ),
    ]
