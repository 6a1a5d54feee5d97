"""An import goes down, never up or across; files stay short; the package itself is light."""

import ast
import subprocess
import sys
from pathlib import Path

import prefloop

ROOT = Path(prefloop.__file__).parent
FILES = sorted(p for p in ROOT.rglob("*.py"))


def unit(parts):
    """What the layers speak of: a package, or a module that lies in none."""
    return parts[0] if parts else ""


def imports(path):
    """The units of prefloop that a file imports, at the top or inside functions."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = (*base, *(node.module.split(".") if node.module else ()))
            yield from ((unit(target),) if target else (alias.name for alias in node.names))
        else:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            assert not [n for n in names if n.split(".")[0] == "prefloop"], f"{path}: imports of prefloop are relative"


def graph():
    edges = {}
    for path in FILES:
        own = unit(path.relative_to(ROOT).with_suffix("").parts)
        edges.setdefault(own, set()).update(set(imports(path)) - {own})
    return edges


LAYERS = (
    {"cli"},
    {"verify", "web"},
    {"loops"},
    {"evaluation", "recipes"},
    {"sampling", "scoring", "feedback"},
    {"learning"},
    {"models"},
    {"planning", "recipe_file", "prompts", "checking", "batch", "folders", "terminal", "metrics"},
    {"roles", "hints"},
    {"recipe"},
    {"recipe_models"},
    {"reduce"},
    {"objectives", "shaping", "credit", "baselines", "select", "statistics"},
    {"binding"},
    {"fields"},
    {"ops", "dials", "parts"},
    {"names", "text", "errors"},
)
"""From the top down. What stands in one layer does not know of its neighbours."""
PURE = {"objectives", "shaping", "credit", "baselines", "select", "ops"}
FREE = {"torch", "numpy", "jaxtyping", "typing", "math", "collections", "dataclasses", "difflib", "__future__"}
"""What the pure pieces may import from outside: no model, no file, no network."""


def test_every_import_goes_down():
    depth = {name: level for level, names in enumerate(LAYERS) for name in names}
    edges = {name: below - {"__init__"} for name, below in graph().items() if name != "__init__"}
    assert set(edges) == set(depth), "every package and module has its place in the layers"
    assert {f"{a} -> {b}" for a, below in edges.items() for b in below if depth[a] >= depth[b]} == set()


def test_modules_inside_a_package_do_not_import_each_other_in_a_circle():
    edges = {}
    for path in FILES:
        own = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        edges[own] = set(targets(path)) - {own}
    while leaves := {name for name, below in edges.items() if not below & set(edges)}:
        edges = {name: below for name, below in edges.items() if name not in leaves}
    assert edges == {}


def targets(path):
    """The modules of prefloop that a file imports when it is loaded, by dotted name."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join((*package[: len(package) - node.level + 1], *([node.module] if node.module else [])))
            inside = ROOT / base.replace(".", "/")
            for alias in node.names:
                name = f"{base}.{alias.name}".removeprefix(".")
                yield name if inside.is_dir() and (inside / f"{alias.name}.py").is_file() else base


def test_the_pure_pieces_import_nothing_that_touches_the_world():
    for path in FILES:
        if unit(path.relative_to(ROOT).with_suffix("").parts) not in PURE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert {n.split(".")[0] for n in names} <= FREE, path.name


def test_no_file_is_long():
    long = {p.name: n for p in FILES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("torch", "transformers", "sqlalchemy", "numpy", "matplotlib", "peft", "rich", "typer", "fastapi", "nh3")
    code = f"import prefloop, sys; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_and_the_store_under_it_load_no_torch():
    code = "import sys, prefloop.feedback.queue, prefloop.feedback.erasure; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_everything_the_package_offers_can_be_imported():
    assert {name for name in prefloop.__all__ if not hasattr(prefloop, name)} == set()
