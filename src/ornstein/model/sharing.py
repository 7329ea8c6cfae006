"""Models at the Hugging Face hub: a model folder is a repository there, with its card."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from ornstein.common import checks
from ornstein.common.errors import InputError, RunError
from ornstein.model.storage.folder import CARD, CONFIG, PREPROCESSING, TENSORS

if TYPE_CHECKING:
    from ornstein.model.model import Model

FILES = (CONFIG, TENSORS, PREPROCESSING, CARD)


def push(model: Model, repository: str, *, private: bool, token: str | None, message: str) -> str:
    """Upload the folder that ``save`` writes; the address of the commit. See ``Model.push_to_hub``."""
    hub = _hub("uploading a model")
    name = _name(repository)
    try:
        api = hub.HfApi(token=token)
        api.create_repo(name, private=private, exist_ok=True)
        with tempfile.TemporaryDirectory() as place:
            folder = model.save(Path(place) / "model")
            return str(api.upload_folder(repo_id=name, folder_path=str(folder), commit_message=message))
    except (OSError, ValueError) as error:  # the hub's own errors are of these kinds
        raise RunError(f"{name} was not uploaded ({_line(error)}): check the name, the token and the network") from None


def pull(name: str | os.PathLike[str], *, revision: str | None, token: str | None) -> Path:
    """The folder of that name on this machine, or a copy of that repository of the hub. See ``orn.from_pretrained``."""
    if Path(name).is_dir():
        return Path(name)
    hub, repository = _hub("fetching a model"), _name(name)
    try:
        return Path(hub.snapshot_download(repository, revision=revision, token=token, allow_patterns=list(FILES)))
    except (OSError, ValueError) as error:
        raise RunError(f"{repository} was not fetched ({_line(error)}): check the name, the token and the network") from None


def from_pretrained(
    name: str | os.PathLike[str], *, revision: str | None = None, token: str | None = None, module: nn.Module | None = None
) -> Model:
    """The model of a folder, or of a repository "user/name" of the Hugging Face hub.

    revision  a branch, tag or commit of the repository; token: of a private one; module: see ``orn.load``

    Raises ``InputError`` for what is neither a folder nor the name of a repository, and as ``orn.load`` does; ``RunError`` where the hub
    does not answer. Needs the extra ``hub``, but for a folder.
    """
    from ornstein.model.loading import load

    return load(pull(name, revision=revision, token=token), module=module)


def _hub(purpose: str) -> Any:
    return checks.extra("huggingface_hub", "hub", purpose)


def _name(name: object) -> str:
    text = os.fspath(name) if isinstance(name, str | os.PathLike) else ""
    if not isinstance(text, str) or text.count("/") > 1 or not text.strip("/") or text.startswith((".", "/")):
        raise InputError(f"name is {checks.shown(name)}, but must be a model folder, or a repository such as 'user/name'")
    return text


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
