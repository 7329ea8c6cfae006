"""Every sentence that the library can say to a person, read off its source. Run as a script, it prints the entries that are missing."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "ornstein"
CATALOGUE = SOURCE / "common" / "text" / "sentences.zh.json"
SAYING = ("InputError", "RunError", "Remark", "warn", "_note", "_say", "because")
REFUSING = ("Refused",)
"""Errors whose sentence comes second, after a status."""
TELLING = ("tell", "progress")
"""Calls that say what is being done, where they are given one thing."""
REMARKS = ("notes", "note", "why", "said")
"""What remarks are kept in: variables, and arguments of that name."""
VERBS = ("is", "are")
"""A sentence for one and for many is two."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PHRASE = re.compile(r"[a-z]+[^a-z]* [a-z]+")
"""Two words or more in a row: what is filled into a sentence and has to be translated with it."""


@dataclass(frozen=True)
class Sentence:
    """A sentence with numbers for what is filled in, the phrases that each of them may be, and where it stands."""

    text: str
    phrases: tuple[frozenset[str], ...]
    where: str


def sentences(root: Path = SOURCE) -> Iterator[Sentence]:
    """Every sentence given to an error or a warning below ``root``."""
    for file in sorted(root.rglob("*.py")):
        yield from said(file.read_text(encoding="utf-8"), str(file.relative_to(root)))


def said(source: str, name: str) -> Iterator[Sentence]:
    """The sentences of one module."""
    tree = ast.parse(source)
    for scope in _scopes(tree):
        for node in _within(scope):
            for spoken in _spoken(node):
                for given, where in _composed(spoken, scope, tree):
                    found = _sentence(given, where, f"{name}:{given.lineno}")
                    yield from (one for one in found if where is scope or PHRASE.search(one.text))


def missing(found: list[Sentence], catalogue: dict[str, str]) -> dict[str, str]:
    """What has no entry -> where it is said: sentences, and phrases that their translations use."""
    lost = {}
    for sentence in found:
        if sentence.text not in catalogue:
            lost[sentence.text] = sentence.where
            continue
        used = places(catalogue[sentence.text])
        for number, phrases in enumerate(sentence.phrases):
            if number in used:
                lost |= {phrase: sentence.where for phrase in phrases if phrase not in catalogue}
    return lost


def places(text: str) -> set[int]:
    """The numbers of a sentence."""
    return {int(number) for number in re.findall(r"\{(\d+)\}", text)}


def _scopes(tree: ast.AST) -> list[ast.AST]:
    return [tree, *(node for node in ast.walk(tree) if isinstance(node, FUNCTIONS))]


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module or a function without those of the functions in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, FUNCTIONS):
            yield child
            yield from _within(child)


def _spoken(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement says to a person: the words of an error, a warning or a stage of the work, and remarks on a result."""
    if isinstance(node, ast.Call):
        name = _name(node.func)
        if node.args and (name in SAYING or (name in TELLING and len(node.args) == 1)):
            yield node.args[0]
        if name in REFUSING and len(node.args) == 2:
            yield node.args[1]
        if name == "append" and isinstance(node.func, ast.Attribute) and _name(node.func.value) in REMARKS:
            yield node.args[0]
        yield from (argument.value for argument in node.keywords if argument.arg in REMARKS)
    elif isinstance(node, ast.Dict):
        yield from (
            value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant) and key.value in REMARKS
        )
    elif isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(_name(target) in REMARKS for target in targets):
            yield node.value


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""


def _composed(node: ast.expr, scope: ast.AST, tree: ast.AST) -> Iterator[tuple[ast.expr, ast.AST]]:
    """What an expression may be, and the function that says so: one or the other, or what a function of the module returns, which may be
    a part of a sentence."""
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _composed(value, scope, tree)
    elif isinstance(node, ast.Name) and (called := _calls(node, scope)):
        for call in called:
            yield from _composed(call, scope, tree)
        yield from ((value, scope) for value in _values(node, scope))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        for function in _scopes(tree)[1:]:
            if function.name == node.func.id and isinstance(function.returns, ast.Name) and function.returns.id == "str":
                for inner in _within(function):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from _composed(inner.value, function, tree)
    else:
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Call):
                    yield from _composed(part.value, scope, tree)
        yield from ((value, scope) for value in _values(node, scope))


def _calls(node: ast.Name, scope: ast.AST) -> list[ast.expr]:
    """The calls that a local name was set to, alone or in the arm of a choice."""
    found = []
    for other in _within(scope):
        if isinstance(other, ast.Assign) and any(isinstance(t, ast.Name) and t.id == node.id for t in other.targets):
            arms = (other.value.body, other.value.orelse) if isinstance(other.value, ast.IfExp) else (other.value,)
            found += [arm for arm in arms if isinstance(arm, ast.Call)]
    return found


def _values(node: ast.expr, scope: ast.AST) -> Iterator[ast.expr]:
    """What an expression may be: both arms of a choice, and whatever a local name was set to."""
    if isinstance(node, ast.IfExp):
        yield from _values(node.body, scope)
        yield from _values(node.orelse, scope)
    elif isinstance(node, ast.Name):
        for other in _within(scope):
            if isinstance(other, ast.Assign) and any(isinstance(t, ast.Name) and t.id == node.id for t in other.targets):
                yield from _values(other.value, scope)
    elif isinstance(node, ast.List | ast.Tuple):
        for entry in node.elts:
            yield from _values(entry, scope)
    elif isinstance(node, ast.ListComp):
        yield from _values(node.elt, scope)
    elif isinstance(node, ast.JoinedStr):
        yield from _numbers(node)
    elif isinstance(node, ast.Constant | ast.BinOp):
        yield node


def _numbers(node: ast.JoinedStr) -> Iterator[ast.JoinedStr]:
    """The sentence for one thing and that for many, where its verb is chosen by their number."""
    for k, part in enumerate(node.values):
        if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.IfExp):
            arms = (part.value.body, part.value.orelse)
            if all(isinstance(arm, ast.Constant) and arm.value in VERBS for arm in arms):
                for arm in arms:
                    yield ast.copy_location(ast.JoinedStr([*node.values[:k], arm, *node.values[k + 1 :]]), node)
                return
    yield node


def _parts(node: ast.expr) -> Iterator[str | ast.expr]:
    """Text and what is filled in, in turn."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from _parts(value) if isinstance(value, ast.Constant) else [value]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _parts(node.left)
        yield from _parts(node.right)


def _sentence(node: ast.expr, scope: ast.AST, where: str) -> Iterator[Sentence]:
    text, filled = "", False
    phrases: list[frozenset[str]] = []
    for part in _parts(node):
        if isinstance(part, str):
            text, filled = text + part.replace("{", "{{").replace("}", "}}"), False
            continue
        if not filled:  # two that touch are one, since nothing tells where the first ends
            text, filled = f"{text}{{{len(phrases)}}}", True
            phrases.append(frozenset())
        for value in _values(part.value if isinstance(part, ast.FormattedValue) else part, scope):
            phrases[-1] |= {inner.text for inner in _sentence(value, scope, where) if PHRASE.search(inner.text)}
    if text:
        yield Sentence(text, tuple(phrases), where)


if __name__ == "__main__":
    for text, where in missing(list(sentences()), json.loads(CATALOGUE.read_text(encoding="utf-8"))).items():
        print(f'  {json.dumps(text, ensure_ascii=False)}: "",    ({where})')
