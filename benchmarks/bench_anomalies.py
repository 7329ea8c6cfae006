"""Ranking labelled oddities, and false alarms on clean data: scores of ours against sub-PCA, IsolationForest, LOF and k-means.

    python benchmarks/bench_anomalies.py [ECG5000.npz]      needs aeon and sktime, whose wheels hold the series

Series are cut into windows as long as a period (the highest peak of the autocorrelation between 16 and 125 samples, else 64), one every
eighth of a window. Every method is fitted to the same windows: those of the clean beginning, up to half of the series. The score of a
sample is the mean over the windows that hold it. VUS-PR and VUS-ROC are aeon's with buffers up to 100 samples, over the samples after
the beginning; beats are whole cases with AUC and average precision. Of ours, ``floored`` is what counts: the density through the noise
floor of ``Model.oddness``, of a Gaussian or a mixture, whichever explains held-out windows better. The others are shown to learn from.

False alarms: the share of p <= .05 of ``Model.surprise`` among clean windows that no fit has seen, without overlap, with its error.
"""

from __future__ import annotations

import csv
import importlib.util
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from torch import Tensor

import ornstein as orn

Array = npt.NDArray[np.float64]
Scorer = Callable[[Array, Array], Array]
SERIES = {
    "InternalBleeding16": ("aeon", "KDD-TSAD_135/135_UCR_Anomaly_InternalBleeding16_TEST.csv"),
    "Daphnet S06R02": ("aeon", "Daphnet_S06R02E0/S06R02E0.csv"),
    "mitdb": ("sktime", "mitdb/mitdb.csv"),
    "yahoo": ("sktime", "yahoo/yahoo.csv"),
}


class Case(NamedTuple):
    """Values (time, channel), labels (time,), how many samples at the beginning are clean, and a window."""

    name: str
    values: Array
    labels: Array
    clean: int
    window: int


def series() -> Iterator[Case]:
    for name, (package, file) in SERIES.items():
        found = importlib.util.find_spec(package)
        path = Path(found.origin).parent / "datasets/data" / file if found and found.origin else Path("absent")
        if not path.is_file():
            print(f"{name}: not in {package}, left out")
            continue
        with path.open() as handle:
            header, *rows = list(csv.reader(handle))
        drop = 1 if header[0].lower() in ("timestamp", "time", "index") else 0
        table = np.array([[float(v) for v in row[drop:]] for row in rows])
        values, labels = table[:, :-1], (table[:, -1] > 0).astype(float)
        odd = np.flatnonzero(labels)
        if not len(odd):
            print(f"{name}: nothing in it is labelled odd, left out")
            continue
        yield Case(name, values, labels, min(int(odd[0]), len(labels) // 2), period(values[: int(odd[0]), 0]))


def period(x: Array) -> int:
    x = x - x.mean()
    spectrum = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    auto = np.fft.irfft(spectrum)[: min(126, len(x) // 4)]
    peaks = [k for k in range(16, len(auto) - 1) if auto[k] > auto[k - 1] and auto[k] >= auto[k + 1]]
    return max(peaks, key=lambda k: auto[k]) if peaks else min(64, len(x) // 8)


def cut(x: Array, window: int, hop: int) -> Array:
    """(windows, window * channel)."""
    return np.stack([x[i : i + window].T.reshape(-1) for i in range(0, len(x) - window + 1, hop)])


def sub_pca(train: Array, test: Array) -> Array:
    """Distances to the principal axes over their variances, as in PyOD, which the best entry of TSB-AD uses."""
    mean, scale = train.mean(0), train.std(0) + 1e-9
    u, v = (train - mean) / scale, (test - mean) / scale
    pca = PCA().fit(u)
    kept = pca.explained_variance_ratio_ > 1e-10
    axes, weights = pca.components_[kept], pca.explained_variance_ratio_[kept]
    distance = np.sqrt(((v[:, None] - axes[None]) ** 2).sum(-1)) if len(axes) * v.size < 1e8 else None
    if distance is None:
        distance = np.sqrt(np.maximum((v**2).sum(1)[:, None] + 1 - 2 * v @ axes.T, 0))
    return (distance / weights).sum(1)


def k_means(train: Array, test: Array) -> Array:
    found = KMeans(min(20, len(train) // 2), n_init=3, random_state=0).fit(train)
    return found.transform(test).min(1)


PEERS: dict[str, Scorer] = {
    "sub-PCA": sub_pca,
    "IsolationForest": lambda a, b: -IsolationForest(random_state=0).fit(a).score_samples(b),
    "LOF": lambda a, b: -LocalOutlierFactor(min(20, len(a) - 1), novelty=True).fit(a).score_samples(b),
    "k-means": k_means,
}


def ours(train: Array, test: Array) -> tuple[dict[str, Array], str]:
    """Every score of the law that held-out windows prefer, and its name."""
    a, b = torch.from_numpy(train), torch.from_numpy(test)
    kinds = {kind: orn.fit(a, kind, standardize="none", folds=3) for kind in ("gaussian", "mixture")}
    kind = max(kinds, key=lambda k: float(kinds[k].reference.mean()))
    model = kinds[kind]
    odd = model.oddness(b)
    named = {"floored": odd.floored, "off": odd.off, "inside": odd.inside, "density": -model.log_prob(b)}
    return {name: value.numpy() for name, value in named.items() if value is not None}, kind


def pointwise(scores: Array, length: int, window: int, hop: int) -> Array:
    total, many = np.zeros(length), np.zeros(length)
    for k, score in enumerate(scores):
        total[k * hop : k * hop + window] += score
        many[k * hop : k * hop + window] += 1
    return np.where(many > 0, total / np.maximum(many, 1), scores.min())


def false_alarms(clean: Array, window: int) -> str:
    """Fitted to the first two thirds of what is clean, asked of the rest, window after window."""
    middle = 2 * len(clean) // 3
    train = torch.from_numpy(cut(clean[:middle], window, max(1, window // 8)))
    test = torch.from_numpy(cut(clean[middle:], window, window))
    p = orn.fit(train, standardize="none").surprise(test).p_value
    return share(p, max(1, len(train) * max(1, window // 8) // window))  # windows that overlap count as those that do not


def share(p: Tensor, judges: int, halvings: int = 1) -> str:
    """With the error that the cases that judge leave in it, which are as random as the new ones."""
    rate = float((p <= 0.05).double().mean())
    error = math.sqrt(0.05 * 0.95 * (1 / len(p) + 1 / (halvings * judges)))
    return f"{100 * rate:.1f} ± {100 * error:.1f} % of {len(p)}"


def main() -> None:
    from aeon.benchmarking.metrics.anomaly_detection import range_pr_vus_score, range_roc_vus_score

    warnings.simplefilter("ignore")
    for case in series():
        hop = max(1, case.window // 8)
        train = cut(case.values[: case.clean], case.window, hop)
        rest = case.values[case.clean :]
        test, labels = cut(rest, case.window, hop), case.labels[case.clean :]
        print(
            f"{case.name}: {len(train)} windows of {case.window} x {rest.shape[1]}, {int(labels.sum())} of {len(labels)} samples odd",
            flush=True,
        )
        mine, kind = ours(train, test)
        scores = {f"ours, {name}": value for name, value in mine.items()} | {name: peer(train, test) for name, peer in PEERS.items()}
        for name, value in scores.items():
            points = pointwise(value, len(rest), case.window, hop)
            points = (points - points.min()) / (np.ptp(points) + 1e-12)
            pr, roc = (f(labels.astype(int), points, max_buffer_size=100) for f in (range_pr_vus_score, range_roc_vus_score))
            auc = roc_auc_score(labels, points)
            print(f"  {name:18} VUS-PR {pr:.3f}  VUS-ROC {roc:.3f}  AUC {auc:.3f}" + f"  ({kind})" * name.startswith("ours"), flush=True)
        print(f"  false alarms of surprise on clean windows: {false_alarms(case.values[: case.clean], case.window)}", flush=True)
    if len(sys.argv) > 1:
        beats(np.load(sys.argv[1]))


def beats(data: dict[str, Array]) -> None:
    """Heartbeats, of which the first class is normal: fitted to half of the normal ones in five random halvings."""
    x, y = data["train"].astype(float), data["train_labels"]
    normal, odd = np.flatnonzero(y == y.min()), np.flatnonzero(y != y.min())
    print(f"ECG5000: {len(normal)} normal beats, {len(odd)} others, d = {x.shape[1]}; mean over 5 halvings")
    table: dict[str, list[tuple[float, float]]] = {}
    levels = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(normal)
        train, test = x[order[: len(order) // 2]], np.concatenate([x[order[len(order) // 2 :]], x[odd]])
        labels = np.r_[np.zeros(len(test) - len(odd)), np.ones(len(odd))]
        mine, _ = ours(train, test)
        scores = {f"ours, {name}": value for name, value in mine.items()} | {name: peer(train, test) for name, peer in PEERS.items()}
        for name, value in scores.items():
            table.setdefault(name, []).append((roc_auc_score(labels, value), average_precision_score(labels, value)))
        levels.append(orn.fit(torch.from_numpy(train), standardize="none").surprise(torch.from_numpy(test[labels == 0])).p_value)
    for name, found in table.items():
        auc, ap = np.array(found).T
        print(f"  {name:18} AUC {auc.mean():.3f}  average precision {ap.mean():.3f}", flush=True)
    print(f"  false alarms of surprise on normal beats: {share(torch.cat(levels), len(normal) // 2, len(levels))}")


if __name__ == "__main__":
    main()
