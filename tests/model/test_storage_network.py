"""Networks on disk: the same samples to the bit, any precision, any class, no code; what does not fit is named."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

import ornstein as orn
from ornstein.denoisers import ByCondition, Gaussian, Mixture, Network, fit_gaussian
from ornstein.fitting.conditions import Conditions
from ornstein.fitting.scaling import Scaler
from ornstein.model import Model
from ornstein.model.storage.folder import CONFIG, TENSORS, _checksum
from ornstein.nets import MLP, Entries, Transformer, UNet

NETS = {
    "mlp": lambda: MLP((2, 8), width=16, depth=1),
    "unet": lambda: UNet((2, 8), width=8, multipliers=(1, 2), blocks=1),
    "transformer": lambda: Transformer((2, 8), width=16, depth=1, heads=2, patch=4),
}


class Own(nn.Module):
    """A module of somebody's: tied weights, a buffer that is saved, one that is not, and a counter."""

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, width), nn.Linear(width, 16)
        self.again = self.first
        self.register_buffer("shift", torch.full((16,), 0.25))
        self.register_buffer("gain", torch.ones(16), persistent=False)
        self.norm = nn.BatchNorm1d(16)

    def forward(self, x, noise):
        h = self.norm(x.flatten(1)) * self.gain + self.shift * noise[:, None]
        return (self.second(torch.tanh(self.again(h))) + self.shift).view(x.shape)


def reference(structure="dense"):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(40, 2, 8, generator=generator, dtype=torch.float64).cumsum(-1)
    return fit_gaussian(x, structure)


def shaken(module):
    """Weights away from their start, so that the network says something."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=generator).to(p.dtype))
    return module


def model(module, structure="dense", form="covariance", **fields):
    scaler = Scaler(torch.full((2, 8), 3.0, dtype=torch.float64), torch.full((2, 8), 2.0, dtype=torch.float64))
    return Model(Network.of(shaken(module).eval(), reference(structure), form), scaler, **fields)


def drawn(model, **given):
    return model.sample(3, steps=4, sampler="heun", seed=7, **given)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("net", NETS)
def test_our_nets_come_back_to_the_bit(tmp_path, net, dtype):
    before = model(NETS[net]().to(dtype))
    again = orn.load(before.save(tmp_path / "m"))
    assert torch.equal(drawn(again), drawn(before))
    assert {p.dtype for p in again.law.module.parameters()} == {dtype}
    assert not again.law.module.training
    assert again.law.module.arguments == before.law.module.arguments


def test_a_network_of_entries_comes_back_to_the_bit(tmp_path):
    """With the standard of what it looks at, and what it is asked for."""
    net = shaken(Entries((2, 8), width=8, depth=1, signal=2)).eval()
    net.centre += 0.5
    scaler = Scaler(torch.full((2, 8), 3.0, dtype=torch.float64), torch.full((2, 8), 2.0, dtype=torch.float64))
    before = Model(Network.of(net, reference(), inpaints=True), scaler)
    again = orn.load(before.save(tmp_path / "m"))
    x = before.law.reference.sample(3, seed=1)
    x[:, 0, 2:6] = torch.nan
    only = x.isnan() & (torch.arange(8) < 4)
    filled = [one.impute(x, 2, only=only, steps=3) for one in (before, again)]
    assert torch.equal(filled[0][:, only], filled[1][:, only])
    assert torch.equal(filled[1].isnan()[0], x.isnan() & ~only)


@pytest.mark.parametrize("structure", ["dense", "diagonal", "low-rank", "kronecker", "stationary", "toeplitz"])
def test_every_reference_comes_back_to_the_bit(tmp_path, structure):
    before = model(NETS["mlp"](), structure)
    again = orn.load(before.save(tmp_path / "m"))
    assert torch.equal(drawn(again), drawn(before))
    assert type(again.law.reference.operator) is type(before.law.reference.operator)


@pytest.mark.parametrize("form", ["covariance", "whitened", "diagonal", "scalar"])
def test_form_and_highest_level_come_back(tmp_path, form):
    before = model(NETS["mlp"](), form=form)
    object.__setattr__(before.law, "highest", 7.0)
    again = orn.load(before.save(tmp_path / "m"))
    assert (again.law.preconditioning.form, again.law.highest) == (form, 7.0)
    assert torch.equal(drawn(again), drawn(before))


def test_a_mixture_to_stand_on_comes_back_to_the_bit(tmp_path):
    parts = [reference(), Gaussian(torch.full((2, 8), 2.0, dtype=torch.float64), reference("diagonal").operator)]
    before = model(NETS["mlp"]())
    before = Model(Network.of(before.law.module, Mixture(torch.tensor([0.3, 0.7]), parts)), before.scaler)
    again = orn.load(before.save(tmp_path / "m"))
    assert torch.equal(drawn(again), drawn(before))
    torch.testing.assert_close(again.law.preconditioning.law.log_weights, before.law.preconditioning.law.log_weights)


@pytest.mark.parametrize("classes", [1, 3])
def test_the_laws_of_classes_come_back_to_the_bit_and_folders_without_them_answer_as_they_did(tmp_path, classes):
    generator = torch.Generator().manual_seed(3)
    means = torch.randn(3, 16, generator=generator, dtype=torch.float64)
    operators = (reference().operator, reference("diagonal").operator, reference().operator)[:classes]
    told = ByCondition(means, torch.tensor([5, 6, 7]), operators, means[:2])
    net = MLP((2, 8), width=16, depth=1, classes=3, vector=2)
    before = model(net)
    told = replace(told, operators=(before.law.reference.operator, *told.operators[1:]))  # one that others share
    given = orn.nets.Condition(torch.tensor([2]), torch.zeros(1, 2))
    with_laws = Model(Network.of(net, before.law.reference, told=told).given(given), before.scaler)
    without = Model(before.law.given(given), before.scaler)
    for one in (with_laws, without):
        again = orn.load(one.save(tmp_path / "m", force=True))
        assert torch.equal(drawn(again), drawn(one))
        assert (again.law.preconditioning.told is None) == (one is without)
        assert torch.equal(again.law.reference.mean(), one.law.reference.mean())
    assert not torch.equal(drawn(with_laws), drawn(without))


def test_what_the_model_knows_of_conditions_and_training_comes_back(tmp_path):
    vector = 100 + 10 * torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    conditions, _ = Conditions.fit(["b", "a"] * 20, torch.randn(40, 1, 8), 40)
    both = Conditions(conditions.classes, conditions.names, Scaler.fit(vector.double(), "feature"), conditions.signal)
    net = MLP((2, 8), width=16, depth=1, classes=2, vector=2, signal=1)
    before = model(net, conditions=both, training={"steps": 12, "held_out": 0.5, "gaussian": None})
    again = orn.load(before.save(tmp_path / "m"))
    given = {"label": ["a", "b", "b"], "condition": [[90.0, 110.0]] * 3}
    assert torch.equal(drawn(again, **given), drawn(before, **given))
    assert torch.equal(again.conditions.signal.scale, both.signal.scale)
    assert again.training == before.training
    assert "classes a, b" in (tmp_path / "m" / "README.md").read_text()


def test_a_bound_condition_and_masks_come_back(tmp_path):
    net = MLP((2, 8), width=16, depth=1, classes=3, signal=2)
    before = model(net)
    law = Network.of(net, before.law.reference, inpaints=True).given(orn.nets.Condition(label=torch.tensor([2, 0, 1])), 5)
    before = Model(law, before.scaler)
    again = orn.load(before.save(tmp_path / "m"))
    assert again.law.inpaints
    assert again.law.condition.label.tolist() == [2, 0, 1]
    assert torch.equal(drawn(again, first=5), drawn(before, first=5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_module_of_yours_keeps_its_weights(tmp_path, dtype):
    before = model(Own().to(dtype))
    before.law.module.shift.mul_(3)
    folder = before.save(tmp_path / "m")
    with pytest.raises(orn.InputError, match=r"class Own, whose code is not in the folder.*module=Own"):
        orn.load(folder)
    again = orn.load(folder, module=Own())
    assert torch.equal(drawn(again), drawn(before))
    assert again.law.module.again is again.law.module.first
    assert again.law.module.first.weight.dtype == dtype
    assert "module=Own" in (folder / "README.md").read_text()


def test_mixed_precision_comes_back(tmp_path):
    class Mixed(Own):
        def forward(self, x, noise):
            h = torch.tanh(self.first(x.flatten(1))).to(torch.bfloat16)
            return self.second(h).float().view(x.shape)

    module = Mixed()
    module.second.to(torch.bfloat16)
    before = model(module)
    again = orn.load(before.save(tmp_path / "m"), module=Mixed())
    assert again.law.module.second.weight.dtype == torch.bfloat16
    assert torch.equal(drawn(again), drawn(before))


def test_wrappers_leave_no_trace(tmp_path):
    inner = NETS["mlp"]()
    wrapped = model(torch.nn.DataParallel(inner))
    again = orn.load(wrapped.save(tmp_path / "m"))
    assert isinstance(again.law.module, MLP)
    assert torch.equal(drawn(again), drawn(wrapped))


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (Own(6), r"Own does not fit the saved Own: again\.bias has shape \(6,\), but \(5,\) in the folder"),
        (nn.Linear(16, 16), r"Linear does not fit the saved Own: .* for \d+ names"),
        (nn.Sequential(Own()), "Sequential does not fit"),
    ],
)
def test_a_module_that_does_not_fit_is_named(tmp_path, module, says):
    folder = model(Own()).save(tmp_path / "m")
    with pytest.raises(orn.InputError, match=says) as raised:
        orn.load(folder, module=module)
    assert "\n" not in str(raised.value)


def test_a_module_for_a_law_without_one_is_refused(tmp_path):
    folder = orn.fit(torch.randn(20, 4), folds=0).save(tmp_path / "g")
    with pytest.raises(orn.InputError, match="a gaussian law: leave module out"):
        orn.load(folder, module=Own())


def test_state_that_is_no_tensor_is_refused(tmp_path):
    class Keeper(Own):
        def get_extra_state(self):
            return {"a": 1}

        def set_extra_state(self, state):
            pass

    with pytest.raises(orn.InputError, match="Keeper keeps _extra_state as a dict"):
        model(Keeper()).save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_damage_is_noticed_and_a_full_disk_leaves_the_old_model(tmp_path, monkeypatch):
    before = model(NETS["mlp"]())
    folder = before.save(tmp_path / "m")
    data = (folder / TENSORS).read_bytes()
    for position in range(0, len(data), len(data) // 10):
        flipped = bytearray(data)
        flipped[position] ^= 4
        (folder / TENSORS).write_bytes(bytes(flipped))
        with pytest.raises(orn.InputError, match=f"{TENSORS} in .* is damaged"):
            orn.load(folder)
    (folder / TENSORS).write_bytes(data)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(orn.RunError, match="No space left"):
        model(NETS["unet"]()).save(folder, force=True)
    monkeypatch.undo()
    assert torch.equal(drawn(orn.load(folder)), drawn(before))


def test_old_folders_are_of_format_one_and_networks_of_two(tmp_path):
    """Older versions read what they know; a folder of the future is refused."""
    folder = orn.fit(torch.randn(20, 4), folds=0).save(tmp_path / "g")
    config = json.loads((folder / CONFIG).read_text())
    assert config["format"] == 1
    assert "training" not in config
    network = model(NETS["mlp"]()).save(tmp_path / "m")
    assert json.loads((network / CONFIG).read_text())["format"] == 2
    config = json.loads((network / CONFIG).read_text()) | {"format": 5}
    del config["checksum"]
    (network / CONFIG).write_text(json.dumps(config | {"checksum": _checksum(config)}))
    with pytest.raises(orn.InputError, match="format 5, but this version reads 1, 2, 3"):
        orn.load(network)


def test_nothing_in_the_folder_is_a_pickle(tmp_path):
    folder = model(Own()).save(tmp_path / "m")
    assert {p.suffix for p in folder.iterdir()} == {".json", ".safetensors", ".md"}
    assert isinstance(orn.load(folder, module=Own()).law.reference, Gaussian)
