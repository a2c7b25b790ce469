"""Every address of the service: the rooms' seed paths and pages, the REST API, the admin, health."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps
from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.routers import DefaultRouter

import access.urls
import datahub.urls
import jobs.urls
import prognosis.urls
import rovi_site.pages.urls
import twin.urls
from access.decorators import page_for
from access.permissions import ViewerReadsAdministratorWrites
from access.roles import Role
from rovi_site import health
from rovi_site.observing.metrics import metrics
from rovi_site.passport.viewsets import PassportViewSet
from rovi_site.rest import shared

# Rooms that may be taken out of INSTALLED_APPS.
side_rooms = [import_module(f"{name}.urls") for name in ("fleet",) if apps.is_installed(name)]

router = DefaultRouter()
router.include_format_suffixes = False  # one address each; formats are told by Accept or ?format=
for room in (datahub.urls, twin.urls, prognosis.urls, jobs.urls, access.urls, *side_rooms):
    for prefix, viewset, basename in room.api_routes:
        router.register(prefix, shared(viewset), basename=basename)
router.register(r"batteries/(?P<battery_id>\d{1,18})", shared(PassportViewSet), basename="passport")

_schema = SpectacularAPIView.as_view(permission_classes=[ViewerReadsAdministratorWrites])
# A page: who is not logged in is led to the login, for its only renderer has no words for a refusal.
_docs = SpectacularSwaggerSplitView.as_view(url_name="schema", permission_classes=[AllowAny])

urlpatterns = [
    *rovi_site.pages.urls.urlpatterns,
    *datahub.urls.urlpatterns,
    *twin.urls.urlpatterns,
    *prognosis.urls.urlpatterns,
    *[pattern for room in side_rooms for pattern in room.urlpatterns],
    path("api/v1/", include(router.urls)),
    path("api/schema/", _schema, name="schema"),
    path("api/docs/", require_safe(page_for(Role.VIEWER)(_docs)), name="api-docs"),
    path("admin/", admin.site.urls),
    path("healthz/live", health.live, name="health-live"),
    path("healthz/ready", health.ready, name="health-ready"),
    path("metrics", metrics, name="metrics"),
]

handler400 = "rovi_site.pages.errors.bad_request"
handler403 = "rovi_site.pages.errors.forbidden"
handler404 = "rovi_site.pages.errors.not_found"
handler500 = "rovi_site.pages.errors.server_error"
