"""A recording scored window by window, and written again with its odd stretches annotated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import ornstein as orn
from ornstein.cli.reading import read_as_told
from ornstein.cli.words import Words
from ornstein.common.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from ornstein.data.edf_annotations import Annotation


class Recording(NamedTuple):
    """One recording, the windows that a model scores, how many samples lie between their starts, and the file to write."""

    whole: orn.Signals
    windows: orn.Signals
    hop: int
    target: Path

    @classmethod
    def of(cls, path: Path, model: Any, target: Path, reading: dict[str, Any], words: Words, as_json: bool) -> Recording:
        """The recording of a file in windows as long as the signals of the model, one every --hop samples (default: the window)."""
        if target.suffix.lower() != ".edf":
            raise InputError(f"--annotate is {target}, but annotations are written as EDF+: name a file that ends in .edf")
        window, hop = reading.pop("read_window", None) or model.event_shape[-1], reading.pop("read_hop", None)
        whole = read_as_told(path, reading, words, as_json)
        if len(whole) != 1 or whole.rate is None:
            rate = "no rate" if whole.rate is None else f"{len(whole)} cases"
            raise InputError(f"{path} has {rate}, but --annotate needs one recording with a rate: give --rate, or annotate its parts")
        return cls(whole, whole.windows(window, hop), hop or window, target)

    def annotate(self, p: Tensor | None, nats: Tensor, alpha: float, top: int, force: bool) -> list[Annotation]:
        """Write the recording with the stretches of windows that have p <= alpha, or without p-values the ``top`` oddest ones."""
        from ornstein.metrics.stretches import odd_stretches

        found = odd_stretches(nats, p, self.windows.shape[2], self.hop, self.whole.rate or 1.0, alpha=alpha, most=top)
        orn.write(self.target, self.whole, annotations=found, force=force)
        return found
