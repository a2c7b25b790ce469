"""The project's settings with a data folder of their own: a test never touches `var/`, nor what a shell has set."""

import hashlib
import os
import sys
import tempfile
from pathlib import Path

OF_A_SHELL = (
    "HOST", "PORT", "REDIS_URL", "ROVI_HTTPS", "ROVI_DEBUG", "ROVI_ALLOWED_HOSTS", "ROVI_TRUSTED_ORIGINS",
    "ROVI_ADMIN_USER", "ROVI_ADMIN_PASSWORD", "ROVI_SANDBOX_WALLS", "ROVI_SERVER", "ROVI_DEMO", "ROVI_SECRET_KEY",
)  # fmt: skip

if "pytest" in sys.modules:  # not in the servers and workers that tests start: these are told where their data lie
    os.environ["ROVI_DATA"] = tempfile.mkdtemp(prefix="rovi-tests-")
    for name in OF_A_SHELL:
        os.environ.pop(name, None)

from rovi_site.settings import *  # noqa: E402, F403
from rovi_site.settings import STATIC_ROOT  # noqa: E402

STATIC_ROOT.mkdir(parents=True, exist_ok=True)
DATABASES["default"]["OPTIONS"].pop("options", None)  # noqa: F405  (a test may sit in its transaction for minutes)
if DATABASES["default"]["ENGINE"].endswith("postgresql"):  # noqa: F405
    # Tests of several checkouts may run at once on one server.
    DATABASES["default"]["TEST"] = {"NAME": f"test_rovi_{hashlib.sha256(str(Path(__file__)).encode()).hexdigest()[:8]}"}  # noqa: F405
