"""A form that is filled in as it was asked last, as far as a form can say it."""

import json

from prognosis.forecast_forms import LoadForm, last_ask
from prognosis.models import ForecastRun

AHEAD = {"ahead_time": 20.0, "resolution": 1.0}


def test_after_a_csv_its_file_has_to_be_chosen_again():
    run = ForecastRun(kind="ageing", profile="profile.csv", load={**AHEAD, "repeat": 86_400.0, "max_c_rate": 0.5})
    initial = last_ask(run)
    assert (initial["profile"], initial["repeat"], initial["max_c_rate"]) == ("csv", "day", 0.5)
    form = LoadForm({name: value for name, value in initial.items() if value is not None})
    assert form.errors["csv"] == ["Choose a file."]


def test_after_columns_of_temperature_the_form_asks_for_them_as_a_phase():
    warmth = {"test_time": [0.0, 10.0], "temperature": [10.0, 20.0]}
    for asked in ({"current": 1.0}, {"dataset": {"battery": "other"}}, {}):
        initial = last_ask(ForecastRun(kind="ageing", load={**AHEAD, **asked, "temperature": warmth}))
        assert (initial["profile"], json.loads(initial["phases"])) == ("phases", [{**asked, "temperature": warmth}])
        form = LoadForm({name: value for name, value in initial.items() if value is not None})
        assert form.is_valid(), form.errors
        assert form.load.phases[0].temperature_profile.as_lists() == warmth
