"""Odd stretches of a recording: seconds, merging, and a file that MNE reads back."""

from __future__ import annotations

import pytest
import torch

import ornstein as orn
from ornstein.cli import main
from ornstein.metrics.stretches import odd_stretches


def test_windows_that_touch_are_one_stretch() -> None:
    p = torch.tensor([0.5, 0.004, 0.009, 0.5, 0.5, 0.001, 0.5])
    nats = torch.tensor([1.0, 5.0, 9.0, 1.0, 1.0, 7.0, 1.0])
    found = odd_stretches(nats, p, window=10, hop=5, rate=100.0)
    assert [(a.onset, a.duration) for a in found] == [(0.05, 0.15), (0.25, 0.1)]
    assert [a.text for a in found] == ["odd p=0.004 nats=9", "odd p=0.001 nats=7"]
    apart = odd_stretches(nats, p, window=4, hop=5, rate=100.0)
    assert [a.onset for a in apart] == [0.05, 0.1, 0.25]
    assert [a.text for a in odd_stretches(nats, None, 10, 10, 1.0, most=1)] == ["odd nats=9"]
    with pytest.raises(orn.InputError, match="alpha is 2"):
        odd_stretches(nats, p, 10, 5, 1.0, alpha=2)


def test_a_recording_is_annotated(tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A jump in the seventh of twenty seconds is found, and MNE reads where it is."""
    pytest.importorskip("edfio")
    mne = pytest.importorskip("mne")
    monkeypatch.chdir(str(tmp_path))
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(1, 2, 4000, generator=generator).double().cumsum(2).remainder(3)
    clean = orn.Signals(signal, 50.0, ("a", "b"), ("uV", "uV"))
    orn.fit(clean.windows(50), folds=2).save("m")
    part = clean[0].with_values(clean.values[:, :, :1000].clone())
    part.values[0, :, 325:340] += 30
    orn.write("rec.edf", part)
    with pytest.raises(SystemExit) as stop:
        main(["score", "m", "rec.edf", "--annotate", "out.edf", "--alpha", "0.05", "--hop", "25"])
    assert not stop.value.code, capsys.readouterr().err
    assert "odd stretch" in capsys.readouterr().out
    raw = mne.io.read_raw_edf("out.edf", verbose="error")
    spans = [(a["onset"], a["onset"] + a["duration"]) for a in raw.annotations if a["description"].startswith("odd p=")]
    assert any(start <= 6.5 and end >= 6.8 for start, end in spans)
    assert sum(end - start for start, end in spans) < 10
    again = orn.read("out.edf")
    assert torch.allclose(again.values, part.values, atol=0.01)
    for words, sentence in (
        (["score", "m", "rec.edf", "--annotate", "out.csv"], "ends in .edf"),
        (["score", "m", "rec.edf", "--annotate", "out.edf"], "exists"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 2
        assert sentence in capsys.readouterr().err
    with pytest.raises(orn.InputError, match=r"\.csv files hold none"):
        orn.write("a.csv", part, annotations=[orn.data.Annotation(0.0, 1.0, "x")])
