"""Imports point one way: every module may use the layers before its own, never one after."""

import ast
from pathlib import Path

import ornstein

ROOT = Path(ornstein.__file__).parent

LAYERS = (
    ("common", "views"),
    ("data", "measurements", "covariance"),
    ("schedules", "nets"),
    ("process",),
    ("denoisers",),
    ("samplers", "posterior", "training", "likelihood", "discrete"),
    ("fitting",),
    ("correction",),
    ("model",),
    ("metrics", "plots", "estimator", "shards"),
    ("tour", "report"),
    ("demo", "lab", "widgets"),
    ("cli",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
PUBLIC_DOOR = "__init__"


def imports(source: str) -> set[str]:
    """The parts of ornstein that a module imports, wherever in the file it does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module] if node.module != "ornstein" else [f"ornstein.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        else:
            continue
        found |= {n.split(".")[1] for n in names if n.startswith("ornstein.")}
    return found


def part(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def wrong_arrows(files: list[tuple[str, str]]) -> list[str]:
    """(part, source) pairs -> sentences for the arrows that point to a later layer, or sideways within one."""
    wrong = []
    for name, source in files:
        for used in imports(source):
            if used in RANK and used != name and RANK[used] >= RANK[name]:
                wrong.append(f"{name} imports {used}, but must stand before it")
    return wrong


def sources() -> list[tuple[str, str]]:
    return [(part(f), f.read_text()) for f in sorted(ROOT.rglob("*.py")) if part(f) not in (PUBLIC_DOOR, "cli")]


def test_every_part_has_a_layer():
    assert {part(f) for f in ROOT.rglob("*.py")} - {PUBLIC_DOOR} == set(RANK)


def test_imports_point_one_way():
    assert wrong_arrows(sources()) == []


def test_a_planted_arrow_is_named():
    planted = [*sources(), ("covariance", "from ornstein.denoisers import Gaussian")]
    assert wrong_arrows(planted) == ["covariance imports denoisers, but must stand before it"]


def test_the_public_door_is_used_only_above():
    """``import ornstein`` itself pulls in everything, so nothing below the command line and the demo may do it."""
    for name, source in sources():
        uses = any(isinstance(n, ast.Import) and any(a.name == "ornstein" for a in n.names) for n in ast.walk(ast.parse(source)))
        assert not uses or name in ("demo", "report", "tour"), f"{name} imports ornstein itself"


def test_every_test_file_has_a_name_of_its_own():
    """Test folders are no packages, so two files of one name would be one module to the runner."""
    names = [file.name for file in Path(__file__).parent.rglob("*.py") if file.name != "__init__.py"]
    assert sorted(names) == sorted(set(names))
