"""The application: languages, exit codes, and one place where errors become sentences."""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated

import torch
import typer

from ornstein.cli import bench, fit, impute, pages, sample, score, show, spectrum
from ornstein.cli.common import Interrupted
from ornstein.cli.words import LANGUAGES, dictionary
from ornstein.common.errors import InputError, RunError, unknown_name

Words = Callable[[str], str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exit code 0, 2 (usage or data), 3 (run time) or 130 (interrupted)."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in argv
    sys.exit(_run(argv, as_json))


def _run(argv: list[str], as_json: bool) -> int:
    try:
        language, argv = _language(argv)
        with warnings.catch_warnings():
            warnings.simplefilter("once", UserWarning)
            warnings.showwarning = show.note
            result = build(language)(argv, standalone_mode=False)
        if result == 130:  # what some versions of the parser make of Ctrl-C
            raise KeyboardInterrupt
    except InputError as problem:
        show.error(str(problem), 2, as_json)
        return 2
    except RunError as problem:
        show.error(str(problem), 3, as_json)
        return 3
    except (MemoryError, torch.OutOfMemoryError):
        show.error("not enough memory: use fewer cases or draws, shorter windows, or a lighter structure", 3, as_json)
        return 3
    except Interrupted as stop:
        show.error(str(stop), 130, as_json)
        return 130
    except (KeyboardInterrupt, typer.Abort):
        show.error("interrupted; nothing was written half", 130, as_json)
        return 130
    except OSError as problem:
        show.error(f"{problem.strerror or problem}{f': {problem.filename}' if problem.filename else ''}", 3, as_json)
        return 3
    except Exception as problem:
        # the parser's own errors carry a sentence and an exit code; anything else is a defect and keeps its traceback
        sentence = getattr(problem, "format_message", None)
        if sentence is None:
            raise
        show.error(sentence(), int(getattr(problem, "exit_code", 2)), as_json)
        return int(getattr(problem, "exit_code", 2))
    return result if isinstance(result, int) else 0


def build(language: str) -> typer.Typer:
    """The command tree with its help in one language."""
    words = dictionary(language).__getitem__
    app = typer.Typer(help=words("app"), add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

    @app.callback()
    def top(
        lang: Annotated[str, typer.Option("--lang", help=words("lang"))] = language,
        show_version: Annotated[bool, typer.Option("--version", help=words("version"), is_eager=True, callback=_version)] = False,
    ) -> None:
        pass

    for command in (fit, sample, score, impute):
        command.register(app, words)
    spectrum.register(app, words)
    bench.register(app, words)
    pages.register(app, words, language)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        show.line(version("ornstein"))
        raise typer.Exit


def _language(argv: list[str]) -> tuple[str, list[str]]:
    """``--lang`` works anywhere on the line, since help has to know it before the commands are built."""
    chosen, rest = os.environ.get("ORNSTEIN_LANG", "en"), []
    given = iter(argv)
    for word in given:
        if word == "--lang":
            chosen = next(given, "")
        elif word.startswith("--lang="):
            chosen = word.removeprefix("--lang=")
        else:
            rest.append(word)
    if chosen not in LANGUAGES:
        raise unknown_name("--lang", chosen, LANGUAGES)
    return chosen, rest
