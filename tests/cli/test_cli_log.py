"""Signs of life where no terminal watches: a line per stage once a second has passed, none before, none twice, none for machines."""

import re
import time

import pytest
import torch

import ornstein as orn
from ornstein.cli import log, main
from ornstein.data.laws import ornstein_uhlenbeck


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder with days.csv, and with gaps.csv, which takes EM; lines come after two hundredths of a second."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(log, "FIRST", 0.02)
    days = orn.Signals(ornstein_uhlenbeck(60, 40, 3.0, seed=1).values)
    orn.write("days.csv", days)
    gaps = days.values.clone()
    gaps[::2, 0, 4:7] = torch.nan
    orn.write("gaps.csv", days.with_values(gaps))
    return tmp_path


def run(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    assert not stop.value.code
    return capsys.readouterr().err


def test_a_stage_is_announced_once_and_a_short_one_never(capsys, monkeypatch):
    monkeypatch.setattr(log, "FIRST", 0.05)
    with log.Log(quiet=False) as tell:
        tell("brief")
        tell("long")
        time.sleep(0.4)
        tell("[last]")
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("s  ")[1] for line in lines] == ["long", "[last]"]
    assert 0 <= float(lines[0].split()[0]) < 0.4


def test_what_ends_at_once_and_what_is_quiet_say_nothing(capsys):
    with log.Log(quiet=False) as tell:
        tell("a second is long")
    with log.Log(quiet=True) as tell:
        tell("machine")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "words",
    [
        "sample m -n 2000 --sampler heun --steps 200 -o new.csv",
        "score m days.csv --method bound -o scores.csv",
        "compare m many.csv --fitted days.csv -o table.csv",
        "spectrum many.csv -o spectrum.svg",
        "impute kernel gaps.csv -o full.csv --draws 4000",
    ],
)
def test_commands_on_models_say_what_they_do(words, room, capsys, monkeypatch):
    monkeypatch.setattr(log, "FIRST", 0.0)  # whatever the speed of the machine
    orn.fit(orn.read("days.csv")).save("m")
    orn.fit(orn.read("days.csv"), "empirical", folds=0).save("kernel")
    orn.write("many.csv", orn.Signals(ornstein_uhlenbeck(1500, 40, 3.0, seed=2).values))
    assert re.search(r"^ +\d+\.\d s  \w+ing", run(capsys, *words.split()), re.MULTILINE)
    assert run(capsys, *words.split(), "--force", "--json") == ""


@pytest.mark.parametrize("line", ["fit gaps.csv --folds 0", "fit days.csv --model mixture", "bench samplers days.csv"])
def test_commands_that_take_long_say_what_they_do(line, room, capsys, monkeypatch):
    words = line.split()
    monkeypatch.setattr(log, "FIRST", 0.0)  # whatever the speed of the machine
    output = ("-o", "m") if words[0] == "fit" else ()
    doing = re.compile(r"^ +\d+\.\d s  ", re.MULTILINE)
    assert any(re.match("fitting|working", line) for line in doing.split(run(capsys, *words, *output))[1:])
    told = run(capsys, *words, *(("-o", "n") if output else ()), "--json")
    assert all(line.startswith("note: ") for line in told.splitlines())  # what a person has to know is said for machines too


def test_training_is_told_to_the_board(room, capsys, monkeypatch):
    told = []
    monkeypatch.setattr(orn.training, "TensorBoard", lambda folder: (told.append(folder.name), lambda record: told.append(record.step))[1])
    words = ("fit", "days.csv", "-o", "m", "--model", "network", "--net", "mlp", "--steps", "3", "--tensorboard", "runs")
    run(capsys, *words)
    assert told[0] == "runs"
    assert told[-1] == 3


def test_only_training_has_a_board(room, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "days.csv", "-o", "m", "--tensorboard", "runs"])
    assert stop.value.code == 2
    assert "--tensorboard is runs, but model 'gaussian' is not trained" in capsys.readouterr().err
