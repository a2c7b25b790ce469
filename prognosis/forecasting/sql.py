"""Templates of history queries: one SELECT over the estimates, read by a parser, rebuilt from what it read.

What runs is never the text that a user sent: it is written anew from the checked tree, so that no difference between
this parser and the database's can carry anything past the check.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from prognosis.errors import TemplateRefused

if TYPE_CHECKING:
    from sqlglot import exp

PLACEHOLDER = "$TABLE_NAME$"
# The pattern of ROVI's service, anchored at both ends, without the quote that slipped into its text.
PATTERN = re.compile(r"SELECT[^;]+(?:from|FROM) \$TABLE_NAME\$(?:\s[^;]*)?")
MAX_LENGTH = 4000
FUNCTIONS = ("ABS", "AVG", "CAST", "COALESCE", "COUNT", "MAX", "MIN", "NULLIF", "ROUND", "SUM")
NUMBER_TYPES = ("DOUBLE", "FLOAT", "DECIMAL", "INT", "BIGINT", "SMALLINT")
STAND_IN = "the_estimates"

# What would end the statement, hide part of it, or quote something that is no column. Every value is a number, so no
# template needs a text.
FORBIDDEN = (
    (";", "one SELECT only"),
    ("--", "comments are not taken"),
    ("/*", "comments are not taken"),
    ("'", "texts are not taken; every column is a number"),
    ("`", 'names are quoted with "'),
    ("[", 'names are quoted with "'),
    ("\\", "backslashes are not taken"),
    ("\0", "control characters are not taken"),
)


@dataclass(frozen=True)
class HistoryQuery:
    """A statement ready to run, and whether its rows come newest first.

    `deviations`: names of columns in the answer that hold packed covariances, and which deviation each stands for.
    """

    sql: str
    newest_first: bool
    deviations: dict[str, str] = field(default_factory=dict)


def check_template(template: str, dialect: str) -> None:
    """Raises TemplateRefused unless `template` is one SELECT over $TABLE_NAME$. `dialect`: sqlite or postgres."""
    _parse(template, dialect)


def history_query(
    template: str,
    dialect: str,
    *,
    table: str,
    columns: Sequence[str],
    more_columns: Sequence[str] = (),
    deviations: Sequence[str] = (),
    max_rows: int,
    until: float | None = None,
) -> HistoryQuery:
    """The statement for `table`; raises TemplateRefused for a column that is in none of the lists.

    `*` stands for `columns`; those in `more_columns` are read by name only, and those in `deviations` are selected by
    themselves. Rows after test_time `until`, s, are not there. The statement returns at most `max_rows` + 1 rows, so
    that the reader sees when there were more.
    """
    from sqlglot import exp  # noqa: PLC0415  (0.1 s; a web process boots without it)

    tree = _parse(template, dialect).copy()
    known = {name.lower() for name in (*columns, *more_columns)}
    found = _take_deviations(tree, {name.lower(): name for name in deviations if name.lower() not in known})
    _resolve_columns(tree, columns, (*more_columns, *(("covariance",) if found else ())))
    if until is not None:
        tree.where(exp.LTE(this=exp.column("test_time", quoted=True), expression=_number(until)), copy=False)
    tree.args["from_"].this.set("this", exp.to_identifier(table, quoted=True))
    limit = tree.args.get("limit")
    asked = int(limit.expression.name) if limit else max_rows + 1
    tree.limit(min(asked, max_rows + 1), copy=False)
    return HistoryQuery(tree.sql(dialect=dialect, identify=True, comments=False), _is_newest_first(tree), found)


def _take_deviations(tree: exp.Select, deviations: dict[str, str]) -> dict[str, str]:
    """Puts the packed covariance in the place of each deviation that is selected; the reader unpacks it."""
    from sqlglot import exp  # noqa: PLC0415  (as above)

    found, selected = {}, []
    for part in tree.expressions:
        column = part.this if isinstance(part, exp.Alias) else part
        name = deviations.get(column.name.lower()) if isinstance(column, exp.Column) else None
        if name is not None:
            found[part.alias_or_name] = name
            part = exp.alias_(exp.column("covariance"), part.alias_or_name, quoted=True)
        selected.append(part)
    tree.set("expressions", selected)
    for column in tree.find_all(exp.Column):
        if column.name.lower() in deviations:
            raise TemplateRefused(f"{column.name!r} can be selected by itself only, not reckoned or sorted with.")
    return found


def _number(value: float) -> exp.Expression:
    from sqlglot import exp  # noqa: PLC0415  (as above)

    return exp.Literal.number(repr(abs(value))) if value >= 0 else exp.Neg(this=exp.Literal.number(repr(abs(value))))


def _parse(template: str, dialect: str) -> exp.Select:
    """The checked tree of a template."""
    import sqlglot  # noqa: PLC0415  (0.1 s; a web process boots without it)
    from sqlglot import exp  # noqa: PLC0415  (as above)

    text = template.strip()
    _check_text(text)
    try:
        statements = sqlglot.parse(text.replace(PLACEHOLDER, STAND_IN), dialect=dialect)
        if len(statements) != 1 or not isinstance(statements[0], exp.Select):
            raise TemplateRefused(f"The query is not one plain SELECT over {PLACEHOLDER}; no UNION, no WITH.")
        tree = statements[0]
        for node in tree.walk():
            _check_node(node, dialect)
        _check_shape(tree)
    except sqlglot.errors.SqlglotError as wrong:
        raise TemplateRefused(f"The query cannot be read: {_first_complaint(wrong)}.") from None
    except RecursionError:
        raise TemplateRefused("The query is nested too deeply.") from None
    return tree


def _check_text(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise TemplateRefused(f"The query has {len(text):,} characters; {MAX_LENGTH:,} are the most.")
    for forbidden, why in FORBIDDEN:
        at = text.find(forbidden)
        if at >= 0:
            shown = forbidden if forbidden.isprintable() else repr(forbidden).strip("'")
            raise TemplateRefused(f"`{shown}` at {_place(text, at)}: {why}.")
    occurrences = text.count(PLACEHOLDER)
    if occurrences != 1 or "$" in text.replace(PLACEHOLDER, ""):
        raise TemplateRefused(f"{PLACEHOLDER} must stand in the query exactly once, and no other `$`.")
    if STAND_IN in text.lower():
        raise TemplateRefused(f"`{STAND_IN}` is not a column; the table is named {PLACEHOLDER}.")
    if not PATTERN.fullmatch(text):
        raise TemplateRefused(f"The query must begin with `SELECT` and go on with `FROM {PLACEHOLDER}`, written so.")


def _place(text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return f"column {column}" if "\n" not in text else f"line {line}, column {column}"


def _first_complaint(wrong: Exception) -> str:
    found = getattr(wrong, "errors", None)
    if found:
        return f"{found[0]['description'].rstrip('.')} (column {found[0]['col']})"
    return str(wrong).splitlines()[0].rstrip(".")


@lru_cache(maxsize=1)
def _allowed() -> dict[type, frozenset[str]]:
    """Every kind of node a template may hold, with the parts it may have. Whatever is not named is refused."""
    from sqlglot import exp  # noqa: PLC0415  (0.1 s; a web process boots without it)

    two = frozenset({"this", "expression"})
    one = frozenset({"this"})
    allowed: dict[type, frozenset[str]] = dict.fromkeys(
        (exp.And, exp.Or, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Add, exp.Sub, exp.Mul, exp.Mod,
         exp.Nullif), two,
    )  # fmt: skip
    allowed |= dict.fromkeys((exp.Not, exp.Neg, exp.Paren, exp.Where, exp.Having, exp.Boolean, exp.From, exp.TableAlias,
                              exp.Abs, exp.Avg, exp.Sum, exp.Max, exp.Min), one)  # fmt: skip
    allowed |= {
        exp.Select: frozenset(
            {"expressions", "from_", "where", "group", "having", "order", "limit", "offset", "distinct"}
        ),
        exp.Table: frozenset({"this", "alias"}),
        exp.Identifier: frozenset({"this", "quoted"}),
        exp.Column: frozenset({"this", "table"}),
        exp.Alias: frozenset({"this", "alias"}),
        exp.Star: frozenset(),
        exp.Null: frozenset(),
        exp.Literal: frozenset({"this"}),  # `is_string` is refused: FORBIDDEN has the quote, this has the rest
        exp.Order: frozenset({"expressions"}),
        exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
        exp.Limit: frozenset({"expression"}),
        exp.Offset: frozenset({"expression"}),
        exp.Group: frozenset({"expressions"}),
        exp.Distinct: frozenset({"expressions"}),
        exp.Div: frozenset({"this", "expression", "typed", "safe"}),
        exp.Is: frozenset({"this", "expression", "negate"}),
        exp.In: frozenset({"this", "expressions"}),
        exp.Between: frozenset({"this", "low", "high"}),
        exp.Case: frozenset({"this", "ifs", "default"}),
        exp.If: frozenset({"this", "true"}),
        exp.Cast: frozenset({"this", "to"}),
        exp.DataType: frozenset({"this"}),
        exp.Round: frozenset({"this", "decimals"}),
        exp.Coalesce: frozenset({"this", "expressions"}),
        exp.Count: frozenset({"this", "big_int"}),
    }
    return allowed


def _check_node(node: Any, dialect: str) -> None:
    from sqlglot import exp  # noqa: PLC0415  (0.1 s; a web process boots without it)

    parts = _allowed().get(type(node))
    if parts is None:
        shown = node.sql(dialect=dialect)[:60]
        if isinstance(node, exp.Func):
            raise TemplateRefused(f"`{shown}`: the functions are {', '.join(FUNCTIONS)}.")
        raise TemplateRefused(f"`{shown}` is not taken: one SELECT with WHERE, GROUP BY, HAVING, ORDER BY and LIMIT.")
    extra = sorted(name for name, part in node.args.items() if part and name not in parts)
    if extra:
        raise TemplateRefused(f"`{node.sql(dialect=dialect)[:60]}` is not taken: its part {extra[0].strip('_')!r}.")
    if isinstance(node, exp.DataType) and node.this.name not in NUMBER_TYPES:
        raise TemplateRefused(f"CAST to `{node.sql(dialect=dialect)[:60]}` is not taken; every value is a number.")
    if isinstance(node, (exp.Limit, exp.Offset)) and not (
        isinstance(node.expression, exp.Literal) and node.expression.name.isdecimal()
    ):
        raise TemplateRefused("LIMIT and OFFSET take a whole number.")


def _check_shape(tree: exp.Select) -> None:
    """What the kinds of nodes alone do not say: one table and no other, and `*` only where it stands for columns."""
    from sqlglot import exp  # noqa: PLC0415  (0.1 s; a web process boots without it)

    if not tree.expressions:
        raise TemplateRefused("The query selects no column.")
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1 or not isinstance(tables[0].this, exp.Identifier) or tables[0].name != STAND_IN:
        raise TemplateRefused(f"The query must read {PLACEHOLDER} and no other table.")
    if len(list(tree.find_all(exp.Select))) != 1:
        raise TemplateRefused("The query must hold no other SELECT.")
    for column in tree.find_all(exp.Column):
        if isinstance(column.this, exp.Star):
            raise TemplateRefused("Write `*` or the columns' names.")
        if column.table and column.table.lower() != tables[0].alias.lower():
            raise TemplateRefused(f"`{column.table}` is not the table of this query.")
    for star in tree.find_all(exp.Star):
        if not isinstance(star.parent, (exp.Select, exp.Count)):
            raise TemplateRefused("`*` stands for all columns, or in COUNT(*).")


def _resolve_columns(tree: exp.Select, columns: Sequence[str], more_columns: Sequence[str]) -> None:
    """Puts each column's stored name in place of the written one, and all names in place of `*`."""
    from sqlglot import exp  # noqa: PLC0415  (0.1 s; a web process boots without it)

    readable = [*columns, *more_columns]
    stored = {name.lower(): name for name in readable}
    own_names = {part.alias.lower() for part in tree.expressions if isinstance(part, exp.Alias)}
    for column in list(tree.find_all(exp.Column)):
        written = column.name
        if written.lower() in stored:
            column.set("this", exp.to_identifier(stored[written.lower()], quoted=True))
        elif written.lower() not in own_names or column.find_ancestor(exp.Where):
            near = get_close_matches(written.lower(), stored, n=3)
            hint = f" Near it: {', '.join(stored[name] for name in near)}." if near else ""
            raise TemplateRefused(f"The estimates have no column {written!r}; they have {', '.join(readable)}.{hint}")
    selected: list[Any] = []
    for part in tree.expressions:
        selected += [exp.column(name, quoted=True) for name in columns] if isinstance(part, exp.Star) else [part]
    tree.set("expressions", selected)
    names = [part.alias_or_name for part in selected]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise TemplateRefused(f"Two columns are called {twice!r}; name one of them with AS.")


def _is_newest_first(tree: exp.Select) -> bool:
    order = tree.args.get("order")
    return bool(order and order.expressions[0].args.get("desc") and order.expressions[0].this.name == "test_time")
