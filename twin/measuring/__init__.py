"""From rows to what is measured: cycles, totals, resistances. Worked on by workers alone; read by twin.measured."""
