"""What a run over shards was told, kept beside its results: the same command goes on where it was stopped, another is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ornstein.common.errors import InputError, RunError
from ornstein.common.files import write_json

MANIFEST, FORMAT = "manifest.json", 1


def begin(out: Path, job: str, checksum: str, options: Mapping[str, Any]) -> None:
    """Make the folder and its manifest, or check that the one there is of the same model, job and options. Raises ``InputError``."""
    wanted = {"format": FORMAT, "job": job, "model": checksum, "options": json.loads(json.dumps(options, default=str))}
    path = out / MANIFEST
    if not path.exists():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"{out} exists and holds no {MANIFEST}, so it is no earlier run: choose another folder")
        try:
            out.mkdir(exist_ok=True)
        except OSError as error:
            raise RunError(f"{out} cannot be made ({error.strerror}): choose another folder") from None
        write_json(path, wanted)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): choose another folder, or remove it to begin anew") from None
    if not isinstance(found, dict) or found != wanted:
        differing = next((key for key in wanted if not isinstance(found, dict) or found.get(key) != wanted[key]), "content")
        raise InputError(f"{out} holds a run that differs in its {differing}: go on with what it was begun with, or choose another folder")
