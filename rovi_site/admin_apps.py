from django.contrib.admin.apps import AdminConfig


class RoviAdminConfig(AdminConfig):
    default_site = "rovi_site.admin_site.RoviAdminSite"
