"""Checkpoints of split tensors: every process writes and reads its own part, and any number of processes can read them.

The engine is ``torch.distributed.checkpoint`` with its safetensors format: no pickle, as everywhere.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from ornstein.common.errors import RunError
from ornstein.common.files import sync
from ornstein.common.ranks import Ranks


def write(folder: Path, tensors: dict[str, Tensor], ranks: Ranks) -> None:
    """A new folder with the parts of all processes, whole or not there: written beside its place, synced, and renamed.

    All processes must call it, and see the same disk. Raises ``RunError`` on all of them where one cannot write.
    """
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.state_dict_saver import save

    formats = _formats()
    fresh = ranks.first(lambda: folder.with_name(f".ornstein-{secrets.token_hex(8)}"))
    try:
        ranks.first(fresh.mkdir)
        writer = formats.HuggingFaceStorageWriter(str(fresh), save_distributed=True)  # syncs every file
        with _alone():
            save(tensors, storage_writer=writer, no_dist=not grouped())
        ranks.first(lambda: _publish(fresh, folder))
    except (CheckpointException, RuntimeError, OSError) as error:
        why = " ".join(str(error).split())[:300]
        raise RunError(f"{folder} cannot be written ({why}): free space or change the permissions of {folder.parent}") from None
    finally:
        if ranks.main:
            shutil.rmtree(fresh, ignore_errors=True)


def read(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Fill tensors, split or whole, from a folder of ``write``. In a process group, all processes must call it.

    Raises ``ValueError`` where the folder lacks one of them or holds another shape.
    """
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.state_dict_loader import load

    try:
        with _alone():
            load(tensors, storage_reader=_formats().HuggingFaceStorageReader(str(folder)), no_dist=not grouped())
    except (CheckpointException, RuntimeError, KeyError) as error:
        raise ValueError(f"its parts do not fit: {' '.join(str(error).split())[:300]}") from None


def types(folder: Path) -> dict[str, torch.dtype]:
    """The names of the tensors in a folder of ``write``, and their types."""
    found = _formats().HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    return {name: value.properties.dtype for name, value in found.items()}


def digests(folder: Path, ranks: Ranks) -> dict[str, str]:
    """The SHA-256 of every file of a folder; the processes share the work."""

    def mine() -> dict[str, str]:
        return {file.name: _digest(file) for file in sorted(folder.iterdir())[ranks.rank :: ranks.count]}

    return {name: digest for part in ranks.each(mine) for name, digest in sorted(part.items())}


def grouped() -> bool:
    """Whether there is a process group."""
    return dist.is_available() and dist.is_initialized()


def _formats() -> Any:
    """The safetensors reader and writer of the engine, loaded when they are used: both take longer than the rest of this package."""
    try:
        from torch.distributed.checkpoint import hf_storage
    except ImportError:
        raise RunError(f"checkpoints of split networks need a later PyTorch than {torch.__version__}: install 2.9 or later") from None
    return hf_storage


@contextmanager
def _alone() -> Iterator[None]:
    """Without the engine's remark that a process without a group is alone: that is what it is meant to be."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled, unavailable or uninitialized", UserWarning)
        yield


def _publish(fresh: Path, folder: Path) -> None:
    sync(fresh)
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)
    sync(folder.parent)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
