"""The fleet's page."""

import re

import pytest
from django.urls import reverse

from datahub.models import Battery
from tests.rovi_site.pages import battery_with_rows, heard, with_estimates

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]  # SQL of our own


@pytest.fixture
def viewer(client, user_with_role):
    client.force_login(user_with_role("viewer"))
    return client


def names_on(answer) -> list[str]:
    return re.findall(r'<td class="name"><a href="[^"]*">([^<]*)</a>', answer.content.decode())


def test_a_stranger_logs_in_first_and_comes_back_to_what_was_asked(client):
    answer = client.get("/?q=cell")
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=/%3Fq%3Dcell")


def test_an_account_without_a_role_is_told_what_it_needs(client, user_with_role):
    client.force_login(user_with_role("nobody"))
    answer = client.get("/")
    assert answer.status_code == 403
    assert "This page needs the role viewer; your account may do nothing yet." in answer.content.decode()


def test_an_empty_fleet_tells_three_ways_to_begin(viewer):
    page = viewer.get("/").content.decode()
    for step in ("manage.py simulate_fleet", "manage.py stream_hdf5 FILE", "/db/upload/&lt;name&gt;"):
        assert step in page
    assert "<table" not in page


def test_health_stands_with_its_band_and_what_100_percent_is(viewer):
    battery = battery_with_rows("cell 1")
    heard(battery, 1.0)
    with_estimates(battery)
    page = viewer.get("/").content.decode()
    # 0.76 of 0.8 Ah; 1.96 standard deviations of 0.004 Ah are 0.98 %, of 0.01 SOC 1.96 %, of 0.5 mΩ 0.98 mΩ
    assert "95.00 ±0.98 %" in page
    assert "50.0 ±2.0 %" in page
    assert "40.00 ±0.98 mΩ" in page
    assert "100 % is 0.80 Ah nominal" in page
    assert '<polyline points="' in page


def test_what_is_not_known_is_a_dash_and_never_nought(viewer):
    battery_with_rows("cell 1")
    row = re.search(r"<tbody><tr>.*?</tr>", viewer.get("/").content.decode(), re.S)[0]
    for label in ("SOC", "SOH", "R0"):
        assert re.search(rf'data-label="{label}">—</td>', row)


@pytest.mark.parametrize(("seconds", "word"), [(1.0, "Live"), (11.0, "Late"), (299.0, "Late"), (301.0, "Silent")])
def test_data_grow_late_and_then_silent(viewer, seconds, word):
    heard(battery_with_rows("cell 1"), seconds)
    assert f"</svg>{word} " in viewer.get("/").content.decode()


def test_attention_comes_worst_first(viewer):
    late, silent, sure, stale, failed = (
        battery_with_rows(name) for name in ("a late", "b silent", "c sure", "d stale", "e failed")
    )
    for battery in (sure, stale, failed):
        heard(battery, 1.0)
    heard(late, 60.0)
    heard(silent, 3600.0)
    sentence = "The filter is too sure: voltage is off by 12 mV where it expects 2 mV."
    with_estimates(sure, is_inconsistent=True, verdict={"consistent": False, "sentence": sentence})
    with_estimates(stale, rows_skipped={"late": 37})
    type(with_estimates(failed)).objects.filter(battery=failed).update(
        state="failed", last_error="ValueError, line 41."
    )
    page = viewer.get("/").content.decode()
    attention = page[
        page.index('data-live="attention"') : page.index("</section>", page.index('data-live="attention"'))
    ]
    assert re.findall(r"<a href=\"[^\"]*\">([^<]*)</a>", attention) == [
        "b silent",
        "e failed",
        "c sure",
        "d stale",
        "a late",
    ]
    assert "5 need attention" in page
    assert sentence in attention


def test_a_name_that_is_a_script_stays_text(viewer):
    battery_with_rows("<script>alert(1)</script>")
    page = viewer.get("/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_ten_thousand_batteries_are_shown_50_a_page(viewer):
    Battery.objects.bulk_create(Battery(name=f"cell {i:05d}") for i in range(10_000))
    answer = viewer.get("/?page=2")
    assert names_on(answer) == [f"cell {i:05d}" for i in range(50, 100)]
    assert "51–100 of 10\u202f000" in answer.content.decode()


def test_search_finds_a_part_of_a_name_and_an_id(viewer):
    wanted = Battery.objects.create(name="module 7/α")
    Battery.objects.create(name="other")
    assert names_on(viewer.get("/?q=7/α")) == ["module 7/α"]
    assert names_on(viewer.get(f"/?q={wanted.pk}"))[-1:] in (["module 7/α"], ["other"])
    assert "No battery matches." in viewer.get("/?q=nothing").content.decode()


def test_rows_sort_greatest_first_and_the_address_says_so(viewer):
    battery_with_rows("few", rows=2)
    battery_with_rows("many", rows=9)
    Battery.objects.create(name="none")
    answer = viewer.get("/?sort=-rows")
    assert names_on(answer) == ["many", "few", "none"]
    assert 'aria-sort="descending"><a href="/?sort=rows">Rows</a>' in answer.content.decode()
    assert names_on(viewer.get("/?sort=rows")) == ["none", "few", "many"]


def test_a_filter_shows_one_state_of_the_data(viewer):
    heard(battery_with_rows("live one"), 1.0)
    heard(battery_with_rows("silent one"), 4000.0)
    assert names_on(viewer.get("/?data=silent")) == ["silent one"]


@pytest.mark.parametrize("batteries", [1, 3])
def test_three_batteries_cost_the_queries_of_one(viewer, django_assert_num_queries, batteries):
    for number in range(batteries):
        with_estimates(battery_with_rows(f"cell {number}"))
    viewer.get("/")
    with django_assert_num_queries(12):
        viewer.get("/")


def test_each_battery_leads_to_its_page_its_record_and_its_resource(viewer):
    battery = battery_with_rows("module 7/α")
    page = viewer.get("/").content.decode()
    assert 'href="/dashboard/module%207/%CE%B1"' in page
    assert f'href="{reverse("admin:datahub_battery_change", args=[battery.pk])}"' in page
    assert f'href="/api/v1/batteries/{battery.pk}/"' in page


def test_no_page_holds_a_style_attribute_or_an_inline_script(viewer):
    battery = battery_with_rows("cell 1")
    with_estimates(battery)
    for address in ("/", "/dashboard/cell%201", "/jobs", "/status", "/admin/", "/login"):
        page = viewer.get(address, follow=True).content.decode()
        assert " style=" not in page, address
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), address
        assert not re.search(r"\bon[a-z]+=\"", page), address
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page), address
