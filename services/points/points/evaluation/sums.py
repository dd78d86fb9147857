"""Exact sums of points: whole numbers only, rounded once, and split so that the parts add up to the whole."""

from collections.abc import Iterable, Sequence

FLOOR, HALF_UP, CEIL = "floor", "half_up", "ceil"


def rounded(numerator: int, denominator: int, mode: str) -> int:
    """The fraction as a whole number: `floor`, `half_up` or `ceil`. Raises ValueError for another mode."""
    if mode == FLOOR:
        return numerator // denominator
    if mode == CEIL:
        return -(-numerator // denominator)
    if mode == HALF_UP:
        return (2 * numerator + denominator) // (2 * denominator)
    raise ValueError(f"rounding mode {mode!r} is not known")


def spread(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`total` split in proportion to the weights (none negative): the largest remainder gets the rest, ties go to the
    earlier part. Weights that are all 0 leave everything with the first.
    """
    whole = sum(weights)
    if not whole:
        return (total, *(0 for _ in weights[1:])) if weights else ()
    parts, remainders = [], []
    for weight in weights:
        part, remainder = divmod(total * weight, whole)
        parts.append(part)
        remainders.append(remainder)
    return tuple(_with_rest(parts, remainders, total - sum(parts)))


def whole_parts(numerators: Sequence[int], denominator: int, total: int) -> list[int]:
    """Fractions over one denominator as whole numbers whose sum is `total`, which is the fractions' sum, rounded."""
    parts = [numerator // denominator for numerator in numerators]
    rest = total - sum(parts)
    return _with_rest(parts, [numerator % denominator for numerator in numerators], rest) if rest else parts


def _with_rest(parts: list[int], remainders: list[int], rest: int) -> list[int]:
    if rest:
        # Sorting backwards keeps ties in their order.
        for place in sorted(range(len(parts)), key=remainders.__getitem__, reverse=True)[:rest]:
            parts[place] += 1
    return parts


def total_by(points: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Sums by name; what comes to 0 is left out."""
    sums: dict[str, int] = {}
    for name, given in points:
        sums[name] = sums.get(name, 0) + given
    return {name: given for name, given in sums.items() if given}
