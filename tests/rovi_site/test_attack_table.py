"""The threat model names a test for each attack; here the table and the tests are held together."""

import re

from tests.servers import PROJECT

TABLE = PROJECT / "docs" / "explanation" / "threat-model.md"
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
FILES_OF_ATTACKS = (
    "sandbox/test_sandbox_escapes.py", "sandbox/test_sandbox_exhaustion.py", "sandbox/test_sandbox_next_script.py",
    "datahub/test_bombs.py", "datahub/test_any_frames.py", "datahub/test_any_bodies.py", "datahub/test_csv_formulas.py",
    "rovi_site/test_any_requests.py", "rovi_site/test_any_addresses.py", "browser/test_hostile_words.py",
    "prognosis/test_forecast_sql.py", "twin/test_hostile_scripts.py",
)  # fmt: skip


def test_each_attack_has_a_test_that_exists():
    rows = [line for line in TABLE.read_text().splitlines() if line.count("|") == 4 and NAMED.search(line)]
    assert len(rows) >= 30
    missing = [
        f"{file}::{name}"
        for line in rows
        for file, name in NAMED.findall(line)
        if not re.search(rf"^ *(async )?def {name}\(", (PROJECT / "tests" / file).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_each_file_of_attacks_stands_in_the_table():
    named = {file for file, _ in NAMED.findall(TABLE.read_text())}
    assert set(FILES_OF_ATTACKS) - named == set()
