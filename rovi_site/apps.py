from django.apps import AppConfig


class RoviSiteConfig(AppConfig):
    name = "rovi_site"
    verbose_name = "ROVI"

    def ready(self) -> None:
        # Rooms are met only once all of them are loaded; `schema` and `housekeeping` register themselves.
        from rovi_site import checks, housekeeping, schema, wiring  # noqa: F401, PLC0415
        from rovi_site.observing import collecting  # noqa: PLC0415

        wiring.connect()
        checks.register()
        collecting.register()
