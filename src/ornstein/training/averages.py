"""Exponential moving averages of weights, several at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from ornstein.common import checks
from ornstein.training.distributed import split


class Averages:
    """Weights averaged over the last part of training, for several lengths.

        average <- average + (1 - beta_k) (weights - average),    beta_k = (1 - 1 / k)^(gamma + 1)

    After k steps the weights of step j count j^(gamma + 1) - (j - 1)^(gamma + 1), of k^(gamma + 1) in all: a share of about
    1 / (gamma + 2) of the run, whatever k (Karras et al. 2024, eq. 123). No warm-up constant, and a longer run averages longer.
    Averages are kept in the type of the weights, at least float32, whose rounding would stop a long average. Memory: one copy
    per length of every parameter that is trained.

    lengths  the relative widths, as gamma > 0: 16 averages over the last 6 %, 48 over the last 2 %
    """

    def __init__(self, module: nn.Module, lengths: Sequence[float] = (16.0, 48.0, 160.0)) -> None:
        self.lengths = tuple(checks.positive(gamma, "lengths") for gamma in lengths)
        trained = [p.detach() for p in module.parameters() if p.requires_grad]
        wide = [p.to(_wide(p)) for p in trained]
        # one row for all parameters of a length: a step then adds to three arrays, not to three for each parameter
        self._in_rows = not any(split(p) for p in wide) and len({(p.dtype, p.device) for p in wide}) == 1
        self._kept = [[_row(wide)] if self._in_rows else [p.clone() for p in wide] for _ in self.lengths]
        self.values = [_parts(kept[0], wide) if self._in_rows else kept for kept in self._kept]

    @torch.no_grad()
    def update(self, parameters: Iterable[Tensor], step: int) -> None:
        """After optimiser step number ``step`` = 1, 2, ..., the trained parameters in the order of the module."""
        now = [p.detach().to(_wide(p)) for p in ([_row(parameters)] if self._in_rows else parameters)]
        for gamma, average in zip(self.lengths, self._kept, strict=True):
            torch._foreach_lerp_(average, now, 1 - (1 - 1 / step) ** (gamma + 1))


def _wide(p: Tensor) -> torch.dtype:
    return torch.promote_types(p.dtype, torch.float32)


def _row(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([t.flatten() for t in tensors])


def _parts(row: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Views of a row in the shapes of the tensors that it was made of."""
    return [part.view(t.shape) for part, t in zip(row.split([t.numel() for t in like]), like, strict=True)]
