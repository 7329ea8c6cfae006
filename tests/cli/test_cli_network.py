"""Networks on the command line: train, stop, go on, draw a class; one sentence for everything that does not work."""

import json
import os
import signal

import numpy as np
import pytest
import torch

import ornstein as orn
from commands import run
from ornstein.cli import log, main
from ornstein.cli.progress import fitting
from ornstein.cli.words import Words
from ornstein.data.labels import label_channel, read_labels
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.denoisers import Network, fit_gaussian
from ornstein.fitting.conditions import Conditions
from ornstein.fitting.scaling import Scaler
from ornstein.model import Model
from ornstein.nets import MLP
from ornstein.training import Record
from ornstein.training.run import Run

pytestmark = pytest.mark.filterwarnings("ignore:no network got below")

X = ornstein_uhlenbeck(40, 8, 3.0, seed=1).values
DAYS = orn.Signals(20 + 5 * X, rate=4.0, channels=("load",), units=("kW",))


def network(**sizes):
    """A model whose network was never trained, knowing three classes."""
    scaler = Scaler.fit(DAYS.values, "channel")
    law = Network.of(MLP((1, 8), width=8, depth=1, classes=3, **sizes), fit_gaussian(scaler.encode(DAYS.values)))
    conditions, _ = Conditions.fit([0, 1, 2, 0] * 10, torch.randn(40, sizes["vector"]) if sizes else None, 40)
    return Model(law, scaler, DAYS.channels, DAYS.units, DAYS.rate, conditions=conditions)


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder with days.csv, with its labels in a file and in a channel, a network and a Gaussian."""
    monkeypatch.chdir(tmp_path)
    orn.write("days.csv", DAYS)
    kinds = torch.arange(40.0).remainder(3).view(-1, 1, 1).expand(40, 1, 8)
    orn.write("kinds.csv", orn.Signals(torch.cat([DAYS.values, kinds], 1), rate=4.0, channels=("load", "kind"), units=("kW", "")))
    (tmp_path / "labels.txt").write_text("label\n" + "\n".join(["work", "rest"] * 20) + "\n")
    network().save("net.model")
    orn.fit(DAYS, folds=0).save("days.model")
    return tmp_path


SHORT = ("--model", "network", "--net", "unet", "--steps", "2", "--batch", "8")


def test_train_then_draw(room, capsys):
    code, out, _ = run(capsys, "fit", "days.csv", "-o", "m", *SHORT, "--labels", "labels.txt", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["steps"], found["stopped"], found["shape"]) == (2, "steps", [1, 8])
    assert not (room / "m.checkpoints").exists()
    model = orn.load("m")
    assert model.conditions.names == ("rest", "work")
    assert run(capsys, "sample", "m", "-n", "2", "-o", "new.csv", "--label", "work", "--steps", "3", "--seed", "4")[0] == 0
    assert torch.equal(orn.read("new.csv").values, model.sample(2, label="work", steps=3, seed=4))


def test_what_was_trained_is_said_in_both_languages(room, capsys):
    code, out, _ = run(capsys, "fit", "kinds.csv", "-o", "m", *SHORT, "--labels", "kind", "--checkpoints", "kept")
    assert code == 0
    assert out.startswith("U-Net, 1-D, width 32")
    assert "trained 2 steps" in out
    assert "all steps done" in out
    assert "held-out loss" in out
    assert (room / "kept").is_dir()
    assert orn.load("m").conditions.classes == 3
    assert orn.load("m").channels == ("load",)
    code, out, _ = run(capsys, "fit", "days.csv", "-o", "n", *SHORT, "--lang", "zh")
    assert "训练 2 步" in out
    assert "步数已满" in out


@pytest.mark.parametrize(
    ("language", "says"), [("en", "step 30, loss 0.500, held out 0.400, Gaussian 0.450, 10 steps/s"), ("zh", "第 30 步, 损失 0.500")]
)
def test_the_bar_says_where_training_stands(language, says):
    with fitting(Words(language, language), 6, quiet=True) as progress:
        progress.tell("[law]")
        progress.watch(Record(step=10, share=0.1, seconds=1.0, loss=0.5))
        progress.watch(Record(step=30, share=0.3, seconds=3.0, best=0.4, gaussian=0.45))
        task = progress.progress.tasks[0]
    assert says in task.description
    assert (progress.steps, task.completed, task.total) == (30, 0.3, 1.0)


def test_ctrl_c_saves_and_resume_goes_on(room, capsys, monkeypatch):
    """The signal comes from inside the run, as a person's does; the second run ends what the first began."""
    records, pressed = Run.records, []

    def pressing(self):
        for record in records(self):
            if record.step >= 50 and not pressed:
                pressed.append(record.step)
                os.kill(os.getpid(), signal.SIGINT)
            yield record

    monkeypatch.setattr(Run, "records", pressing)
    words = ("fit", "days.csv", "-o", "m", "--model", "network", "--net", "unet", "--steps", "60", "--batch", "4")
    code, out, err = run(capsys, *words)
    assert (code, out) == (130, "")
    assert "saved in m.checkpoints: go on with this command and --resume" in err.replace("\n", " ")
    assert "Traceback" not in err
    assert not (room / "m").exists()
    assert list((room / "m.checkpoints").glob("checkpoint-*.json"))
    code, _, err = run(capsys, *words)
    assert code == 2
    assert "--resume" in err
    code, _, err = run(capsys, *words, "--learning-rate", "0.5", "--resume")
    assert code == 2
    assert "rate was 0.001 and is 0.5" in err
    orn.write("other.csv", DAYS.with_values(DAYS.values.flip(0)))
    code, _, err = run(capsys, "fit", "other.csv", *words[2:], "--resume")
    assert code == 2
    assert "x is not the same" in err
    code, out, _ = run(capsys, *words, "--resume", "--json")
    assert code == 0
    assert json.loads(out)["steps"] == 60
    assert not (room / "m.checkpoints").exists()


def test_ctrl_c_elsewhere_is_one_sentence_too(room, capsys, monkeypatch):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Model, "sample", pressed)
    code, _, err = run(capsys, "sample", "days.model", "-o", "n.csv")
    assert (code, err) == (130, "error: interrupted; nothing was written half\n")


def test_a_full_disk_during_a_checkpoint_is_exit_code_three(room, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(log, "FIRST", 600.0)  # a slow machine says that it is still at work
    code, _, err = run(capsys, "fit", "days.csv", "-o", "m", *SHORT)
    assert code == 3
    assert "No space left" in err
    assert len(err.strip().splitlines()) == 1
    assert not (room / "m").exists()


def test_one_label_or_one_for_each(room, capsys):
    model = orn.load("net.model")
    assert run(capsys, "sample", "net.model", "-n", "3", "-o", "new.csv", "--label", "0,2,1", "--steps", "3", "--guidance", "2")[0] == 0
    assert torch.equal(orn.read("new.csv").values, model.sample(3, label=[0, 2, 1], steps=3, guidance=2.0))


def test_a_condition_from_a_file(room, capsys):
    network(vector=2).save("v.model")
    (room / "c.csv").write_text("1.5,-0.5\n")
    with pytest.raises(SystemExit, match="0"):
        main(["sample", "v.model", "-n", "3", "-o", "new.csv", "--condition", "c.csv", "--steps", "3", "--device", "cpu"])
    assert "read c.csv: 1 case" in capsys.readouterr().err
    expected = orn.load("v.model").sample(3, condition=[1.5, -0.5], steps=3)
    assert torch.equal(orn.read("new.csv").values, expected)


def test_a_network_is_measured_by_its_moments(room, capsys):
    """bench samplers takes the Gaussian that the network stands on, which is the one fitted to all days here."""
    words = ("bench", "samplers", "--sampler", "ddim", "--steps", "5", "--json")
    _, out, _ = run(capsys, *words[:2], "net.model", *words[2:])
    _, same, _ = run(capsys, *words[:2], "days.model", *words[2:])
    assert json.loads(out)["runs"][0]["relative_w2"] == pytest.approx(json.loads(same)["runs"][0]["relative_w2"], rel=1e-6)


def test_a_network_scores_with_its_error(room, capsys):
    code, out, _ = run(capsys, "score", "net.model", "days.csv", "--method", "bound", "--json", "-o", "scores.csv")
    found = json.loads(out)
    assert code == 0
    assert found["method"] == "bound"
    assert found["p_value"] is None
    torch.testing.assert_close(torch.tensor(found["log_prob"]), orn.load("net.model").log_density(DAYS, method="bound").value.float())
    assert (room / "scores.csv").read_text().startswith("case,log_prob_nats,bits_per_dim,error_nats,inside,off\n")
    assert " ± " in run(capsys, "score", "net.model", "days.csv", "--method", "bound", "--top", "1")[1]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("fit days.csv -o m --net unet", 2, "net belongs to model 'network'"),
        ("fit days.csv -o m --model mixture --minutes 2", 2, "minutes belongs to model 'network'"),
        ("fit days.csv -o m --masks", 2, "masks belongs to model 'network'"),
        ("fit days.csv -o m --resume", 2, "resume belongs to model 'network'"),
        ("fit days.csv -o m --model network --net unt", 2, "did you mean 'unet'"),
        ("fit days.csv -o m --model network --steps 0", 2, "steps is 0"),
        ("fit days.csv -o m --model network --minutes 0", 2, "minutes is 0"),
        ("fit days.csv -o m --model network --batch 41", 2, "batch is 41"),
        ("fit days.csv -o m --model network --device cuda", 2, "no CUDA device"),
        ("fit days.csv -o m --model network --components 2", 2, "belongs to model 'mixture'"),
        ("fit days.csv -o m --model network --folds 7", 2, "trained once"),
        ("fit days.csv -o m --model network --labels nosuch", 2, "labels is 'nosuch', but must be a column of days.csv"),
        ("fit days.csv -o m --model network --labels load", 2, "only channel"),
        ("fit kinds.csv -o m --model network --labels load", 2, "changes within case 0"),
        ("fit days.csv -o m --model network --labels days.csv", 2, "several columns"),
        ("fit days.csv -o m --model network --labels short.txt", 2, "labels has 2 entries, but x has 40 cases"),
        ("fit days.csv -o m --model network --condition short.txt", 2, "but x has 40 cases"),
        ("fit gaps.csv -o m --model network", 2, "NaN values"),
        ("fit days.csv -o m --model network --checkpoints no/such", 2, "does not exist"),
        ("sample net.model -o n.csv --label 3", 2, "label is 3, but the model knows classes 0 to 2"),
        ("sample net.model -o n.csv --label work", 2, "classes without names"),
        ("sample net.model -o n.csv --guidance 2", 2, "no condition"),
        ("sample net.model -o n.csv --device cuda", 2, "no CUDA device"),
        ("sample net.model -o n.csv --label 0,1", 2, "2 rows, but 10 signals"),
        ("sample days.model -o n.csv --label 1", 2, "fitted without labels"),
        ("score net.model days.csv --method exact", 2, "no density in closed form"),
        ("impute net.model gaps.csv -o f.csv", 2, "trained without masks"),
        ("spectrum net.model", 2, "is a folder"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(room, capsys, words, code, says):
    (room / "short.txt").write_text("1\n2\n")
    gaps = DAYS.values.clone()
    gaps[0, 0, 3] = torch.nan
    orn.write("gaps.csv", DAYS.with_values(gaps))
    before = sorted(p.name for p in room.rglob("*"))
    found, out, err = run(capsys, *words.split())
    assert found == code
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert out == ""
    assert sorted(p.name for p in room.rglob("*")) == before


def test_labels_of_any_file(tmp_path):
    file = tmp_path / "l.txt"
    file.write_text("2\n0\n\n1.0\n")
    assert read_labels(file) == [2, 0, -1, 1]
    file.write_text("class\na\n\nb\n")
    assert read_labels(file) == ["a", "", "b"]
    np.save(tmp_path / "l.npy", np.array([1.0, np.nan, 0.0]))
    assert read_labels(tmp_path / "l.npy") == [1, -1, 0]
    np.save(tmp_path / "two.npy", np.zeros((2, 2)))
    with pytest.raises(orn.InputError, match="need one axis"):
        read_labels(tmp_path / "two.npy")
    values = torch.cat([X[:3], torch.tensor([1.0, 0.0, 2.0]).view(3, 1, 1).expand(3, 1, 8)], 1)
    rest, labels = label_channel(orn.Signals(values, 2.0, ("a", "b"), ("V", "")), "b")
    assert labels == [1, 0, 2]
    assert (rest.channels, rest.units, rest.rate) == (("a",), ("V",), 2.0)
    assert torch.equal(rest.values, X[:3])
