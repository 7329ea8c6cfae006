"""Some frequencies of a signal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.measurements.base import Measurement, Shape


@dataclass(frozen=True, eq=False)
class Fourier(Measurement):
    """Some frequencies along time, f_k = n^(-1/2) sum_t x_t exp(-2 pi i k t / n): the real parts of all, then the imaginary parts.

    frequencies  distinct whole numbers k from 0 to n // 2, in cycles per signal (m,); k cycles are k rate / n Hz

    k = 0 and k = n / 2 have no imaginary part and give one number each, so that no entry of y is 0 whatever x. y has shape
    (..., number of parts). White noise of deviation s in time has the deviation s / sqrt(2) in each part, s where there is one alone.
    """

    frequencies: Tensor

    def __post_init__(self) -> None:
        given = checks.tensor(self.frequencies, "frequencies", ndim=(1,))
        if bool((given != given.round()).any()) or bool((given < 0).any()):
            wrong = float(given[(given != given.round()) | (given < 0)][0])
            raise InputError(f"frequencies holds {wrong:g}, but must be whole numbers of cycles per signal, at least 0")
        if len(given.unique()) < len(given):
            raise InputError("frequencies holds a number twice: give each once")
        object.__setattr__(self, "frequencies", given.long())

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        chosen = self.frequencies.to(x.device)
        found = torch.fft.rfft(x, norm="ortho")[..., chosen]
        return torch.cat([found.real, found.imag[..., _turning(chosen, event_shape[-1])]], -1)

    def output_shape(self, event_shape: Shape) -> Shape:
        length = event_shape[-1]
        if len(self.frequencies) and int(self.frequencies.max()) > length // 2:
            largest = int(self.frequencies.max())
            raise InputError(f"frequencies holds {largest}, but signals of length {length} have those from 0 to {length // 2}")
        return (*event_shape[:-1], len(self.frequencies) + int(_turning(self.frequencies, length).sum()))


def _turning(frequencies: Tensor, length: int) -> Tensor:
    """Those with an imaginary part: not the mean, nor the alternating signal of an even length."""
    return (frequencies > 0) & (2 * frequencies != length)
