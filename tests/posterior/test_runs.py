"""The well-known methods on a Gaussian, where the truth is known: who is right, and the failures that everybody should see."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import MASK, RANDOM_MAP, Black, gaussian, mixture, normal
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian, Law
from ornstein.fitting.scaling import Scaler
from ornstein.measurements import Linear
from ornstein.model import Model
from ornstein.posterior import GUIDANCE, RUNS, Given, runs
from ornstein.posterior.given import seen

DRAWS = 800
Y = normal(3, seed=1)
KNOWN = gaussian()
EXACT = KNOWN.condition(MASK, Y, 0.4).law


def found(method: str, noise: float = 0.4, law: Law = KNOWN, draws: int = DRAWS, **options: int) -> Law:
    given = [Given(MASK, Y, torch.tensor(noise, dtype=torch.float64))]
    prior = law if isinstance(law, Gaussian) else KNOWN
    return runs(RUNS[method], method, law, given, prior, draws=draws, steps=options.get("steps", 50), seed=options.get("seed", 0))


@pytest.fixture(scope="module")
def ratios() -> dict[str, Tensor]:
    """Deviations of every method over exact ones, (d,): chance alone moves them by 2 %."""
    exact = EXACT.covariance().diagonal().sqrt()
    steps = {"split-gibbs": 150}
    return {method: found(method, steps=steps.get(method, 50)).covariance().diagonal().sqrt() / exact for method in RUNS}


def measured() -> Tensor:
    """Which entries the mask shows, bool (d,)."""
    rows = MASK.bind(KNOWN.event_shape).matrix()
    return rows.sum(0) > 0


def test_replacement_leaves_no_variance_where_it_was_measured(ratios: dict[str, Tensor]) -> None:
    for method in ("replacement", "repaint"):
        assert float(ratios[method][measured()].max()) < 0.02
        assert float(ratios[method][~measured()].min()) > 0.7


def test_going_back_and_forth_lets_the_rest_follow() -> None:
    """With hardly any noise the only error of replacement is in the entries that were not measured; resampling makes it smaller."""
    exact = KNOWN.condition(MASK, Y, 1e-3).law
    hidden = ~measured()
    deviation = exact.covariance().diagonal().sqrt()
    off = {m: ((found(m, 1e-3).mean() - exact.mean()).flatten() / deviation)[hidden].abs().max() for m in ("replacement", "repaint")}
    assert float(off["repaint"]) < 0.5 * float(off["replacement"]) + 5 / math.sqrt(DRAWS)


def test_spreads_that_are_known_to_be_wrong(ratios: dict[str, Tensor]) -> None:
    """On a Gaussian DPS is off by a third and DDRM by more, DiffPIR and DAPS are too wide: docs/en/posteriors.md has the table."""
    off = {method: float((ratio - 1).abs().max()) for method, ratio in ratios.items()}
    assert off["dps"] > 0.25
    assert off["ddrm"] > 0.4
    assert off["diffpir"] > 0.25
    assert float(ratios["daps"].max()) > 1.12
    assert float(ratios["daps"].min()) > 0.92


def test_split_gibbs_is_nearly_right(ratios: dict[str, Tensor]) -> None:
    """Its distance of a tenth of a deviation is left in it, and 5 errors of 800 draws."""
    assert float((ratios["split-gibbs"] - 1).abs().max()) < 0.05 + 5 / math.sqrt(2 * DRAWS)
    z = (found("split-gibbs", steps=150).mean() - EXACT.mean()).flatten() / EXACT.covariance().diagonal().sqrt()
    assert float(z.abs().max()) < 0.1 + 5 / math.sqrt(DRAWS)


def test_a_draw_given_y_is_the_gaussian_conditional() -> None:
    """N(x, v I) given y = A x_0 + n: mean and variances within 5 errors of 4000 draws."""
    fixed, start = seen([Given(MASK, Y, torch.tensor(0.8, dtype=torch.float64))], KNOWN.event_shape, KNOWN.size), normal(6, seed=8)
    run = RUNS["daps"](KNOWN, fixed, KNOWN.mean().flatten(), 1.0, 5, 4000, Noise(3))
    drawn = run.given(start.expand(4000, -1), 0.49, 1)
    exact = Gaussian(start.view(KNOWN.event_shape), Diagonal(torch.full((6,), 0.49, dtype=torch.float64))).condition(MASK, Y, 0.8).law
    variances = exact.covariance().diagonal()
    assert float(((drawn.mean(0) - exact.mean().flatten()) / (variances / 4000).sqrt()).abs().max()) < 5
    assert float((drawn.var(0) / variances - 1).abs().max()) < 5 * math.sqrt(2 / 4000)


@pytest.mark.parametrize(("method", "within"), [("ddrm", 0.3), ("diffpir", 0.02), ("daps", 0.02)])
def test_an_exact_measurement_ends_nearly_exact(method: str, within: float) -> None:
    rows = Linear(RANDOM_MAP)
    y = normal(2, seed=4)
    drawn = runs(RUNS[method], method, KNOWN, [Given(rows, y)], KNOWN, draws=20, steps=40).points
    off = drawn @ rows.bind(KNOWN.event_shape).matrix().T - y
    assert float(off.abs().max()) < within


def test_a_step_of_dps_belongs_to_its_case_alone() -> None:
    """The norm is of one case: draws do not depend on how many there are beside them."""
    one, many = (found("dps", draws=draws, steps=20).points for draws in (1, 30))
    torch.testing.assert_close(one[0], many[0], rtol=0, atol=1e-9)


def test_dps_needs_a_derivative() -> None:
    class Flat(Black):
        def __call__(self, x: Tensor, sigma: float | Tensor) -> orn.denoisers.Posterior:
            return super().__call__(x.detach(), sigma)

    with pytest.raises(orn.InputError, match="cannot be differentiated, which method 'dps' needs"):
        runs(RUNS["dps"], "dps", Flat(mixture()), [Given(MASK, Y, 0.1)], KNOWN, draws=3, steps=5)


@pytest.mark.parametrize("method", list(RUNS))
def test_a_model_takes_them_by_name_for_many_cases(method: str) -> None:
    model = orn.fit(normal(200, 4, seed=5) + 3, folds=0)
    mask = orn.Mask(torch.tensor([True, False, False, True]))
    y = 3 + normal(3, 2, seed=6)
    post = model.posterior(mask, y, 0.3, method=method, particles=20, steps=8)
    assert post.sample(5).shape == (5, 3, 4)
    assert post.log_evidence is None
    assert post.why == f"{method}, as asked for"
    alone = model.posterior(mask, y[2], 0.3, method=method, particles=20, steps=8, first=2)
    torch.testing.assert_close(alone.law.points, post.law.points[2], rtol=0, atol=1e-9)
    with pytest.raises(orn.InputError, match="linear measurements with Gaussian noise"):
        model.posterior(orn.Clip(-1, 1), torch.zeros(4), 0.3, method=method)


@pytest.mark.parametrize("method", list(RUNS))
def test_nothing_measured_leaves_the_law_and_noise_is_in_the_units_of_y(method: str) -> None:
    model = orn.fit(5 + 3 * normal(200, 4, seed=5), folds=0)
    nothing = orn.Mask(torch.zeros(4, dtype=torch.bool))
    drawn = model.posterior(nothing, torch.zeros(0), 0.1, method=method, particles=200, steps=30).sample(200)
    assert float((drawn - 5).abs().max()) < 3 * 6
    with pytest.raises(orn.InputError, match=r"noise is -0\.1, but must be at least 0"):
        model.posterior(orn.Average(2), torch.zeros(2), -0.1, method=method)


TWICE = Linear(torch.cat([RANDOM_MAP, RANDOM_MAP[:1]]))


@pytest.mark.parametrize("method", [*RUNS, *GUIDANCE, "twisted"])
def test_exact_values_that_contradict_are_named_and_those_that_agree_are_taken(method: str) -> None:
    """A row that is measured twice, with one value and with another: entries 0 and 2 are to blame, and both are named."""
    model = Model(KNOWN, Scaler.fit(normal(2, *KNOWN.event_shape), "none"))
    once = Linear(RANDOM_MAP)(model.mean().unsqueeze(0))[0] + 0.3
    agreeing = torch.cat([once, once[:1]])
    contradicting = agreeing + torch.tensor([0.0, 0.0, 0.01], dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of so few particles
        assert model.posterior(TWICE, agreeing, method=method, particles=8, steps=3).event_shape == model.event_shape
        with pytest.raises(InputError, match="most at entry 0 of y, as much at 2"):
            model.posterior(TWICE, contradicting, method=method, particles=8, steps=3)
        assert model.posterior(TWICE, contradicting, 0.1, method=method, particles=8, steps=3).event_shape == model.event_shape


def test_every_case_is_looked_at_and_so_is_a_direction_that_the_law_has_not() -> None:
    flat = Gaussian(torch.tensor([0.0, 0.0, 2.0]), Diagonal(torch.tensor([1.0, 1.0, 0.0])))
    unit = Linear(torch.eye(3, dtype=torch.float64))
    both = torch.tensor([[1.0, 1.0, 2.0], [1.0, 1.0, 2.5]], dtype=torch.float64)
    assert runs(RUNS["ddrm"], "ddrm", flat, [Given(unit, both[0])], flat, draws=4, steps=3).event_shape == (3,)
    with pytest.raises(InputError, match="most at entry 2 of y"):
        runs(RUNS["ddrm"], "ddrm", flat, [Given(unit, both)], flat, draws=4, steps=3)
    with pytest.raises(InputError, match="contradict each other"):
        runs(RUNS["ddrm"], "ddrm", flat, [Given(unit, both[0]), Given(Linear(unit.matrix[:1]), both[0, :1] + 1)], flat, draws=4, steps=3)
