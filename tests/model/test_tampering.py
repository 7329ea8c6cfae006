"""Folders changed with their checksums: every single change gives one sentence, or a model that works."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import BATCHES, EVENT, LAWS, SIZE, kernel, mixture, normal
from ornstein.covariance import Autoregressive, Diagonal
from ornstein.covariance.coregionalised import Coregionalised
from ornstein.covariance.kernel_sum import KernelSum
from ornstein.covariance.time_kernels import TimeKernel
from ornstein.denoisers import ByCondition, Denoiser, Empirical, Gaussian, Law, Mixture, Network, Particles
from ornstein.fitting.conditions import Conditions
from ornstein.fitting.held_out import Judge
from ornstein.fitting.prior import Prior
from ornstein.fitting.scaling import Scaler
from ornstein.fitting.simulated import Simulated
from ornstein.model import Model, saving
from ornstein.model.joint import Inverse, Joint, JointLaw, Simulator
from ornstein.model.storage import decode_law, encode_law
from ornstein.model.storage.folder import CONFIG, PREPROCESSING, TENSORS, _checksum, _json, read_folder, write_folder
from ornstein.model.storage.joints import decode_joint
from ornstein.nets import MLP, Condition
from ornstein.nets.mixture_density import MixtureDensity

Folder = tuple[dict[str, Any], dict[str, Any], dict[str, Tensor]]
Change = Callable[[Folder], None]


def network() -> Network:
    net = MLP(EVENT, width=8, depth=1, classes=2, vector=1, seed=1)
    law = Gaussian(normal(*EVENT), LAWS["gaussian"]().operator)
    told = ByCondition(normal(2, SIZE), torch.tensor([3, 4]), (law.operator, Diagonal(torch.ones(SIZE))), normal(1, SIZE))
    return Network.of(net, law, told=told).given(Condition(label=torch.tensor([1])))


SUM = Coregionalised(
    torch.zeros(2, dtype=torch.float64),
    (TimeKernel("exponential", 2.0), TimeKernel("white")),
    normal(2, 2, 2),
    torch.tensor([0.1, 0.2], dtype=torch.float64),
)

MODELS: dict[str, Callable[[], Denoiser]] = {
    **{
        name: LAWS[name]
        for name in ("gaussian", "gaussian-kronecker", "gaussian-low-rank", "mixture", "points", "particles", "kernel-low-rank")
    },
    "diagonal": lambda: Gaussian(normal(*EVENT), Diagonal(torch.linspace(0, 1, SIZE))),
    "autoregressive": lambda: Gaussian(normal(SIZE), Autoregressive(torch.full((SIZE, 2), -0.3), torch.ones(SIZE))),
    "coregionalised": lambda: Gaussian(normal(2, 3), KernelSum(SUM, torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64))),
    "posteriors": BATCHES["mixture"],
    "kernel of posteriors": BATCHES["kernel"],
    "network": network,
}


def around(law: Denoiser) -> Model:
    """A model with every field that its law may have."""
    shape = law.event_shape
    scaler = Scaler(normal(*shape, seed=1), normal(*shape, seed=2).abs() + 0.5)
    names = (tuple(f"c{k}" for k in range(shape[0])), ("mV",) * shape[0]) if len(shape) > 1 else (("ECG",), ("mV",))
    batch = law.batch_shape if isinstance(law, Law) else ()
    conditions = Conditions(2, ("a", "b"), Scaler(normal(1), torch.ones(1, dtype=torch.float64))) if isinstance(law, Network) else None
    scores = None if isinstance(law, Network) else normal(9, seed=3).sort().values
    training = {"steps": 3} if conditions else None
    judged = isinstance(law, Gaussian) and isinstance(law.operator, Diagonal)
    judges = tuple(Judge(law, scaler, normal(4, seed=k).sort().values) for k in range(2 * judged))
    return Model(law, scaler, *names, 250.0, scores, normal(1, *batch, seed=4)[0], conditions, training, judges)


FACTOR = torch.tensor([[1.0, 0.0], [0.5, 2.0]], dtype=torch.float64)


def unit(size: int, seed: int = 0) -> Gaussian:
    return Gaussian(normal(size, seed=seed), Diagonal(torch.ones(size, dtype=torch.float64)))


def inverse() -> Inverse:
    net = MLP((2,), width=8, depth=1, vector=3, seed=1)
    told = Conditions(0, (), Scaler(normal(3), torch.ones(3, dtype=torch.float64)))
    model = Model(Network.of(net, unit(2)), Scaler(normal(2), normal(2).abs() + 0.5), conditions=told)
    prior = Prior(torch.tensor([True, False]), normal(2), normal(2) + 2, unit(2))
    return Inverse((2,), (3,), "network, as asked for", prior, model, normal(3, 2), normal(2), FACTOR.clone())


def simulator() -> Simulator:
    prior = Prior(torch.tensor([True, False]), normal(2), normal(2) + 2, mixture_of(2))
    members = (MixtureDensity(2, 2, components=2, width=4, depth=1, seed=1),)
    learned = Simulated(Scaler(normal(2), normal(2).abs() + 0.5), normal(2, 2), normal(2), FACTOR, members, normal(2), FACTOR, 3.0)
    return Simulator((2,), (1, 2), "likelihood, as asked for", prior, learned)


def mixture_of(size: int) -> Mixture:
    first = unit(size, 1)
    return Mixture(torch.tensor([0.3, 0.7]), [first, Gaussian(normal(size, seed=2), first.operator)])  # a covariance that is shared


JOINTS: dict[str, Callable[[], Joint]] = {
    "law of both": lambda: JointLaw((1, 2), (3,), "mixture, as asked for", around(mixture_of(5))),
    "simulator": simulator,
    "inverse": inverse,
}

JSON = [
    None,
    True,
    -1,
    0,
    7,
    1.5,
    1 << 40,
    1 << 70,
    math.nan,
    math.inf,
    "x",
    "gaussian",
    "dense",
    [],
    {},
    [0],
    [-2, 3],
    [1 << 40],
    ["a"],
    [1.5],
]


FEW = 7
"""The quick test takes every seventh change, of each kind of law other ones."""


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a description."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


def at(node: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        node = node[key]
    return node


def of_descriptions(folder: Folder) -> Iterator[tuple[str, Change]]:
    for which in (0, 1):
        for path in places(folder[which]):
            *way, key = path
            if path[0] in ("training", "format", "files"):  # words, and what belongs to the folder itself
                continue
            name = "/".join(map(str, path))

            def drop(f: Folder, which: int = which, way: Any = way, key: Any = key) -> None:
                del at(f[which], way)[key]

            yield f"{name} removed", drop
            for value in JSON:

                def put(f: Folder, which: int = which, way: Any = way, key: Any = key, value: Any = value) -> None:
                    at(f[which], way)[key] = value

                yield f"{name} = {value!r}", put
            if isinstance(at(folder[which], path), dict):

                def add(f: Folder, which: int = which, path: Any = path) -> None:
                    at(f[which], path)["more"] = 1

                yield f"{name} with more", add
            if isinstance(at(folder[which], path), list):

                def twice(f: Folder, which: int = which, path: Any = path) -> None:
                    found = at(f[which], path)
                    found.append(copy.deepcopy(found[-1]) if found else 1)

                yield f"{name} with one more", twice


def _with(entry: float) -> Callable[[Tensor], Tensor]:
    def changed(t: Tensor) -> Tensor:
        out = t.clone()
        if t.is_floating_point():
            out.view(-1)[-1:] = torch.tensor(entry, dtype=torch.float64).to(t.dtype)  # 1e200 is infinite in float32
        else:
            out.view(-1)[-1:] = -1000
        return out

    return changed


ARRAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "NaN at the end": _with(math.nan),
    "infinite at the end": _with(math.inf),
    "-inf at the end": _with(-math.inf),
    "-1e3 at the end": _with(-1e3),
    "1e200 at the end": _with(1e200),
    "turned": lambda t: ~t if t.dtype == torch.bool else -t,
    "doubled": lambda t: 2 * t,
    "zero": torch.zeros_like,
    "float32": lambda t: t.float() if t.dtype == torch.float64 else t.double(),
    "float16": lambda t: t.half(),
    "int64": lambda t: t.to(torch.int64) if t.is_floating_point() else t.double(),
    "bool": lambda t: t.to(torch.bool),
    "complex": lambda t: t.to(torch.complex128),
    "flat": lambda t: t.flatten() if t.ndim != 1 else t[:, None],
    "with a case": lambda t: t.unsqueeze(0),
    "with three cases": lambda t: t.expand(3, *t.shape).clone(),
    "shorter": lambda t: t[..., :-1].clone() if t.ndim else t.expand(2).clone(),
    "longer": lambda t: torch.cat([t, t], -1) if t.ndim else t.expand(0),
    "of no rows": lambda t: t[:0].clone() if t.ndim else t.expand(0),
    "transposed": lambda t: t.mT.contiguous() if t.ndim > 1 else t.flip(-1) if t.ndim else t + 1,
}


def of_tensors(folder: Folder) -> Iterator[tuple[str, Change]]:
    for name in folder[2]:
        yield f"{name} removed", lambda f, name=name: f[2].__delitem__(name)
        yield f"{name} renamed", lambda f, name=name: f[2].update({name + "2": f[2].pop(name)})
        for what, change in ARRAYS.items():
            yield f"{name} {what}", lambda f, name=name, change=change: f[2].update({name: change(f[2][name])})
    for extra in ("more", "law.more", "law.module.more"):
        yield f"tensor {extra}", lambda f, extra=extra: f[2].update({extra: torch.ones(2)})


def answers(joint: Joint) -> None:
    """Finite draws of the parameters, or densities of simulations."""
    seen = torch.zeros(2, *joint.observation, dtype=torch.float64)
    if isinstance(joint, Simulator):
        found = joint.simulated.log_prob(joint.prior.decode(joint.prior.law.sample(2)), seen.flatten(1))
    elif isinstance(joint, Inverse):
        found = joint.posterior(seen, particles=2, steps=4).sample(2)
    else:
        found = joint.posterior(seen, 0.1).sample(2)
    assert not bool(torch.isnan(found).any())


def works(model: Model | Joint) -> None:
    """Finite draws, moments and densities, and a folder of its own."""
    if isinstance(model, Joint):
        answers(model)
        return
    shape = model.event_shape
    assert math.prod(shape) < 100
    label = model.conditions.names[0] if model.conditions is not None and model.conditions.names else None
    drawn = model.sample(2, steps=2, sampler="euler", label=label) if isinstance(model.law, Network) else model.sample(2)
    assert bool(torch.isfinite(drawn).all())
    assert bool(torch.isfinite(model.mean()).all())
    assert bool(torch.isfinite(model.covariance().diagonal()).all())
    x = model.mean().reshape(-1, *shape)
    points = isinstance(model.law, Particles) or (isinstance(model.law, Empirical) and model.law._basis.rank() < model.law.size)
    if isinstance(model.law, Law) and not points:
        assert not bool(torch.isnan(model.log_prob(x)).any())
        assert not bool(torch.isnan(model.surprise(x).nats).any())
    assert "Model(" in repr(model)
    model.signals(drawn.reshape(-1, *shape)) if len(shape) == 2 and (not model.channels or len(model.channels) == shape[0]) else None
    saving.card(model, encode_law(model.law)[0])


def outcome(what: str) -> str:
    """What loading "here" comes to."""
    try:
        model = orn.load("here")
    except orn.InputError as error:
        return "refused" if "\n" not in str(error) else f"{what}: several lines"
    except Exception as error:
        return f"{what}: {error!r}"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "y is .* deviations from all that the model foresees"
            )  # a scaling that was moved foresees other y
            works(model)
    except Exception as error:
        return f"{what} was loaded: {error!r}"
    return "harmless"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Folder]:
    place = tmp_path_factory.mktemp("models")
    saved = {name: around(make()).save(place / name.replace(" ", "-")) for name, make in MODELS.items()}
    saved |= {name: make().save(place / name.replace(" ", "-")) for name, make in JOINTS.items()}
    return {name: read_folder(folder) for name, folder in saved.items()}


@pytest.mark.parametrize("every", [FEW, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [*MODELS, *JOINTS])
def test_every_single_change(name: str, every: int, whole: dict[str, Folder], monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hundred changes of each kind of law, one at a time: a sentence or an unharmed model, never another error, never NaN."""
    folder, outcomes = whole[name], Counter[str]()
    for what, change in [*of_descriptions(folder), *of_tensors(folder)][[*MODELS, *JOINTS].index(name) % every :: every]:
        changed = copy.deepcopy(folder)
        change(changed)
        monkeypatch.setattr(saving, "read_folder", lambda _, found=changed: found)
        outcomes[outcome(what)] += 1
    refused, harmless = outcomes.pop("refused"), outcomes.pop("harmless")
    assert not outcomes, outcomes
    assert refused > 5 * harmless > 0  # means, names and rates may have other values


@pytest.mark.parametrize("name", [*MODELS, *JOINTS])
def test_nothing_changed_is_a_model(name: str, whole: dict[str, Folder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "read_folder", lambda _: whole[name])
    works(orn.load("here"))


def test_the_files_themselves(tmp_path: Any) -> None:
    """Through the folder with its checksums: other kinds of file in place of the right ones."""
    config, metadata, tensors = read_folder(around(kernel()).save(tmp_path / "m"))
    config = {key: value for key, value in config.items() if key not in ("format", "files")}
    for spec in ([], "x", {**config, "law": None}, {**config, "law": {"kind": "network"}}, {**config, "training": 3}):
        whole = spec if isinstance(spec, dict) else {"law": spec}
        write_folder(tmp_path / "m", whole, metadata, tensors, "card", force=True)
        with pytest.raises(orn.InputError, match="restore the folder from a copy, or fit again"):
            orn.load(tmp_path / "m")
    write_folder(tmp_path / "m", config, metadata, tensors, "card", force=True)
    assert torch.equal(orn.load(tmp_path / "m").sample(2), around(kernel()).sample(2))
    for file in (PREPROCESSING, TENSORS):
        before = (tmp_path / "m" / file).read_bytes()
        for data in (b"", b"[" * 100_000, b"\x00" * 64, b"null"):
            _rewrite(tmp_path / "m", file, data)
            with pytest.raises(orn.InputError):
                orn.load(tmp_path / "m")
        _rewrite(tmp_path / "m", file, before)


def _rewrite(folder: Any, file: str, data: bytes) -> None:
    """Put other bytes into a folder, with checksums that match."""
    (folder / file).write_bytes(data)
    config = json.loads((folder / CONFIG).read_text())
    del config["checksum"]
    config["files"][file] = hashlib.sha256(data).hexdigest()
    (folder / CONFIG).write_bytes(_json({**config, "checksum": _checksum(config)}))


def test_the_posterior_spectrum_of_a_kronecker_is_its_own() -> None:
    """Its eigenvalues are no product of those of its factors once it was conditioned on noise."""
    law = mixture().components[1]
    after = Gaussian(law.mean(), law.operator.posterior(0.7))
    again = decode_law(*encode_law(after))
    assert isinstance(again, Gaussian)
    assert torch.equal(again.operator.dense(), after.operator.dense())


def test_a_batch_of_posteriors_keeps_its_offsets() -> None:
    law = BATCHES["kernel"]()
    again = decode_law(*encode_law(law))
    assert isinstance(again, Empirical)
    assert float(law.offset.abs().max()) > 0.1  # type: ignore[attr-defined]
    assert torch.equal(again.mean(), law.mean())


@pytest.mark.parametrize(
    ("name", "tensor", "change", "says"),
    [
        ("gaussian", "basis", lambda t: t + 1e-4, "columns that are not orthonormal"),
        ("gaussian", "eigenvalues", torch.neg, "entry -3, but must be at least 0"),
        ("gaussian-low-rank", "eigenvalues", lambda t: t.cumsum(-1), "unequal floors"),
        ("gaussian-kronecker", "right.eigenvalues", lambda t: t.cumsum(-1), "not symmetric"),
        ("mixture", "log_weights", lambda t: t + 0.1, "do not sum to one"),
        ("posteriors", "log_weights", lambda t: t[:2].clone(), r"for means of \(4,\) laws"),
        ("kernel of posteriors", "offset", lambda t: t[:2].clone(), "has shape"),
    ],
)
def test_what_is_said(name: str, tensor: str, change: Callable[[Tensor], Tensor], says: str) -> None:
    spec, tensors = encode_law(MODELS[name]())
    whole = tensor if tensor in tensors else f"covariance.{tensor}"
    with pytest.raises(orn.InputError, match=f"{tensor.replace('.', chr(92) + '.')}.* {says}.*; restore the folder"):
        decode_law(spec, {**tensors, whole: change(tensors[whole])})


@pytest.mark.parametrize(
    ("name", "tensor", "change", "says"),
    [
        ("simulator", "simulated.factor", lambda t: t.mT.contiguous(), "lower triangular"),
        ("inverse", "factor", torch.neg, "lower triangular"),
        ("inverse", "prior.high", lambda t: t - 3, "not above low"),
    ],
)
def test_what_is_said_of_parameters(
    name: str, tensor: str, change: Callable[[Tensor], Tensor], says: str, whole: dict[str, Folder]
) -> None:
    config, _, tensors = whole[name]
    changed = {f"joint.{tensor}": change(tensors[f"joint.{tensor}"])}
    with pytest.raises(orn.InputError, match=f"{tensor} is .*{says}|{tensor} .*{says}"):
        decode_joint(config["joint"], {**tensors, **changed}, JOINTS[name]()._saved().model)


def test_scores_in_order_and_nothing_left_over(whole: dict[str, Folder], monkeypatch: pytest.MonkeyPatch) -> None:
    for change in (
        lambda f: f[2].update(reference=f[2]["reference"].flip(0).contiguous()),
        lambda f: f[2].update(more=torch.ones(2)),
        lambda f: f[2].update({"law.more": torch.ones(2)}),
        lambda f: f[1].update(more=1),
        lambda f: f[0]["law"].update(more=1),
    ):
        folder = copy.deepcopy(whole["gaussian"])
        change(folder)
        monkeypatch.setattr(saving, "read_folder", lambda _, found=folder: found)
        with pytest.raises(orn.InputError, match=r"reference is not sorted|more does not belong there"):
            orn.load("here")
