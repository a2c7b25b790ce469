"""The tests' settings without a side room: the rest has to boot all the same."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [name for name in INSTALLED_APPS if name != "fleet"]
