"""A worker over all shards: one result a shard, written whole or not at all, so that a kill costs the shards in hand."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ornstein.common import checks
from ornstein.common.errors import InputError, OrnsteinError, RunError
from ornstein.common.ranks import ALONE, Ranks
from ornstein.shards import kept, manifest, results
from ornstein.shards.files import Draws, Shard, draws, shards
from ornstein.shards.summary import Summary
from ornstein.shards.workers import Drawer, Scorer, Worker


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    done      names of the shards whose results are there
    failed    (name, sentence) of those that could not be read or answered; the others went on
    summary   of all log-densities, where they were asked for
    """

    done: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    summary: Summary | None = None


class _Answer(NamedTuple):
    """What one shard came to: a sentence where it failed, and the summary of its log-densities."""

    name: str
    wrong: str = ""
    summary: Summary | None = None


def run(
    worker: Worker,
    source: str | os.PathLike[str] | int,
    out: str | os.PathLike[str],
    *,
    reading: Mapping[str, Any] | None = None,
    workers: int = 1,
    top: int = 10,
    summary: bool = False,
    ranks: Ranks = ALONE,
    progress: Callable[[str], None] | None = None,
) -> Outcome:
    """Answer every file of a folder into ``out``: one NPZ each, with ``offset`` (the number of each case) and the answers.

    For a ``Drawer``, ``source`` is the number of signals to draw. A run that was stopped goes on from the shards that have no result.
    The results are the same bits for any number of ``workers`` (processes) and of ``ranks`` (of ``torchrun``, each of which takes its
    share), since pieces are cut by the model and the file alone.

    reading   arguments of ``orn.read`` for every file; Zarr arrays have none
    top       how many of the least likely cases the summary lists
    summary   keep only the summary of each shard of a ``Scorer``, so that nothing of the size of its answers is written, and no p-value
              is worked out. Large NPY files and Zarr arrays are shared among processes, and gone on with, by parts of 128 pieces; each
              process uses one thread
    progress  is told the name of each shard that ended

    Memory: a piece and its answers, a process; see ``Shard.pieces``. Raises ``InputError`` for an ``out`` of another model or
    other options and for a folder without signals, ``RunError`` for a process that was killed. A shard that fails is in ``failed``.
    """
    count, target = checks.count(workers, "workers"), Path(out)
    if isinstance(worker, Drawer) != isinstance(source, int):
        wanted = "the number of signals to draw" if isinstance(worker, Drawer) else "a folder of signals"
        raise InputError(f"source is {checks.shown(source)}, but {type(worker).__name__} needs {wanted}")
    found: Sequence[Shard | Draws] = draws(source, worker.model) if isinstance(source, int) else shards(source)
    told = {"reading": dict(reading or {}), "draws": source if isinstance(source, int) else None, **worker.told()}
    one = partial(_answer, worker, target, dict(reading or {}), top)
    if summary:
        if not isinstance(worker, Scorer):
            raise InputError(f"summary is asked for, but {type(worker).__name__} has no log-densities to sum up: leave it out")
        told |= {"summary": True, "top": checks.count(top, "top", at_least=0)}
        found = [part for shard in found if isinstance(shard, Shard) for part in shard.parts(worker.model, reading or {}, worker.hop)]
        one = partial(_summed, worker, target, dict(reading or {}), top)
    ranks.first(partial(manifest.begin, target, type(worker).__name__, worker.checksum, told))
    begin, end = ranks.share(len(found))
    answers: list[_Answer] = []
    for answer in _each(one, found[begin:end], count):
        answers.append(answer)
        if progress is not None:
            progress(answer.name)
    return _outcome(
        [answer for part in ranks.each(lambda: answers) for answer in part], Summary(top) if isinstance(worker, Scorer) else None
    )


def _each(one: Callable[[Shard | Draws], _Answer], found: Sequence[Shard | Draws], workers: int) -> Iterator[_Answer]:
    """The answers in the order of the shards, from this process or from several that are spawned."""
    if workers == 1:
        yield from map(one, found)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(one, found)
        except BrokenProcessPool:
            raise RunError("a process was killed, perhaps for want of memory: the same call goes on with what is left") from None


def _answer(worker: Worker, out: Path, reading: Mapping[str, Any], top: int, shard: Shard | Draws) -> _Answer:
    """One shard: its result is on the disk, if it was not there already."""
    path = out / f"{shard.result}{results.SUFFIX}"
    try:
        if not results.whole(path, shard.size):
            pieces = shard.pieces(worker.model, reading, worker.hop)
            results.write(path, shard.size, ((start, worker.piece(x)) for start, x in pieces))
        if not isinstance(worker, Scorer):
            return _Answer(shard.name)
        summary, offset = Summary(top), int(next(results.column(path, results.OFFSET))[0])
        for values in results.column(path, "log_prob"):
            summary.add(values, shard.name, offset)
            offset += len(values)
        return _Answer(shard.name, summary=summary)
    except OrnsteinError as error:
        return _Answer(shard.name, str(error))


def _summed(worker: Scorer, out: Path, reading: Mapping[str, Any], top: int, shard: Any) -> _Answer:
    """The summary of one shard, which alone is on the disk."""
    path = out / f"{shard.result}{results.SUFFIX}"
    try:
        if not results.whole(path, shard.size):
            pieces = shard.pieces(worker.model, reading, worker.hop)
            levels = ((start, worker.levels(x).reshape(-1)) for start, x in pieces)
            kept.write(path, shard.size, kept.summed(levels, top, shard.name))
        return _Answer(shard.name, summary=kept.read(path, top, shard.name))
    except OrnsteinError as error:
        return _Answer(shard.name, str(error))


def _outcome(answers: list[_Answer], summary: Summary | None) -> Outcome:
    """All answers together, in their order, so that sums are the same bits however they were shared out."""
    for answer in answers:
        if summary is not None and answer.summary is not None:
            summary.merge(answer.summary)
    failed = dict(reversed([(answer.name, answer.wrong) for answer in answers if answer.wrong]))  # of many parts, the first is told
    done = dict.fromkeys(answer.name for answer in answers if answer.name not in failed)
    return Outcome(tuple(done), tuple(reversed(failed.items())), summary)
