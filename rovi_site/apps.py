from django.apps import AppConfig


class RoviSiteConfig(AppConfig):
    name = "rovi_site"
    verbose_name = "ROVI"

    def ready(self) -> None:
        # Rooms are met only once all of them are loaded; `schema` registers itself.
        from rovi_site import checks, schema, wiring  # noqa: F401, PLC0415

        wiring.connect()
        checks.register()
