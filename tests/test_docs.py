"""The documentation does what it says: its code runs, prints what it shows, and says the same in both languages."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import runpy
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import ornstein as orn
from ornstein.data.examples import electricity

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NAMES = sorted(page.name for page in (DOCS / "en").glob("*.md"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SLOW = ("report", "demo", "tour", "gaps")
"""Commands that take seconds: their own tests run them."""

# A page in Chinese holds the same code as its English twin (tested below), so running one of them runs both.
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *(DOCS / "en" / name for name in NAMES)]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language and its text, and whether nothing but blank lines stands before it and its predecessor."""

    language: str
    text: str
    follows: bool


def blocks(page: Path) -> list[Block]:
    source, found, end = page.read_text(encoding="utf-8"), [], -1
    for match in FENCE.finditer(source):
        found.append(Block(match[1], match[2], end >= 0 and not source[end : match.start()].strip()))
        end = match.end()
    return found


def headings(page: Path) -> list[int]:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    return [len(mark) for mark in re.findall(r"^(#+) ", prose, re.MULTILINE)]


def shell(text: str, slow: tuple[str, ...] = SLOW) -> str:
    """Standard output of the ``ornstein`` lines of a shell block, but for the commands in ``slow``."""
    from ornstein.cli import main

    out = io.StringIO()
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["ornstein"] or any(word in slow for word in words[1:4]):
            continue
        with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as stop:
            main(words[1:])
        assert stop.value.code == 0, line
    return out.getvalue()


def outputs(page: Path, slow: tuple[str, ...] = SLOW) -> list[tuple[Block, str]]:
    """Run a page from top to bottom; each shown output (text or JSON right below its code) with what was really printed."""
    namespace: dict[str, object] = {"__name__": "docs"}
    shown: list[tuple[Block, str]] = []
    printed: str | None = None
    for number, block in enumerate(blocks(page), start=1):
        if block.language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block.text, f"{page.name}, block {number}", "exec", dont_inherit=True), namespace)  # the documentation itself
            printed = out.getvalue()
        elif block.language == "bash":
            printed = shell(block.text, slow)
        elif block.follows and printed is not None:
            shown.append((block, printed))
            printed = None
    return shown


def same_words(shown: str, printed: str) -> bool:
    """Equal word by word; numbers to 2 % or 2 units of their last decimal, since processors round differently."""
    pattern = re.compile(r"([-+]?\d+\.\d+(?:e[-+]?\d+)?)")
    left, right = pattern.split(" ".join(shown.split())), pattern.split(" ".join(printed.split()))
    if left[::2] != right[::2] or len(left) != len(right):
        return False
    for a, b in zip(left[1::2], right[1::2], strict=True):
        last = 10.0 ** -len(a.split("e")[0].split(".")[1]) * 10.0 ** int(a.partition("e")[2] or 0)
        if abs(float(a) - float(b)) > max(0.02 * abs(float(a)), 2.01 * last, 1e-12):
            return False
    return True


def same_json(shown: object, printed: object) -> bool:
    """Equal but for the last digits of numbers."""
    if isinstance(shown, dict) and isinstance(printed, dict):
        return shown.keys() == printed.keys() and all(same_json(shown[k], printed[k]) for k in shown)
    if isinstance(shown, list) and isinstance(printed, list):
        return len(shown) == len(printed) and all(map(same_json, shown, printed))
    if isinstance(shown, float) and isinstance(printed, float):
        return math.isclose(shown, printed, rel_tol=0.02, abs_tol=1e-3)
    return shown == printed


def write_data() -> None:
    """The two files that the shell blocks work on: all days, and twenty of them with gaps."""
    days = electricity()
    gaps = days[:20].values.clone()
    gaps[5, 0, 8:14] = torch.nan
    gaps[9, 0, 18:] = torch.nan
    orn.write("days.csv", days)
    orn.write("gaps.csv", days.with_values(gaps))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_runs_and_prints_what_is_shown(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORNSTEIN_LANG", "en")
    if page.parent != ROOT:  # the README writes what its commands read
        write_data()
    for block, printed in outputs(page):
        if block.language == "json":
            assert same_json(json.loads(block.text), json.loads(printed.splitlines()[-1])), f"shown:\n{block.text}\nprinted:\n{printed}"
        else:
            assert same_words(block.text, printed), f"shown:\n{block.text}\nprinted:\n{printed}"


TERMS = {
    "噪声调度": ("噪声日程", "噪声表", "日程", "时间表"),
    "高斯混合": ("混合高斯",),
    "指数积分器": ("指数积分子", "积分子"),
    "责任度": ("归属概率", "责任值"),
    "过度分散": ("过散", "过度离散", "超散"),
    "查看中文帮助": ("用中文说话",),
    "缺口": ("空缺的", "补空缺", "有空缺"),
    "附加组件": ("附加项",),
}
"""The word for a thing, and others that were in use for it."""


def test_one_chinese_word_for_one_thing():
    texts = [*(DOCS / "zh").glob("*.md"), *DOCS.glob("en/glossary.md"), *ROOT.glob("README*.md")]
    texts += [file for file in (ROOT / "src").rglob("*") if file.suffix in (".json", ".html", ".js") and "text" in str(file)]
    found = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in texts}
    assert len(found) > 20
    for term, others in TERMS.items():
        assert any(term in text for text in found.values()), term
        assert not [(name, other) for name, text in found.items() for other in others if other in text], f"the word is {term}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_runs(page, tmp_path, monkeypatch):
    """Also those that take seconds."""
    monkeypatch.chdir(tmp_path)
    if page.parent != ROOT:
        write_data()
    outputs(page, ())


def test_the_two_readmes_show_the_same_code():
    english, chinese = (
        [(b.language, b.text) for b in blocks(ROOT / name) if b.language in ("bash", "python")] for name in ("README.md", "README.zh.md")
    )
    assert english == chinese
    assert {language for language, _ in english} == {"bash", "python"}
    assert "(README.zh.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.name)
def test_examples_run(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 40


def test_both_languages_have_the_same_pages():
    assert sorted(page.name for page in (DOCS / "zh").glob("*.md")) == NAMES
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert all(f"({language}/{name})" in index for name in NAMES for language in ("en", "zh"))


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_headings_and_code(name):
    english, chinese = DOCS / "en" / name, DOCS / "zh" / name
    assert headings(chinese) == headings(english)
    assert [(b.language, b.text) for b in blocks(chinese)] == [(b.language, b.text) for b in blocks(english)]


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "README.zh.md", *(DOCS / "zh" / name for name in NAMES)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_lead_somewhere(page):
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
        assert "://" in target or (page.parent / target).exists(), target


def test_a_wrong_output_is_noticed():
    assert same_words("rank 23, error 0.151", "rank 23, error 0.1512\n")
    assert not same_words("rank 23, error 0.151", "rank 24, error 0.151")
    assert not same_words("rank 23, error 0.151", "rank 23, error 0.165")
    assert same_json({"a": [1, 2.0]}, {"a": [1, 2.001]})
    assert not same_json({"a": [1, 2.0]}, {"a": [1, 2.2]})
    assert not same_json({"a": 1}, {"a": 1, "b": 2})
