"""Which ageing equations fit a battery: what was asked for, or what its metadata say of its cathode."""

from __future__ import annotations

import re
from typing import Any

PRESETS = ("lfp", "nmc", "nca")
WORDS = (("lfp", r"lfp|lifepo|iron.?phosphate"), ("nca", r"nca|linicoal|nickel.?cobalt.?alumin"), ("nmc", r"nmc|ncm"))
TAKEN_OTHERWISE = "nmc"


def preset_of(metadata: Any, asked: str = "") -> tuple[str, str]:
    """The preset, and a sentence why.

    >>> preset_of({"battery": {"cathode": {"name": "LFP"}}})
    ('lfp', 'LFP, as its metadata say.')
    >>> preset_of(None, "nca")
    ('nca', 'NCA, as asked for.')
    """
    if asked:
        return asked, f"{asked.upper()}, as asked for."
    battery = metadata.get("battery") if isinstance(metadata, dict) else None
    told = " ".join(_texts(battery)).lower() if isinstance(battery, dict) else ""
    for preset, words in WORDS:
        if re.search(words, told):
            return preset, f"{preset.upper()}, as its metadata say."
    return TAKEN_OTHERWISE, f"{TAKEN_OTHERWISE.upper()}, for its metadata tell no chemistry that is known."


def _texts(battery: dict[str, Any]) -> list[str]:
    """What is said of the cathode first, then the design: `NMC532`, `LFP / graphite`."""
    cathode = battery.get("cathode")
    named = [cathode.get("name"), cathode.get("formula")] if isinstance(cathode, dict) else [cathode]
    return [text for text in (*named, battery.get("design"), battery.get("chemistry")) if isinstance(text, str)]
