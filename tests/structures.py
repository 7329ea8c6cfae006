"""The one list of covariance structures, each beside its dense twin, which NumPy and SciPy build without the library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

import truth
from ornstein.covariance import Dense, Diagonal, Kronecker, LowRank, Spectral, Stationary

VARIANCES = torch.tensor([0.5, 2.0, 0.0, 1e-3, 7.0, 1.0], dtype=torch.float64)
BASIS = truth.orthogonal(6, 3)[:, :2]
INSIDE = torch.tensor([4.0, 0.25], dtype=torch.float64)


@dataclass(frozen=True)
class Twin:
    """A structure, the matrix it stands for, and the rank of that matrix."""

    name: str
    operator: Spectral
    matrix: Tensor
    rank: int


def circle(half: list[float], length: int) -> Tensor:
    """A spectrum of a real signal: s[k] = s[length - k]."""
    return torch.tensor([half[min(k, length - k)] for k in range(length)], dtype=torch.float64)


def _stationary(half: list[float], length: int) -> tuple[Stationary, Tensor]:
    row = np.fft.ifft(circle(half, length).numpy()).real
    return Stationary(torch.from_numpy(row)), torch.from_numpy(scipy.linalg.circulant(row))


def _low_rank(floor: float) -> tuple[LowRank, Tensor]:
    rest = torch.eye(6, dtype=torch.float64) - BASIS @ BASIS.T
    return LowRank(BASIS, INSIDE, floor), (BASIS * INSIDE) @ BASIS.T + floor * rest


def _dense(eigenvalues: list[float], seed: int) -> tuple[Dense, Tensor]:
    matrix = truth.spectrum_covariance(eigenvalues, seed)
    return Dense(matrix), matrix


_diagonal = (Diagonal(VARIANCES), torch.diag(VARIANCES))
_full = _dense([3.0, 1.0, 0.5, 0.1, 0.02], 1)
_flat = _dense([3.0, 1.0, 0.5, 0.0, 0.0, 0.0], 2)
_tall = _dense([2.0, 0.3], 4)
_even = _stationary([1.0, 3.0, 0.0, 0.5, 0.2], 8)
_odd = _stationary([0.7, 2.0, 0.1, 0.4], 7)


def _pair(name: str, left: tuple[Spectral, Tensor], right: tuple[Spectral, Tensor], rank: int) -> Twin:
    matrix = torch.from_numpy(np.kron(left[1].numpy(), right[1].numpy()))
    return Twin(name, Kronecker(left[0], right[0]), matrix, rank)


TWINS = [
    Twin("diagonal", *_diagonal, 5),
    Twin("dense", *_full, 5),
    Twin("dense of one entry", *_dense([1.7], 0), 1),
    Twin("dense of rank 3 in 6", *_flat, 3),
    Twin("low-rank with floor", *_low_rank(0.3), 6),
    Twin("low-rank without floor", *_low_rank(0.0), 2),
    Twin("stationary even", *_even, 6),
    Twin("stationary odd", *_odd, 7),
    _pair("dense x dense", _tall, _full, 10),
    _pair("dense x stationary", _tall, _odd, 14),
    _pair("dense x low-rank", _tall, _low_rank(0.3), 12),
    _pair("low-rank x stationary of rank 6", _low_rank(0.0), _even, 12),
    _pair("low-rank x low-rank", _low_rank(0.3), _low_rank(0.0), 12),
    _pair("flat dense x diagonal", _flat, _diagonal, 15),
    Twin(
        "three factors",
        Kronecker(_tall[0], Kronecker(_tall[0], _odd[0])),
        torch.from_numpy(np.kron(_tall[1], np.kron(_tall[1], _odd[1]))),
        28,
    ),
]
NAMES = [twin.name for twin in TWINS]
