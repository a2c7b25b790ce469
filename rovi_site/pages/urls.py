"""Addresses of the pages. A view is its address: tabs, ranges, filters and sort are its parameters."""

from __future__ import annotations

from django.apps import apps
from django.contrib.auth import views as auth_views
from django.urls import URLPattern, path
from django.views.decorators.gzip import gzip_page

import datahub.converters  # noqa: F401  (registers battery_name)
from rovi_site.pages import (
    battery,
    battery_actions,
    beside,
    charts,
    comparing,
    consistency,
    coverage,
    estimators,
    exporting,
    fits,
    fleet_actions,
    forecast,
    forecasters,
    forecasting,
    home,
    importing,
    jobs,
    measured,
    recomputing,
    search,
    status,
    tokens,
    version_series,
    versions,
)
from rovi_site.pages.login import LoginPage

urlpatterns: list[URLPattern] = [
    path("", home.home_page, name="home"),
    path("batteries/export", fleet_actions.export_fleet, name="fleet-export"),
    path("batteries/undo", fleet_actions.undo_on_fleet, name="fleet-undo"),
    path("batteries/<slug:verb>", fleet_actions.act_on_fleet, name="fleet-act"),
    path("dashboard/<battery_name:name>", battery.battery_page, name="dashboard"),
    path("batteries/<int:battery_id>/<slug:verb>", battery_actions.act_on_battery, name="battery-act"),
    path("charts/batteries/<int:battery_id>", gzip_page(charts.battery_series), name="battery-series"),
    path(
        "charts/batteries/<int:battery_id>/consistency",
        gzip_page(consistency.consistency_series),
        name="consistency-series",
    ),
    path("charts/batteries/<int:battery_id>/coverage", gzip_page(coverage.battery_coverage), name="battery-coverage"),
    path("charts/batteries/<int:battery_id>/measured", gzip_page(measured.measured_series), name="battery-measured"),
    path("charts/batteries/<int:battery_id>/forecasts", gzip_page(beside.beside_series), name="beside-series"),
    path("charts/forecasts/<int:run_id>", gzip_page(charts.forecast_series), name="forecast-series"),
    path("charts/comparisons/<int:comparison_id>", gzip_page(charts.comparison_series), name="comparison-series"),
    path("estimators", estimators.estimators_page, name="estimators"),
    path("estimators/<int:estimator_id>", estimators.estimator_page, name="estimator"),
    path("charts/estimators/<int:estimator_id>", gzip_page(estimators.estimator_series), name="estimator-series"),
    path("forecasters", forecasters.forecasters_page, name="forecasters"),
    path("forecasters/<int:forecaster_id>", forecasters.forecaster_page, name="forecaster"),
    path("forecasters/<int:forecaster_id>/<slug:verb>", forecasters.act_on_forecaster, name="forecaster-act"),
    path("search", search.search_page, name="search"),
    path("tokens", tokens.tokens_page, name="tokens"),
    path("tokens/<str:token_key>/revoke", tokens.revoke_token, name="token-revoke"),
    path("forecasts", forecasting.forecasts_page, name="forecasts"),
    path("forecasts/<int:run_id>", forecast.forecast_page, name="forecast"),
    path("parameter-sets", fits.parameter_sets_page, name="parameter-sets"),
    path("parameter-sets/<int:set_id>", fits.parameter_set_page, name="parameter-set"),
    path("charts/parameter-sets/<int:set_id>", gzip_page(fits.parameter_set_series), name="parameter-set-series"),
    path("fit/<battery_name:name>", fits.fit_page, name="fit"),
    path("forecasts/scores", forecasting.scores_page, name="forecast-scores-page"),
    path("forecasts/fleet", forecasting.fleet_form_page, name="fleet-form"),
    path("forecasts/fleet/<int:fleet_id>", forecasting.fleet_forecast_page, name="fleet-forecast"),
    path("forecasts/compare", comparing.compare_page, name="compare-form"),
    path("forecasts/compare/<int:comparison_id>", comparing.comparison_page, name="comparison"),
    path("charts/batteries/<int:battery_id>/versions", gzip_page(version_series.version_series), name="version-series"),
    path("versions/<int:estimator_id>/origin", versions.provenance_page, name="version-origin"),
    path("versions/<int:estimator_id>/delete-results", versions.delete_results_page, name="version-delete-results"),
    path("versions/<int:estimator_id>/recompute", recomputing.recompute_page, name="version-recompute"),
    path("versions/<int:estimator_id>/<slug:verb>", versions.act_on_version, name="version-act"),
    path("import", importing.imports_page, name="imports"),
    path("import/<int:import_id>", importing.import_page, name="import"),
    path("import/<int:import_id>/undo", importing.undo_import_page, name="import-undo-page"),
    path("export", exporting.export_page, name="export"),
    path("passport/<battery_name:name>", exporting.passport_page, name="passport"),
    path("jobs", jobs.jobs_page, name="jobs"),
    path("jobs/retry-failed", jobs.retry_failed, name="jobs-retry-failed"),
    path("jobs/<int:job_id>", jobs.job_page, name="job"),
    path("jobs/<int:job_id>/cancel", jobs.cancel_job, name="job-cancel-page"),
    path("jobs/<int:job_id>/retry", jobs.retry_job, name="job-retry-page"),
    path("status", status.status_page, name="status"),
    path("status/workers/<int:worker_id>/drain", status.drain_worker, name="worker-drain-page"),
    path("login", LoginPage.as_view(), name="login"),
    path("logout", auth_views.LogoutView.as_view(), name="logout"),
]

if apps.is_installed("fleet"):
    from rovi_site.pages import energy, energy_export, energy_forecasts, energy_upload

    urlpatterns += [
        path("energy", energy.energy_page, name="energy"),
        path("energy/upload", energy_upload.upload_page, name="energy-upload"),
        path("energy/forecast", energy.forecast_energy, name="energy-forecast-page"),
        path("energy/forecasts/<int:forecast_id>", energy_forecasts.forecast_page, name="energy-forecasts-page"),
        path(
            "energy/forecasts/<int:forecast_id>/quarters.csv",
            energy_forecasts.forecast_file,
            name="energy-forecasts-file",
        ),
        path(
            "charts/energy/forecasts/<int:forecast_id>",
            gzip_page(energy_forecasts.energy_forecast_series),
            name="energy-forecasts-series",
        ),
        path("energy/quarters.csv", energy_export.fleet_file, name="energy-file"),
        path("energy/<int:number>", energy.asset_page, name="energy-asset"),
        path("energy/<int:number>/quarters.csv", energy_export.asset_file, name="energy-asset-file"),
        path("charts/energy", gzip_page(energy.energy_series), name="energy-series"),
        path("charts/energy/<int:number>", gzip_page(energy.asset_energy_series), name="energy-asset-series"),
    ]
