from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0005_levels'),
    ]

    operations = [
        migrations.AddField(
            model_name='worker',
            name='draining',
            field=models.DateTimeField(blank=True, help_text='When it was asked to finish what it has, take nothing new and end.', null=True),
        ),
    ]
