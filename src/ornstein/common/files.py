"""Writing files so that a reader finds either the old file or the complete new one, never half of one."""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ornstein.common.errors import InputError, OrnsteinError, RunError

MISTAKES = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EILSEQ}
"""Causes that another path would cure; every other failure (full disk, permissions, broken device) is the machine's."""


@contextmanager
def atomic(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """A temporary path beside ``path``; what is written there becomes ``path`` in one step when the block ends.

    The order is: write, fsync, rename, fsync the folder. If the block raises, the temporary file is removed and an existing
    ``path`` stays as it was; a killed process can leave a hidden ``.ornstein-*`` file behind, but never part of the output.
    The temporary path has the suffix of ``path``. A symbolic link is followed, and a replaced file keeps its permissions.
    The block should do nothing but write: its ``OSError`` is reported as a failure to write ``path``.

    Raises ``InputError`` where ``path`` exists (unless ``force``), is a folder or a device, or has no parent folder;
    ``RunError`` where the disk is full or the folder cannot be written.
    """
    target = Path(path_of(path, "output"))
    try:
        target = Path(os.path.realpath(target))
        mode = _mode(target, path, force)
        temporary = target.parent / f".ornstein-{secrets.token_hex(8)}{target.suffix}"
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except (OSError, ValueError) as error:
        raise _failure(path, error) from None
    try:
        yield temporary
        sync(temporary)
        if mode is not None:
            os.chmod(temporary, mode)
        if force:
            os.replace(temporary, target)
        else:
            _publish_new(temporary, target, path)
        with suppress(OSError):  # some network and FUSE file systems refuse to sync a folder; the rename is atomic all the same
            sync(target.parent)
    except OSError as error:
        raise _failure(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def refuse_existing(path: str | os.PathLike[str], force: bool) -> None:
    """Say before long work, not after it, that ``path`` could not be written: it exists without ``force``, or has no folder."""
    target = path_of(path, "output")
    try:
        if not target.parent.is_dir():
            raise InputError(f"{target} cannot be written, because {target.parent} is not a folder: create it first or choose another path")
        _mode(Path(os.path.realpath(target)), path, force)
    except OSError as error:
        raise _failure(path, error) from None


def write_bytes(path: str | os.PathLike[str], content: bytes, *, force: bool = False) -> None:
    """Write ``content`` in one step; fails as ``atomic`` does."""
    with atomic(path, force=force) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], content: str, *, force: bool = False) -> None:
    """Write ``content`` as UTF-8 in one step, line ends as given; fails as ``atomic`` does."""
    write_bytes(path, content.encode("utf-8"), force=force)


def write_json(path: str | os.PathLike[str], content: object, *, force: bool = False) -> None:
    """Write ``content`` as indented JSON in one step; NaN and infinity, which JSON lacks, raise ``InputError``."""
    try:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"the content of {os.fspath(path)} cannot be written as JSON: {error}") from None
    write_text(path, text + "\n", force=force)


def path_of(path: object, name: str = "path") -> Path:
    """``path`` as a ``Path``; anything but a non-empty string or path object raises ``InputError``."""
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
        raise InputError(f"{name} is {path!r}, but must be a file name")
    text = os.fspath(path)
    if not text or "\0" in text:
        raise InputError(f"{name} is {text!r}, but must be a file name: it is empty or holds a NUL character")
    return Path(text)


def possible(path: object, name: str = "path") -> Path:
    """``path_of``, and ``InputError`` for names that no file system takes: too long, or links that lead in a circle."""
    file = path_of(path, name)
    try:
        file.stat()
    except OSError as error:
        if error.errno in MISTAKES - {errno.ENOENT, errno.ENOTDIR}:
            shown = f"{os.fspath(file)[:60]}..." if len(os.fspath(file)) > 80 else os.fspath(file)
            raise InputError(f"{shown} is no name that a file can have ({error.strerror}): check the path") from None
    return file


def _mode(target: Path, path: str | os.PathLike[str], force: bool) -> int | None:
    """The permissions to keep, or None for a new file."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{os.fspath(path)} is a folder, but must be a file name: add one")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{os.fspath(path)} is not a regular file (a device, pipe or socket), and is never replaced: choose another path")
    if not force:
        raise _exists(path)
    return stat.S_IMODE(found.st_mode)


def _publish_new(temporary: Path, target: Path, path: str | os.PathLike[str]) -> None:
    """Give the file its name without replacing one that appeared meanwhile: a hard link fails where a rename would not."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise _exists(path) from None
        os.replace(temporary, target)


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exists(path: str | os.PathLike[str]) -> InputError:
    return InputError(f"{os.fspath(path)} exists: choose another path or pass force=True (--force)")


def _failure(path: str | os.PathLike[str], error: OSError | ValueError) -> OrnsteinError:
    if isinstance(error, OrnsteinError):
        return error
    name, parent = os.fspath(path), Path(path).parent
    code = error.errno if isinstance(error, OSError) else errno.EINVAL
    if code in (errno.ENOENT, errno.ENOTDIR):
        return InputError(f"{name} cannot be written, because {parent} is not a folder: create it first or choose another path")
    reason = os.strerror(code) if code else str(error)
    if code in MISTAKES:
        return InputError(f"{name} cannot be written ({reason}): choose another path")
    return RunError(f"{name} cannot be written ({reason}): free space, change the permissions or choose another path")
