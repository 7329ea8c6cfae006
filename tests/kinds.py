"""One list per kind: every schedule, every law, every sampler. A new member adds one row here and meets all the laws of its kind."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ornstein.covariance import Conditioned, Dense, Diagonal, Kronecker, LowRank, Stationary
from ornstein.denoisers import Colored, Denoiser, Empirical, Gaussian, Law, Mixture, Particles, Posterior
from ornstein.measurements import Linear, Mask
from ornstein.samplers import (
    DDIM,
    DDPM,
    DEIS,
    RK4,
    AdamsBashforth,
    Adaptive,
    Ancestral,
    DPMSolver,
    DPMSolverSDE,
    Euler,
    Exact,
    Exponential,
    Heun,
    PredictorCorrector,
    Restart,
    Sampler,
    StochasticHeun,
    UniPC,
)
from ornstein.samplers.teleport import Teleport
from ornstein.schedules import VE, VP, Cosine, Discrete, RectifiedFlow, Schedule
from truth import orthogonal, spectrum_covariance

FIVE = Gaussian(torch.linspace(-1, 1, 5, dtype=torch.float64), Dense(spectrum_covariance([2.0, 1.0, 0.5, 0.3, 0.2], 1)))
TWO_OF_FIVE = Mixture(
    torch.tensor([0.3, 0.7]),
    [FIVE, Gaussian(torch.full((5,), 3.0, dtype=torch.float64), Dense(spectrum_covariance([1.0, 0.8, 0.6, 0.2, 0.1], 2)))],
)
"""A Gaussian of five entries, and a mixture of it and another one: what is asked of single entries."""

SCHEDULES: dict[str, Schedule] = {
    "vp": VP(),
    "vp-constant": VP(beta_min=3.0, beta_max=3.0),
    "cosine": Cosine(),
    "cosine-unshifted": Cosine(0.0),
    "rectified": RectifiedFlow(),
    "ve": VE(),
    "tutorial": Discrete.sigmoid(),
    "betas": Discrete.from_betas([0.1, 0.2, 0.05, 0.5]),
    "betas-to-zero": Discrete.from_betas([0.1, 0.2, 0.5, 1.0]),
    "abar-to-zero": Discrete((0.9, 0.5, 0.0)),
}
ENDS_AT_ZERO = {"cosine", "cosine-unshifted", "rectified", "betas-to-zero", "abar-to-zero"}

EVENT = (2, 3)
SIZE = 6
SPECTRUM = (3.0, 1.5, 0.8, 0.4, 0.2, 0.1)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers that depend on the seed only."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


MEAN = normal(*EVENT, seed=1)
POINTS = normal(30, *EVENT, seed=2) * torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64) + 1
UNEVEN = torch.log_softmax(normal(30, seed=3), 0)
FULL = Dense(spectrum_covariance(SPECTRUM, 1))
NARROW = Dense(spectrum_covariance((2.0, 1.0, 0.3, 0.0, 0.0, 0.0), 2))
RANDOM_MAP = normal(2, SIZE, seed=4)
MASK = Mask(torch.tensor([[True, False, True], [False, True, False]]))


SAMPLERS: dict[str, Sampler] = {
    "exact": Exact(),
    "exact-stochastic": Exact(stochastic=True),
    "ddpm": DDPM(),
    "ddim": DDIM(),
    "ddim-half": DDIM(0.5),
    "ddim-ancestral": DDIM(1.0),
    "euler": Euler(),
    "heun": Heun(),
    "rk4": RK4(),
    "adaptive": Adaptive(1e-2),
    "ddpm-large": DDPM("large"),
    "churn": StochasticHeun(10.0),
    "langevin": PredictorCorrector(DDIM(), corrections=2),
    "restart": Restart(Heun(), low=0.1, high=2.0, times=2, steps=3),
    "adams-bashforth": AdamsBashforth(4),
    "deis": DEIS(3),
    "dpm++2m": DPMSolver(2),
    "dpm++3m": DPMSolver(3),
    "dpm++2m-sde": DPMSolverSDE(2),
    "dpm++3m-sde": DPMSolverSDE(3),
    "unipc": UniPC(3),
    "ancestral": Ancestral(),
    "ancestral-lanczos": Ancestral("lanczos", reference=Gaussian(MEAN, FULL), iterations=3),
    "exponential": Exponential(Gaussian(MEAN, FULL)),
    "teleport": Teleport(DPMSolver(2), Gaussian(MEAN, FULL), level=4.0),
}
ONLY_GAUSSIAN = {"exact", "exact-stochastic"}
"""The closed form of the Gaussian law."""
REFERENCED = {"ancestral-lanczos", "exponential", "teleport"}
"""Samplers that hold a Gaussian of full rank: their last step does not remove what another law has none of."""


def gaussian() -> Gaussian:
    return Gaussian(MEAN, FULL)


def mixture() -> Mixture:
    """Two well-separated components and one between, of three structures, with uneven weights."""
    separable = Kronecker(Diagonal(torch.tensor([1.0, 0.4])), Stationary(torch.tensor([1.0, 0.3, 0.3], dtype=torch.float64)))
    thin = LowRank(orthogonal(SIZE, 5)[:, :2], torch.tensor([2.0, 0.7]), 0.05)
    parts = [Gaussian(MEAN, FULL), Gaussian(MEAN + 2, separable), Gaussian(-MEAN, thin)]
    return Mixture(torch.tensor([0.5, 0.3, 0.2]), parts)


def mixture_of(*spectra: tuple[float, ...], one_basis: bool) -> Mixture:
    """Dense components with these eigenvalues, in one basis or each in its own."""
    parts = [Dense(spectrum_covariance(spectrum, 1 if one_basis else 30 + k)) for k, spectrum in enumerate(spectra)]
    if one_basis:
        parts = [parts[0], *(Dense.from_eigen(parts[0].basis, torch.tensor(s, dtype=torch.float64)) for s in spectra[1:])]
    return Mixture(torch.tensor([0.6, 0.4]), [Gaussian(MEAN, parts[0]), Gaussian(MEAN + 2, parts[1])])


def kernel() -> Empirical:
    return Empirical(POINTS, FULL.scaled(0.4, 0.0), log_weights=UNEVEN)


def implicit() -> Gaussian:
    """A posterior whose covariance exists only through products."""
    bound = Linear(RANDOM_MAP).bind(EVENT)
    prior = Kronecker(Dense(spectrum_covariance((1.0, 0.3), 6)), Dense(spectrum_covariance((2.0, 0.5, 0.2), 7)))
    return Gaussian(MEAN, Conditioned.on(prior, bound, torch.tensor([0.1, 0.3], dtype=torch.float64)))


LAWS: dict[str, Callable[[], Law]] = {
    "gaussian": gaussian,
    "gaussian-narrow": lambda: Gaussian(MEAN, NARROW),
    "gaussian-kronecker": lambda: mixture().components[1],
    "gaussian-low-rank": lambda: mixture().components[2],
    "gaussian-conditioned": lambda: gaussian().condition(Linear(RANDOM_MAP), normal(2, seed=8), 0.3).law,
    "gaussian-constrained": lambda: gaussian().condition(MASK, normal(3, seed=9)).law,
    "gaussian-implicit": implicit,
    "mixture": mixture,
    "mixture-dense": lambda: mixture_of(SPECTRUM, (2.0, 1.0, 0.7, 0.6, 0.4, 0.2), one_basis=False),
    "mixture-one-basis": lambda: mixture_of(SPECTRUM, (2.0, 1.0, 0.7, 0.6, 0.4, 0.2), one_basis=True),
    "mixture-conditioned": lambda: mixture().condition(MASK, normal(3, seed=9), 0.5).law,
    "points": lambda: Empirical(POINTS, log_weights=UNEVEN),
    "points-conditioned": lambda: Empirical(POINTS).condition(MASK, normal(3, seed=9), 0.8).law,
    "particles": lambda: Particles(POINTS, UNEVEN),
    "particles-conditioned": lambda: Particles(POINTS, UNEVEN).condition(MASK, normal(3, seed=9), 0.8).law,
    "kernel": kernel,
    "kernel-diagonal": lambda: Empirical(POINTS, Diagonal(torch.linspace(0.1, 0.4, SIZE))),
    "kernel-low-rank": lambda: Empirical(POINTS, LowRank(orthogonal(SIZE, 5)[:, :2], torch.tensor([0.5, 0.2]), 0.1)),
    "kernel-conditioned": lambda: kernel().condition(Linear(RANDOM_MAP), normal(2, seed=8), 0.3).law,
    "kernel-constrained": lambda: kernel().condition(MASK, normal(3, seed=9)).law,
}
NO_DENSITY = {"points", "points-conditioned", "particles", "particles-conditioned", "kernel-constrained"}
"""Laws that live on points or on a subspace of many sheets: they have a density at every sigma > 0, but none at 0."""
ON_A_SUBSPACE = {"gaussian-narrow", "gaussian-constrained"}

CASES = 4
BATCHES: dict[str, Callable[[], Law]] = {
    "gaussian": lambda: gaussian().condition(MASK, normal(CASES, 3, seed=10), 0.5).law,
    "gaussian-constrained": lambda: gaussian().condition(MASK, normal(CASES, 3, seed=10)).law,
    "mixture": lambda: mixture().condition(MASK, normal(CASES, 3, seed=10), 0.5).law,
    "points": lambda: Empirical(POINTS).condition(MASK, normal(CASES, 3, seed=10), 0.8).law,
    "particles": lambda: Particles(POINTS + normal(CASES, 3, seed=10).sum(1).view(-1, 1, 1, 1), UNEVEN.expand(CASES, -1)),
    "kernel": lambda: kernel().condition(MASK, normal(CASES, 3, seed=10), 0.5).law,
}
"""One law per case, as conditioning on a batch of measurements makes them."""

COLORS = {
    "dense": Dense(spectrum_covariance((2.0, 1.5, 1.0, 0.7, 0.5, 0.3), 11)),
    "kronecker": Kronecker(Dense(spectrum_covariance((1.2, 0.4), 12)), Stationary(torch.tensor([1.0, 0.4, 0.4], dtype=torch.float64))),
}
"""Covariances of correlated forward noise."""


def colored(law: str, noise: str) -> Colored:
    return Colored.of(LAWS[law](), COLORS[noise])


class Broken(Denoiser):
    """A denoiser that returns NaN below a noise level."""

    def __init__(self, below: float) -> None:
        self.below, self.event_shape = below, EVENT

    def __call__(self, x: Tensor, sigma: float | Tensor) -> object:  # type: ignore[override]
        posterior = gaussian()(x, sigma)
        return posterior if float(sigma) > self.below else type(posterior)(posterior.mean * torch.nan)


class Black(Denoiser):
    """A law seen from outside: the mean, and nothing else."""

    def __init__(self, law: Law) -> None:
        self.law, self.event_shape = law, law.event_shape

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        return Posterior(self.law(x, sigma).mean)


class Silent(nn.Module):
    """A network that adds nothing: its denoiser is the law's around it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor, noise: Tensor, condition: object = None) -> Tensor:
        return self.scale * x


CENTRES = torch.tensor([[-4.0, 0.0], [4.0, 1.0], [0.0, 5.0]], dtype=torch.float64)
SEPARATE = Mixture(torch.tensor([0.5, 0.3, 0.2]), [Gaussian(c, Dense(0.3 * torch.eye(2, dtype=torch.float64))) for c in CENTRES])
