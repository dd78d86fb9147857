"""What a comparison of a roll-up with its facts found."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """`keys` were compared, those in `drifted` differed and were repaired by a correcting row each."""

    rollup: str
    keys: int
    drifted: Sequence[str]

    @property
    def examples(self) -> str:
        """The first of them, for people."""
        shown = self.drifted[:10]
        rest = len(self.drifted) - len(shown)
        return "; ".join(shown) + (f"; and {rest} more" if rest else "")
