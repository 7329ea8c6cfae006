"""Help, languages and consoles: nothing is cut, nothing is English by accident, nothing heavy is imported, nothing fails to be shown."""

import io
import json
import re
import subprocess
import sys

import pytest
from rich.cells import cell_len

import ornstein as orn
from commands import run, without_reading
from ornstein.cli import main
from ornstein.cli.commands import COMMANDS
from ornstein.cli.help import wrapped
from ornstein.cli.words import dictionary, preferred
from ornstein.data.laws import ornstein_uhlenbeck

LIGHT = """
import sys
from ornstein.cli import main
for words in ("--version", "--help", *(f"{{c}} --help" for c in {commands}), "fitt", "--modle", "score", "sample m --lang xx"):
    try:
        main(words.split())
    except SystemExit:
        pass
    heavy = {{"torch", "scipy", "sklearn", "matplotlib", "numpy"}} & set(sys.modules)
    assert not heavy, (words, heavy)
"""


def test_help_version_and_usage_errors_import_nothing_heavy():
    """The options of ``fit`` are those of the recipes, so its help reads them."""
    light = [name for name in COMMANDS if name != "fit"]
    done = subprocess.run([sys.executable, "-c", LIGHT.format(commands=light)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_public_names_are_those_of_their_modules():
    """The table of homes, the imports for type checkers and __all__ say the same."""
    import ast
    from pathlib import Path

    tree = ast.parse(Path(orn.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name))
    shown = {alias.name: node.module for node in block.body for alias in node.names}
    assert sorted(shown) == orn.__all__ == sorted(orn.__all__)
    assert set(orn.__all__) <= set(dir(orn))
    for name, home in shown.items():
        module = __import__(home, fromlist=[name])
        assert getattr(orn, name) is getattr(module, name)
    with pytest.raises(AttributeError, match="no attribute 'fti'"):
        orn.fti  # noqa: B018


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("command", ["fit", "sample", "bench samplers"])
def test_no_name_of_an_option_is_cut(command, language, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, _ = run(capsys, *command.split(), "--help", "--lang", language)
    assert code == 0
    assert "…" not in out
    assert all(cell_len(line) <= width for line in out.splitlines())
    flat = re.sub(r"[\s│]", "", out)
    for name in (
        ("--orient", "--window", "--standardize", "--shrinkage", "--learning-rate", "--checkpoints") if command == "fit" else ("--output",)
    ):
        assert name in flat


def test_help_in_chinese_is_chinese(capsys):
    for words in ((), ("fit",), ("sample",), ("bench",), ("bench", "samplers")):
        _, out, _ = run(capsys, *words, "--help", "--lang", "zh")
        for english in (
            "Usage",
            "Options",
            "Arguments",
            "Commands",
            "default",
            "required",
            "OPTIONS",
            "COMMAND",
            "Show this",
            "Example",
            "<path>",
        ):
            assert english not in out, (words, english)


def test_a_line_is_broken_where_chinese_allows_it():
    lines = wrapped("帮助、输出与报告所用的语言：en 或（zh）。 [默认：en]", 12).split("\n")
    assert all(cell_len(line) <= 14 for line in lines)
    assert not any(line[0] in "。、：）" for line in lines)
    assert not any(line[-1] == "（" for line in lines)
    assert lines[-1] == "[默认：en]"
    assert wrapped("one two three", 8).split("\n") == ["one two", "three"]


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN"}, "zh"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh-Hans"}, "zh"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LC_ALL": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_TW.Big5"}, "zh"),
        ({"LANGUAGE": "de:zh_CN:en", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LANGUAGE": "en:zh", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"ORNSTEIN_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"ORNSTEIN_LANG": "zh", "LC_ALL": "C"}, "zh"),
    ],
)
def test_the_language_of_the_locale(environment, language):
    assert preferred(environment)[0] == language


def test_an_unknown_language_is_named_with_its_source(capsys, monkeypatch):
    monkeypatch.setenv("ORNSTEIN_LANG", "fr")
    code, _, err = run(capsys, "--help")
    assert (code, err.startswith("error: ORNSTEIN_LANG is 'fr', but must be one of en, zh")) == (2, True)


def test_both_languages_have_the_same_words():
    english, chinese = dictionary("en"), dictionary("zh")
    assert list(english) == list(chinese)
    for key in english:
        fields = [sorted(re.findall(r"{(\w*)", text)) for text in (english[key], chinese[key])]
        assert fields[0] == fields[1], key
        assert chinese[key].strip()


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder with days.csv, gaps.csv and a model, whose unit and channel have letters that few encodings have."""
    folder = tmp_path_factory.mktemp("console")
    days = orn.Signals(20 + 5 * ornstein_uhlenbeck(40, 8, 3.0, seed=1).values, rate=4.0, channels=("负荷",), units=("µV",))
    orn.write(folder / "days.csv", days)
    gaps = days.values[:6].clone()
    gaps[0, 0, 2:5] = float("nan")
    orn.write(folder / "gaps.csv", days.with_values(gaps))
    orn.fit(days).save(folder / "days.model")
    return folder


class Encoded(io.TextIOWrapper):
    """A console of one encoding."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", newline="\n")

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gb18030", "utf-8"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "fit --help",
        "fit days.csv -o ascii.model --force",
        "sample days.model -n 2 -o new.csv --force --sampler unipc --steps 2",
        "score days.model days.csv",
        "score days.model days.csv --json",
        "impute days.model gaps.csv -o full.csv --bands bands.csv --force",
        "spectrum days.csv --standardize none",
        "bench samplers days.csv --sampler ddim,heun --steps 4",
    ],
)
def test_every_console_can_show_every_command(words, language, encoding, room, monkeypatch):
    monkeypatch.chdir(room)
    out, err = Encoded(encoding), Encoded(encoding)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit) as stop:
        main([*words.split(), "--lang", language])
    shown, told = out.text(), without_reading(err.text())  # names of the data that a console lacks are shown by their numbers
    assert not stop.value.code, told
    assert "\\u" not in shown + told
    assert "?" not in shown + told
    chinese = re.search(r"[\u4e00-\u9fff]", shown) is not None
    assert chinese == (language == "zh" and encoding in ("gb18030", "utf-8") and "--json" not in words)
    if "--json" in words:
        json.loads(shown)


def test_an_error_on_a_console_of_seven_bits(room, monkeypatch):
    monkeypatch.chdir(room)
    err = Encoded("ascii")
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit) as stop:
        main(["score", "days.model", "没有.csv"])
    assert stop.value.code == 2
    assert err.text().startswith("error: \\u6ca1\\u6709.csv does not exist")
