# Everything starts from a bare Python 3.11 or newer: what is needed is installed into .venv (or ROVI_VENV) first.

PYTHON ?= python3

# -I: rovi_site/ must not lie on the import path of its own installer
WITH = exec $(PYTHON) -I rovi_site/install.py --
WITH_DEV = exec $(PYTHON) -I rovi_site/install.py --dev --

.PHONY: help run worker test faults soak bench lint check lock clean python-is-there

help:
	@echo "make run     install, migrate, start the web server, a worker and a simulated fleet"
	@echo "make worker  one more worker on the same database"
	@echo "make test    all tests on SQLite, then on PostgreSQL where a server answers (ARGS=tests/jobs: some)"
	@echo "make faults  what the service withstands: kills, a full disk, a lost database, ill clients, any input; above an hour"
	@echo "make soak    500 sockets for 20 minutes: is anything growing? (ARGS=\"--minutes 2 --sockets 50\": less)"
	@echo "make bench   benchmarks, each beside its floor; results go to docs/performance.md (ARGS=\"reads --quick\": some, small)"
	@echo "make lint    ruff, mypy, import-linter, missing migrations"
	@echo "make check   what the settings or this machine make unsafe in production"
	@echo "make lock    renew requirements.lock and requirements-dev.lock from requirements*.txt"
	@echo "make clean   remove caches; data and the virtual environment stay"

run: python-is-there
	@$(WITH) python manage.py serve

worker: python-is-there
	@$(WITH) python manage.py run_worker $(ARGS)

test: python-is-there
	@$(WITH_DEV) python -m tests $(ARGS)

faults: python-is-there
	@$(WITH_DEV) python -m faults $(ARGS)

soak: python-is-there
	@$(WITH_DEV) python -m faults.soak $(ARGS)

bench: python-is-there
	@$(WITH) python -m benchmarks $(ARGS)

lint: python-is-there
	@$(WITH_DEV) sh .ci/lint

check: python-is-there
	@$(WITH_DEV) python manage.py check --deploy --fail-level WARNING

lock: python-is-there
	@$(WITH_DEV) sh .ci/lock

clean:
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage htmlcov
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# What Python 3.7 cannot parse, the installer cannot say.
python-is-there:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name it: make run PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 7) or sys.exit("ROVI needs Python 3.11 or newer. Install it, or name it: make run PYTHON=/path/to/python3.11")'
