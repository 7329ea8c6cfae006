"""--shards of score, impute and sample."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ornstein as orn
from commands import refused, run
from ornstein.common.random import Noise

X = Noise(5).normal(50, (1, 6)).cumsum(-1)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    orn.fit(X, folds=0).save("m.model")
    Path("data").mkdir()
    orn.write("data/a.npy", X[:30])
    orn.write("data/b.csv", X[30:])
    return tmp_path


def test_score_says_the_least_likely_cases_of_all_files(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    levels = orn.load("m.model").log_prob(X)
    code, out, _ = run(capsys, "score", "m.model", "data", "--shards", "-o", "out")
    assert code == 0
    assert f"50 cases: mean log-density {float(levels.mean()):.2f} nats" in out
    worst = int(levels.argmin())
    assert f"{float(levels.min()):.2f}" in out
    code, out, _ = run(capsys, "score", "m.model", "data", "--shards", "-o", "out", "--json")
    found = json.loads(out)
    assert (found["done"], found["failed"], found["summary"]["count"]) == (["a.npy", "b.csv"], [], 50)
    first = found["summary"]["least"][0]
    assert (first["file"], first["offset"]) == (("a.npy", worst) if worst < 30 else ("b.csv", worst - 30))


def test_the_summary_alone_says_the_same(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "score", "m.model", "data", "--shards", "-o", "out")
    code, out, _ = run(capsys, "score", "m.model", "data", "--shards", "-o", "kept", "--summary", "--top", "3", "--json")
    found, levels = json.loads(out)["summary"], orn.load("m.model").log_prob(X)
    assert (code, found["count"], len(found["least"])) == (0, 50, 3)
    assert [place["value"] for place in found["least"]] == pytest.approx(levels.sort().values[:3].tolist(), rel=1e-9)
    assert found["mean"] == pytest.approx(float(levels.mean()), rel=1e-9)
    assert "log_prob" not in np.load("kept/a.npy.npz")
    refused(capsys, room, ["score", "m.model", "data/a.npy", "--summary"], "only a folder has one")


def test_files_that_fail_are_listed_at_the_end(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data/c.npy").write_bytes(b"x")
    code, out, err = run(capsys, "score", "m.model", "data", "--shards", "-o", "out")
    assert code == 3
    assert "c.npy: " in out
    assert "2 files answered into out" in out
    assert err.strip().endswith("1 of 3 files were left out: c.npy")


def test_impute_and_sample(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "impute", "m.model", "data", "--shards", "-o", "filled")[0] == 0
    assert sorted(np.load("filled/b.csv.npz")) == ["filled", "high", "low", "offset", "size"]
    assert run(capsys, "sample", "m.model", "-n", "20", "--seed", "4", "--shards", "-o", "drawn")[0] == 0
    drawn = np.concatenate([np.load(p)["signals"] for p in sorted(Path("drawn").glob("*.npz"))])
    np.testing.assert_allclose(drawn, orn.load("m.model").sample(20, seed=4).numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("score m.model data --shards", "needs a folder for its results"),
        ("score m.model data --shards -o out --resample 5", "resample the files first"),
        ("score m.model data/a.npy --shards -o out", "is not a folder"),
        ("score m.model data --shards -o data", "so it is no earlier run"),
        ("score m.model data --shards -o out --workers 0", "workers is 0"),
        ("sample m.model --shards -o out --label 1", "without labels and conditions"),
        ("sample m.model --shards -o out --guidance 2", "--guidance is given beside --shards"),
        ("score m.model data --shards -o out --where map.csv", "--where is given beside --shards"),
        ("score m.model data --shards -o out --step 0.1", "--step is given beside --shards"),
        ("score m.model data --shards -o out --method flow", "--method is given beside --shards"),
        ("impute m.model data --shards -o out --bands bands.csv", "--bands is given beside --shards"),
        ("impute m.model data --shards -o out --check", "--check is given beside --shards"),
    ],
)
def test_bad_input(room: Path, capsys: pytest.CaptureFixture[str], words: str, says: str) -> None:
    code, out, err = run(capsys, *words.split())
    assert (code, out) == (2, "")
    assert says in err
    assert not Path("out").exists()


def test_hop_scores_every_window_of_a_recording_and_lists_those_that_do_not_overlap(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series, model = Noise(6).normal(1, (1, 200)).cumsum(-1), orn.fit(X)
    model.save("m.model", force=True)
    series[0, 0, 120] += 40
    orn.write("long.csv", orn.Signals(series, 10.0, ("ch0",)))
    levels = model.log_prob_windows(series, hop=2)[0]
    code, out, _ = run(capsys, "score", "m.model", "long.csv", "--hop", "2", "-o", "all.csv", "--top", "3", "--json")
    found = json.loads(out)
    assert (code, found["windows"], found["hop"]) == (0, 98, 2)
    starts = [one["start"] for one in found["least"]]
    assert starts[0] == 2 * int(levels.argmin())
    assert 114 < starts[0] <= 120
    assert all(abs(a - b) >= 6 for k, a in enumerate(starts) for b in starts[:k])
    rows = Path("all.csv").read_text().splitlines()
    assert rows[0] == "recording,start,log_prob_nats,p_value"
    assert [float(row.split(",")[2]) for row in rows[1:]] == pytest.approx(levels.tolist(), rel=1e-9)
    rarity = model.surprise_windows(series, hop=2).p_value[0]
    assert [float(row.split(",")[3]) for row in rows[1:]] == rarity.tolist()
    assert found["least"][0]["p_value"] == float(rarity.min())
    _, out, _ = run(capsys, "score", "m.model", "long.csv", "--hop", "2", "--top", "1")
    assert f"98 windows, one every 2 samples: {float(levels.mean()):.2f} nats per window" in out
    assert f"{starts[0] / 10:.3f}" in out
    for words in (["--where", "w.csv"], ["--step", "0.1"], ["--method", "flow"]):
        refused(capsys, room, ["score", "m.model", "long.csv", "--hop", "2", *words], f"{words[0]} is given beside --hop")
    Path("data/a.npy").unlink()
    Path("data/b.csv").unlink()
    orn.write("data/long.npy", series)
    _, out, _ = run(capsys, "score", "m.model", "data", "--shards", "--hop", "2", "-o", "out", "--json")
    assert json.loads(out)["summary"]["count"] == 98
