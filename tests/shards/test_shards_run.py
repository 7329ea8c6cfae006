"""Runs over a folder: whole results, the same bits for any number of processes, and on from where one was stopped."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

import ornstein as orn
from ornstein.common.random import Noise
from ornstein.common.ranks import joined
from ornstein.shards import Outcome, files, run
from ranked import ranked

X = Noise(3).normal(90, (1, 5)).cumsum(-1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and a folder with five shards of its signals: two formats, a folder below, a recording, and a Zarr array."""
    place = tmp_path_factory.mktemp("shards")
    orn.fit(X).save(place / "m.model")
    (place / "data" / "more").mkdir(parents=True)
    orn.write(place / "data" / "a.npy", X[:40])
    orn.write(place / "data" / "more" / "b.parquet", X[40:60])
    orn.write(place / "data" / "b.csv", X[60:70])
    orn.write(place / "data" / "long.npz", X[70:80].reshape(1, 1, 50))
    array = zarr.create_array(str(place / "data" / "z.zarr"), shape=(10, 1, 5), dtype="f8", chunks=(4, 1, 5))
    array[:] = X[80:].numpy()
    return place


def bits(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(b"".join(np.load(p)[k].tobytes() for k in np.load(p))).hexdigest() for p in folder.glob("*.npz")}


def test_every_case_is_scored_once_under_its_file_and_offset(place: Path, tmp_path: Path) -> None:
    model, told = orn.load(place / "m.model"), []
    found = run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "out", progress=told.append, top=3)
    assert found.done == tuple(told) == ("a.npy", "b.csv", "long.npz", "more/b.parquet", "z.zarr")
    assert not found.failed
    for name, cases in (("a.npy", X[:40]), ("more_-b.parquet", X[40:60]), ("long.npz", X[70:80]), ("z.zarr", X[80:])):
        with np.load(tmp_path / "out" / f"{name}.npz") as result:
            np.testing.assert_array_equal(result["offset"], np.arange(len(cases)))
            np.testing.assert_allclose(result["log_prob"], model.log_prob(cases).numpy(), rtol=1e-12)
    levels = model.log_prob(X)
    assert found.summary is not None
    assert found.summary.count == 90
    assert found.summary.mean == pytest.approx(float(levels.mean()), rel=1e-12)
    assert [value for value, _, _ in found.summary.least] == pytest.approx(levels.sort().values[:3].tolist(), rel=1e-12)


def test_pieces_and_processes_change_no_bit(place: Path, tmp_path: Path) -> None:
    one = run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "one")
    two = run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "two", workers=2)
    assert bits(tmp_path / "one") == bits(tmp_path / "two")
    assert one == two


def test_every_window_of_recordings_is_scored_without_being_cut(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two recordings in one file, in pieces so small that there are seams; numbered one recording after the other."""
    (tmp_path / "data").mkdir()
    x = Noise(4).normal(2, (1, 400)).cumsum(-1)
    orn.write(tmp_path / "data" / "two.npy", x)
    zarr.save_array(str(tmp_path / "data" / "z.zarr"), x.numpy())
    scorer, model = orn.Scorer(place / "m.model", hop=2), orn.load(place / "m.model")
    found = run(scorer, tmp_path / "data", tmp_path / "one")
    monkeypatch.setattr(files, "together", lambda hop: 16)
    monkeypatch.setattr(files, "ENTRIES", 50)
    again = run(scorer, tmp_path / "data", tmp_path / "two")
    expected = torch.cat([model.log_prob(one.unfold(-1, 5, 2).transpose(0, 1)) for one in x]).numpy()
    assert found.done == again.done == ("two.npy", "z.zarr")
    for out in ("one", "two"):
        for name in found.done:
            with np.load(tmp_path / out / f"{name}.npz") as result:
                np.testing.assert_array_equal(result["offset"], np.arange(396))
                np.testing.assert_allclose(result["log_prob"], expected, rtol=1e-9)
    assert found.summary is not None
    assert found.summary.count == 2 * 396
    assert found.summary.least[0][0] == pytest.approx(expected.min(), rel=1e-9)
    np.testing.assert_allclose(scorer({"signals": x.numpy()})["log_prob"].ravel(), expected, rtol=1e-9)
    orn.write(tmp_path / "data" / "short.npy", x[:, :, :4])
    left = run(scorer, tmp_path / "data", tmp_path / "one")
    assert left.failed[0][0] == "short.npy"
    assert "has 4 samples, but windows of the model have 5" in left.failed[0][1]
    with pytest.raises(orn.InputError, match="differs in its options"):
        run(orn.Scorer(place / "m.model"), tmp_path / "data", tmp_path / "one")


def together(place: Path, out: Path) -> Outcome:
    with joined("cpu") as ranks:
        return run(orn.Scorer(place / "m.model"), place / "data", out, ranks=ranks)


def test_ranks_share_the_files_and_change_no_bit(place: Path, tmp_path: Path) -> None:
    alone = run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "one")
    assert ranked(2, together, place, tmp_path / "two") == [alone, alone]
    assert bits(tmp_path / "one") == bits(tmp_path / "two")


@pytest.mark.slow
def test_four_ranks_and_four_processes_change_no_bit(place: Path, tmp_path: Path) -> None:
    alone = run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "one")
    assert ranked(4, together, place, tmp_path / "four") == 4 * [alone]
    assert run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "processes", workers=4) == alone
    assert bits(tmp_path / "one") == bits(tmp_path / "four") == bits(tmp_path / "processes")


@pytest.mark.slow
def test_twenty_kills_cost_only_what_was_in_hand(place: Path, tmp_path: Path) -> None:
    """Two processes of a run of 60 shards are killed at 20 moments; what it comes to is what an undisturbed run comes to."""
    (tmp_path / "data").mkdir()
    for k in range(60):
        orn.write(tmp_path / "data" / f"{k:02d}.npy", X[k : k + 20].repeat(500, 1, 1))
    call = "import sys, ornstein as orn; orn.shards.run(orn.Scorer(sys.argv[1]), sys.argv[2], sys.argv[3], workers=2)"
    arguments = [sys.executable, "-c", call, str(place / "m.model"), str(tmp_path / "data"), str(tmp_path / "out")]
    for k in range(20):
        process = subprocess.Popen(arguments, start_new_session=True, stderr=subprocess.DEVNULL)
        time.sleep(2 + 0.37 * k % 3)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    ended = run(orn.Scorer(place / "m.model"), tmp_path / "data", tmp_path / "out")
    assert ended == run(orn.Scorer(place / "m.model"), tmp_path / "data", tmp_path / "whole")
    assert bits(tmp_path / "out") == bits(tmp_path / "whole")


def test_small_pieces_number_their_cases(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "whole")
    monkeypatch.setattr(files, "ENTRIES", 35)  # seven cases
    run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "pieces")
    for path in (tmp_path / "whole").glob("*.npz"):
        with np.load(path) as whole, np.load(tmp_path / "pieces" / path.name) as pieces:
            np.testing.assert_array_equal(whole["offset"], pieces["offset"])
            np.testing.assert_allclose(whole["log_prob"], pieces["log_prob"], rtol=1e-12)


def test_a_stopped_run_goes_on_with_what_is_left(place: Path, tmp_path: Path) -> None:
    out, scorer = tmp_path / "out", orn.Scorer(place / "m.model")

    def stop(name: str) -> None:
        if name == "b.csv":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(scorer, place / "data", out, progress=stop)
    before = {p.name: p.stat().st_mtime_ns for p in out.glob("*.npz")}
    assert set(before) == {"a.npy.npz", "b.csv.npz"}
    again = run(scorer, place / "data", out)
    assert len(again.done) == 5
    assert all((out / name).stat().st_mtime_ns == when for name, when in before.items())
    assert again == run(scorer, place / "data", tmp_path / "fresh")


def test_a_bad_shard_is_named_and_the_others_go_on(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "data", tmp_path / "data")
    (tmp_path / "data" / "c.npy").write_bytes(b"no array")
    orn.write(tmp_path / "data" / "d.npy", X[:, :, :3])
    for name, damaged in (("head.zarr", "zarr.json"), ("chunk.zarr", "c/1/0/0")):
        shutil.copytree(place / "data" / "z.zarr", tmp_path / "data" / name)
        (tmp_path / "data" / name / damaged).write_bytes(b"{damaged")
    found = run(orn.Scorer(place / "m.model"), tmp_path / "data", tmp_path / "out")
    assert len(found.done) == 5
    assert [name for name, _ in found.failed] == ["c.npy", "chunk.zarr", "d.npy", "head.zarr"]
    assert "c.npy" in found.failed[0][1]
    assert "chunk.zarr is not a readable Zarr file, it is damaged" in found.failed[1][1]
    assert "head.zarr is not a readable Zarr file, it is damaged" in found.failed[3][1]
    assert "signals of 3 samples" in found.failed[2][1]
    assert not (tmp_path / "out" / "c.npy.npz").exists()


def test_other_rates_and_channels_among_files_fail_one_by_one(tmp_path: Path) -> None:
    named = orn.Signals(X, 10.0, ("ecg",), ("mV",))
    orn.fit(named, folds=0).save(tmp_path / "m")
    (tmp_path / "data").mkdir()
    orn.write(tmp_path / "data" / "a.npz", named)
    orn.write(tmp_path / "data" / "b.npz", orn.Signals(X, 20.0, ("ecg",), ("mV",)))
    orn.write(tmp_path / "data" / "c.npz", orn.Signals(X, 10.0, ("eeg",), ("mV",)))
    found = run(orn.Scorer(tmp_path / "m"), tmp_path / "data", tmp_path / "out")
    assert found.done == ("a.npz",)
    assert "sampled at 20 Hz" in found.failed[0][1]
    assert "needs ecg" in found.failed[1][1]


def test_gaps_are_filled_shard_by_shard(place: Path, tmp_path: Path) -> None:
    gappy = torch.where(Noise(4).uniform(20, (1, 5)) < 0.3, math.nan, X[:20])
    (tmp_path / "data").mkdir()
    orn.write(tmp_path / "data" / "g.npy", gappy)
    run(orn.Imputer(place / "m.model", levels=(0.1, 0.9)), tmp_path / "data", tmp_path / "out")
    with np.load(tmp_path / "out" / "g.npy.npz") as result:
        expected = orn.load(place / "m.model").quantiles(gappy, (0.1, 0.5, 0.9)).numpy()
        for name, values in zip(("low", "filled", "high"), expected, strict=True):
            np.testing.assert_allclose(result[name], values, rtol=1e-12)


def test_draws_are_numbered_across_shards(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ENTRIES", 25)
    monkeypatch.setattr(files, "PIECES", 2)
    found = run(orn.Drawer(place / "m.model", seed=2), 23, tmp_path / "out")
    assert found.done == ("draws-000000000000-000000000009", "draws-000000000010-000000000019", "draws-000000000020-000000000022")
    drawn = np.concatenate([np.load(p)["signals"] for p in sorted((tmp_path / "out").glob("*.npz"))])
    np.testing.assert_allclose(drawn, orn.load(place / "m.model").sample(23, seed=2).numpy(), rtol=1e-12)


def test_a_file_that_grew_is_answered_again(place: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    orn.write(tmp_path / "data" / "a.npy", X[:4])
    run(orn.Scorer(place / "m.model"), tmp_path / "data", tmp_path / "out")
    orn.write(tmp_path / "data" / "a.npy", X[:9], force=True)
    run(orn.Scorer(place / "m.model"), tmp_path / "data", tmp_path / "out")
    assert len(np.load(tmp_path / "out" / "a.npy.npz")["log_prob"]) == 9


def test_a_damaged_result_is_answered_again(place: Path, tmp_path: Path) -> None:
    whole = run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "out")
    (tmp_path / "out" / "a.npy.npz").write_bytes(b"PK")
    assert run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "out") == whole
    assert len(np.load(tmp_path / "out" / "a.npy.npz")["log_prob"]) == 40


def test_runs_do_not_mix(place: Path, tmp_path: Path) -> None:
    run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "out")
    with pytest.raises(orn.InputError, match="holds a run that differs in its job"):
        run(orn.Imputer(place / "m.model"), place / "data", tmp_path / "out")
    with pytest.raises(orn.InputError, match="holds a run that differs in its options"):
        run(orn.Scorer(place / "m.model"), place / "data", tmp_path / "out", reading={"rate": 2.0})
    orn.fit(2 * X).save(tmp_path / "other")
    with pytest.raises(orn.InputError, match="holds a run that differs in its model"):
        run(orn.Scorer(tmp_path / "other"), place / "data", tmp_path / "out")


def test_bad_input(place: Path, tmp_path: Path) -> None:
    scorer = orn.Scorer(place / "m.model")
    with pytest.raises(orn.InputError, match="is not a folder"):
        run(scorer, place / "data" / "a.npy", tmp_path / "out")
    os.makedirs(tmp_path / "empty")
    with pytest.raises(orn.InputError, match="holds no file of a known kind"):
        run(scorer, tmp_path / "empty", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(orn.InputError, match="so it is no earlier run"):
        run(scorer, place / "data", tmp_path / "full")
    with pytest.raises(orn.InputError, match="Scorer needs a folder of signals"):
        run(scorer, 5, tmp_path / "out")
    with pytest.raises(orn.InputError, match="Drawer needs the number of signals"):
        run(orn.Drawer(place / "m.model"), place / "data", tmp_path / "out")
