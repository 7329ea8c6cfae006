"""What a batch may change: nothing. Bits for analytic laws in float64, rounding for the rest; and the frame of a Gaussian law."""

from __future__ import annotations

import pytest
import torch
from steps import LAW, STRUCTURES

from kinds import EVENT, LAWS, ONLY_GAUSSIAN, SAMPLERS, colored, gaussian, kernel, mixture, normal
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.denoisers import Denoiser, Gaussian, Law, Posterior
from ornstein.samplers import DDIM, DDPM, Exact, Exponential, Heun, Sampler, batches, encode, run, sample, start
from ornstein.samplers.frame import Frame
from ornstein.schedules import VP, Cosine, Grid, RectifiedFlow

pytestmark = pytest.mark.filterwarnings("ignore:. steps leave no:UserWarning")
"""Three steps are fewer than order 4 looks back to; the loop says so once, and a test of its own checks that it does."""

BITWISE = {"gaussian": gaussian, "mixture": mixture, "kernel": kernel, "colored": lambda: colored("mixture", "dense")}


@pytest.mark.parametrize("method", SAMPLERS)
@pytest.mark.parametrize("name", BITWISE)
def test_samples_are_the_same_bits_in_any_batch(name: str, method: str) -> None:
    """Batch 1, batch 64, chunks of 7 and of 100, from the middle, and a second time."""
    if (method in ONLY_GAUSSIAN and name != "gaussian") or (method == "ancestral-lanczos" and name == "colored"):
        pytest.skip("the closed form needs a Gaussian, and a reference of coloured noise would be coloured too")
    denoiser, sampler, schedule = BITWISE[name](), SAMPLERS[method], VP()
    whole = sample(denoiser, sampler, schedule, 3, 200, seed=4)
    assert torch.equal(sample(denoiser, sampler, schedule, 3, 200, seed=4), whole)
    for first, cases in ((0, 1), (0, 64), (3, 1), (126, 5), (199, 1)):
        assert torch.equal(sample(denoiser, sampler, schedule, 3, cases, seed=4, first=first), whole[first : first + cases])
    for batch in (7, 100):
        assert torch.equal(sample(denoiser, sampler, schedule, 3, 200, seed=4, batch=batch), whole)


@pytest.mark.parametrize("method", SAMPLERS)
def test_float32_follows_float64(method: str) -> None:
    """Six digits in, at least four out, for a mixture whose flow stretches distances."""
    law = gaussian() if method in ONLY_GAUSSIAN else mixture()
    single = sample(law, SAMPLERS[method], Cosine(), 6, 70, seed=1, dtype=torch.float32)
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), sample(law, SAMPLERS[method], Cosine(), 6, 70, seed=1), atol=1e-4)


def test_batches_arrive_one_by_one() -> None:
    """The parts are those of the whole, and a caller may stop after the first."""
    parts = list(batches(mixture(), DDIM(), VP(), 3, 150, seed=2))
    assert [len(p) for p in parts] == [128, 22]
    assert torch.equal(torch.cat(parts), sample(mixture(), DDIM(), VP(), 3, 150, seed=2))
    unknown = [len(p) for p in batches(Learned(), DDIM(), VP(), 3, 150, batch=100)]
    assert unknown == [100, 50]


class Learned(Denoiser):
    """Stands for a network: no law is known, so it starts from noise."""

    event_shape = EVENT

    def __call__(self, x: torch.Tensor, sigma: float | torch.Tensor) -> Posterior:
        return Posterior(mixture()(x, sigma).mean)


@pytest.mark.parametrize("sampler", [DDIM(), DDPM(), Heun(), Exact(), Exact(stochastic=True)], ids=str)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_frame_changes_no_sample(structure: str, sampler: Sampler) -> None:
    """In the eigenbasis and outside it: same start, same noise, same end, for every structure and from zero signal too."""
    law = Gaussian(LAW.mean(), STRUCTURES[structure])
    for schedule in (VP(), Cosine()):
        outside = list(run(sampler, law, schedule, schedule.grid(6), start(law, schedule, 1.0, Noise(3, 64), 64), Noise(3, 64)))[-1].x
        assert torch.allclose(sample(law, sampler, schedule, 6, 64, seed=3, first=64), outside, atol=1e-10)


def test_which_laws_have_a_frame() -> None:
    """A dense Gaussian has; a diagonal one needs none; a low-rank one has more coordinates than entries; others have no basis."""
    have = {name for name, s in STRUCTURES.items() if Frame.of(Gaussian(LAW.mean(), s), DDIM()) is not None}
    assert have == {"dense", "stationary", "kronecker", "dense of rank 2"}
    assert Frame.of(mixture(), DDIM()) is None


def test_no_step_of_a_framed_run_multiplies_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty steps rotate as often as five: once in, once out."""
    turned: list[int] = []
    law = Gaussian(LAW.mean(), STRUCTURES["dense"])
    kind = type(law.operator)
    rotate = kind.rotate
    monkeypatch.setattr(kind, "rotate", lambda self, x: (turned.append(len(x)), rotate(self, x))[1])
    for steps in (5, 50):
        turned.clear()
        sample(law, Heun(), VP(), steps, 64)
        assert len(turned) == 2  # the mean of the law and the noise of the start


@pytest.mark.parametrize("schedule", [VP(), Cosine(), RectifiedFlow()], ids=lambda s: type(s).__name__)
def test_encoding_and_back(schedule: object) -> None:
    """Heun from data to t = 0.9 and back returns the data; the encoded noise is what the exact flow gives for the Gaussian."""
    grid = Grid(torch.linspace(0.9, 0, 401, dtype=torch.float64) ** 2 * 0.9 / 0.81)
    law = gaussian()
    x_0 = law.sample(20, seed=5)
    noise = encode(law, x_0, Heun(), schedule, grid)
    exact = encode(law, x_0, Exact(), schedule, grid)
    assert torch.allclose(noise, exact, atol=3e-3)
    assert torch.allclose(exact, encode(law, x_0, Exponential(law), schedule, grid), atol=1e-10)
    assert torch.allclose(list(run(Exact(), law, schedule, grid, exact, Noise(0)))[-1].x, x_0, atol=1e-10)
    back = list(run(Heun(), law, schedule, grid, noise, Noise(0)))[-1].x
    assert torch.allclose(back, x_0, atol=3e-3)


def test_encoding_needs_a_deterministic_sampler() -> None:
    for sampler in (DDPM(), DDIM(0.5), Exact(stochastic=True)):
        with pytest.raises(InputError, match="only a deterministic one can run from data to noise"):
            encode(gaussian(), normal(2, *EVENT), sampler, VP(), 5)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (lambda x: x[:, :1], r"returned shape \(2, 1, 3\) in float64 on cpu for shape \(2, 2, 3\) in float64 on cpu at step 1"),
        (lambda x: x.float(), r"returned shape \(2, 2, 3\) in float32 .* at step 1 \(sigma = 12.14\): .* shape, type and device"),
        (lambda x: x.to("meta"), "on meta for"),
    ],
)
def test_a_denoiser_that_changes_shape_type_or_device(broken: object, sentence: str) -> None:
    class Wrong(Learned):
        def __call__(self, x: torch.Tensor, sigma: float | torch.Tensor) -> Posterior:
            return Posterior(broken(x))  # type: ignore[operator]

    for sampler in (DDIM(), Heun(), DDPM()):
        with pytest.raises(InputError, match=sentence):
            sample(Wrong(), sampler, VP(beta_max=9.9), 4, 2)


def test_steps_may_be_a_list_of_times() -> None:
    times = [1.0, 0.6, 0.2, 0.0]
    for given in (times, tuple(times), torch.tensor(times, dtype=torch.float64)):
        assert torch.equal(
            sample(gaussian(), DDIM(), VP(), given, 3), sample(gaussian(), DDIM(), VP(), Grid(torch.tensor(times, dtype=torch.float64)), 3)
        )
    with pytest.raises(InputError, match="times must decrease from noise to data, but does not after entry 1"):
        sample(gaussian(), DDIM(), VP(), [1.0, 0.5, 0.7, 0.0], 3)


def test_every_law_takes_any_start() -> None:
    """A later start than t = 1 is the exact law there: the end has the law's mean within 6 standard errors of 512 draws."""
    for name in ("gaussian", "mixture", "kernel"):
        law: Law = LAWS[name]()
        x = sample(law, DDIM(), VP(), [0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.0], 512, seed=9)
        deviation = law.covariance().diagonal().sqrt().reshape(EVENT)
        assert bool(((x.mean(0) - law.mean()).abs() < 6 * deviation / 512**0.5).all())
