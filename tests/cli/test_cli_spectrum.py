"""``ornstein spectrum``: the numbers of the library, in a table, as JSON, and drawn."""

import json
import re

import pytest
import torch

import commands
import ornstein as orn
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.metrics import explained, sample_spectrum


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder with days.csv: white noise of 12 samples and one strong direction, in kW; gaps.csv has NaN in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORNSTEIN_LANG", "en")
    wave = torch.sin(torch.arange(12, dtype=torch.float64))
    x = Noise(1).normal(80, (1, 12)) + 2 * Noise(2).normal(80, (1, 1)) * wave
    days = orn.Signals(20 + 5 * x, rate=4.0, channels=("load",), units=("kW",))
    orn.write("days.csv", days)
    gaps = days.values.clone()
    gaps[::9, 0, 4] = torch.nan
    orn.write("gaps.csv", days.with_values(gaps))
    orn.write("long.npy", orn.Signals(Noise(3).normal(1, (1, 600))))
    return tmp_path


def run(capsys, *words):
    return commands.run(capsys, "spectrum", *words)


def test_json_holds_the_numbers_of_the_library(room, capsys):
    code, out, _ = run(capsys, "days.csv", "--json")
    found, own = json.loads(out), sample_spectrum(orn.read("days.csv"))
    assert code == 0
    assert (found["cases"], found["shape"], found["rank"]) == (80, [1, 12], 12)
    assert found["eigenvalues"] == own.spectrum.eigenvalues.tolist()
    assert found["explained"] == own.spectrum.explained.tolist()
    assert found["effective_rank"] == own.spectrum.effective_rank
    assert found["noise"] == {"edge": own.noise.edge, "above": 1, "variance": own.noise.variance, "false_alarm": 0.05}
    levels = found["kept"]["sigma"]
    assert found["kept"]["share"] == explained(Diagonal(own.spectrum.eigenvalues), levels).tolist()
    assert (found["no_noise"], found["output"]) == (None, None)


def test_the_table_shows_the_leading_eigenvalues(room, capsys):
    code, out, _ = run(capsys, "days.csv", "--top", "3", "--standardize", "none")
    own = sample_spectrum(orn.read("days.csv"), standardize="none")
    rows = [re.findall(r"[\w.]+", line) for line in out.splitlines() if line.startswith("│")]
    assert code == 0
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert [float(row[1]) for row in rows] == pytest.approx(own.spectrum.eigenvalues[:3].tolist(), rel=1e-3)
    assert [float(row[3]) for row in rows] == pytest.approx((100 * own.spectrum.explained[:3]).tolist(), abs=0.01)
    assert [row[4] for row in rows] == ["yes", "no", "no"]
    assert "1 eigenvalues rise above" in out
    assert f"{own.noise.edge:.4g} kW²" in out
    assert f"effective rank {own.spectrum.effective_rank:.1f}, rank 12 of 12" in out


@pytest.mark.parametrize(("name", "starts"), [("s.html", b"<!doctype html>"), ("s.svg", b"<svg"), ("s.png", b"\x89PNG")])
def test_plots_are_written_the_same_each_time_and_never_over_a_file(room, capsys, name, starts):
    assert run(capsys, "days.csv", "-o", name)[0] == 0
    first = (room / name).read_bytes()
    assert first.startswith(starts)
    code, out, err = run(capsys, "days.csv", "-o", name)
    assert (code, out) == (2, "")
    assert "--force" in err
    assert run(capsys, "days.csv", "-o", name, "--force")[0] == 0
    assert (room / name).read_bytes() == first
    assert sorted(p.name for p in room.iterdir()) == ["days.csv", "gaps.csv", "long.npy", name]


@pytest.mark.parametrize(("language", "code"), [("en", "en"), ("zh", "zh-CN")])
def test_the_page_says_what_the_table_says_and_loads_nothing(room, capsys, language, code):
    _, out, _ = run(capsys, "days.csv", "-o", "s.html", "--lang", language)
    page = (room / "s.html").read_text(encoding="utf-8")
    assert f'<html lang="{code}">' in page
    said = [line for line in out.splitlines() if line and line[0] not in "│┃┏┡└"][1:-1]
    assert len(said) == 3
    assert all(f"<p>{line}</p>" in page for line in said)
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert "<script" not in page
    assert page.count("<svg") == 1


def test_windows_of_a_recording(room, capsys):
    found = json.loads(run(capsys, "long.npy", "--window", "20", "--json")[1])
    assert (found["cases"], found["shape"]) == (30, [1, 20])
    assert found["noise"]["above"] == 0
    found = json.loads(run(capsys, "long.npy", "--window", "20", "--hop", "5", "--json")[1])
    assert (found["noise"], found["no_noise"]) == (None, "overlap")
    assert "independent" in run(capsys, "long.npy", "--window", "20", "--hop", "5")[1]


def test_gaps_leave_a_spectrum_without_an_edge(room, capsys):
    code, out, _ = run(capsys, "gaps.csv", "-o", "g.svg")
    assert code == 0
    assert "no noise edge" in out
    assert "–" in out
    assert "edge of noise" not in (room / "g.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_help_has_an_example(language, capsys):
    code, out, _ = run(capsys, "--help", "--lang", language)
    assert code == 0
    assert "ornstein spectrum" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("nofile.csv", "does not exist"),
        ("long.npy", "1 case"),
        ("long.npy --window 900", "at most 600"),
        ("days.csv --hop 2", "window"),
        ("days.csv --top 0", "--top is 0"),
        ("days.csv --top ten", "--top"),
        ("days.csv --false-alarm 1.5", "between 0 and 1"),
        ("days.csv --standardize chanel", "did you mean 'channel'"),
        ("days.csv -o s.pdf", "suffix of s.pdf"),
        ("days.csv -o no/such/s.html", "not a folder"),
        ("days.csv -o days.csv", "suffix"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(room, capsys, words, says):
    commands.refused(capsys, room, ["spectrum", *words.split()], says)
