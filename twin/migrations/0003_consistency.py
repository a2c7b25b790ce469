"""Whether a filter is consistent with what it sees."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("twin", "0002_versions")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="estimatorprogress",
            name="evidence",
            field=models.BinaryField(
                help_text="What was seen of its errors so far; goes with the checkpoint.", null=True
            ),
        ),
        migrations.AddField(
            model_name="estimatorprogress",
            name="is_inconsistent",
            field=models.BooleanField(
                db_index=True, default=False, help_text="Its errors are not what it expects."
            ),
        ),
        migrations.AddField(
            model_name="estimatorprogress",
            name="verdict",
            field=models.JSONField(
                help_text="Whether it is consistent, and if not what is probably wrong.", null=True
            ),
        ),
    ]
