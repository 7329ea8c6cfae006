"""A network that is told classes: on the law of all signals, and on that of their class.

The same network, batches and noise with both; held-out loss (that of Karras et al. 2022, as in training_sets) of the better of weights and
their average, before training and after some steps. About two minutes a set of 1000 steps on one core.

    python benchmarks/conditional_skip.py [--sets digits,curves,beats,control] [--steps 0,200,400,1000] [--seeds 1]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from real_data import load
from sklearn import datasets
from torch import Tensor
from training_sets import Problem, scaled

from ornstein.denoisers import Network, fit_by_condition, fit_gaussian
from ornstein.nets import Condition, default_net
from ornstein.training import LogNormal, Loss, Trainer
from ornstein.training.best import holding
from ornstein.training.held_out import HeldOut
from ornstein.training.pace import Pace

Labelled = tuple[Problem, Tensor, Tensor]


def digits() -> Labelled:
    found = datasets.load_digits()
    order = torch.randperm(len(found.target), generator=torch.Generator().manual_seed(0))
    x, label = torch.from_numpy(found.images).unsqueeze(1)[order], torch.from_numpy(found.target)[order]
    return scaled("digits", "1 x 8 x 8, 10 classes, 1300 to train on", x[:1300], x[1300:]), label[:1300], label[1300:]


def curves() -> Labelled:
    found = {name: torch.from_numpy(value) for name, value in load("mnist1d").items()}
    problem = scaled("MNIST-1D", "1 x 40, 10 classes, 4000 to train on", found["train"].unsqueeze(1), found["test"].unsqueeze(1))
    return problem, found["train_labels"].long(), found["test_labels"].long()


def beats() -> Labelled:
    found = {name: torch.from_numpy(value) for name, value in load("mitbih100_beats").items() if value.dtype.kind in "fui"}
    parts = (found[part][:, :1, ::2] for part in ("train", "test"))
    problem = scaled("ECG beats", "1 x 128, 1816 to train on, few of other kinds than normal", *parts)
    return problem, found["train_labels"].long(), found["test_labels"].long()


def control() -> Labelled:
    found = {name: torch.from_numpy(value) for name, value in load("ucr_SyntheticControl").items()}
    problem = scaled("control charts", "1 x 60, 6 classes, 300 to train on", found["train"].unsqueeze(1), found["test"].unsqueeze(1))
    return problem, found["train_labels"].long(), found["test_labels"].long()


SETS: dict[str, Callable[[], Labelled]] = {f.__name__: f for f in (digits, curves, beats, control)}


def losses(labelled: Labelled, by_class: bool, steps: list[int], seed: int) -> list[float]:
    """Held-out loss after each number of steps."""
    problem, train, test = labelled
    kinds = sorted(set(train.tolist()))
    numbers = [torch.tensor([kinds.index(k) if k in kinds else -1 for k in part.tolist()]) for part in (train, test)]
    known, asked = Condition(label=numbers[0]), Condition(label=numbers[1])
    x = problem.train.to(torch.float64)
    module = default_net(problem.event_shape, len(x), classes=len(kinds), seed=seed)
    network = Network.of(module, fit_gaussian(x), told=fit_by_condition(x, known) if by_class else None)
    loss = Loss(LogNormal())
    trainer = Trainer(network, problem.train, loss, condition=known, lengths=(16.0,), seed=seed)
    held, pace, out = HeldOut(problem.test, Loss(LogNormal(), drop=0.0), asked, 1), Pace(), []
    for k in range(steps[-1] + 1):
        if k in steps:
            module.eval()
            found = [held(trainer.network, 256)]
            if k:
                with holding(trainer.parameters, trainer.averages.values[0]):
                    found.append(held(trainer.network, 256))
            out.append(min(found))
            module.train()
        trainer.step(pace(k / steps[-1], k))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description="Networks that are told classes, on the law of all signals and on that of their class.")
    parser.add_argument("--sets", default="digits,curves,beats,control")
    parser.add_argument("--steps", default="0,200,400,1000")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    steps = [int(word) for word in given.steps.split(",")]
    print("| set | skip | " + " | ".join(f"{n} steps" for n in steps) + " |")
    print("|---|---|" + "---|" * len(steps))
    for name in given.sets.split(","):
        labelled = SETS[name]()
        for seed in range(given.seeds):
            for by_class, words in ((False, "all signals"), (True, "the class")):
                row = losses(labelled, by_class, steps, seed)
                print(f"| {labelled[0].name} | {words} | " + " | ".join(f"{value:.4f}" for value in row) + " |", flush=True)


if __name__ == "__main__":
    main()
