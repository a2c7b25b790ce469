"""A template reads one table and nothing else, whatever is written into it."""

import pytest
from django.db import connection

from prognosis.errors import TemplateRefused
from prognosis.forecasting.sql import check_template, history_query

COLUMNS = ["test_time", "soc", "hyst", "q_t__base_values", "r0__base_values"]
DIALECTS = ["sqlite", "postgres"]


def built(template, dialect="sqlite", max_rows=1_000_000):
    return history_query(template, dialect, table="estimates_3", columns=COLUMNS, max_rows=max_rows)


# --- what is taken -------------------------------------------------------------------------------------------------
TEMPLATES = {
    # as in ROVI's demonstration
    "SELECT test_time,q_t__base_values FROM $TABLE_NAME$ ORDER BY test_time DESC LIMIT 10000": (
        'SELECT "test_time", "q_t__base_values" FROM "estimates_3" ORDER BY "test_time" DESC LIMIT 10000'
    ),
    "SELECT test_time, q_t__base_values FROM $TABLE_NAME$": (
        'SELECT "test_time", "q_t__base_values" FROM "estimates_3" LIMIT 1000001'
    ),
    # the seed's pattern takes `from` as well
    "SELECT soc from $TABLE_NAME$": 'SELECT "soc" FROM "estimates_3" LIMIT 1000001',
    "SELECT * FROM $TABLE_NAME$": (
        'SELECT "test_time", "soc", "hyst", "q_t__base_values", "r0__base_values" FROM "estimates_3" LIMIT 1000001'
    ),
    "SELECT Test_Time FROM $TABLE_NAME$": 'SELECT "test_time" FROM "estimates_3" LIMIT 1000001',
    '  SELECT "soc"\n FROM $TABLE_NAME$\n WHERE soc > 0.5\n  ': (
        'SELECT "soc" FROM "estimates_3" WHERE "soc" > 0.5 LIMIT 1000001'
    ),
    "SELECT e.soc AS s FROM $TABLE_NAME$ AS e ORDER BY s LIMIT 5 OFFSET 2": (
        'SELECT "e"."soc" AS "s" FROM "estimates_3" AS "e" ORDER BY "s" LIMIT 5 OFFSET 2'
    ),
    "SELECT soc FROM $TABLE_NAME$ WHERE soc BETWEEN 0.1 AND 0.9 AND (hyst < 0 OR hyst IN (1, 2))": (
        'SELECT "soc" FROM "estimates_3" WHERE "soc" BETWEEN 0.1 AND 0.9 AND ("hyst" < 0 OR "hyst" IN (1, 2)) '
        "LIMIT 1000001"
    ),
    "SELECT MAX(test_time) AS test_time, AVG(soc) AS soc, COUNT(*) AS n FROM $TABLE_NAME$ "
    "GROUP BY ROUND(test_time / 3600)": (
        'SELECT MAX("test_time") AS "test_time", AVG("soc") AS "soc", COUNT(*) AS "n" FROM "estimates_3" '
        'GROUP BY ROUND("test_time" / 3600) LIMIT 1000001'
    ),
    "SELECT DISTINCT soc FROM $TABLE_NAME$ LIMIT 99999999": 'SELECT DISTINCT "soc" FROM "estimates_3" LIMIT 1000001',
}


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_select_over_the_estimates_is_rebuilt_for_its_table(template, dialect):
    assert built(template, dialect).sql == TEMPLATES[template]


@pytest.mark.django_db
@pytest.mark.postgres
def test_the_database_runs_what_is_built():
    dialect = {"sqlite": "sqlite", "postgresql": "postgres"}[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE estimates_3 ({', '.join(f'{name} FLOAT' for name in COLUMNS)})")
        for template in TEMPLATES:
            cursor.execute(built(template, dialect).sql)
            assert len(cursor.fetchall()) == 0, template


def test_a_query_says_whether_its_rows_come_newest_first():
    assert built("SELECT soc FROM $TABLE_NAME$ ORDER BY test_time DESC").newest_first
    assert not built("SELECT soc FROM $TABLE_NAME$ ORDER BY test_time").newest_first
    assert not built("SELECT soc FROM $TABLE_NAME$ ORDER BY soc DESC").newest_first
    assert not built("SELECT soc FROM $TABLE_NAME$").newest_first


def test_one_row_more_than_allowed_is_fetched_so_that_too_many_are_seen():
    assert built("SELECT soc FROM $TABLE_NAME$", max_rows=10).sql.endswith("LIMIT 11")
    assert built("SELECT soc FROM $TABLE_NAME$ LIMIT 3", max_rows=10).sql.endswith("LIMIT 3")


# --- what is refused -----------------------------------------------------------------------------------------------
EVASIONS = [
    # a second statement
    "SELECT soc FROM $TABLE_NAME$; DROP TABLE auth_user",
    "SELECT soc FROM $TABLE_NAME$;",
    "DROP TABLE auth_user; SELECT soc FROM $TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$ ;SELECT 1",
    # comments
    "SELECT soc FROM $TABLE_NAME$ -- WHERE",
    "SELECT soc /* FROM x */ FROM $TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$ /*!50000 UNION SELECT password FROM auth_user */",
    "SELECT soc FROM $TABLE_NAME$ --\nUNION SELECT password FROM auth_user",
    # before and after the pattern
    "EXPLAIN SELECT soc FROM $TABLE_NAME$",
    "WITH x AS (SELECT password FROM auth_user) SELECT soc FROM $TABLE_NAME$",
    "INSERT INTO x SELECT soc FROM $TABLE_NAME$",
    "CREATE TABLE x AS SELECT soc FROM $TABLE_NAME$",
    "(SELECT soc FROM $TABLE_NAME$)",
    "SELECT soc FROM $TABLE_NAME$)",
    "SELECT soc FROM $TABLE_NAME$_2",
    'SELECT soc FROM $TABLE_NAME$"e"',
    "SELECT soc FROM $TABLE_NAME$2",
    "SELECT soc FROM x.$TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$.soc",
    "SELECT soc FROM auth_user",
    "SELECT 1",
    "",
    "SELECT $TABLE_NAME$",
    # other tables
    "SELECT password FROM auth_user UNION SELECT soc FROM $TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$ UNION SELECT password FROM auth_user",
    "SELECT soc FROM $TABLE_NAME$ UNION ALL SELECT password FROM auth_user",
    "SELECT soc FROM $TABLE_NAME$ INTERSECT SELECT password FROM auth_user",
    "SELECT soc FROM $TABLE_NAME$ EXCEPT SELECT password FROM auth_user",
    "SELECT soc FROM $TABLE_NAME$, auth_user",
    "SELECT soc FROM $TABLE_NAME$ JOIN auth_user ON 1 = 1",
    "SELECT soc FROM $TABLE_NAME$ NATURAL JOIN auth_user",
    "SELECT soc FROM $TABLE_NAME$ CROSS JOIN auth_user",
    "SELECT soc FROM $TABLE_NAME$ AS a LEFT JOIN sqlite_master AS b ON a.soc = b.rowid",
    "SELECT soc FROM $TABLE_NAME$ WHERE soc IN (SELECT id FROM auth_user)",
    "SELECT soc FROM $TABLE_NAME$ WHERE EXISTS (SELECT 1 FROM auth_user)",
    "SELECT soc FROM $TABLE_NAME$ WHERE soc = (SELECT MAX(id) FROM auth_user)",
    "SELECT soc FROM $TABLE_NAME$ WHERE soc > ALL (SELECT id FROM auth_user)",
    "SELECT (SELECT password FROM auth_user) FROM $TABLE_NAME$",
    "SELECT (SELECT password FROM auth_user LIMIT 1), soc FROM $TABLE_NAME$ LIMIT 1",
    "SELECT soc FROM $TABLE_NAME$ ORDER BY (SELECT password FROM auth_user)",
    "SELECT soc FROM $TABLE_NAME$ LIMIT (SELECT COUNT(*) FROM auth_user)",
    "SELECT soc FROM $TABLE_NAME$ OFFSET (SELECT COUNT(*) FROM auth_user)",
    "SELECT soc FROM $TABLE_NAME$ GROUP BY (SELECT password FROM auth_user)",
    "SELECT soc FROM $TABLE_NAME$ HAVING (SELECT 1 FROM auth_user)",
    "SELECT auth_user.password FROM $TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$ WHERE soc IN auth_user",
    "SELECT the_estimates.soc, x.* FROM $TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$ AS a, $TABLE_NAME$ AS b, $TABLE_NAME$ AS c",
    # functions that reach out, wait, or fill memory
    "SELECT load_extension('x.so') FROM $TABLE_NAME$",
    "SELECT load_extension(soc) FROM $TABLE_NAME$",
    "SELECT readfile('/etc/passwd') FROM $TABLE_NAME$",
    "SELECT writefile(soc, soc) FROM $TABLE_NAME$",
    "SELECT pg_read_file('/etc/passwd') FROM $TABLE_NAME$",
    "SELECT pg_sleep(1000) FROM $TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$ WHERE pg_sleep(1000) IS NULL",
    "SELECT dblink(soc) FROM $TABLE_NAME$",
    "SELECT lo_import(soc) FROM $TABLE_NAME$",
    "SELECT query_to_xml(soc, TRUE, TRUE, soc) FROM $TABLE_NAME$",
    "SELECT current_setting(soc), set_config(soc, soc, FALSE) FROM $TABLE_NAME$",
    "SELECT pg_terminate_backend(1) FROM $TABLE_NAME$",
    "SELECT version() FROM $TABLE_NAME$",
    "SELECT CURRENT_USER FROM $TABLE_NAME$",
    "SELECT CURRENT_TIMESTAMP FROM $TABLE_NAME$",
    "SELECT nextval(soc) FROM $TABLE_NAME$",
    "SELECT randomblob(1000000000) FROM $TABLE_NAME$",
    "SELECT zeroblob(1000000000) FROM $TABLE_NAME$",
    "SELECT REPEAT(soc, 1000000000) FROM $TABLE_NAME$",
    "SELECT GROUP_CONCAT(soc) FROM $TABLE_NAME$",
    "SELECT generate_series(1, 1000000000) FROM $TABLE_NAME$",
    "SELECT UNNEST(ARRAY[1, 2]) FROM $TABLE_NAME$",
    "SELECT fts3_tokenizer(soc) FROM $TABLE_NAME$",
    "SELECT SUM(soc) OVER (ORDER BY test_time) FROM $TABLE_NAME$",
    "SELECT MAX(soc, hyst) FROM $TABLE_NAME$",
    "SELECT COUNT(DISTINCT *) FROM $TABLE_NAME$",
    "SELECT AVG(soc) FILTER (WHERE soc > 0) FROM $TABLE_NAME$",
    "SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY soc) FROM $TABLE_NAME$",
    # values and types that are no numbers
    "SELECT 'text' FROM $TABLE_NAME$",
    "SELECT $$text$$ FROM $TABLE_NAME$",
    "SELECT x'41' FROM $TABLE_NAME$",
    "SELECT E'a' FROM $TABLE_NAME$",
    "SELECT CAST(soc AS TEXT) FROM $TABLE_NAME$",
    "SELECT soc::regclass FROM $TABLE_NAME$",
    "SELECT CAST(soc AS INT[]) FROM $TABLE_NAME$",
    "SELECT soc || hyst FROM $TABLE_NAME$",
    "SELECT soc COLLATE NOCASE FROM $TABLE_NAME$",
    "SELECT soc LIKE hyst FROM $TABLE_NAME$",
    "SELECT soc ~ hyst FROM $TABLE_NAME$",
    "SELECT soc -> hyst FROM $TABLE_NAME$",
    "SELECT ROW(soc) FROM $TABLE_NAME$",
    "SELECT (soc, hyst) FROM $TABLE_NAME$",
    # parameters, variables, locks, other clauses
    "SELECT ? FROM $TABLE_NAME$",
    "SELECT :x FROM $TABLE_NAME$",
    "SELECT $1 FROM $TABLE_NAME$",
    "SELECT @x FROM $TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$ FOR UPDATE",
    "SELECT soc FROM $TABLE_NAME$ FOR SHARE",
    "SELECT soc INTO x FROM $TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$ TABLESAMPLE SYSTEM (1)",
    "SELECT soc FROM $TABLE_NAME$ INDEXED BY x",
    "SELECT soc FROM $TABLE_NAME$ WINDOW w AS (ORDER BY soc)",
    "SELECT soc FROM $TABLE_NAME$ FETCH FIRST 5 ROWS ONLY",
    "SELECT soc FROM $TABLE_NAME$ LIMIT -1",
    "SELECT soc FROM $TABLE_NAME$ LIMIT 1 + 1",
    "SELECT soc FROM $TABLE_NAME$ LIMIT ALL",
    "SELECT soc FROM $TABLE_NAME$ GROUP BY CUBE (soc)",
    "SELECT soc FROM $TABLE_NAME$ GROUP BY ROLLUP (soc)",
    "SELECT soc FROM $TABLE_NAME$ QUALIFY 1 = 1",
    "SELECT DISTINCT ON (soc) soc FROM $TABLE_NAME$",
    "SELECT soc FROM ONLY $TABLE_NAME$",
    "SELECT soc FROM LATERAL $TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$ AS t (a, b)",
    "SELECT soc FROM $TABLE_NAME$ PIVOT (SUM(soc) FOR hyst IN (1))",
    # quoting and characters
    "SELECT `soc` FROM $TABLE_NAME$",
    "SELECT [soc] FROM $TABLE_NAME$",
    'SELECT "so\\"c" FROM $TABLE_NAME$',
    "SELECT soc\0 FROM $TABLE_NAME$",
    "SELECT soc FROM $TABLE_NAME$ WHERE soc = $TABLE_NAME$",
    "SELECT 1 FROM FROM $TABLE_NAME$",
    "SELECT FROM $TABLE_NAME$",
    "SELECT soc, FROM $TABLE_NAME$ WHERE",
    # too much
    "SELECT " + "(" * 500 + "soc" + ")" * 500 + " FROM $TABLE_NAME$",
    "SELECT " + "NOT " * 900 + "soc FROM $TABLE_NAME$",
    "SELECT soc" + " + 1" * 1200 + " FROM $TABLE_NAME$",
    "SELECT CASE WHEN " * 150 + "soc" + " THEN 1 END" * 150 + " FROM $TABLE_NAME$",
]


@pytest.mark.parametrize("template", EVASIONS, ids=lambda template: template[:60].replace("\0", "NUL"))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_evasion_is_refused(template, dialect):
    with pytest.raises(TemplateRefused):
        check_template(template, dialect)


def test_the_list_of_evasions_is_long():
    assert len(set(EVASIONS)) >= 100


@pytest.mark.parametrize(
    "template",
    [
        "SELECT password FROM $TABLE_NAME$",
        "SELECT rowid FROM $TABLE_NAME$",
        "SELECT covariance FROM $TABLE_NAME$",
        "SELECT soc FROM $TABLE_NAME$ WHERE password > 1",
        "SELECT soc FROM $TABLE_NAME$ ORDER BY ctid",
        "SELECT soc AS x FROM $TABLE_NAME$ WHERE x > 1",
        'SELECT "SELECT 1" FROM $TABLE_NAME$',
        "SELECT soc, soc FROM $TABLE_NAME$",
        "SELECT *, soc FROM $TABLE_NAME$",
        "SELECT soc AS a, hyst AS a FROM $TABLE_NAME$",
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_column_that_may_not_be_read_is_refused_when_the_table_is_known(template, dialect):
    check_template(template, dialect)
    with pytest.raises(TemplateRefused):
        built(template, dialect)


def test_a_quoted_name_cannot_break_out():
    with pytest.raises(TemplateRefused, match="no column 'soc\" FROM x"):
        built('SELECT "soc"" FROM x" FROM $TABLE_NAME$')


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("SELECT test_time, q_t__base_values FROM x; SELECT 1", "`;` at column 42: one SELECT only."),
        ("SELECT soc\nFROM $TABLE_NAME$ -- all", "`--` at line 2, column 19: comments are not taken."),
        ("SELECT soc FROM x", "$TABLE_NAME$ must stand in the query exactly once, and no other `$`."),
        (
            "SELECT pg_sleep(9) FROM $TABLE_NAME$",
            "`PG_SLEEP(9)`: the functions are ABS, AVG, CAST, COALESCE, COUNT, MAX, MIN, NULLIF, ROUND, SUM.",
        ),
        (
            "SELECT soc FROM $TABLE_NAME$ UNION SELECT 1",
            "The query is not one plain SELECT over $TABLE_NAME$; no UNION, no WITH.",
        ),
    ],
)
def test_a_refusal_says_what_and_where(template, sentence):
    with pytest.raises(TemplateRefused) as refused:
        check_template(template, "sqlite")
    assert refused.value.message == sentence
    assert refused.value.fields == {"sql_query": [sentence]}
    assert refused.value.status == 422


def test_an_unknown_column_is_answered_with_those_there_are():
    with pytest.raises(TemplateRefused) as refused:
        built("SELECT q_t_base_values FROM $TABLE_NAME$")
    assert refused.value.message == (
        "The estimates have no column 'q_t_base_values'; they have test_time, soc, hyst, q_t__base_values, "
        "r0__base_values. Near it: q_t__base_values, r0__base_values."
    )
