"""What every room's REST answers share: tags of what was read, keys of what was asked, chosen fields, where to look on.

The rooms write viewsets; the lobby gives each of them this. So an address that somebody adds has all of it at once.
"""

from __future__ import annotations

from rovi_site.rest.shared import shared

__all__ = ["shared"]
