"""Lines of a job's log have a level."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0004_tallies_kept'),
    ]

    operations = [
        migrations.AddField(
            model_name='jobline',
            name='level',
            field=models.CharField(default='info', help_text='info, warning or error', max_length=10),
        ),
    ]
