"""Every sentence that the library can say has a Chinese entry, and a raised one is found by it."""

from __future__ import annotations

import json
import re

import pytest
from programs import FILES
from test_written_by import written

import ornstein as orn
from commands import without_reading
from ornstein.cli import main
from ornstein.common.errors import unknown_name
from ornstein.common.sentences import catalogue, translated
from sentences import CATALOGUE, missing, places, said, sentences

SOURCE = """
def f(x, names, rest):
    why = "drop it first" if x else f"keep {x} of it"
    if x:
        raise InputError(f"x is {x!r}, but {'at least one' if rest else 'b'} {{y}}: {why}")
    raise RunError("nothing" + f" of {x}{rest}")


def g(x):
    notes = ["a first", f"{x} {'is' if x else 'are'} left"] if x else []
    notes.append(f"{x} more")
    tell("at work")
    tell("key", 0.5)
    return Loaded(x, notes=(*notes, "a last"))


async def h(x):
    raise Refused(422, f"{x} came too late")
    say({"is": "failed", "why": "it stopped"})
"""


def test_every_sentence_has_a_chinese_entry():
    """``python tests/sentences.py`` prints the lines to fill in and to put into the catalogue, which is in the order of the alphabet."""
    entries = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    found = list(sentences())
    lost = missing(found, entries)
    assert not lost, f"without a line in {CATALOGUE.name} (run python tests/sentences.py): {lost}"
    known = {s.text for s in found} | {phrase for s in found for phrases in s.phrases for phrase in phrases}
    assert not (entries.keys() - known), f"nobody says: {sorted(entries.keys() - known)}"
    assert list(entries) == sorted(entries)


def test_the_entries_agree_with_their_sentences():
    """A translation uses numbers that its sentence has, and leaves none out but the plural's s."""
    for english, chinese in catalogue("zh").items():
        assert places(chinese) <= places(english), english
        plural = {int(k) for k in re.findall(r"[a-z]\{(\d+)\}", english)}
        assert places(english) - places(chinese) <= plural, english
        assert chinese.strip()


def test_sentences_are_read_off_the_source():
    found = {s.text: s for s in said(SOURCE, "f.py")}
    remarks = {"a first", "{0} is left", "{0} are left", "{0} more", "at work", "a last", "drop it first", "keep {0} of it"}
    remarks |= {"{0} came too late", "it stopped"}
    assert found.keys() == {"x is {0}, but {1} {{y}}: {2}", "nothing of {0}", *remarks}
    first = found["x is {0}, but {1} {{y}}: {2}"]
    assert first.phrases == (frozenset(), frozenset({"at least one"}), frozenset({"drop it first", "keep {0} of it"}))
    errors = [first, found["nothing of {0}"]]
    lost = missing(errors, {"x is {0}, but {1} {{y}}: {2}": "{0} {1}", "at least one": "至少一个"})
    assert list(lost) == ["nothing of {0}"]
    assert "drop it first" in missing(errors, {"x is {0}, but {1} {{y}}: {2}": "{0} {1} {2}", "nothing of {0}": "{0}"})


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("rate is -1, but must be above 0", "rate 为 -1，但须大于 0"),
        (str(unknown_name("law", "cosine", ["cosines", "x"])), "law 为 'cosine'，但须为其中之一：cosines, x；是否想写 'cosines'？"),
        (str(unknown_name("law", "y", ["cosines", "x"])), "law 为 'y'，但须为其中之一：cosines, x"),
        (
            "x holds 3 NaN values, first at index (0,): impute or drop them first",
            "x 含有 3 个 NaN 值，第一个在下标 (0,)：请先补全或去掉它们",
        ),
        ("n is 9.5, but must be a whole number of at least 1 and at most 7", "n 为 9.5，但须为不小于 1 且不大于 7 的整数"),
        ("--rank is 'ten', but must be a whole number", "--rank 为 'ten'，但须为整数"),
        ("`a`, `b` are empty and left out", "`a`, `b` 是空列，已略去"),
        ("24 samples, one every 3600 s", "24 个采样点，每 3600 秒一个"),
        ("3 cases outside its support", "3 cases outside its support"),
        ("m: 3 cases outside its support, so its mean is -inf", "m：3 条信号在支撑之外，平均值因此为 -inf"),
        ("a.csv: b.csv does not exist: check the path", "a.csv: b.csv 不存在：请检查路径"),
        (
            "a.csv: b holds 0 60 times, where hardly any other number repeats: if it marks missing values, put NaN there, or leave these "
            "cells empty",
            "a.csv: b 含有 0（60 次，而其余的数几乎从不重复）：若它表示缺失，请换成 NaN，或把这些格子留空",
        ),
        (
            "a follows a straight line from case to case (R2 0.98), and a law returns to its mean: subtract the line, or take differences",
            "a 逐条沿直线变化（R2 0.98），而分布总会回到均值：请减去这条直线，或取差分",
        ),
        ("pypots is not installed: pip install pypots adds it to the table", "pypots 没有安装：pip install pypots 之后即可列入"),
        (
            "no network got below the held-out loss of the Gaussian (0.4), so one with the Gaussian's answers is returned: train longer, "
            "or give more cases",
            "没有网络的留出损失低于高斯分布（0.4），因此交回一个与高斯分布答案相同的网络：请训练更久，或多给些信号",
        ),
        ("the model does not know the channels a, b: they are left out", "模型不认识通道 a, b：已略去"),
        (
            "U-Net, 1-D, width 64, 3 levels, 1.2 M parameters: 4000 signals of 1 x 128",
            "U-Net，1 维，宽 64，3 级，1.2 M 个参数：4000 条 1 x 128 的信号",
        ),
        ("MLP, width 128, 1 block, 12 k parameters: 40 signals of 9", "MLP，宽 128，1 块，12 k 个参数：40 条 9 的信号"),
        (
            "transformer, 1-D, width 32, 4 blocks, 4 heads, patch 8, 2 channels a token, 9 k parameters: 40 signals of 4 x 64",
            "Transformer，1 维，宽 32，4 块，4 头，片长 8，每个词元 2 个通道，9 k 个参数：40 条 4 x 64 的信号",
        ),
        ("a thing: of its own", "a thing: of its own"),
        ("a sentence that nobody wrote", "a sentence that nobody wrote"),
    ],
)
def test_what_was_raised_is_recognised(english, chinese):
    assert translated(english, "zh") == chinese
    assert translated(english, "en") == english


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_was_read_is_told_in_chinese(file, tmp_path):
    """What 32 programs write: but for names, which are quoted, no two words of the line are English."""
    for part in written(file, tmp_path).parts()[1:]:
        told = translated(part, "zh")
        assert not re.search(r"[a-z]{2,} [a-z]{2,}", re.sub(r"`[^`]*`", "", told)), told


@pytest.mark.parametrize(
    ("words", "english", "chinese"),
    [
        ("fit days.csv --rank ten", "--rank is 'ten', but must be a whole number", "--rank 为 'ten'，但须为整数"),
        ("fit days.csv --window 2.5", "--window is '2.5', but must be a whole number", "--window 为 '2.5'，但须为整数"),
        ("fit days.csv --minutes 1,5", "--minutes is '1,5', but must be a number", "--minutes 为 '1,5'，但须为一个数"),
        ("sample m -n x -o n.csv", "--number is 'x', but must be a whole number", "--number 为 'x'，但须为整数"),
    ],
)
def test_a_value_that_is_no_number_is_named(words, english, chinese, capsys):
    for language, sentence in (("en", f"error: {english}"), ("zh", f"错误：{chinese}")):
        with pytest.raises(SystemExit) as stop:
            main([*words.split(), "--lang", language])
        assert (stop.value.code, capsys.readouterr().err.strip()) == (2, sentence)


@pytest.mark.parametrize(
    "words",
    [
        "fit nofile.csv -o m",
        "fit days.csv -o m --rank ten",
        "fit days.csv -o m --window 9",
        "fit days.csv -o m --shrinkage often",
        "sample days.csv -o n.csv",
        "score nowhere days.csv",
        "report days.csv -o r.html --model network",
        "score nowhere",
        "impute m days.csv -o f.csv --level 2",
        "fitt days.csv",
        "fit days.csv --modle gaussian",
        "fit days.csv extra",
        "--lang xx --help",
    ],
)
def test_errors_on_the_command_line_are_chinese(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORNSTEIN_LANG", "zh")
    orn.write("days.csv", orn.Signals([[[1.0, 2, 3, 2]], [[2.0, 3, 1, 2]], [[0.0, 1, 1, 2]]]))
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    assert stop.value.code == 2
    text = without_reading(capsys.readouterr().err)
    assert text.startswith("错误：")
    assert not re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", text), text
