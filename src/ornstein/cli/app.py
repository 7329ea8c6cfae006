"""The application: languages, exit codes, and one place where errors become sentences."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

import typer

from ornstein.cli import console, show, usage
from ornstein.cli.commands import build
from ornstein.cli.common import Interrupted
from ornstein.cli.words import LANGUAGES, Words, preferred
from ornstein.common.errors import InputError, RunError, unknown_name


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exit code 0, 2 (usage or data), 3 (run time) or 130 (interrupted)."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    console.prepare()
    sys.exit(_run(argv, "--json" in argv))


def _run(argv: list[str], as_json: bool) -> int:
    spoken = console.speakable(preferred(os.environ)[0])
    try:
        language, argv = _language(argv)
        spoken = console.speakable(language)
        words = Words(spoken, language)
        with warnings.catch_warnings():
            warnings.simplefilter("once", UserWarning)
            warnings.showwarning = show.notes(spoken)
            result = build(words)(argv, prog_name="ornstein", standalone_mode=False, obj=words)
        if result == 130:  # what some versions of the parser make of Ctrl-C
            raise KeyboardInterrupt
    except Exception as problem:
        found = _told(problem)
        if found is None:
            raise
        sentence, code = found
        if sentence:  # the parser's way to say that the help was shown for want of arguments
            show.error(sentence, code, as_json, spoken)
        return code
    except KeyboardInterrupt:
        show.error("interrupted; nothing was written half", 130, as_json, spoken)
        return 130
    return result if isinstance(result, int) else 0


def _told(problem: Exception) -> tuple[str, int] | None:
    """The sentence and the exit code of an error; None for a defect, which keeps its traceback."""
    if isinstance(problem, InputError):
        return str(problem), 2
    if isinstance(problem, RunError):
        return str(problem), 3
    if isinstance(problem, Interrupted):
        return str(problem), 130
    if isinstance(problem, typer.Abort):
        return "interrupted; nothing was written half", 130
    if isinstance(problem, MemoryError) or type(problem).__name__ == "OutOfMemoryError":  # PyTorch's, which need not be imported here
        return "not enough memory: use fewer cases or draws, shorter windows, or a lighter structure", 3
    if isinstance(problem, OSError):
        return f"{problem.strerror or problem}{f': {problem.filename}' if problem.filename else ''}", 3
    if hasattr(problem, "format_message"):  # the parser's own errors carry a sentence and an exit code
        return usage.sentence(problem), int(getattr(problem, "exit_code", 2))
    return None


def _language(argv: list[str]) -> tuple[str, list[str]]:
    """``--lang`` works anywhere on the line, since help has to know it before the commands are built."""
    (chosen, source), rest = preferred(os.environ), []
    given = iter(argv)
    for word in given:
        if word == "--lang":
            chosen, source = next(given, ""), "--lang"
        elif word.startswith("--lang="):
            chosen, source = word.removeprefix("--lang="), "--lang"
        else:
            rest.append(word)
    if chosen not in LANGUAGES:
        raise unknown_name(source, chosen, LANGUAGES)
    return chosen, rest
