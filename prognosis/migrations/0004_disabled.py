from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('prognosis', '0003_loads_kept_once'),
    ]

    operations = [
        migrations.AddField(
            model_name='forecaster',
            name='disabled_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='Since then it makes no forecast; null: it may be asked.', null=True),
        ),
    ]
