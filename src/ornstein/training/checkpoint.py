"""Checkpoints of a run in a folder: each one is whole or not there, and the newest whole one is found again.

A checkpoint is two files: its tensors, and a JSON file with everything else and the SHA-256 of the tensors, which is written after
them and carries a checksum of its own. Where several processes hold parts of each tensor, a folder ``checkpoint-<step>.parts`` with
files of theirs takes the place of the first. Each is written beside its place and renamed, so a kill or a full disk at any moment
leaves the checkpoints before it as they were.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ornstein.common import checks, files
from ornstein.common.errors import InputError, RunError
from ornstein.common.ranks import ALONE, Ranks
from ornstein.training import sharded
from ornstein.training.distributed import split

FORMAT = 1
JOURNAL = "events.jsonl"
PARTS = ".parts"


class Checkpoints:
    """The checkpoints ``checkpoint-<step>.json`` and ``.safetensors`` of a folder, of which the last ``keep`` are kept."""

    def __init__(self, folder: str | os.PathLike[str], keep: int = 3) -> None:
        self.folder, self.keep = files.path_of(folder, "folder"), checks.count(keep, "keep")

    def start(self, resume: bool, force: bool) -> None:
        """Make the folder ready. Without ``resume``, the checkpoints of an earlier run are only replaced with ``force``.

        Raises ``InputError`` for a folder with other files in it or without a parent, ``RunError`` where it cannot be made.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file, but must be a folder for checkpoints: choose another path")
        try:
            self.folder.mkdir(exist_ok=True)
            for leftover in self.folder.glob(".ornstein-*"):
                _delete(leftover)
        except FileNotFoundError:
            raise InputError(f"the folder {self.folder.parent} does not exist: create it, or choose another path") from None
        except OSError as error:
            raise RunError(f"{self.folder} cannot be used ({error.strerror}): change its permissions or choose another path") from None
        earlier = self._all()
        if resume or not earlier:
            return
        if not force:
            raise InputError(
                f"{self.folder} holds a run of {_step(earlier[-1])} steps: go on with resume=True (--resume), "
                "replace it with force=True (--force), or choose another folder"
            )
        self._remove(earlier)
        (self.folder / JOURNAL).unlink(missing_ok=True)

    def save(
        self, step: int, tensors: dict[str, Tensor], values: dict[str, Any], configuration: dict[str, Any], ranks: Ranks = ALONE
    ) -> Path:
        """Write a checkpoint and remove the oldest; all processes must call it, and see one disk.

        Raises ``RunError`` where the disk refuses; the checkpoints before stay.
        """
        target = self.folder / f"checkpoint-{step:09d}.json"
        digest: object
        if any(split(tensor) for tensor in tensors.values()):
            sharded.write(target.with_suffix(PARTS), tensors, ranks)
            digest = sharded.digests(target.with_suffix(PARTS), ranks)
        else:
            digest = ranks.first(lambda: _write(target.with_suffix(".safetensors"), tensors))
        content = {"format": FORMAT, "sha256": digest, "configuration": configuration, "values": values}
        ranks.first(lambda: files.write_json(target, {**content, "checksum": _checksum(content)}, force=True))
        ranks.first(lambda: self._remove(self._all()[: -self.keep]))
        return target

    def newest(self, ranks: Ranks = ALONE) -> tuple[dict[str, Tensor] | Path, dict[str, Any], dict[str, Any]] | None:
        """(tensors, values, configuration) of the newest whole checkpoint; None without one. Damaged ones are skipped with a warning.

        In place of the tensors stands the folder of their parts, if there are parts; all processes must call it.
        """
        for file in reversed(self._all()):
            try:
                return _read(file, ranks)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                warnings.warn(f"the checkpoint {file.name} in {self.folder} is damaged ({why}) and is skipped", UserWarning, stacklevel=4)
        return None

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("checkpoint-*.json"))

    def _remove(self, old: list[Path]) -> None:
        for file in old:
            file.unlink(missing_ok=True)
        kept = {file.stem for file in self._all()}
        for file in (*self.folder.glob("checkpoint-*.safetensors"), *self.folder.glob(f"checkpoint-*{PARTS}")):
            if file.stem not in kept:
                with suppress(OSError):
                    _delete(file)


def refuse_other(saved: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    """``InputError`` naming what differs between the configuration of a checkpoint and that of a run that wants to go on from it.

    A larger budget is no difference: the run is to go on for longer.
    """
    longer = {name for name in ("steps", "minutes") if (saved.get(name) or math.inf) < (now.get(name) or 0)}
    different = [name for name in {**saved, **now} if saved.get(name) != now.get(name) and name not in longer]
    if not different:
        return
    told = [
        f"{name} was {saved.get(name)} and is {now.get(name)}" if not _hashed(saved.get(name)) else f"{name} is not the same"
        for name in different
    ]
    raise InputError(f"the run in {folder} was started differently ({'; '.join(told)}): give what it had, or pass force=True (--force)")


def fingerprint(*tensors: Tensor | None) -> str:
    """The SHA-256 of values, shapes and types."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{None if tensor is None else (tensor.dtype, tuple(tensor.shape))}".encode())
        if tensor is not None:
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _write(file: Path, tensors: dict[str, Tensor]) -> str:
    data = safetensors.torch.save(tensors)
    files.write_bytes(file, data, force=True)
    return hashlib.sha256(data).hexdigest()


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _read(file: Path, ranks: Ranks) -> tuple[dict[str, Tensor] | Path, dict[str, Any], dict[str, Any]]:
    content = json.loads(file.read_bytes())
    checksum = content.pop("checksum")
    if checksum != _checksum(content) or content["format"] != FORMAT:
        raise ValueError("its checksum differs")
    if isinstance(content["sha256"], dict):
        if sharded.digests(file.with_suffix(PARTS), ranks) != content["sha256"]:
            raise ValueError("the checksums of its parts differ")
        return file.with_suffix(PARTS), content["values"], content["configuration"]
    data = file.with_suffix(".safetensors").read_bytes()
    if hashlib.sha256(data).hexdigest() != content["sha256"]:
        raise ValueError("the checksum of its tensors differs")
    return safetensors.torch.load(data), content["values"], content["configuration"]


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _hashed(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64


def _step(file: Path) -> int:
    return int(file.stem.removeprefix("checkpoint-"))
