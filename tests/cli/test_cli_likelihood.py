"""Scores and comparisons on the command line: what is wrong with signals and models is said in one sentence, with the remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import ornstein as orn
from commands import refused, run
from kinds import normal

MOVING = torch.tensor([[1.0, 0.5, 0.0, 0.2], [0.0, 1.0, 0.5, 0.0], [0.0, 0.0, 1.0, 0.5], [0.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
NAMES = {"rate": 100.0, "channels": ("a", "b"), "units": ("mV", "mV")}


def table(path: str, x: torch.Tensor, *names: str) -> None:
    """A CSV with a case in each row."""
    rows = [",".join(names or (f"t{k}" for k in range(x.shape[1]))), *(",".join(map(repr, row)) for row in x.tolist())]
    Path(path).write_text("\n".join(rows) + "\n", encoding="utf-8")


def said(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str, str]:
    """(exit status, standard output, standard error) of a line of words."""
    return run(capsys, *line.split())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of recordings of two channels, of rows whose mean is 0, of rounded rows and of bits, with files for each."""
    room = tmp_path_factory.mktemp("likelihood")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room)
        x = (normal(2, 400, seed=1).cumsum(1) * 0.1).unsqueeze(0)
        recording = orn.Signals(x - x.mean(2, keepdim=True), **NAMES)
        windows = recording.windows(8, 2)
        orn.fit(windows, folds=0).save("rec.model")
        orn.write("rec.npz", recording)
        orn.write("volts.npz", orn.Signals(1e-3 * recording.values, 100.0, ("a", "b"), ("V", "V")))
        orn.write("kelvin.npz", orn.Signals(recording.values, 100.0, ("a", "b"), ("K", "K")))
        orn.write("slow.npz", orn.Signals(recording.values, 50.0, ("a", "b"), ("mV", "mV")))
        orn.write("one.npz", orn.Signals(recording.values[:, :1], 100.0, ("a",), ("mV",)))
        rows = normal(60, 4, seed=2) @ MOVING
        flat = rows - rows.mean(1, keepdim=True)
        orn.fit(flat.unsqueeze(1), shrinkage="none", folds=0).save("flat.model")
        orn.fit(rows.unsqueeze(1), folds=0).save("rows.model")
        orn.fit(flat.unsqueeze(1), "mixture", components=1, folds=0).save("filled.model")
        orn.fit(rows.unsqueeze(1), "empirical", bandwidth=0).save("points.model")
        table("flat.csv", flat[:9])
        off = flat[:9].clone()
        off[2, 3] += 1.0
        table("off.csv", off)
        table("rough.csv", (rows[:30] * 10).round() / 10)
        bits = (normal(40, 6, seed=3) > 1).double()
        orn.fit(bits.unsqueeze(1), "binary", law="empirical", folds=5).save("bits.model")
        table("bits.csv", bits[:9])
        table("half.csv", torch.where(torch.eye(9, 6, dtype=torch.bool), 0.5, bits[:9]))
        table("unseen.csv", torch.ones(3, 6, dtype=torch.float64))
    return room


@pytest.fixture
def room(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("score rows.model flat.csv", "if each row of the table is a case, read it with orient='rows' (--orient rows)"),
        ("score rec.model rec.npz", "x holds signals of 400 samples, but this model those of 8: cut them, x.windows(8) (--window 8)"),
        ("score rec.model rec.npz --window 4", "this model those of 8: give longer ones, or fit a model to such signals"),
        ("score rec.model kelvin.npz --window 8", "a is in K, but the model in mV"),
        ("score rec.model slow.npz --window 8", "--resample 100"),
        ("score rec.model one.npz --window 8", "the model needs b too"),
        ("score rec.model rec.npz --window 8 --top -1", "--top is -1, but must be a whole number of at least 0"),
        ("score points.model flat.csv --orient rows", "has no density at sigma = 0: fit it without bandwidth 0"),
        ("score rows.model flat.csv --orient rows --step 0.3", "x does not lie on a grid with this step"),
        (
            "score bits.model half.csv --orient rows",
            "x holds 0.5 at index (0, 0, 0), but must hold 0, 1, the symbols of this model: recode it",
        ),
        ("fit half.csv -o m --model binary --orient rows", "must hold 0 or 1 (NaN: not known): use model 'categorical'"),
        ("compare rec.model rec.model", "rec.model is a folder, but the last that compare takes is a file of signals"),
        ("compare rec.model rec.npz --window 400", "this model those of 8: cut them"),
        ("compare rec.model one.npz --window 8", "the model needs b too"),
        ("compare flat.model rows.model flat.csv --orient rows", "supports of different dimension (flat.model 3, rows.model 4)"),
        ("compare flat.model filled.model flat.csv --orient rows", "supports of different dimension (flat.model 3, filled.model 4)"),
        ("compare rows.model bits.model bits.csv --orient rows", "give a density and a probability"),
        ("compare bits.model half.csv --orient rows", "x holds 0.5 at index (0, 0, 0)"),
    ],
)
def test_bad_input_is_one_sentence(room: Path, capsys: pytest.CaptureFixture[str], words: str, says: str) -> None:
    refused(capsys, room, words.split(), says)


def test_a_refusal_names_the_model_and_the_file_it_comes_from(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "error: points.model: the empirical law" in said(capsys, "compare rows.model points.model flat.csv --orient rows")[2]
    alone = "compare rec.model rec.npz --window 8 --fitted one.npz"
    assert "the fitted cases, train (--fitted): x has the channels a" in said(capsys, alone)[2]
    assert "x holds 1 case, but a comparison" in said(capsys, "compare rec.model rec.npz --window 8 --hop 400")[2]


def test_a_case_outside_the_support_is_said_with_its_direction_and_not_averaged(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "score flat.model off.csv --orient rows --top 1")
    assert code == 0
    assert "9 signals, 1 of them impossible under this law (-inf); the others: " in out
    assert "taken on its support, 3 of 4 dimensions, and 1 case outside it: case 2 is off by 0.6" in out
    assert "3 of 4 dimensions\n" in said(capsys, "score flat.model flat.csv --orient rows --top 0")[1]
    code, out, err = said(capsys, "score bits.model unseen.csv --orient rows --top 0")
    assert "3 signals, all impossible under this law: -inf" in out
    assert "3 cases outside its support: case 0 is none that the law can draw" in out
    assert "gives probability only to what it has seen" in err


def test_held_out_cases_that_are_impossible_are_counted(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "fit bits.csv -o seen.model --model binary --law empirical --orient rows --folds 2 --force")
    assert code == 0
    assert "of 9 cases are impossible under the law of the others, so the mean log-density is -inf" in out
    assert "nan" not in out


def test_rounded_values_are_said_once(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = said(capsys, "score rows.model rough.csv --orient rows --top 0")
    assert err.count("x is rounded to 0.1") == 1
    assert "--step 0.1" in err
    assert "rounded" not in said(capsys, "score rows.model rough.csv --orient rows --top 0 --step 0.1")[2]


def test_windows_that_share_samples_have_larger_errors(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four windows share every sample: errors of the same numbers, counted together, are what ``mean_with_error`` makes of a lag of 6."""
    words = ["compare", "rec.model", "rec.npz", "--window", "8", "--hop", "2", "--json"]
    found = json.loads(run(capsys, *words)[1])
    x = orn.read("rec.npz", window=8, hop=2)
    levels = orn.load("rec.model").log_density(x).value
    row = next(model for model in found["models"] if model["model"] == "rec.model")
    assert found["overlap"] == 3
    assert row["nats_error"] == pytest.approx(orn.metrics.mean_with_error(levels, 6).error)
    told = run(capsys, "score", "rec.model", "rec.npz", "--window", "8", "--hop", "2", "--top", "0")
    assert "windows share samples with 3 on either side" in told[2]
    assert f"± {row['nats_error']:.2f} nats" in told[1]


def test_what_is_assumed_of_units_is_said_once(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orn.write("bare.npz", orn.Signals(orn.read("rec.npz").values, 100.0, ("a", "b")), force=True)
    assert said(capsys, "score rec.model bare.npz --window 8 --top 0")[2].count("those of the model are assumed") == 1


def test_simulations_are_not_signals(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orn.fit((normal(40, 1, seed=4), normal(40, 4, seed=5)), "gaussian").save("pair.model", force=True)
    assert "pair.model" in said(capsys, "compare pair.model flat.csv --orient rows")[2]
    assert said(capsys, "report flat.csv --by pair.model -o no.html --orient rows")[0] == 2
