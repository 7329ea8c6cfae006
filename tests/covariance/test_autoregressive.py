"""The autoregressive operator against its dense twin, under noise, conditioning, storage and at lengths that no matrix has."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import ornstein as orn
import truth
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Autoregressive, Conditioned, condition, conditioning, estimate
from ornstein.covariance.prediction import burg, yule_walker
from ornstein.denoisers import Gaussian
from ornstein.measurements import Mask
from ornstein.model.storage.laws import decode_law, encode_law

SIGMAS = torch.tensor([0.0, 0.3, 5.0, math.inf], dtype=torch.float64)


def twin(operator: Autoregressive) -> Tensor:
    """(T^T diag(1 / v) T)^-1 entry by entry, from the definition."""
    d, b = operator.weights.shape
    t = np.eye(d)
    for row in range(d):
        for j in range(1, min(row, b) + 1):
            t[row, row - j] = operator.weights[row, j - 1]
    root = np.linalg.inv(t) * np.sqrt(operator.innovations.numpy())
    return torch.from_numpy(root @ root.T)


def changing(size: int, order: int, seed: int = 0) -> Autoregressive:
    """Weights that differ from sample to sample: nothing rests on being stationary."""
    weights = 0.5 * Noise(seed).normal(size, (order,)) / max(order, 1)
    for t in range(min(size, order)):
        weights[t, t:] = 0
    return Autoregressive(weights, 0.5 + Noise(seed + 1).uniform(size))


TWINS = {
    "order 0": changing(5, 0),
    "order 1": yule_walker(0.9 ** torch.arange(2, dtype=torch.float64), 1, 7),
    "order 3": yule_walker(torch.tensor([2.0, 1.5, 0.9, 0.3], dtype=torch.float64), 3, 12),
    "order as long as the signal": yule_walker(0.8 ** torch.arange(9, dtype=torch.float64).square(), 8, 6),
    "one sample": yule_walker(torch.ones(1, dtype=torch.float64), 0, 1),
    "not stationary": changing(9, 4),
}
every = pytest.mark.parametrize("op", TWINS.values(), ids=list(TWINS))


def close(a: Tensor, b: Tensor | float, tolerance: float = 1e-10) -> None:
    b = torch.as_tensor(b, dtype=torch.float64)
    assert a.shape == b.shape
    assert a.dtype == torch.float64
    finite = b[b.isfinite()].abs()
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance * max(1.0, float(finite.max()) if finite.numel() else 0.0))


def noisy(matrix: Tensor, sigma: float) -> Tensor:
    return matrix + sigma**2 * torch.eye(len(matrix), dtype=matrix.dtype)


def kept(matrix: Tensor, sigma: float) -> Tensor:
    return torch.zeros_like(matrix) if math.isinf(sigma) else matrix @ torch.linalg.inv(noisy(matrix, sigma))


@every
def test_products_and_moments(op: Autoregressive) -> None:
    matrix, x = twin(op), Noise(3).normal(4, (op.size,))
    close(op @ x, x @ matrix)
    close(op @ x[0], matrix @ x[0])
    close(op @ x.view(2, 2, -1), (x @ matrix).view(2, 2, -1))
    close(op.dense(), matrix)
    close(op.diagonal(), matrix.diagonal())
    close(op.trace(), matrix.trace())
    close(op.solve(x), x @ torch.linalg.inv(matrix))
    close(op.solve(op @ x), x)
    close(op.logdet(), torch.logdet(matrix))
    close(op.mahalanobis(x), (x * (x @ torch.linalg.inv(matrix))).sum(-1))
    assert op.rank() == op.white_size == op.size
    close(op.projector() @ x, x)
    factor = op.color(torch.eye(op.size, dtype=torch.float64))
    close(factor.T @ factor, matrix)


@every
def test_every_noise_level_alone_and_one_per_case(op: Autoregressive) -> None:
    matrix, x = twin(op), Noise(3).normal(4, (op.size,))
    together = op.posterior(SIGMAS)
    assert together.batch_shape == (4,)
    for case, sigma in enumerate(SIGMAS.tolist()):
        left = matrix if math.isinf(sigma) else sigma**2 * kept(matrix, sigma)
        alone = op.posterior(sigma)
        close(op.gain(x, sigma), x @ kept(matrix, sigma).T)
        close(alone.dense(), left)
        close(alone.diagonal(), left.diagonal())
        if math.isfinite(sigma):
            close(op.logdet(sigma), torch.logdet(noisy(matrix, sigma)))
            close(op.mahalanobis(x, sigma), (x * torch.linalg.solve(noisy(matrix, sigma), x.T).T).sum(-1))
        close(op.gain(x, SIGMAS)[case], op.gain(x[case], sigma))
        close(op.gain(x[0], SIGMAS)[case], op.gain(x[0], sigma))
        close(op.mahalanobis(x, SIGMAS)[case], op.mahalanobis(x[case], sigma))
        close(op.logdet(SIGMAS)[case], op.logdet(sigma))
        close(together.dense()[case], alone.dense())
        close((together @ x)[case], alone @ x[case])
        close((together @ x[0])[case], alone @ x[0])
        close(together.diagonal()[case], alone.diagonal())
        close(together.trace()[case], alone.trace())
        close(together.logdet()[case], alone.logdet())
        close(together.gain(x, 0.4)[case], alone.gain(x[case], 0.4))
        close(together.mahalanobis(x, 0.4)[case], alone.mahalanobis(x[case], 0.4))
        close(together.color(x)[case], alone.color(x[case]))
        close(together.posterior(0.4).dense()[case], alone.posterior(0.4).dense())
    assert together.rank() == together.white_size == op.size


@every
def test_extreme_noise_neither_overflows_nor_cancels(op: Autoregressive) -> None:
    x = Noise(0).normal(3, (op.size,))
    close(op.posterior(1e200).dense(), op.dense())
    close(op.gain(x, 1e200), torch.zeros_like(x))
    close(op.posterior(1e-9).dense() * 1e18, torch.eye(op.size), 1e-7)
    both = 1 / math.sqrt(1 / 0.5**2 + 1 / 2.0**2)
    close(op.posterior(0.5).posterior(2.0).dense(), op.posterior(both).dense())


@every
@given(power=st.integers(-12, 12))
def test_every_unit_gives_the_same_answer(op: Autoregressive, power: int) -> None:
    c = 10.0 ** (power / 2)
    scaled, x = Autoregressive(op.weights, c**2 * op.innovations), Noise(2).normal(3, (op.size,))
    close(scaled.gain(c * x, c * 0.3) / c, op.gain(x, 0.3))
    close(scaled.mahalanobis(c * x), op.mahalanobis(x))
    close(scaled.logdet(), op.logdet() + 2 * op.size * math.log(c))


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")  # torch itself, on its first forward derivative
@every
def test_derivatives(op: Autoregressive) -> None:
    x = Noise(5).normal(2, (op.size,)).requires_grad_()
    for f in (op.__matmul__, op.solve, op.color, lambda v: op.gain(v, 0.7), lambda v: op.gain(v, torch.tensor([0.7, 0.1])), op.mahalanobis):
        assert torch.autograd.gradcheck(f, x, check_forward_ad=True)
    direction = Noise(6).normal(2, (op.size,))
    moved = torch.func.jvp(lambda v: op.gain(v, 0.7), (x.detach(),), (direction,))[1]
    close(moved, op.gain(direction, 0.7))


def test_tweedie_for_the_gaussian_denoiser() -> None:
    """The score is the gradient of the log-density, and the posterior covariance sigma^2 times the Jacobian of the mean."""
    op = TWINS["order 3"]
    law = Gaussian(torch.linspace(-1, 1, 12, dtype=torch.float64), op)
    x = law.draw(Noise(1), 4, 0.6).requires_grad_()
    for sigma in (0.6, torch.tensor([0.1, 0.6, 0.6, 3.0], dtype=torch.float64)):
        gradient = torch.autograd.grad(law.log_prob(x, sigma).sum(), x)[0]
        close(law.score(x.detach(), sigma), gradient)
        posterior = law(x.detach(), sigma).covariance
        assert posterior is not None
        for case, level in enumerate(torch.as_tensor(sigma, dtype=torch.float64).expand(4).tolist()):
            jacobian = torch.func.jacrev(lambda v, level=level: law(v, level).mean)(x[case].detach())
            close((posterior.dense() if posterior.batch_shape == () else posterior.dense()[case]), level**2 * jacobian)
    close(law.log_prob(x.detach(), 0.6), truth.gaussian_log_prob(x.detach(), law.mean(), noisy(twin(op), 0.6)))


@pytest.mark.parametrize("formed", [True, False])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_conditioning(formed: bool, noise: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditioning, "CONDITION_DENSE", 1024 if formed else 0)
    for op in (TWINS["order 1"], TWINS["order 3"], TWINS["not stationary"]):
        d = op.size
        bound = Mask(torch.arange(d) % 3 != 1).bind((d,))
        y = Noise(8).normal(1, (bound.size_out,))[0]
        r = noise**2 * torch.eye(len(y), dtype=torch.float64)
        mean, matrix, evidence = truth.condition(torch.zeros(d, dtype=torch.float64), twin(op), bound.matrix(), y, r)
        found = condition(op, bound, y, noise)
        law = found.covariance
        assert isinstance(law, Conditioned) is not formed
        close(found.shift, mean, 1e-8)
        close(law.dense(), matrix, 1e-8)
        close(law.diagonal(), matrix.diagonal(), 1e-8)
        close(found.log_evidence, evidence, 1e-8)
        x = Noise(9).normal(4, (d,))
        levels = torch.tensor([0.3, 5.0, 0.3, 1e-3], dtype=torch.float64)
        for case, sigma in enumerate(levels.tolist()):
            close(law.gain(x, levels)[case], x[case] @ kept(matrix, sigma).T, 1e-7)
            close(law.posterior(levels).dense()[case], sigma**2 * kept(matrix, sigma), 1e-7)
            close(law.logdet(levels)[case], torch.logdet(noisy(matrix, sigma)), 1e-7)
            close(law.mahalanobis(x, levels)[case], x[case] @ torch.linalg.solve(noisy(matrix, sigma), x[case]), 1e-6)
        factor = law.color(torch.eye(law.white_size, dtype=torch.float64))
        close(factor.T @ factor, matrix, 1e-8)
        second = Mask(torch.arange(d) == 1).bind((d,))
        both = condition(law, second, torch.ones(1, dtype=torch.float64), 0.2)
        one = torch.ones(1, dtype=torch.float64)
        step, left, _ = truth.condition(torch.zeros(d, dtype=torch.float64), matrix, second.matrix(), one, 0.04 * torch.eye(1))
        close(both.shift, step, 1e-7)
        close(both.covariance.dense(), left, 1e-7)


def test_storage_round_trip() -> None:
    for op in TWINS.values():
        law = Gaussian(torch.zeros(op.size), op)
        back = decode_law(*encode_law(law))
        assert isinstance(back, Gaussian)
        assert isinstance(back.operator, Autoregressive)
        assert torch.equal(back.operator.weights, op.weights)
        assert torch.equal(back.operator.dense(), op.dense())


def test_a_fitted_model_samples_scores_and_imputes() -> None:
    x = yule_walker(0.9 ** torch.arange(2, dtype=torch.float64), 1, 40).draw(Noise(0), 60).view(60, 1, 40)
    model = orn.fit(x, structure="autoregressive")
    assert torch.isfinite(model.log_prob(x)).all()
    assert model.sample(3, seed=1).shape == (3, 1, 40)


def test_fifty_thousand_samples_take_seconds() -> None:
    """Their matrix would take 19 GiB."""
    d = 50_000
    law = yule_walker(torch.exp(-torch.arange(11, dtype=torch.float64) / 7) + 0.1 * (torch.arange(11) == 0), 10, d)
    begin = time.perf_counter()
    x = law.draw(Noise(0), 2)
    found = estimate(x, "autoregressive")
    assert isinstance(found.covariance, Autoregressive)
    close(law.gain(law.solve(x) + 4 * law.solve(law.solve(x)), 2.0), law.solve(x), 1e-8)
    assert math.isfinite(float(law.logdet(0.5)))
    assert float(law.posterior(0.5).trace()) < float(law.trace())
    assert 0 < found.floor < 0.3
    assert 1 < found.effective_rank < d
    assert time.perf_counter() - begin < 40
    bound = Mask(torch.arange(d) % 100 != 0).bind((d,))
    filled = condition(law, bound, bound(x[0]), 0.0)
    close(bound(filled.shift), bound(x[0]), 1e-7)
    close((law.solve(filled.shift)[::100]), torch.zeros(d // 100), 1e-6)


@given(seed=st.integers(0, 2**31), order=st.integers(0, 12))
def test_burg_is_stationary_for_any_data(seed: int, order: int) -> None:
    """Toeplitz in every entry, with no pole on or outside the unit circle; an order beyond the length is cut to it."""
    x = Noise(seed).normal(2, (9,)) * torch.tensor([[1.0], [1e3]], dtype=torch.float64)
    law = burg(x, order)
    assert law.order <= min(order, 8)
    matrix = law.dense()
    close(matrix / matrix[0, 0], torch.from_numpy(scipy.linalg.toeplitz((matrix[0] / matrix[0, 0]).numpy())), 1e-8)
    assert float(torch.linalg.eigvalsh(matrix).min()) > 0


def test_burg_equals_its_textbook_recursion() -> None:
    """Reflections and innovations of one short signal, by loops."""
    x = Noise(4).normal(3, (10,)).numpy()
    f, b, v, a = x.copy(), x.copy(), float((x**2).mean()), np.zeros(0)
    for m in range(1, 4):
        top = sum(f[i, t] * b[i, t - 1] for i in range(3) for t in range(m, 10))
        bottom = sum(f[i, t] ** 2 + b[i, t - 1] ** 2 for i in range(3) for t in range(m, 10))
        k = 2 * top / bottom
        new_f, new_b = f.copy(), b.copy()
        for t in range(m, 10):
            new_f[:, t], new_b[:, t] = f[:, t] - k * b[:, t - 1], b[:, t - 1] - k * f[:, t]
        f, b, v, a = new_f, new_b, v * (1 - k**2), np.append(a - k * a[::-1], k)
    law = burg(torch.from_numpy(x), 3)
    close(law.weights[-1], torch.from_numpy(-a))
    close(law.innovations[-1], v)


def test_order_is_found_and_error_falls_with_the_square_root_of_the_cases() -> None:
    """Windows as short as 32 samples bias nothing. Slope within 0.15 of -1/2 (20 data sets a size: 4 standard errors)."""
    r = torch.tensor([1.0, 0.9 / 1.5, 0.0], dtype=torch.float64)
    r[2] = 0.9 * r[1] - 0.5
    law = yule_walker(r, 2, 32)
    sizes, errors, orders = [30, 100, 300, 1000], [], []
    for n in sizes:
        fits = [burg(law.draw(Noise(seed), n)) for seed in range(20)]
        orders += [f.order for f in fits]
        errors.append(np.mean([float((f.dense() - law.dense()).square().sum()) for f in fits]) ** 0.5)
    assert abs(scipy.stats.linregress(np.log(sizes), np.log(errors)).slope + 0.5) < 0.15
    assert min(orders) == 2
    assert np.mean([order == 2 for order in orders]) > 0.55  # Akaike adds a superfluous lag to 29 of 100 (Shibata 1976)


@pytest.mark.parametrize("offset", [0.0, 2.0**27])
@given(power=st.integers(-12, 12))
def test_offset_and_unit_of_the_data(offset: float, power: int) -> None:
    x = (TWINS["order 3"].draw(Noise(0), 40) * 2**20).round() / 2**20
    plain, c = estimate(x, "autoregressive"), 2.0**power
    moved = estimate(c * (x + offset), "autoregressive")
    close(moved.covariance.dense() / c**2, plain.covariance.dense(), 1e-9)
    assert moved.numbers == plain.numbers


def test_signals_that_can_be_predicted_exactly() -> None:
    """A sine and a duplicated row: innovations stop at rounding, and nothing divides by zero."""
    t = torch.arange(64, dtype=torch.float64)
    x = torch.stack([torch.cos(0.3 * t), torch.sin(0.3 * t), torch.cos(0.3 * t)])
    law = burg(x)
    assert torch.isfinite(law.dense()).all()
    assert float(law.innovations.min()) > 0
    assert torch.isfinite(law.mahalanobis(x)).all()


BAD = [
    (lambda: Autoregressive(torch.zeros(3, 1), torch.ones(4)), "weights has 3 rows, but innovations has 4 entries"),
    (lambda: Autoregressive(torch.zeros(3, 1), torch.tensor([1.0, 0.0, 1.0])), "every innovation variance must be above 0"),
    (lambda: Autoregressive(torch.zeros(3), torch.ones(3)), "weights has 1 axes"),
    (lambda: estimate(torch.full((5, 8), 0.1), "autoregressive"), "cannot be fitted to signals that are constant"),
    (lambda: estimate(torch.ones(5, 2, 8), "autoregressive"), "structure 'autoregressive' is for one channel"),
    (lambda: estimate(torch.ones(5, 3), "autoregressive"), "needs an order in time, but the signals have 3 samples"),
]


@pytest.mark.parametrize(("call", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_bad_input_is_one_sentence(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
