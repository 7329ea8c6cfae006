"""Where a signal is odd: the surprise of every entry, time or channel given all others, and of the parts of its spectrum."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeGuard

import torch
from torch import Tensor

from ornstein.common.errors import InputError, unknown_name
from ornstein.common.random import Noise
from ornstein.covariance import as_spectral
from ornstein.covariance.base import refuse_dense
from ornstein.denoisers import Denoiser, Gaussian, Mixture
from ornstein.likelihood.flow import default_error, signals
from ornstein.likelihood.frame import Frame, reference_of
from ornstein.likelihood.levels import Scale
from ornstein.likelihood.mmse import STRATA, pairs, span

BY = ("entry", "time", "channel")
FLOOR = 0.01
"""Noise that a law without variance in some directions is seen through, in root mean deviations of its signals."""
_LEVELS = 257
"""Noise levels of the Gaussian part of ``local``, a dozen for every decade's transition."""


def where(law: Denoiser, x: object, by: str = "entry", floor: float | None = None) -> Tensor:
    """-log p(x_B | all other entries) in nats for every block B of x (case, *event), exactly.

        Gaussian, P = (Sigma + floor^2 I)^-1:   x_B | rest ~ N(x_B - P_BB^-1 (P (x - mu))_B, P_BB^-1)
        mixture:   log p(x_B | rest) = log p(x) - log sum_k w_k N_k(x) / N_k(x_B | rest)

    by     "entry": (case, *event); "time": all channels at one time, (case, time); "channel": all of one channel, (case, channel)
    floor  noise that every entry is seen through. Without it 0, or, where the law has no variance in some direction, so that an entry
           is known from the others exactly, a hundredth of the root mean deviation

    Raises ``InputError`` for another law or name, and for "time" and "channel" of vectors. Cost: d^3 a component, and one solve a block.
    """
    values = signals(law, x)
    if not analytic(law):
        raise InputError(f"where is exact for one Gaussian or mixture, but this is a {law.described()}: use likelihood.local")
    blocks = _blocks(law.event_shape, by)
    refuse_dense(law.size, "the surprise of every entry")
    parts = law.components if isinstance(law, Mixture) else (law,)
    weights = law.log_weights if isinstance(law, Mixture) else torch.zeros(1, dtype=torch.float64)
    level = _floor(parts) if floor is None else floor
    whole, given = [], []
    for component in parts:
        whole.append(component.log_prob(values, level))
        given.append(_conditional(component, values.flatten(1), blocks, level))
    joint = weights + torch.stack(whole, -1)
    without = torch.logsumexp(joint.unsqueeze(-2) - torch.stack(given, -1), -1)
    found = without - torch.logsumexp(joint, -1, keepdim=True)
    return found.reshape(len(values), *law.event_shape) if by == "entry" else found


def local(denoiser: Denoiser, x: object, reference: Gaussian | None = None, *, draws: int = 4, seed: int = 0) -> Tensor:
    """The share of every entry in -log p(x) in nats, (case, *event), for any denoiser; they add up to the -log p(x) of ``mmse``.

        share_i = -log N(x_i; mu_i, s_i^2) - int E_z[(x - D_1(y))_i^2 - (x - D(y))_i^2] / sigma^2 dlog sigma,      y = x + sigma z

    with D_1 the denoiser of independent entries: what an entry costs by itself, less what its neighbours tell of it at any noise. The
    part of the reference is in closed form, what D adds by ``draws`` pairs of noises in each of 24 cells of the noise scale.
    Cost: 48 ``draws`` calls and the two to eighteen of ``span``.
    """
    values = signals(denoiser, x)
    gaussian = reference_of(denoiser, reference)
    frame = Frame.of(gaussian, 0.0)
    found = torch.zeros(len(values), gaussian.size, dtype=torch.float64)
    with torch.no_grad():
        mine, noise = denoiser.of_cases(0, len(values)), Noise(seed)
        scale, _ = span(mine, gaussian, frame, values, default_error(frame.dimension), noise)
        if not isinstance(denoiser, Gaussian):
            for j in range(STRATA):
                found += sum(pairs(mine, gaussian, frame, values, scale, noise, j, range(draws)), torch.zeros_like(found)) / draws
    return -(found + _gaussian_share(gaussian, frame, scale, values)).reshape(values.shape)


class Parts(NamedTuple):
    """Two scores of a signal, (case,) each: how far it is inside the main directions of a law, and how far off them.

    inside   squared distance in deviations, per main direction: 1 on average
    off      squared distance to the main directions, over its mean: 1 on average, whatever the smallest eigenvalues are
    floor    the root mean variance off the main directions, a noise in which none of those is small any more
    """

    inside: Tensor
    off: Tensor
    floor: float


def subspace(reference: Gaussian, x: object, share: float = 0.95) -> Parts:
    """The distance of x (case, *event) in, and off, the directions that hold ``share`` of the variance.

    The squared Mahalanobis distance counts every direction alike, so its many small ones decide; these two tell apart a signal that
    is too large from one of another shape. ``off`` is 0 where the main directions are all there are.
    """
    values = signals(reference, x)
    if not 0 < share <= 1:
        raise InputError(f"share is {share}, but must be a share of the variance above 0 and at most 1, such as 0.95")
    basis = as_spectral(reference.covariance())
    lam, many = basis.eigenvalues, basis.multiplicity
    order = lam.argsort(descending=True)
    before = (lam * many)[order].cumsum(0) - (lam * many)[order]
    main = torch.zeros_like(lam, dtype=torch.bool)
    main[order] = before < share * float(basis.trace()) * (1 - 1e-12)
    w = basis.rotate(values.flatten(1) - reference.mean().flatten())
    inside = (w**2 / torch.where(main, lam, torch.inf)).sum(-1) / float((many * main).sum())
    left = float((lam * many)[~main].sum())
    off = (w**2 * ~main).sum(-1)
    floor = math.sqrt(left / float((many * ~main).sum())) if left > 0 else 0.0
    return Parts(inside, off / left if left > 0 else torch.zeros_like(off), floor)


def _conditional(component: Gaussian, x: Tensor, blocks: Tensor, level: float) -> Tensor:
    """log p(x_B | rest) under one Gaussian, (case, block)."""
    covariance = component.covariance().dense() + level**2 * torch.eye(component.size, dtype=torch.float64)
    precision = torch.linalg.inv(covariance)
    pull = (x - component.mean().flatten()) @ precision
    own = precision[blocks.unsqueeze(-1), blocks.unsqueeze(-2)]
    factor = torch.linalg.cholesky((own + own.mT) / 2)
    white = torch.linalg.solve_triangular(factor, pull[:, blocks].movedim(0, -1), upper=False)
    volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    given: Tensor = -0.5 * white.square().sum(-2).T + volume - 0.5 * blocks.shape[1] * math.log(2 * math.pi)
    return given


def _gaussian_share(gaussian: Gaussian, frame: Frame, scale: Scale, x: Tensor) -> Tensor:
    """The share of every entry in log p(x) under the reference, (case, d): the integral of ``local`` in closed form but for the levels.

    For a Gaussian, E_z (x - D(y))_i^2 = ((I - G)(x - mu))_i^2 + sigma^2 (G^2)_ii with its gain G.
    """
    apart = x.flatten(1) - gaussian.mean().flatten()
    variances = frame.basis.diagonal()
    lone = torch.where(variances > 0, variances, 1.0)
    total = torch.zeros_like(apart)
    noise, density = scale.at(torch.linspace(0, 1, _LEVELS, dtype=torch.float64))
    ends = torch.ones(_LEVELS, dtype=torch.float64)
    ends[0] = ends[-1] = 0.5
    for level, rate in zip(noise.tolist(), (ends / density / (_LEVELS - 1)).tolist(), strict=True):
        together = frame.basis.map(lambda lam, s=level: (lam / (lam + s**2)) ** 2).diagonal()  # type: ignore[misc]
        kept = variances / (variances + level**2)
        rest = frame.basis.apply(lambda lam, s=level: s**2 / (lam + s**2), apart)  # type: ignore[misc]
        alone = ((1 - kept) * apart) ** 2 + level**2 * kept**2
        total += rate / level**2 * (alone - rest**2 - level**2 * together)
    own: Tensor = 0.5 * (apart**2 / lone + (2 * math.pi * lone).log()) * (variances > 0)
    return total - own


def _blocks(event: tuple[int, ...], by: str) -> Tensor:
    """The entries of every block (block, entry)."""
    if by not in BY:
        raise unknown_name("by", by, BY)
    numbers = torch.arange(math.prod(event))
    if by == "entry":
        return numbers.unsqueeze(1)
    if len(event) != 2:
        raise InputError(f"by is {by!r}, but signals of shape {event} have no channels and times: use 'entry'")
    grid = numbers.reshape(event)
    return grid if by == "channel" else grid.T


def _floor(parts: tuple[Gaussian, ...]) -> float:
    """0 for laws of full rank."""
    if all(part.covariance().rank() == part.size for part in parts):
        return 0.0
    return FLOOR * math.sqrt(max(float(part.covariance().trace()) / part.size for part in parts))


def blockwise(entries: Tensor, by: str) -> Tensor:
    """What belongs to every entry (case, channel, time), added up ``by`` "time" or "channel"."""
    return entries if by == "entry" else entries.sum(1 if by == "time" else 2)


def analytic(denoiser: Denoiser) -> TypeGuard[Gaussian | Mixture]:
    """Whether ``where`` is exact for it."""
    return isinstance(denoiser, Gaussian | Mixture) and not denoiser.batch_shape
