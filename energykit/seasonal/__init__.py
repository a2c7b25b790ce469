"""Forecasts of many series of quarters at once: ridge regression on the day and the week, the rest as AR(1)."""

from energykit.seasonal.errors import TooLittleHistory
from energykit.seasonal.forecasting import LEVELS, QuarterForecast, forecast
from energykit.seasonal.naive import as_a_week_ago
from energykit.seasonal.outliers import outlying
from energykit.seasonal.rolling import Score, rolling_scores

__all__ = [
    "LEVELS",
    "QuarterForecast",
    "Score",
    "TooLittleHistory",
    "as_a_week_ago",
    "forecast",
    "outlying",
    "rolling_scores",
]
