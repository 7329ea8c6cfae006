"""A network that is told a condition stands on the Gaussian of that condition: closed forms, fits against the laws that made the data."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kinds import normal
from ornstein.covariance import Dense
from ornstein.denoisers import ByCondition, Gaussian, Guided, Network, fit_by_condition, fit_gaussian
from ornstein.nets import MLP, Condition

SIZE, CLASSES = 6, 3


def covariance(seed: int) -> Tensor:
    half = normal(SIZE, SIZE, seed=seed)
    return half @ half.T / SIZE + 0.1 * torch.eye(SIZE, dtype=torch.float64)


def laws(*, shared: bool = False, slope: bool = False) -> ByCondition:
    operators = tuple(Dense(covariance(k)) for k in range(1 if shared else CLASSES))
    return ByCondition(2 * normal(CLASSES, SIZE, seed=9), torch.full((CLASSES,), 5), operators, normal(2, SIZE, seed=10) if slope else None)


def silent(told: ByCondition | None, **sizes: int) -> Network:
    """A network that returns 0, so that the denoiser is its skip."""
    module = MLP((SIZE,), width=8, depth=1, **sizes).double()
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
    return Network.of(module, Gaussian(normal(SIZE, seed=3), Dense(3 * covariance(4))), told=told)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("sigma", [0.0, 0.4, 3.0, float("inf")])
def test_the_skip_is_the_denoiser_of_the_class_and_that_of_all_where_nothing_is_told(shared: bool, sigma: float) -> None:
    told, x = laws(shared=shared, slope=True), normal(5, SIZE, seed=5)
    label, v = torch.tensor([2, 0, -1, 0, 1]), normal(5, 2, seed=6)
    v[4, 1] = torch.nan
    network = silent(told, classes=CLASSES, vector=2)
    found = network.given(Condition(label, v))(x, sigma).mean
    for i, k in enumerate(label.tolist()):
        law = network.preconditioning.reference
        if i not in (2, 4):
            assert told.slope is not None
            law = Gaussian(told.means[k] + v[i] @ told.slope, told.operators[0 if shared else k])
        torch.testing.assert_close(found[i], law(x[i : i + 1], sigma).mean[0], rtol=1e-10, atol=1e-10)


def test_the_answer_of_the_network_counts_as_far_as_the_law_of_the_class_leaves_open() -> None:
    network, x = silent(laws(), classes=CLASSES), normal(4, SIZE, seed=5)
    with torch.no_grad():
        next(p for name, p in network.module.named_parameters() if p.shape == (SIZE,)).fill_(1.0)  # the last bias: F = 1
    label = torch.tensor([0, 1, 2, -1])
    moved = network.given(Condition(label))(x, 0.7).mean - silent(laws(), classes=CLASSES).given(Condition(label))(x, 0.7).mean
    left = [laws().operators[k].posterior(0.7).trace() for k in range(3)] + [
        network.preconditioning.reference.operator.posterior(0.7).trace()
    ]
    torch.testing.assert_close(moved, (torch.stack(left) / SIZE).sqrt().unsqueeze(1).expand(4, SIZE), rtol=1e-10, atol=1e-12)


def test_under_one_condition_runs_start_from_the_law_of_that_condition() -> None:
    network = silent(laws(), classes=CLASSES)
    one = network.given(Condition(torch.tensor([1])))
    torch.testing.assert_close(one.reference.mean(), laws().means[1])
    torch.testing.assert_close(one.reference.operator.dense(), covariance(1))
    assert one.guide.mean().equal(one.reference.mean())
    for none in (network, network.given(Condition(torch.tensor([-1]))), network.given(Condition(torch.tensor([0, 1])))):
        assert none.reference is network.preconditioning.reference


def test_guidance_between_a_class_and_all_is_between_their_two_laws() -> None:
    network, x = silent(laws(), classes=CLASSES), normal(4, SIZE, seed=5)
    given = Condition(torch.tensor([1]))
    found = Guided(network.given(given), network.given(given.nothing()), 2.0)(x, 0.5).mean
    own, all_ = Gaussian(laws().means[1], laws().operators[1])(x, 0.5).mean, network.preconditioning.reference(x, 0.5).mean
    torch.testing.assert_close(found, 2 * own - all_, rtol=1e-10, atol=1e-10)


def test_derivatives_go_through_the_law_of_each_case() -> None:
    network = silent(laws(), classes=CLASSES).given(Condition(torch.tensor([0, 2])))
    x, v = normal(2, SIZE, seed=5), normal(2, SIZE, seed=6)
    _, pulled = torch.func.vjp(lambda u: network.mean(u, torch.full((2,), 0.5).double(), network.condition), x)
    (turned,) = pulled(v)
    for i, k in enumerate((0, 2)):
        torch.testing.assert_close(turned[i], laws().operators[k].gain(v[i], 0.5), rtol=1e-10, atol=1e-10)


def test_the_fit_finds_the_laws_of_many_signals() -> None:
    """1e4 signals a class: entries of a covariance are off by about 1.4 % of the variances, and 6 deviations are allowed."""
    true, n = laws(slope=True), 10_000
    label = torch.arange(CLASSES * n) % CLASSES
    v = normal(CLASSES * n, 2, seed=12) + label.unsqueeze(1)  # numbers that go with the class as well
    roots = torch.stack([torch.linalg.cholesky(one.dense()) for one in true.operators])
    assert true.slope is not None
    x = true.means[label] + v @ true.slope + (roots[label] @ normal(CLASSES * n, SIZE, seed=13).unsqueeze(-1)).squeeze(-1)
    found = fit_by_condition(x, Condition(label, v))
    assert found is not None
    assert found.slope is not None
    widest = max(float(one.diagonal().max()) for one in true.operators)
    torch.testing.assert_close(found.means, true.means, rtol=0, atol=12 * (widest / n) ** 0.5)  # at v = 0, two deviations away
    torch.testing.assert_close(found.slope, true.slope, rtol=0, atol=6 * (widest / (CLASSES * n)) ** 0.5)
    for one, other in zip(found.operators, true.operators, strict=True):
        torch.testing.assert_close(one.dense(), other.dense(), rtol=0, atol=6 * 2**0.5 * widest / n**0.5)


def test_classes_that_are_alike_share_mean_and_covariance() -> None:
    """12 signals a class of one law: the drawing together takes most of what differs. Worst of 40 other seeds: .54 and .43."""
    x, label = normal(36, SIZE, seed=14) @ torch.linalg.cholesky(covariance(0)).T, torch.arange(36) % CLASSES
    found, plain = fit_by_condition(x, Condition(label)), torch.stack([x[label == k].mean(0) for k in range(CLASSES)])
    assert found is not None
    assert float((found.means - x.mean(0)).norm()) < 0.6 * float((plain - x.mean(0)).norm())
    pooled = torch.stack([one.dense() for one in found.operators]).mean(0)
    own = torch.stack([x[label == k].T.cov() for k in range(CLASSES)])
    apart = sum(float((one.dense() - pooled).norm()) for one in found.operators)
    assert apart < 0.6 * float((own - own.mean(0)).flatten(1).norm(dim=1).sum())


def test_numbers_that_say_nothing_leave_the_law_of_all() -> None:
    """Pure noise as numbers: most of the least-squares slope goes. Worst of 40 other seeds: .24."""
    x, v = normal(60, SIZE, seed=15), normal(60, 8, seed=16)
    found = fit_by_condition(x, Condition(vector=v))
    assert found is not None
    assert found.slope is not None
    assert not found.labelled
    plain = torch.linalg.lstsq(v, x - x.mean(0)).solution
    assert float(found.slope.norm()) < 0.3 * float(plain.norm())


def test_what_cannot_be_told_is_not() -> None:
    x = normal(12, SIZE, seed=17)
    assert fit_by_condition(x, Condition()) is None
    assert fit_by_condition(x, Condition(torch.full((12,), -1))) is None
    assert fit_by_condition(x, Condition(torch.arange(12))) is None  # every class once
    lone = fit_by_condition(x, Condition(torch.tensor([0] * 6 + [2] * 5 + [1])))
    assert lone is not None
    assert lone.tells(Condition(torch.tensor([0, 1, 2, -1, 7]))).tolist() == [True, False, True, False, False]
    assert lone.law(Condition(torch.tensor([1])), (SIZE,)) is None


def test_a_class_of_other_structures_shares_their_covariance() -> None:
    x, label = normal(40, 1, 8, seed=18), torch.arange(40) % 2
    found = fit_by_condition(x, Condition(label), "stationary")
    assert found is not None
    assert len(found.operators) == 1
    rest = (x - torch.stack([x[label == k].mean(0) for k in range(2)])[label]) * (20 / 19) ** 0.5
    torch.testing.assert_close(found.operators[0].dense(), fit_gaussian(rest, "stationary").operator.dense())


def test_on_an_accelerator_the_host_does_not_look_at_the_classes() -> None:
    """Tensors without numbers go through the whole call; with numbers, the way of an accelerator gives what the groups give."""
    told, x, sigma, kind = laws(slope=True), normal(7, SIZE, seed=5), normal(7, seed=8).exp(), torch.tensor([2, 0, 1, 1, 0, 2, 2])
    for chosen, grouped in zip(told._chosen(kind, x, sigma), told._grouped(kind, x, sigma), strict=True):
        torch.testing.assert_close(chosen, grouped, rtol=1e-12, atol=1e-12)
    far = told.to("meta", torch.float32)
    stand = far(x.float().to("meta"), sigma.float().to("meta"), Condition(kind.to("meta"), normal(7, 2, seed=6).to("meta")))
    assert (stand.skip.shape, stand.deviation.shape) == ((7, SIZE), (7,))
