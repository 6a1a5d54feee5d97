"""The README says what is there: its example runs, its map is the tree, its set-up is two lines."""

import re

from fences import PAGES, ROOT, fences, run_blocks

from test_layers import graph

README = (ROOT / "README.md").read_text(encoding="utf-8")


def listed(tree):
    """The paths of a folder map: two spaces in, one level down."""
    found, top = [], ""
    for line in tree.splitlines():
        name = line.split()[0]
        top = top if line.startswith("  ") else name
        found.append(f"{top}{name}" if line.startswith("  ") else name)
    return found


MAP = listed(next(block for block in fences(README, "") if block.startswith("src/prefloop/")))


def there(folder, *, files):
    """What a folder holds that a reader would look for: folders with something in them, and modules."""
    for path in sorted((ROOT / folder).iterdir()):
        if path.is_dir() and path.name != "__pycache__" and any(p.suffix != ".pyc" for p in path.rglob("*.*")):
            yield f"{folder}{path.name}/"
        elif files and path.suffix == ".py" and path.name != "__init__.py":
            yield f"{folder}{path.name}"


def test_the_map_lists_every_folder_and_module_and_nothing_else():
    inside = [*there("src/prefloop/", files=True), *there("docs/", files=False)]
    assert sorted(MAP) == sorted([*inside, "src/prefloop/", "bench/", "docs/", "examples/", "tests/"])


def test_the_map_lists_importers_before_what_they_import():
    place = {path.removeprefix("src/prefloop/").strip("/").removesuffix(".py"): n for n, path in enumerate(MAP)}
    wrong = {f"{a} -> {b}" for a, below in graph().items() for b in below if place.get(a, -1) > place.get(b, 99)}
    assert wrong == set()


def test_set_up_is_two_commands_of_one_line():
    demo, tests = fences(README, "sh setup")
    assert demo.endswith("prefloop demo\n")
    assert tests.endswith("pytest -n auto\n")
    assert demo.count("\n") == tests.count("\n") == 1
    assert all("-m venv .venv && " in line and "-c constraints.txt" in line for line in (demo, tests))


def test_the_example_is_short_and_runs_the_whole_loop(folder, monkeypatch, tmp_path):
    example = re.search(r"<!-- example -->(.*?)<!-- /example -->", README, re.S)[1]
    (block,) = fences(example, "python")
    assert len([line for line in block.splitlines() if line.strip()]) <= 20
    result = run_blocks([block], folder, monkeypatch, tmp_path)["result"]
    assert (tmp_path / "runs/cheerful/report.html").stat().st_size > 0
    assert {m["stage"] for m in result.metrics} == {"1/reward", "1/policy"}


def test_every_link_of_the_documentation_leads_somewhere():
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not target.startswith("http") and not (page.parent / target).exists()
    ]
    assert broken == []
