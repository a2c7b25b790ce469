"""Addresses that nobody would type: pages, seed paths and the admin answer each of them with a page or a refusal."""

import re
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import strategies as st

from tests.generated import any_text, for_each, numbers_of_examples
from tests.rovi_site.routes import all_routes, ask
from tests.rovi_site.test_hostile_words import pages_of

pytestmark = pytest.mark.postgres  # it stores no NUL, and says so by an error

FIXED_WORDS = (
    "", "-1", "0", "1", "2", "9" * 20, "9" * 5000, "-" + "9" * 30, "1.5", "1e400", "nan", "inf", "-0.0", "0x10",
    "1_000", "\u0661\u0662", "\u00b2", "\u2167", "\0", "a\0b", "%", "'", '"', "\\", "true", "none", "../../etc/passwd",
    "end-6h", "end-" + "9" * 400 + "y", "2026-01-01", "last", "x" * 3000, "\u202e", "a,b,,c", "[]", "{}", "-name",
    "--name", "?", "#",
)  # fmt: skip
NAMES = re.findall(
    r"\w+",
    """q page page_size sort state data kind subject from to tab run a b row t battery name start end after before
    limit columns points format partial confirm load ahead_time resolution search ordering id o p e all _popup next
    _to_field estimator forecaster fleet version rows__gte last_received__lte finished_at__isnull action _facets
    is_popup threshold index cycle as_of history window show compare job token""",
)
words = st.one_of(
    st.sampled_from(FIXED_WORDS).map(lambda word: quote(word, safe="")),
    any_text.map(lambda word: quote(word.encode("utf-8", "surrogatepass"), safe="")),
    st.binary(max_size=8).map(quote_from_bytes),
)
queries = st.lists(st.tuples(st.sampled_from(NAMES), words), max_size=4).map(
    lambda pairs: "&".join(f"{name}={word}" for name, word in pairs)
)


def addresses(furnished):
    """Every address that can be asked with GET, with odd queries and, where a part of it is chosen, odd parts."""
    known = [path.split("?")[0] for path in pages_of(furnished)]
    values = furnished.values_for
    known += [route.path(values(route)) for route in all_routes() if not route.name.startswith("admin:")]
    known = sorted(set(known) - {"/admin/logout/", "/logout"})
    part = re.compile(r"(?<=/)(\d+|[^/]*cell[^/]*)(?=/|$)")
    chosen = [path for path in known if part.search(path)]
    return st.one_of(
        st.builds("{}?{}".format, st.sampled_from(known), queries),
        st.builds(
            lambda path, word, query: f"{part.sub(lambda _: word or 'x', path)}?{query}",
            st.sampled_from(chosen),
            words,
            queries,
        ),
    )


@numbers_of_examples(short=100, long=10_000)
def test_no_address_is_answered_with_an_error_of_ours(examples, furnished, session):
    client = session("administrator")
    client.raise_request_exception = False
    seen, wrong = {}, {}

    def check(address):
        answer = ask(client, "GET", address)
        if answer.streaming:
            b"".join(answer.streaming_content)
        if answer.status_code >= 500:
            wrong.setdefault(address.split("?")[0][:60], address[:300])
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1

    check("/fleet/topusers?count=0")  # refused for sure; few random addresses are
    for_each(examples, addresses(furnished), check)
    assert wrong == {}
    assert {200, 400, 404} <= set(seen)
