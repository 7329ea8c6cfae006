"""fit --correction: what is said of it in both languages, as JSON, and in the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ornstein as orn
from commands import refused, run
from ornstein.common.random import Noise
from ornstein.correction import learning


def test_it_is_kept_or_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "x.npy"
    orn.write(data, orn.Signals(Noise(1).normal(40, (2, 6))))
    words = ["fit", str(data), "--correction", "learned", "--folds", "0"]
    monkeypatch.setattr(learning, "STEPS", 3)
    monkeypatch.setattr(learning, "SURE", 1e9)
    code, out, _ = run(capsys, *words, "-o", str(tmp_path / "left"))
    assert code == 0
    assert "did not gain on gaps" in out
    assert orn.load(tmp_path / "left").correction is None
    assert json.loads(run(capsys, *words, "-o", str(tmp_path / "none"), "--json")[1])["correction"] is None
    assert "correction" not in json.loads(run(capsys, "fit", str(data), "--folds", "0", "-o", str(tmp_path / "plain"), "--json")[1])
    monkeypatch.setattr(learning, "SURE", -1e9)
    code, out, _ = run(capsys, "--lang", "zh", *words, "-o", str(tmp_path / "kept"))
    assert code == 0
    assert "修正：已保留" in out
    kept = orn.load(tmp_path / "kept").correction
    assert kept is not None
    _, out, _ = run(capsys, *words, "-o", str(tmp_path / "machine"), "--json")
    assert json.loads(out)["correction"] == pytest.approx({"law": kept.crps[0], "corrected": kept.crps[1]})
    refused(capsys, tmp_path, ["fit", str(data), "--correction", "learnt", "-o", str(tmp_path / "no")], "learned")


def test_a_network_is_corrected_too(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "x.npy"
    orn.write(data, orn.Signals(Noise(1).normal(40, (2, 6))))
    monkeypatch.setattr(learning, "STEPS", 3)
    monkeypatch.setattr(learning, "SURE", -1e9)
    words = ["fit", str(data), "--model", "network", "--masks", "--steps", "2", "--structure", "dense", "--correction", "learned", "--json"]
    code, out, _ = run(capsys, *words, "-o", str(tmp_path / "m"))
    assert code == 0
    assert set(json.loads(out)["correction"]) == {"law", "corrected"}
    assert orn.load(tmp_path / "m").correction is not None
