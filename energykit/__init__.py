"""Pure functions of the trade: open-circuit voltage, filters, presets, simulated cells. Nothing here knows Django."""
