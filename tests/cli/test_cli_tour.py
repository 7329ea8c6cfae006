"""``ornstein tour``: which curve of a file it shows, and what it says while it works."""

import json
import re
from pathlib import Path

import pytest
import torch

import ornstein as orn
from commands import run
from ornstein.tour import learned

torch.set_num_threads(1)


@pytest.fixture
def room(tmp_path, monkeypatch):
    """curves.csv with twenty curves, recording.csv with two channels, and a network that trains for 20 steps."""
    learn = learned.learn
    monkeypatch.setattr(learned, "learn", lambda signal, start, seed, steps, tell: learn(signal, start, seed, learned.FEWEST, tell))
    monkeypatch.chdir(tmp_path)
    x = torch.randn(20, 2, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64).cumsum(-1)
    orn.write("curves.csv", orn.Signals(x[:, :1]))
    orn.write("recording.csv", orn.Signals(x[:1], channels=("Fz", "Cz")))
    return x


def shown(path):
    """The length, mean and deviation of the curve on a page."""
    sent = json.loads(re.search(r'<script type="application/json" id="tour-data">(.*?)</script>', Path(path).read_text(), re.S)[1])
    return [sent["numbers"][name] for name in ("length", "raw_mean", "raw_deviation")]


def described(curve):
    return pytest.approx([len(curve), float(curve.mean()), float(curve.std(correction=0))])


def test_one_curve_of_a_file_of_twenty(room, capsys):
    assert run(capsys, "tour", "curves.csv", "--case", "13", "-o", "t.html")[0] == 0
    assert shown("t.html") == described(room[13, 0])


def test_one_channel_of_a_recording(room, capsys):
    assert run(capsys, "tour", "recording.csv", "--channel", "Cz", "-o", "t.html")[0] == 0
    assert shown("t.html") == described(room[0, 1])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("curves.csv", "curves.csv holds 20 signals, but the tour takes one curve: choose it with --case, 0 to 19"),
        ("curves.csv --case 20", "case is 20, but there are 20 cases: choose 0 to 19"),
        ("recording.csv", "2 channels, but the tour takes one curve: choose it with --channel, such as --channel 'Fz'"),
        ("recording.csv --channel Czz", "did you mean 'Cz'"),
    ],
)
def test_a_curve_that_is_not_one_is_refused(room, capsys, words, says):
    code, out, err = run(capsys, "tour", *words.split(), "-o", "t.html")
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("t.html").exists()


def test_it_says_what_it_does_where_no_terminal_is(room, capsys):
    code, out, err = run(capsys, "tour", "curves.csv", "--case", "0", "-o", "t.html", "--lang", "zh")
    lines = err.strip().splitlines()
    assert code == 0
    assert re.fullmatch(r"请打开 .*t\.html\n", out)
    assert len(lines) == 3 + 10 + 2
    seconds = [float(re.fullmatch(r" *(\d+\.\d) s  \S.*", line)[1]) for line in lines]
    assert seconds == sorted(seconds)
    assert [re.search(r"\d+ %$|$", line)[0] for line in lines[3:13]] == ["", *(f"{10 * k} %" for k in range(1, 10))]
    assert all("网络" in line for line in lines[3:13])


def test_it_is_silent_for_machines(room, capsys):
    code, out, err = run(capsys, "tour", "curves.csv", "--case", "0", "-o", "t.html", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"written": [str(Path("t.html").resolve())]}
