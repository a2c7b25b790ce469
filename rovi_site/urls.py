"""Every address of the service: the rooms' seed paths and pages, the REST API, the admin, health."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import DefaultRouter

import access.urls
import datahub.urls
import jobs.urls
import prognosis.urls
import rovi_site.pages.urls
import twin.urls
from access.permissions import ViewerReadsAdministratorWrites
from rovi_site import health

router = DefaultRouter()
for room in (datahub, twin, prognosis, jobs, access):
    for prefix, viewset, basename in room.urls.api_routes:
        router.register(prefix, viewset, basename=basename)

_schema_for_viewers = {"permission_classes": [ViewerReadsAdministratorWrites]}

urlpatterns = [
    *rovi_site.pages.urls.urlpatterns,
    *datahub.urls.urlpatterns,
    *twin.urls.urlpatterns,
    *prognosis.urls.urlpatterns,
    path("api/v1/", include(router.urls)),
    path("api/schema/", SpectacularAPIView.as_view(**_schema_for_viewers), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema", **_schema_for_viewers), name="api-docs"),
    path("admin/", admin.site.urls),
    path("healthz/live", health.live, name="health-live"),
    path("healthz/ready", health.ready, name="health-ready"),
]

handler400 = "rovi_site.pages.errors.bad_request"
handler403 = "rovi_site.pages.errors.forbidden"
handler404 = "rovi_site.pages.errors.not_found"
handler500 = "rovi_site.pages.errors.server_error"
