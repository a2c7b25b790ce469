"""Which states a joint filter has, and in which order; batteries of one layout are stepped abreast."""

from typing import NamedTuple


class Layout(NamedTuple):
    """`(soc, [i_rc…], [hyst], q_t, r0)`."""

    pairs: int
    has_hysteresis: bool
    hysteresis_fades: bool = False

    @property
    def states(self) -> int:
        return 3 + self.pairs + self.has_hysteresis

    @property
    def fading(self) -> int:
        """States behind SOC that relax: RC currents, and hysteresis where it does."""
        return self.pairs + self.hysteresis_fades

    @property
    def state_names(self) -> tuple[str, ...]:
        """In the order of means and covariances, called as Moirae calls them."""
        rc_names = ("i_rc",) if self.pairs == 1 else tuple(f"i_rc[{pair}]" for pair in range(self.pairs))
        return ("soc", *rc_names, *(("hyst",) if self.has_hysteresis else ()), "q_t.base_values", "r0.base_values")
