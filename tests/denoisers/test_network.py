"""A network as a denoiser: what stands around the module is exact, and what the module may not do is named."""

import math

import pytest
import torch
from torch import Tensor, nn

import truth
from kinds import EVENT, FULL, MEAN, NARROW, SIZE, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian, Network
from ornstein.denoisers.network import HIGHEST
from ornstein.denoisers.preconditioning import FORMS, LOWEST
from ornstein.nets import MLP, Condition, Entries

LEVELS = (0.01, 0.3, 2.0, 50.0)
EXACT = {"rtol": 1e-9, "atol": 1e-10}


class Affine(nn.Module):
    """gain x + offset, and what it was called with."""

    def __init__(self, gain: float = 0.0, offset: float = 0.0, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.gain, self.offset = nn.Parameter(torch.tensor(gain, dtype=dtype)), offset
        self.seen: list[tuple[object, ...]] = []

    def forward(self, x: Tensor, *rest: object) -> Tensor:
        self.seen.append((x, *rest))
        return self.gain * x + self.offset


class Wrong(nn.Module):
    """Returns whatever it is told to."""

    def __init__(self, out: object) -> None:
        super().__init__()
        self.weight, self.out = nn.Parameter(torch.zeros(1)), out

    def forward(self, x: Tensor, noise: Tensor) -> object:
        return self.out(x) if callable(self.out) else self.out


def network(module: nn.Module, form: str = "covariance", narrow: bool = False) -> Network:
    return Network.of(module, Gaussian(MEAN, NARROW if narrow else FULL), form)


X = 3 * normal(7, *EVENT, seed=5)


@pytest.mark.parametrize("form", ["covariance", "whitened"])
@pytest.mark.parametrize("narrow", [False, True])
def test_a_network_of_zero_is_the_exact_gaussian_denoiser(form, narrow):
    matrix = (NARROW if narrow else FULL).dense()
    denoiser = network(MLP(EVENT, width=8, depth=1).double(), form, narrow)
    for sigma in LEVELS:
        expected = truth.denoise(X.flatten(1), MEAN.flatten(), matrix, sigma)[0]
        torch.testing.assert_close(denoiser(X, sigma).mean.flatten(1), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("form", ["diagonal", "scalar"])
def test_the_other_forms_start_from_their_own_variances(form):
    variance = FULL.dense().diagonal() if form == "diagonal" else (FULL.dense().trace() / SIZE + MEAN.square().mean()).expand(SIZE)
    mean = MEAN.flatten() if form == "diagonal" else torch.zeros(SIZE, dtype=torch.float64)
    denoiser = network(Affine(), form)
    for sigma in LEVELS:
        expected = truth.denoise(X.flatten(1), mean, torch.diag(variance), sigma)[0]
        torch.testing.assert_close(denoiser(X, sigma).mean.flatten(1), expected, **EXACT)


@pytest.mark.parametrize("form", FORMS)
def test_the_module_sees_the_scaled_input_and_its_answer_is_scaled(form):
    """D = skip + C_out F(C_in (x - mu), log(sigma) / 4), by the parts that test_preconditioning proves."""
    module = Affine(0.7, 0.4)
    denoiser = network(module, form)
    sigma = torch.tensor([0.0, 1e-6, 0.01, 0.3, 2.0, 70.0, HIGHEST], dtype=torch.float64)
    mean = denoiser(X, sigma).mean
    parts = denoiser.preconditioning.parts(X.flatten(1), sigma)
    expected = parts.skip + denoiser.preconditioning.scale(0.7 * parts.input + 0.4, sigma)
    torch.testing.assert_close(mean.flatten(1), expected, **EXACT)
    seen, noise = module.seen[0]
    torch.testing.assert_close(seen.flatten(1), parts.input, **EXACT)
    torch.testing.assert_close(noise, torch.tensor([max(s, LOWEST) for s in sigma.tolist()], dtype=torch.float64).log() / 4, **EXACT)


@pytest.mark.parametrize("form", FORMS)
def test_without_noise_a_signal_is_returned_whatever_the_module_says(form):
    signals = Gaussian(MEAN, NARROW).sample(5, seed=1)
    found = network(Affine(3.0, -2.0), form, narrow=True)(signals, 0.0).mean
    torch.testing.assert_close(found, signals, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("narrow", [False, True])
def test_above_the_highest_level_the_skip_is_the_answer(form, narrow):
    loud, silent = network(Affine(5.0, 3.0), form, narrow), network(Affine(), form, narrow)
    for sigma in (HIGHEST * 1.001, 1e4, 1e200):
        torch.testing.assert_close(loud(X, sigma).mean, silent(X, sigma).mean, **EXACT)
    mean = torch.zeros_like(MEAN) if form == "scalar" else MEAN
    torch.testing.assert_close(loud(X, math.inf).mean, mean.expand_as(X), **EXACT)
    assert not torch.equal(loud(X, HIGHEST).mean, silent(X, HIGHEST).mean)


@pytest.mark.parametrize("form", FORMS)
def test_a_level_per_case_is_every_case_alone(form):
    denoiser = network(Affine(0.7, 0.4), form)
    sigma = torch.tensor([0.0, 0.01, 0.3, 2.0, 70.0, 100.0, math.inf])
    alone = torch.cat([denoiser(x[None], float(s)).mean for x, s in zip(X, sigma, strict=True)])
    torch.testing.assert_close(denoiser(X, sigma).mean, alone, **EXACT)


@pytest.mark.parametrize("own", [torch.float32, torch.float64, torch.bfloat16])
def test_x_keeps_its_type_and_the_skip_its_precision(own):
    """Even in bfloat16, which holds under three figures, only the module computes in less than float32."""
    denoiser = network(Affine(dtype=own))
    expected = truth.denoise(X.flatten(1), MEAN.flatten(), FULL.dense(), 0.3)[0].view_as(X)
    for dtype in (torch.float32, torch.float64):
        mean = denoiser(X.to(dtype), 0.3).mean
        assert mean.dtype == dtype
        rounding = 1e-9 if own == dtype == torch.float64 else 5e-6
        torch.testing.assert_close(mean.double(), expected, rtol=rounding, atol=rounding)
    assert denoiser.module.seen[0][0].dtype == own
    assert denoiser.module.seen[0][1].dtype == own


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # PyTorch's own, when jacfwd is first used
def test_the_jacobian_is_the_posterior_covariance():
    """A network of zero: sigma^2 dD / dx = Cov[x_0 | x] (Tweedie), through forward and reverse derivatives and vmap."""
    denoiser, sigma = network(Affine()), 0.7
    expected = truth.denoise(X.flatten(1), MEAN.flatten(), FULL.dense(), sigma)[1]

    def one(x: Tensor) -> Tensor:
        return denoiser(x.view(1, *EVENT), sigma).mean.flatten()

    for jacobian in (torch.func.jacrev, torch.func.jacfwd):
        torch.testing.assert_close(sigma**2 * jacobian(one)(X[0].flatten()), expected, rtol=1e-8, atol=1e-10)


def test_gradients_reach_the_parameters_and_x():
    denoiser = network(Affine(0.5))
    x = X.clone().requires_grad_()
    denoiser.mean(x, torch.full((7,), 0.3, dtype=torch.float64)).sum().backward()
    assert float(denoiser.module.gain.grad) != 0
    assert bool(x.grad.any())


def test_a_condition_reaches_the_module_one_row_for_all():
    module = Affine()
    network(module).given(Condition(label=torch.tensor([3])))(X, 0.5)
    assert module.seen[0][2].label.tolist() == [3] * 7
    network(module)(X, 0.5)
    assert len(module.seen[1]) == 2


@pytest.mark.parametrize(
    ("out", "words"),
    [
        (lambda x: x[:, :1], r"Wrong returned shape \(7, 1, 3\) for x of shape \(7, 2, 3\), but must return the shape of x"),
        (lambda x: x.flatten(1), r"Wrong returned shape \(7, 6\)"),
        (lambda x: x.long(), "Wrong returned int64 values, but must return floating-point numbers"),
        (lambda x: x.to(torch.complex64), "Wrong returned complex64 values"),
        (lambda x: (x, x), "Wrong returned a tuple.*return the tensor alone"),
        (None, "Wrong returned a NoneType"),
        (lambda x: x / 0 * 0, "Wrong returned NaN or infinite values"),
        (lambda x: x.abs().exp() / 0, "Wrong returned NaN or infinite values"),
    ],
)
def test_what_a_module_may_not_return_is_named(out, words):
    with pytest.raises(InputError, match=words):
        network(Wrong(out))(X, 0.5)


def test_a_wrapper_is_looked_through_for_the_name():
    wrapped = nn.Module()
    wrapped.module = Wrong(None)
    wrapped.forward = wrapped.module.forward
    with pytest.raises(InputError, match="Wrong returned a NoneType"):
        network(wrapped)(X, 0.5)


def test_what_does_not_fit_is_named():
    denoiser = network(Affine())
    with pytest.raises(InputError, match=r"x has shape \(7, 6\), but must be \(case, 2, 3\)"):
        denoiser(X.flatten(1), 0.5)
    with pytest.raises(InputError, match=r"sigma has shape \(3,\), but must be one number or one per case, \(7,\)"):
        denoiser(X, torch.ones(3))
    with pytest.raises(InputError, match="Identity has no parameters"):
        network(nn.Identity())
    with pytest.raises(InputError, match="reference has no variance"):
        Network.of(Affine(), Gaussian(MEAN, Diagonal(torch.zeros(SIZE))))


def test_a_network_of_entries_stands_on_the_law_given_what_is_shown() -> None:
    """Where it returns 0 it is the law's own conditional, as for any network that inpaints, at every noise up to inf; with nothing
    shown, the Gaussian denoiser; entries that are left out get 0."""
    law = Gaussian(MEAN, FULL)
    entries, other = (
        Network.of(net.double(), law, inpaints=True)
        for net in (Entries(EVENT, width=8, depth=1, signal=2), MLP(EVENT, width=8, depth=1, signal=2))
    )
    x, sigma = normal(3, *EVENT, seed=1), torch.tensor([0.3, 2.0, math.inf], dtype=torch.float64)
    signal = x.masked_fill(torch.tensor([[1, 0, 1], [0, 1, 1]], dtype=torch.bool), torch.nan)
    means = [network.given(Condition(signal=signal))(x, sigma).mean for network in (entries, other)]
    assert torch.allclose(*means, rtol=0, atol=1e-6)
    assert torch.allclose(entries(x[:2], sigma[:2]).mean, law(x[:2], sigma[:2]).mean, rtol=0, atol=1e-6)
    fewer = signal.masked_fill(signal.isnan() & (torch.arange(3) == 0), math.inf)
    got = entries.given(Condition(signal=fewer))(x, sigma).mean
    assert not got[fewer.isinf()].any()
    assert torch.equal(got[fewer.isfinite()], x[fewer.isfinite()])
