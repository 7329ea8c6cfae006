"""Model folders: whole or not there, every damage named, a kill at any moment survived."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import ornstein as orn
from ornstein.model.storage.folder import CARD, CONFIG, PREPROCESSING, TENSORS

FILES = (CONFIG, TENSORS, PREPROCESSING, CARD)


def model(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return orn.fit(torch.randn(30, 4, generator=generator, dtype=torch.float64), folds=0)


@pytest.fixture
def folder(tmp_path):
    return model().save(tmp_path / "m")


def test_the_folder_holds_exactly_four_plain_files(folder):
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    assert json.loads((folder / CONFIG).read_text())["law"]["kind"] == "gaussian"
    assert not list(folder.parent.glob(".*"))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(orn.InputError, match=name.replace(".", r"\.")):
        orn.load(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(folder, name):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-2])
    with pytest.raises(orn.InputError, match=f"{name} in .* is damaged"):
        orn.load(folder)


@pytest.mark.parametrize("name", FILES)
def test_every_flipped_bit_is_noticed(folder, name):
    """Bits spread over the whole file, one at a time."""
    data = (folder / name).read_bytes()
    for position in range(0, len(data), max(1, len(data) // 40)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << (position % 8)
        (folder / name).write_bytes(bytes(flipped))
        with pytest.raises(orn.InputError):
            orn.load(folder)
    (folder / name).write_bytes(data)
    orn.load(folder)


def test_an_extra_file_is_named(folder):
    (folder / "evil.pkl").write_bytes(b"x")
    with pytest.raises(orn.InputError, match=r"evil\.pkl does not belong"):
        orn.load(folder)


@pytest.mark.parametrize(
    ("path", "says"),
    [("nowhere", "does not exist"), ("file", "is a file"), ("empty", "not a model folder")],
)
def test_what_is_not_a_model_is_refused(tmp_path, path, says):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(orn.InputError, match=says):
        orn.load(tmp_path / path)


def test_existing_outputs_are_protected(folder, tmp_path):
    with pytest.raises(orn.InputError, match="--force"):
        model().save(folder)
    precious = tmp_path / "photos"
    precious.mkdir()
    (precious / "a.jpg").write_text("x")
    with pytest.raises(orn.InputError, match="not a model folder"):
        model().save(precious, force=True)
    with pytest.raises(orn.InputError, match="does not exist"):
        model().save(tmp_path / "no" / "such" / "folder")
    assert (precious / "a.jpg").exists()
    x = torch.zeros(1, 4)
    model(1).save(folder, force=True)
    assert torch.equal(orn.load(folder).log_prob(x), model(1).log_prob(x))


def test_a_failed_write_leaves_the_old_model(folder, monkeypatch):
    x = torch.zeros(1, 4)
    before = orn.load(folder).log_prob(x)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(orn.RunError, match="No space left"):
        model(1).save(folder, force=True)
    monkeypatch.undo()
    assert torch.equal(orn.load(folder).log_prob(x), before)
    assert sorted(p.name for p in folder.parent.iterdir()) == ["m"]


KILLER = """
import os, signal, sys, time, torch
sys.path.insert(0, sys.argv[2])
import ornstein as orn
from test_storage import model

target, x = sys.argv[1], torch.zeros(1, 4)
models = [model(0), model(1)]
allowed = [m.log_prob(x) for m in models]
models[0].save(target)
begin = time.perf_counter()
models[0].save(target, force=True)
once = time.perf_counter() - begin
switched = 0
for k in range(400):
    if k >= 24 and 0 < switched < k:
        break
    child = os.fork()
    if not child:
        while True:
            for m in models:
                m.save(target, force=True)
    time.sleep(once * (k % 24 + 0.5) / 8 * (1 + k // 24))  # a busy machine may be slower than it was
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = orn.load(target).log_prob(x)
    assert any(torch.equal(found, a) for a in allowed), found
    switched += torch.equal(found, allowed[1])
print("both seen" if 0 < switched < k else "the saves never ran")
"""


def test_a_kill_at_any_moment_leaves_the_old_or_the_new_model(tmp_path):
    """Two dozen processes that save two models in turn are killed, each at another moment of the first three saves."""
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", KILLER, str(tmp_path / "m"), here], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == "both seen"


def test_a_backup_half_deleted_is_not_taken_for_the_newest_model(folder, monkeypatch):
    """Killed while the first model's folder was deleted, which makes it the last one touched; then between the next renames."""

    def killed(path, **_):
        if path.exists():
            (path / "README.md").unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ornstein.model.storage.folder.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            model(1).save(folder, force=True)
    folder.rename(folder.with_name(".m.old-0123"))
    x = torch.zeros(1, 4)
    assert torch.equal(orn.load(folder).log_prob(x), model(1).log_prob(x))


def test_a_kill_between_the_two_renames_is_recovered(folder):
    """The one moment without a folder of that name: the old one stands beside it, and the next save cleans up."""
    x = torch.zeros(1, 4)
    before = orn.load(folder).log_prob(x)
    folder.rename(folder.with_name(".m.old-0123"))
    assert torch.equal(orn.load(folder).log_prob(x), before)
    model(1).save(folder)
    assert sorted(p.name for p in folder.parent.iterdir()) == ["m"]
