"""Models leave the house: programs that run without it, and folders at a hub."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

import ornstein as orn
from commands import run
from ornstein.common.random import Noise
from ornstein.model import Model
from ornstein.model.exporting import read_program

X = Noise(1).normal(60, (1, 6)).cumsum(-1) + 3


@pytest.fixture(scope="module")
def network() -> Model:
    with pytest.warns(UserWarning, match="held-out"):
        return orn.fit(X, "network", net="mlp", steps=2)


@pytest.mark.filterwarnings("ignore")
def test_a_program_denoises_as_the_model(
    network: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Written by the command, which calls ``orn.export``."""
    monkeypatch.chdir(tmp_path)
    network.save("net.model")
    code, out, _ = run(capsys, "export", "net.model", "-o", "net.pt2")
    assert (code, out.strip()) == (0, "program D(x, sigma) for signals (1, 6) in net.pt2")
    program = read_program("net.pt2")
    for cases in (1, 7):
        x, sigma = Noise(2).normal(cases, (1, 6)).float(), torch.logspace(-2, 2, cases)
        torch.testing.assert_close(program.denoise(x, sigma), network.law.mean(x, sigma), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(program.centre + program.scale * network.scaler.encode(X), X)


def test_what_is_not_exported(network: Model, tmp_path: Path) -> None:
    with pytest.raises(orn.InputError, match="only a network is exported"):
        orn.export(orn.fit(X, folds=0), tmp_path / "d.pt2")
    (tmp_path / "d.pt2").touch()
    with pytest.raises(orn.InputError, match="exists"):
        orn.export(network, tmp_path / "d.pt2")
    with pytest.raises(orn.InputError, match="is not a program"):
        read_program(tmp_path / "d.pt2")


class Hub:
    """What is called of ``huggingface_hub``, with a folder in place of the network."""

    def __init__(self, place: Path, fails: bool = False) -> None:
        self.place, self.fails, self.said = place, fails, []
        self.HfApi = lambda token: SimpleNamespace(create_repo=self.create, upload_folder=self.upload)

    def create(self, name: str, *, private: bool, exist_ok: bool) -> None:
        if self.fails:
            raise OSError("401 Client Error\nmore")
        (self.place / name).mkdir(parents=True, exist_ok=exist_ok)
        self.said.append(private)

    def upload(self, *, repo_id: str, folder_path: str, commit_message: str) -> str:
        for file in Path(folder_path).iterdir():
            (self.place / repo_id / file.name).write_bytes(file.read_bytes())
        (self.place / repo_id / ".gitattributes").touch()  # as the hub adds it
        return f"hub/{repo_id}"

    def snapshot_download(self, name: str, *, revision: str | None, token: str | None, allow_patterns: list[str]) -> str:
        if self.fails:
            raise OSError("404 Client Error")
        copy = self.place / "cache"
        copy.mkdir()
        for pattern in allow_patterns:
            (copy / pattern).symlink_to(self.place / name / pattern)
        return str(copy)


def test_up_to_a_hub_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, model = Hub(tmp_path), orn.fit(X, folds=0)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert model.push_to_hub("me/days") == "hub/me/days"
    assert hub.said == [True]
    torch.testing.assert_close(orn.from_pretrained("me/days").log_prob(X), model.log_prob(X))
    torch.testing.assert_close(orn.from_pretrained(model.save(tmp_path / "here")).log_prob(X), model.log_prob(X))


def test_the_card_begins_with_what_a_hub_reads(tmp_path: Path) -> None:
    text = (orn.fit(X, folds=0).save(tmp_path / "m") / "README.md").read_text()
    assert yaml.safe_load(text.split("---")[1]) == {"library_name": "ornstein", "tags": ["diffusion", "signals", "time-series", "gaussian"]}


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda m: m.push_to_hub("me/days"), orn.RunError, r"me/days was not uploaded \(401 Client Error\): check the name"),
        (lambda _: orn.from_pretrained("me/days"), orn.RunError, r"was not fetched \(404 Client Error\)"),
        (lambda _: orn.from_pretrained("a/b/c"), orn.InputError, "must be a model folder, or a repository"),
        (lambda _: orn.from_pretrained("../x"), orn.InputError, "must be a model folder"),
        (lambda m: m.push_to_hub(3), orn.InputError, "name is 3"),
    ],
)
def test_refusals(call: Any, error: type[Exception], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub(tmp_path, fails=True))
    with pytest.raises(error, match=says):
        call(orn.fit(X, folds=0))


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(orn.InputError, match="hub"):
        orn.from_pretrained("me/days")
