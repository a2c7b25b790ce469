"""`manage.py check` tells who installed the other package of Moirae's name."""

from email.message import Message
from importlib import metadata

import pytest

from twin.checks import another_package_is_called_moirae


class Installed:
    def __init__(self, **headers):
        self.version = "0.3.1"
        self.metadata = Message()
        for name, value in headers.items():
            self.metadata[name.replace("_", "-")] = value


@pytest.fixture
def installed(monkeypatch):
    def install(distribution):
        def find(name):
            if distribution is None:
                raise metadata.PackageNotFoundError(name)
            return distribution

        monkeypatch.setattr("twin.checks.metadata.distribution", find)

    return install


def test_the_workflow_engine_is_told_from_rovis_package(installed):
    installed(Installed(Summary="A workflow execution engine supports static DAGs."))
    (warning,) = another_package_is_called_moirae()
    assert warning.id == "twin.W001"
    assert warning.msg == (
        "The installed package 'moirae' 0.3.1 is not ROVI's: PyPI has a workflow engine of that name."
    )


@pytest.mark.parametrize(
    "distribution", [None, Installed(Project_URL="repository, https://github.com/rovi-org/auto-soh")]
)
def test_rovis_package_and_none_at_all_are_fine(installed, distribution):
    installed(distribution)
    assert another_package_is_called_moirae() == []
