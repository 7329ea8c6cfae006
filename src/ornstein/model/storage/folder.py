"""A model folder that is whole or not there.

A new folder is written beside the old one and synced; then two renames swap them. A kill between the renames leaves the old
folder under its backup name, where ``read_folder`` finds it; a third rename takes that name away before anything in it is
deleted, so a folder of that name is always whole, and the one written last is the last model. Every file is listed with its
SHA-256 in config.json, which carries a checksum of its own, so a missing, extra, truncated or altered file is named before
anything is loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ornstein.common.errors import InputError, RunError, listed, short
from ornstein.common.files import possible, sync

CONFIG, TENSORS, PREPROCESSING, CARD = "config.json", "model.safetensors", "preprocessing.json", "README.md"
FORMAT = 1
READABLE = (1, 2, 3, 4)
"""Format 1 holds analytic laws; 2 may hold a network; 3 holds a law of bits or symbols; 4 parameters and simulations of them."""
_STALE = 3600.0
"""Seconds after which a leftover folder cannot belong to a running save."""


def write_folder(
    path: str | os.PathLike[str],
    config: dict[str, Any],
    preprocessing: dict[str, Any],
    tensors: dict[str, Tensor],
    card: str,
    *,
    force: bool,
) -> Path:
    """Write a model folder atomically; an existing model is replaced only with ``force``, anything else never.

    Raises ``InputError`` for an existing path or a missing parent, ``RunError`` where the disk or the permissions refuse.
    """
    target = _path(path)
    refuse_folder(target, force)
    # a copy of each, since the format has no shared memory: components may share a covariance, and tied weights theirs
    apart = {name: value.clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    token = secrets.token_hex(4)
    fresh, backup = (target.with_name(f".{target.name}.{what}-{token}") for what in ("new", "old"))
    superseded = [] if target.exists() else _siblings(target, "old")
    try:
        fresh.mkdir()
        contents = {
            TENSORS: safetensors.torch.save(apart),
            PREPROCESSING: _json(preprocessing),
            CARD: card.encode(),
        }
        config = {"format": FORMAT, **config, "files": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}}
        contents[CONFIG] = _json({**config, "checksum": _checksum(config)})
        for name, data in contents.items():
            _write(fresh / name, data)
        sync(fresh)
        if target.exists():
            os.rename(target, backup)
        os.rename(fresh, target)
        sync(target.parent)
    except OSError as error:
        raise RunError(f"cannot write {target}: {error.strerror}; the model that was there is unchanged") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    for leftover in [backup, *superseded, *_stale(target)]:
        _remove(leftover, target.with_name(f".{target.name}.gone-{secrets.token_hex(4)}"))
    return target


def read_folder(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Tensor]]:
    """(config, preprocessing, tensors) of a model folder, after its checksums. Raises ``InputError`` naming the file at fault."""
    folder = _path(path)
    if not folder.exists():
        backups = _siblings(folder, "old")
        if not backups:
            raise InputError(f"{folder} does not exist: give the folder that `save` or `ornstein fit -o` wrote")
        folder = max(backups, key=lambda p: p.stat().st_mtime)
    if not folder.is_dir():
        raise InputError(f"{folder} is a file, but must be a model folder with {CONFIG} in it")
    config = _config(folder)
    for name in sorted({p.name for p in folder.iterdir()} ^ {CONFIG, *config["files"]}):
        what = "is missing from" if name in config["files"] else "does not belong in"
        raise InputError(f"{name} {what} the model folder {folder}: restore the folder from a copy, or fit again")
    contents = {}
    for name, expected in config["files"].items():
        contents[name] = _read(folder / name)
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise InputError(f"{name} in {folder} is damaged (its checksum differs): restore it from a copy, or fit again")
    try:
        tensors = safetensors.torch.load(contents[TENSORS])
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"{TENSORS} in {folder} is not a safetensors file of PyTorch ({error})") from None
    try:
        return config, json.loads(contents[PREPROCESSING]), tensors
    except (ValueError, RecursionError):
        raise InputError(f"{PREPROCESSING} in {folder} is not JSON: restore it from a copy, or fit again") from None


def checksum_of(path: str | os.PathLike[str]) -> str:
    """The checksum of a model folder, which covers those of its files. Raises ``InputError`` where there is no whole one."""
    folder = _path(path)
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist: give the folder that `save` or `ornstein fit -o` wrote")
    return _checksum(_config(folder))


def _config(folder: Path) -> dict[str, Any]:
    file = folder / CONFIG
    if not file.is_file():
        raise InputError(f"{folder} is not a model folder: it has no {CONFIG}")
    try:
        config = json.loads(_read(file))
        checksum = config.pop("checksum")
        whole = checksum == _checksum(config) and set(config["files"]) == {TENSORS, PREPROCESSING, CARD}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise InputError(f"{CONFIG} in {folder} is damaged (its checksum differs): restore it from a copy, or fit again")
    if config["format"] not in READABLE:
        known = listed([str(n) for n in READABLE])
        raise InputError(f"{folder} has format {config['format']}, but this version reads {known}: install a matching ornstein")
    return dict(config)


def refuse_folder(target: Path, force: bool) -> None:
    """Say before long work that a model cannot be written there: see ``write_folder``."""
    possible(target, "output")
    if not target.name or not target.parent.is_dir():
        raise InputError(f"the folder {target.parent} does not exist: create it, or choose another path")
    if not target.exists():
        return
    if not force:
        raise InputError(f"{target} exists: choose another path, or pass force=True (--force) to replace it")
    if not (target / CONFIG).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target} exists and is not a model folder, so it is not replaced: choose another path")


def _path(path: object) -> Path:
    """The name of a folder."""
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes) or "\0" in os.fspath(path):
        raise InputError(f"path is {short(path)}, but must be the name of a folder")
    return possible(path)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None


def _write(file: Path, data: bytes) -> None:
    with file.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _siblings(target: Path, what: str) -> list[Path]:
    return list(target.parent.glob(f".{target.name}.{what}-*"))


def _stale(target: Path) -> list[Path]:
    """What killed processes left behind; younger folders may belong to a save that is still running."""
    before = time.time() - _STALE
    return [p for what in ("old", "new", "gone") for p in _siblings(target, what) if p.stat().st_mtime < before]


def _remove(folder: Path, gone: Path) -> None:
    """Delete a folder under another name: half deleted under its own, it would pass for the newest model."""
    with suppress(OSError):
        os.rename(folder, gone)
        shutil.rmtree(gone)


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _checksum(config: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
