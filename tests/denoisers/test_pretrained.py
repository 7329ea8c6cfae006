"""Models of diffusers: schedules against closed forms, predictions against a Gaussian law, and both against diffusers itself."""

from __future__ import annotations

import json
import math
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kinds import normal
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Predicted, from_diffusers
from ornstein.denoisers.chains import chain
from ornstein.samplers import DPMSolver, run
from ornstein.schedules import VP, Cosine, Discrete, RectifiedFlow
from truth import denoise, spectrum_covariance

STEPS = 50
DDPM: dict[str, Any] = {
    "_class_name": "DDPMScheduler",
    "num_train_timesteps": STEPS,
    "beta_start": 1e-3,
    "beta_end": 0.2,
    "beta_schedule": "linear",
    "prediction_type": "epsilon",
}
BETAS: dict[str, Callable[[int], float]] = {
    "linear": lambda i: 1e-3 + (0.2 - 1e-3) * i / (STEPS - 1),
    "scaled_linear": lambda i: (math.sqrt(1e-3) + (math.sqrt(0.2) - math.sqrt(1e-3)) * i / (STEPS - 1)) ** 2,
    "sigmoid": lambda i: 1e-3 + (0.2 - 1e-3) / (1 + math.exp(6 - 12 * i / (STEPS - 1))),
}
KINDS = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}


def products(betas: list[float]) -> list[float]:
    return [math.prod(1 - b for b in betas[: i + 1]) for i in range(len(betas))]


@pytest.mark.parametrize("name", BETAS)
def test_betas_by_formula(name: str) -> None:
    """abar_i = prod (1 - beta), each beta written out; at the time (i + 1) / T, where the model is told step i."""
    found = chain(DDPM | {"beta_schedule": name})
    expected = torch.tensor(products([BETAS[name](i) for i in range(STEPS)]), dtype=torch.float64)
    t = torch.arange(1, STEPS + 1, dtype=torch.float64) / STEPS
    assert torch.allclose(found.schedule.alpha(t) ** 2, expected, rtol=1e-12)
    assert torch.allclose(found.clock(t), torch.arange(STEPS, dtype=torch.float64), atol=1e-12)
    assert float(found.clock(torch.tensor(0.3 / STEPS))) == 0  # below the first step
    assert found.kind == "eps"


def test_cosine_by_formula() -> None:
    """abar_i = cos^2(angle_i) / cos^2(angle_0) (Nichol and Dhariwal 2021, eq. 17) up to the last step, whose beta is cut at 0.999."""
    schedule = chain(DDPM | {"beta_schedule": "squaredcos_cap_v2"}).schedule
    i = torch.arange(1, STEPS + 1, dtype=torch.float64)
    angle = (i / STEPS + 0.008) / 1.008 * math.pi / 2
    expected = angle.cos() ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    expected[-1] = expected[-2] * 0.001
    assert torch.allclose(schedule.alpha(i / STEPS) ** 2, expected, rtol=1e-10)


def test_trained_betas_and_zero_terminal_snr() -> None:
    """A list comes first. Rescaled (Lin et al. 2024, algorithm 1), sqrt(abar) is shifted to end at 0, stretched to begin where it did."""
    betas = [0.1, 0.2, 0.05, 0.5]
    plain = chain(DDPM | {"trained_betas": betas}).schedule
    assert isinstance(plain, Discrete)
    assert plain.abar == pytest.approx(products(betas), rel=1e-12)
    zero = chain(DDPM | {"trained_betas": betas, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"})
    root = [math.sqrt(a) for a in products(betas)]
    slope = root[0] / (root[0] - root[3])
    assert isinstance(zero.schedule, Discrete)
    assert zero.schedule.abar == pytest.approx([(slope * (r - root[3])) ** 2 for r in root], rel=1e-12, abs=0)
    assert zero.schedule.abar[-1] == 0
    assert zero.kind == "v"


def test_continuous_time() -> None:
    """IPNDM: the cosine schedule, a v-prediction, and t itself."""
    found = chain({"_class_name": "IPNDMScheduler", "num_train_timesteps": 1000, "trained_betas": None})
    assert found.schedule == Cosine(0.0)
    assert found.kind == "v"
    t = torch.tensor([0.2, 1.0])
    assert torch.equal(found.clock(t), t)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"beta_schedule": "laplace"}, "beta_schedule is 'laplace', but must be one of linear, scaled_linear, sigmoid, squaredcos_cap_v2"),
        ({"prediction_type": "velocity"}, "prediction_type is 'velocity', but must be one of epsilon, sample, v_prediction"),
        ({"use_flow_sigmas": True}, "use_flow_sigmas is set for DDPMScheduler"),
        ({"beta_end": "much"}, "beta_end is 'much', but must be a number"),
        ({"beta_end": 2.0}, "betas must be a non-empty list of numbers in"),
        ({"num_train_timesteps": 0}, "num_train_timesteps is 0, but must be a whole number"),
        ({"_class_name": "IPNDMScheduler", "trained_betas": [0.1]}, "trained_betas are set for IPNDMScheduler"),
    ],
)
def test_schedulers_that_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        chain(DDPM | change)


def test_no_chain_at_all() -> None:
    with pytest.raises(InputError, match="FlowMatchEulerDiscreteScheduler has no beta_schedule in its configuration"):
        chain({"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 1.0})


EVENT = (2, 4)
LAW = Gaussian(normal(*EVENT, seed=1), Dense(spectrum_covariance([2.0, 1.0, 0.7, 0.4, 0.2, 0.1, 0.05, 0.01], 2)))


class Optimal(nn.Module):
    """What the best UNet1DModel for a Gaussian law would say at each integer step, by dense algebra."""

    def __init__(self, config: dict[str, Any], abar: list[float]) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))
        self.kind, self.abar, self.twice = config["kind"], abar, config["out_channels"] == 2 * config["in_channels"]

    def forward(self, x_t: Tensor, step: Tensor, return_dict: bool = True) -> tuple[Tensor]:
        assert not return_dict
        assert not self.training
        i = int(step[0].round())
        assert torch.allclose(step, torch.full_like(step, i), atol=1e-9)
        alpha, sigma = math.sqrt(self.abar[i]), math.sqrt(1 - self.abar[i])
        x0 = denoise(x_t.flatten(1) / alpha, LAW.mean().flatten(), LAW.operator.dense(), sigma / alpha)[0].view(x_t.shape)
        eps = (x_t - alpha * x0) / sigma
        value = {"epsilon": eps, "sample": x0, "v_prediction": alpha * eps - sigma * x0}[self.kind] * self.scale
        return (torch.cat([value, torch.full_like(value, 7.0)], 1) if self.twice else value,)


def written(folder: Path, scheduler: dict[str, Any] | None = DDPM, unet: str = "unet", **model: Any) -> Path:
    """A pipeline folder, with weights that only a stand-in for diffusers can read."""
    prediction = "epsilon" if scheduler is None else scheduler["prediction_type"]
    config = {"_class_name": "UNet1DModel", "in_channels": 2, "out_channels": 2, "sample_size": 4, "kind": prediction} | model
    (folder / unet).mkdir(exist_ok=True)
    (folder / unet / "config.json").write_text(json.dumps(config))
    (folder / unet / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    if scheduler is not None:
        (folder / "scheduler").mkdir()
        (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    return folder


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module named diffusers whose UNet1DModel is ``Optimal``."""

    class UNet1DModel:
        @staticmethod
        def from_pretrained(folder: Path, *, use_safetensors: bool, local_files_only: bool) -> Optimal:
            assert use_safetensors
            assert local_files_only
            config = json.loads((folder / "config.json").read_text())
            return Optimal(config, products([BETAS["linear"](i) for i in range(STEPS)])).train()

    module = types.ModuleType("diffusers")
    module.UNet1DModel = UNet1DModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "diffusers", module)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("prediction", KINDS)
@pytest.mark.parametrize("learned", [False, True])
def test_predictions_are_the_law_s(tmp_path: Path, prediction: str, learned: bool) -> None:
    """At the noise of steps of the chain: E[x_0 | x] of the law; 1e-10. A learned variance is left out."""
    variance = {"variance_type": "learned_range"} if learned else {}
    folder = written(tmp_path, DDPM | variance | {"prediction_type": prediction}, out_channels=4 if learned else 2)
    denoiser = from_diffusers(folder)
    assert denoiser.event_shape == EVENT
    t = torch.arange(1, STEPS + 1, dtype=torch.float64) / STEPS
    x = normal(3, *EVENT, seed=3)
    for sigma in denoiser.schedule.noise_level(t)[::7].tolist():
        assert torch.allclose(denoiser((1 + sigma) * x, sigma).mean, LAW((1 + sigma) * x, sigma).mean, rtol=0, atol=1e-10 * (1 + sigma))
    start, grid = normal(3, *EVENT, seed=4), denoiser.schedule.grid(10)
    got, expected = (list(run(DPMSolver(2), d, denoiser.schedule, grid, start, Noise(0)))[-1].x for d in (denoiser, LAW))
    assert torch.allclose(got, expected, rtol=0, atol=1e-9)


@pytest.mark.usefixtures("stand_in")
def test_folders(tmp_path: Path) -> None:
    """A folder of the model alone with schedule and kind from the caller, and a flat folder."""
    folder = written(tmp_path, None)
    chain_of = Discrete.from_betas([BETAS["linear"](i) for i in range(STEPS)])
    x, sigma = normal(3, *EVENT, seed=3), float(chain_of.noise_level(0.4))
    denoiser = from_diffusers(folder / "unet", schedule=chain_of, kind="eps")
    assert torch.allclose(denoiser(x, sigma).mean, LAW(x, sigma).mean, atol=1e-10)
    (folder / "unet" / "scheduler_config.json").write_text(json.dumps(DDPM))
    assert torch.allclose(from_diffusers(folder / "unet")(x, sigma).mean, LAW(x, sigma).mean, atol=1e-10)
    with pytest.raises(InputError, match=r"sigma is 1e\+04|sigma is 10000, but the schedule runs from 0 to .*: sample under this schedule"):
        denoiser(x, 1e4)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("scheduler", "model", "arguments", "sentence"),
    [
        (DDPM, {"_class_name": "UNet2DConditionModel"}, {}, "describes a UNet2DConditionModel, but only UNet1DModel and UNet2DModel"),
        (DDPM, {"out_channels": 4}, {}, "describes a model from 2 to 4 channels"),
        (DDPM, {"sample_size": None}, {}, r"says sample_size is None: pass event_shape=\(channel, time\)"),
        (DDPM, {}, {"event_shape": (3, 8)}, r"event_shape is \(3, 8\), but .* describes signals of 2 channels"),
        (DDPM, {}, {"label": 1}, "label is 1, but .* describes a model with no classes: leave label out"),
        (DDPM, {"num_class_embeds": 3}, {}, "label is None, but .* describes a model with a class from 0 to 2: pass label="),
        (DDPM, {"num_class_embeds": 3}, {"label": 3}, "label is 3, but .* a class from 0 to 2"),
        (DDPM, {}, {"kind": "eps"}, "schedule and kind belong together"),
        (None, {}, {}, "has no scheduler_config.json, so it does not say what the model predicts"),
        (None, {}, {"schedule": VP(), "kind": "noise"}, "kind is 'noise', but must be one of eps, score, v, velocity, x0"),
    ],
)
def test_what_is_refused(tmp_path: Path, scheduler: dict[str, Any] | None, model: dict[str, Any], arguments: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        from_diffusers(written(tmp_path, scheduler, **model), **arguments)


def test_files_that_are_missing_or_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        from_diffusers(tmp_path / "none")
    with pytest.raises(InputError, match=r"has no config\.json"):
        from_diffusers(tmp_path)
    folder = written(tmp_path)
    monkeypatch.setitem(sys.modules, "diffusers", None)  # as where it is not installed
    with pytest.raises(InputError, match=r"reading a diffusers model needs the extra diffusers: pip install '\.\[diffusers\]'"):
        from_diffusers(folder)
    (folder / "unet" / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json cannot be read"):
        from_diffusers(folder)
    (folder / "unet" / "config.json").write_text("[]")
    with pytest.raises(InputError, match=r"config\.json does not hold a configuration"):
        from_diffusers(folder)
    written_again = json.dumps({"_class_name": "UNet1DModel", "in_channels": 2, "out_channels": 2, "sample_size": 4})
    (folder / "unet" / "config.json").write_text(written_again)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(InputError, match=r"has no diffusion_pytorch_model\.safetensors: save the model again with safe_serialization=True"):
        from_diffusers(folder)


@pytest.mark.filterwarnings("default")  # diffusers' own
@pytest.mark.parametrize("prediction", KINDS)
@pytest.mark.parametrize("betas", ["linear", "scaled_linear", "sigmoid", "squaredcos_cap_v2"])
def test_against_diffusers(tmp_path: Path, prediction: str, betas: str) -> None:
    """A small random UNet2DModel, saved by diffusers: the denoised image is the ``pred_original_sample`` of its own step; 1e-4."""
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    small = {"block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": 4}
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    model = diffusers.UNet2DModel(sample_size=8, in_channels=2, out_channels=2, **small, **blocks).eval()
    zero = prediction == "v_prediction"
    scheduler = diffusers.DDPMScheduler(
        200, beta_schedule=betas, prediction_type=prediction, clip_sample=False, rescale_betas_zero_snr=zero, beta_end=0.05
    )
    diffusers.DDPMPipeline(model, scheduler).save_pretrained(tmp_path)
    denoiser = from_diffusers(tmp_path)
    assert denoiser.event_shape == (2, 8, 8)
    x = normal(3, 2, 8, 8, seed=4).float()
    with torch.no_grad():
        for i in (0, 5, 120, 198):
            abar = float(scheduler.alphas_cumprod[i])
            sigma = math.sqrt((1 - abar) / abar)
            expected = scheduler.step(model(x, i).sample, i, x).pred_original_sample
            got = denoiser(x / math.sqrt(abar), float(denoiser.schedule.noise_level((i + 1) / 200))).mean
            assert denoiser.schedule.noise_level((i + 1) / 200) == pytest.approx(sigma, rel=1e-3)
            assert float((got - expected).abs().max()) < 1e-4 * float(expected.abs().max())


@pytest.mark.filterwarnings("default")
def test_against_diffusers_in_continuous_time(tmp_path: Path) -> None:
    """A UNet1DModel with IPNDM: one step of diffusers from x_t is DDIM's with this denoiser; 1e-5."""
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    model = diffusers.UNet1DModel(
        sample_size=64, in_channels=2, out_channels=2, extra_in_channels=32, time_embedding_type="positional", layers_per_block=1,
        block_out_channels=(32, 32),
        down_block_types=("DownBlock1DNoSkip", "DownBlock1D"), up_block_types=("UpBlock1D", "UpBlock1DNoSkip"),
    ).eval()  # fmt: skip
    scheduler = diffusers.IPNDMScheduler(100)
    diffusers.DanceDiffusionPipeline(model, scheduler).save_pretrained(tmp_path)
    denoiser = from_diffusers(tmp_path)
    assert denoiser.event_shape == (2, 64)
    scheduler.set_timesteps(10)
    t, s = scheduler.timesteps[3].double(), scheduler.timesteps[4].double()
    x = normal(2, 2, 64, seed=5).float()
    scheduler.ets, scheduler._step_index = [], 3
    with torch.no_grad():
        expected = scheduler.step(model(x, scheduler.timesteps[3][None].repeat(2)).sample, scheduler.timesteps[3], x).prev_sample
        schedule = denoiser.schedule
        clean = denoiser(x / float(schedule.alpha(t)), float(schedule.noise_level(t))).mean
    eps = (x - schedule.alpha(t) * clean) / schedule.sigma(t)
    assert torch.allclose((schedule.alpha(s) * clean + schedule.sigma(s) * eps).float(), expected, atol=1e-5)


def test_other_clocks() -> None:
    """A flow whose time runs from noise to data, and says x_0 - z: the denoiser of the same Gaussian."""
    schedule = RectifiedFlow()

    def flow(x_t: Tensor, s: Tensor) -> Tensor:
        t = float(1 - s[0])
        clean = LAW(x_t / (1 - t), t / (1 - t)).mean
        return (clean - x_t) / t

    denoiser = Predicted(lambda x, s: -flow(x, s), "velocity", schedule, EVENT, clock=lambda t: 1 - t)
    x = normal(3, *EVENT, seed=6)
    assert torch.allclose(denoiser(x, 0.8).mean, LAW(x, 0.8).mean, atol=1e-10)
