"""Samplers, schedules and grids by name: every name runs, and means what it says."""

from __future__ import annotations

import pytest
import torch

import ornstein as orn
from ornstein.common.errors import InputError
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.model.methods import AWARE, GRIDS, SAMPLERS, SCHEDULES, SPECTRAL, names, reference_of
from ornstein.samplers import Exact, Exponential, Heun, certify, sample
from ornstein.schedules import VP, Cosine, Grid, RectifiedFlow, karras

MODEL = orn.fit(ornstein_uhlenbeck(60, 6, 2.0, seed=1), folds=0)
MIXTURE = orn.fit(ornstein_uhlenbeck(60, 6, 2.0, seed=1), "mixture", components=2, folds=0)


@pytest.mark.parametrize("name", [*SAMPLERS, *AWARE])
def test_every_sampler_has_a_name(name: str) -> None:
    """100 draws in 30 steps: the mean of every entry within 6 standard errors and 10 % of a deviation for the discretisation."""
    x = MODEL.sample(100, sampler=name, steps=30)
    assert x.shape == (100, 1, 6)
    deviation = MODEL.covariance().diagonal().sqrt()
    assert bool(((x.mean(0)[0] - MODEL.mean()[0]).abs() < 0.7 * deviation).all())


@pytest.mark.parametrize("name", [*GRIDS, SPECTRAL])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_grid_has_a_name(schedule: str, name: str) -> None:
    """On a Gaussian each is exact with the exact sampler, and DDIM on the spectral grid is the best of them on VP."""
    x = MODEL.sample(5, sampler="exact", steps=6, schedule=schedule, grid=name)
    assert bool(torch.isfinite(x).all())
    assert torch.equal(x, MODEL.sample(5, sampler=Exact(), steps=6, schedule=SCHEDULES[schedule](), grid=name))


def test_a_named_grid_is_that_grid() -> None:
    expected = MODEL.scaler.decode(sample(MODEL.law, Heun(), VP(), karras(VP(), 7), 4, seed=2))
    assert torch.equal(MODEL.sample(4, sampler="heun", steps=7, grid="karras", seed=2), expected)
    assert torch.equal(MODEL.sample(4, sampler="heun", steps=karras(VP(), 7), seed=2), expected)
    assert torch.equal(MODEL.sample(4, sampler="heun", steps=karras(VP(), 7).times.tolist(), seed=2), expected)


def test_the_spectral_grid_is_laid_for_the_law() -> None:
    law = MODEL.law.covariance()
    errors = {name: certify(SAMPLERS["ddim"], grid(VP(), 8), VP(), law).w2 for name, grid in GRIDS.items()}
    drawn = MODEL.sample(3, sampler="ddim", steps=8, grid=SPECTRAL)
    times = orn.schedules.spectral(VP(), 8, law.eigenvalues, 1, law.multiplicity)
    assert certify(SAMPLERS["ddim"], times, VP(), law).w2 < min(errors.values())
    assert torch.equal(drawn, MODEL.sample(3, sampler="ddim", steps=times))


def test_auto_on_a_gaussian_is_exact() -> None:
    """No call is spent: the flow is known. And the model remembers a choice."""
    tuned = MODEL.tune(5)
    assert (type(tuned.sampler), tuned.evaluations) == (Exact, 0)
    assert torch.equal(MODEL.sample(4, sampler="auto", steps=5, seed=3), MODEL.sample(4, sampler=tuned, seed=3))


def test_auto_on_a_mixture_is_what_tune_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """``sampler="auto"`` runs ``tune`` once, and a tuned sampler brings its own grid and schedule."""
    tuned = MIXTURE.tune(4, schedule="cosine", cases=8)
    asked: list[object] = []
    monkeypatch.setattr("ornstein.model.drawing.tune", lambda law, schedule, calls, reference: (asked.append((calls, schedule)), tuned)[1])
    first, second = (MIXTURE.sample(5, sampler="auto", steps=4, schedule="cosine", seed=s) for s in (1, 2))
    assert asked == [(4, Cosine())]
    assert not torch.equal(first, second)
    assert torch.equal(first, MIXTURE.sample(5, sampler=tuned, seed=1))
    assert torch.equal(first, MIXTURE.scaler.decode(sample(MIXTURE.law, tuned.sampler, Cosine(), tuned.grid, 5, seed=1)))
    for more in ({"steps": 6, "schedule": "cosine"}, {"steps": 4, "schedule": "flow"}):
        MIXTURE.sample(1, sampler="auto", **more)  # type: ignore[arg-type]
    assert asked == [(4, Cosine()), (6, Cosine()), (4, RectifiedFlow())]


def test_the_reference_is_the_gaussian_of_the_law() -> None:
    reference = reference_of(MIXTURE.law)
    assert torch.allclose(reference.mean(), MIXTURE.law.mean())
    assert torch.allclose(reference.covariance().dense(), MIXTURE.law.covariance().dense())
    assert torch.equal(MIXTURE.sample(3, sampler="exponential", steps=5), MIXTURE.sample(3, sampler=Exponential(reference), steps=5))


class Stranger(orn.denoisers.Denoiser):
    event_shape = (1, 6)

    def __call__(self, x: torch.Tensor, sigma: object) -> orn.denoisers.Posterior:
        return orn.denoisers.Posterior(0.5 * x)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: MODEL.sample(2, sampler="expo"), "sampler is 'expo', but must be one of adams-bashforth, .* did you mean"),
        (lambda: MODEL.sample(2, sampler="ddim", grid="karas"), "grid is 'karas', .* did you mean 'karras'"),
        (lambda: MODEL.sample(2, sampler="ddim", grid="karras", steps=[1.0, 0.5, 0.0]), "grid is 'karras', but steps already lists"),
        (lambda: MODEL.sample(2, sampler="auto", steps=0), "steps is 0"),
        (lambda: MODEL.sample(2, sampler="auto", steps=Grid([1.0, 0.0])), "steps is"),
        (lambda: reference_of(Stranger()), "which a Stranger does not know: pass a sampler object with its own reference"),
    ],
)
def test_bad_names(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]


def test_names_lists_them_all() -> None:
    assert set(names()) == {*SAMPLERS, *AWARE, "auto"}
