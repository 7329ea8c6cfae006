"""What a smooth curve through a channel stands on: values that are rounded, counted, or pile up in one place."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

_FEWEST = 20
_COARSE = 0.25
_PILE = 0.1


def piles(rows: Sequence[Tensor]) -> str:
    """One sentence on the values (n,) of every row, without NaN; "" where hardly any repeat.

    Coarse are fewer different values than a quarter of all; a pile is one value that holds a tenth of a row which is not coarse otherwise.
    """
    coarse, heaps = 0, []
    for k, row in enumerate(rows):
        values, counts = row.unique(return_counts=True)
        if len(row) < _FEWEST or len(values) < 2:
            continue
        most = int(counts.argmax())
        share = float(counts[most]) / len(row)
        if share >= _PILE and len(values) - 1 > _COARSE * (len(row) - int(counts[most])):
            heaps.append((share, k, float(values[most])))
        elif len(values) < _COARSE * len(row):
            coarse += 1
    parts = []
    if coarse:
        parts.append(f"{coarse} of {len(rows)} are rounded or counted")
    if heaps:
        share, k, value = max(heaps)
        parts.append(f"{len(heaps)} pile up at one value (number {k} at {value:g}, in {100 * share:.0f} % of cases)")
    if not parts:
        return ""
    return (
        f"marginals: {', '.join(parts)}; equal values share one score and nothing is dithered, so densities speak of a smooth law: "
        "for rounded data ask bits_per_dim with step="
    )
