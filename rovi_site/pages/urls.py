"""Addresses of the pages. A view is its address: tabs, ranges, filters and sort are its parameters."""

from __future__ import annotations

from django.contrib.auth import views as auth_views
from django.urls import URLPattern, path

import datahub.converters  # noqa: F401  (registers battery_name)
from rovi_site.pages import battery, charts, forecast, home, jobs, status

urlpatterns: list[URLPattern] = [
    path("", home.home_page, name="home"),
    path("dashboard/<battery_name:name>", battery.battery_page, name="dashboard"),
    path("charts/batteries/<int:battery_id>", charts.battery_series, name="battery-series"),
    path("charts/forecasts/<int:run_id>", charts.forecast_series, name="forecast-series"),
    path("forecasts/<int:run_id>", forecast.forecast_page, name="forecast"),
    path("jobs", jobs.jobs_page, name="jobs"),
    path("jobs/<int:job_id>", jobs.job_page, name="job"),
    path("jobs/<int:job_id>/cancel", jobs.cancel_job, name="job-cancel-page"),
    path("jobs/<int:job_id>/retry", jobs.retry_job, name="job-retry-page"),
    path("status", status.status_page, name="status"),
    path(
        "login",
        auth_views.LoginView.as_view(template_name="pages/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout", auth_views.LogoutView.as_view(), name="logout"),
]
