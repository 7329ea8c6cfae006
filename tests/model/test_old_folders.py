"""Model folders that were written before laws had a room each are read as they were: the same law, scores and answers."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import normal
from ornstein.denoisers import Law, Network
from ornstein.nets import Condition

FOLDERS = Path(__file__).parent / "old_folders"
KNOWN = json.loads((FOLDERS / "known.json").read_text(encoding="utf-8"))
"""What the version that wrote a folder answered: D(x, 0.3) and D(x, 2), mean, deviations, densities and p-values, to nine digits."""


def same(found: Tensor, expected: list[float], digits: float = 1e-8) -> None:
    torch.testing.assert_close(found.double().flatten(), torch.tensor(expected, dtype=torch.float64), rtol=digits, atol=digits)


def test_every_kind_of_law_is_there() -> None:
    assert {folder.name for folder in FOLDERS.iterdir() if folder.is_dir()} == KNOWN.keys()
    kinds = {json.loads((FOLDERS / name / "config.json").read_text())["law"]["kind"] for name in KNOWN}
    assert kinds == {"gaussian", "mixture", "empirical", "network"}


@pytest.mark.parametrize("name", KNOWN)
def test_a_folder_is_read_as_it_was(name: str, tmp_path: Path) -> None:
    model, known = orn.load(FOLDERS / name), KNOWN[name]
    again = orn.load(model.save(tmp_path / "again"))
    shape = model.event_shape
    batch = model.law.batch_shape if isinstance(model.law, Law) else ()
    u = normal(*(batch or (3,)), *shape, seed=12)
    for read in (model, again):
        assert (read.rate, read.units) == (250.0, ("mV",) * len(read.channels))
        assert (read.log_evidence is None) == (not batch)
        assert read.log_evidence is None or torch.equal(read.log_evidence, normal(*batch, seed=4))
        for sigma, expected in zip((0.3, 2.0), known["denoised"], strict=True):
            same(read.law(u, sigma).mean, expected, 1e-5 if isinstance(read.law, Network) else 1e-8)  # a network of float32
        if "mean" in known:
            same(read.mean(), known["mean"])
            same(read.covariance().diagonal().sqrt(), known["deviation"])
        if "log_prob" in known:
            same(read.log_prob(read.scaler.decode(u)), known["log_prob"])
        if "p_value" in known:
            same(read.surprise(read.scaler.decode(u)).p_value, known["p_value"])


def test_what_a_network_is_told_is_kept() -> None:
    model = orn.load(FOLDERS / "network")
    assert model.conditions is not None
    assert (model.conditions.classes, model.conditions.names) == (2, ("left", "right"))
    assert model.training == {"steps": 3}
    drawn = model.sample(2, steps=2, sampler="heun", label="right")
    assert drawn.shape == (2, *model.event_shape)
    with pytest.raises(orn.InputError, match="label is 'up'"):
        model.sample(2, steps=2, label="up")


def test_an_old_folder_that_was_damaged_is_refused(tmp_path: Path) -> None:
    shutil.copytree(FOLDERS / "gaussian", tmp_path / "m")
    file = tmp_path / "m" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(orn.InputError, match=r"model.safetensors in .* is damaged"):
        orn.load(tmp_path / "m")


def test_a_masked_network_beside_a_mixture_completes_as_it_was_trained(tmp_path: Path) -> None:
    """The folder does not say what its network stands on in gaps: it was the Gaussian of the mixture. A new one says the mixture."""
    model, u = orn.load(FOLDERS / "network-masked"), normal(3, 2, 3, seed=12)
    seen = u.clone()
    seen[0, 0], seen[1, :, 1:], seen[2] = torch.nan, torch.nan, torch.nan
    again = orn.load(model.save(tmp_path / "again"))
    for read in (model, again):
        assert isinstance(read.law, Network)
        for sigma, expected in zip((0.3, 2.0), KNOWN["network-masked"]["completed"], strict=True):
            same(read.law.given(Condition(signal=seen))(u, sigma).mean, expected, 1e-5)  # float32
    assert isinstance(model.law, Network)
    law = model.law
    new = Network.of(law.module, law.preconditioning.law, inpaints=True)
    fresh = orn.load(replace(model, law=new).save(tmp_path / "new")).law
    assert isinstance(fresh, Network)
    told = Condition(signal=seen)
    assert torch.equal(fresh.given(told)(u, 2.0).mean, new.given(told)(u, 2.0).mean)
    assert not torch.allclose(fresh.given(told)(u, 2.0).mean, law.given(told)(u, 2.0).mean, atol=1e-3)
