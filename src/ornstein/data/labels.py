"""The class of each case, from a file of its own or from a channel of the signals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ornstein.common.errors import InputError, RunError
from ornstein.common.signals import Signals
from ornstein.data.classes import Labels, typed


def read_labels(path: str | Path) -> Labels:
    """One label a line from a text file (a first line "label", "labels" or "class" is left out), or a one-dimensional NPY file.

    Class numbers where all are whole numbers, otherwise words; an empty line is a case without a label (-1 or ""). Raises
    ``InputError`` for files with more than one column and for those that cannot be read.
    """
    file = Path(path)
    if file.suffix.lower() == ".npy":
        try:
            array = np.load(file, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{file} cannot be read as an NPY file ({error})") from None
        if array.ndim != 1:
            raise InputError(f"{file} has shape {array.shape}, but labels need one axis: one per case")
        return typed(array.tolist())
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8 text: save it as UTF-8, or as an NPY file") from None
    except OSError as error:
        raise RunError(f"{file} cannot be read ({error.strerror})") from None
    while lines and not lines[-1]:
        lines.pop()
    if lines and lines[0].casefold() in ("label", "labels", "class"):
        lines = lines[1:]
    for number, line in enumerate(lines, 1):
        if "," in line or "\t" in line or ";" in line:
            raise InputError(f"line {number} of {file} has several columns, but labels are one a line: keep one column")
    return typed(lines)


def label_channel(x: Signals, channel: str) -> tuple[Signals, Labels]:
    """The signals without a channel, and what this channel holds: one value in every case.

    Raises ``InputError`` for a name that is no channel, a channel that changes within a case, and signals with no other channel.
    """
    if channel not in x.channels:
        raise InputError(f"labels is {channel!r}, but the channels are {', '.join(x.channels)}")
    if len(x.channels) == 1:
        raise InputError(f"{channel} is the only channel, so nothing is left to fit: give labels in a file of their own")
    at = x.channels.index(channel)
    values = x.values[:, at]
    first = values[:, :1]
    changes = ~((values == first) | (torch.isnan(values) & torch.isnan(first))).all(1)
    if bool(changes.any()):
        raise InputError(f"{channel} changes within case {int(changes.nonzero()[0])}, but a label is one value per case")
    kept = [i for i in range(len(x.channels)) if i != at]
    names, units = (tuple(words[i] for i in kept) for words in (x.channels, x.units))
    return Signals(x.values[:, kept], x.rate, names, units), typed(first[:, 0].tolist())
