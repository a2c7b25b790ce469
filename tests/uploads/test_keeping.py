"""What is kept, through the records of a room that keeps it."""

import hashlib

import pytest
from django.core.files.base import ContentFile

from prognosis.models import Forecaster, SupportFile
from uploads.forms import with_kept
from uploads.storage import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def forecaster(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    made = Forecaster(name="cell", version=1)
    made.script.save("forecaster.py", ContentFile("größe = 1\n".encode()))
    return made


def test_a_support_file_is_kept_under_the_very_name_it_came_with(forecaster):
    stored = SupportFile(forecaster=forecaster).keep(ContentFile(b"weights", name="my größe (1).pkl"))

    assert stored.file.name == f"forecasters/{forecaster.folder}/files/my größe (1).pkl"
    assert stored.file.read() == b"weights"
    assert (stored.name, stored.size, stored.sha256) == (
        "my größe (1).pkl",
        7,
        hashlib.sha256(b"weights").hexdigest(),
    )


def test_files_of_a_version_before_are_kept_but_for_names_that_come_anew(forecaster):
    for name in ("a", "b"):
        SupportFile(forecaster=forecaster).keep(ContentFile(b"old", name=name))

    files = with_kept([ContentFile(b"new", name="a")], forecaster.files.all())

    assert [(file.name, file.read()) for file in files] == [("a", b"new"), ("b", b"old")]


def test_the_text_of_a_script_is_empty_where_there_is_none_or_its_file_is_gone(forecaster):
    assert text_of(forecaster.script) == "größe = 1\n"
    forecaster.script.storage.delete(forecaster.script.name)
    assert text_of(Forecaster.objects.get().script) == ""
    assert text_of(Forecaster().script) == ""
