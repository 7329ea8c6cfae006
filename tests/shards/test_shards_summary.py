"""Runs that keep the summary alone: what the scores sum up to, and nothing of their size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

import ornstein as orn
from ornstein.common.random import Noise
from ornstein.data import numpy_files
from ornstein.shards import Outcome, files, kept, run

X = Noise(3).normal(400, (1, 6)).cumsum(-1)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, and a folder of three shards; files so large that they are mapped, read in pieces of 20 cases and parts of 3 pieces."""
    monkeypatch.setattr(numpy_files, "MAP_FROM", 1)
    monkeypatch.setattr(files, "ENTRIES", 120)
    monkeypatch.setattr(files, "PART", 3)
    monkeypatch.setattr(kept, "ENOUGH", 32)
    orn.fit(X, structure="stationary").save(tmp_path / "m.model")
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "cases.npy", X[:150].numpy())
    np.save(tmp_path / "data" / "long.npy", X[150:290].reshape(2, 1, -1).numpy())
    zarr.save_array(str(tmp_path / "data" / "z.zarr"), X[290:].numpy())
    return tmp_path


def both(place: Path, hop: int | None = None) -> tuple[Outcome, Outcome]:
    scorer = orn.Scorer(place / "m.model", hop=hop)
    return run(scorer, place / "data", place / "scores", top=4), run(scorer, place / "data", place / "summary", top=4, summary=True)


@pytest.mark.parametrize("hop", [None, 1])
def test_the_summary_is_that_of_all_scores(place: Path, hop: int | None) -> None:
    whole, alone = both(place, hop)
    assert alone.done == whole.done == ("cases.npy", "long.npy", "z.zarr")
    assert whole.summary is not None
    assert alone.summary is not None
    assert alone.summary.count == whole.summary.count
    assert [place[1:] for place in alone.summary.least] == [place[1:] for place in whole.summary.least]
    assert alone.summary.mean == pytest.approx(whole.summary.mean, rel=1e-12)
    assert alone.summary.deviation == pytest.approx(whole.summary.deviation, rel=1e-9)
    assert alone.summary.quantile(0.3) == pytest.approx(whole.summary.quantile(0.3), rel=2e-3)


def test_large_files_are_answered_in_parts_that_a_kill_does_not_cost(place: Path) -> None:
    scorer, told = orn.Scorer(place / "m.model"), []

    def stop(name: str) -> None:
        told.append(name)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(scorer, place / "data", place / "summary", summary=True, progress=stop)
    done = {path.name: path.stat().st_mtime_ns for path in (place / "summary").glob("*.npz")}
    assert sorted(done) == ["cases.npy_+000000.npz", "cases.npy_+000003.npz"]
    again = run(scorer, place / "data", place / "summary", summary=True)
    assert {name: (place / "summary" / name).stat().st_mtime_ns for name in done} == done
    assert again == run(scorer, place / "data", place / "fresh", summary=True)


def test_what_is_wrong_in_one_part_is_said_of_the_file_once(place: Path) -> None:
    bad = X[150:290].reshape(2, 1, -1).clone()
    bad[1, 0, 200:] = np.inf  # the first part is whole
    np.save(place / "data" / "long.npy", bad.numpy())
    found = run(orn.Scorer(place / "m.model"), place / "data", place / "summary", summary=True)
    assert found.done == ("cases.npy", "z.zarr")
    assert [name for name, _ in found.failed] == ["long.npy"]
    assert "long.npy: values holds" in found.failed[0][1]
    assert "infinite" in found.failed[0][1]


def test_bad_input(place: Path) -> None:
    scorer = orn.Scorer(place / "m.model")
    with pytest.raises(orn.InputError, match="has no log-densities to sum up"):
        run(orn.Imputer(place / "m.model"), place / "data", place / "summary", summary=True)
    run(scorer, place / "data", place / "scores")
    with pytest.raises(orn.InputError, match="differs in its options"):
        run(scorer, place / "data", place / "scores", summary=True)


@pytest.mark.slow
def test_workers_and_parts_change_no_bit(tmp_path: Path) -> None:
    """Two, and four, processes share the parts of one file that is really mapped."""
    series = Noise(4).normal(1, (1, 9 * (1 << 20))).cumsum(-1)
    orn.fit(X, structure="stationary", folds=0).save(tmp_path / "m.model")
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "long.npy", series.numpy())
    scorer = orn.Scorer(tmp_path / "m.model", hop=1)
    one, two, four = (run(scorer, tmp_path / "data", tmp_path / f"{k}", summary=True, workers=k) for k in (1, 2, 4))
    assert one == two == four
