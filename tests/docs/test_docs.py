"""The documentation is true: generated pages are up to date, its programs run, its commands exist."""

import re
import runpy
import shlex

import pytest
import typer
from fences import PAGES, ROOT, fences, run_blocks
from typer.testing import CliRunner

from prefloop.cli import app

GENERATED = runpy.run_path(str(ROOT / "docs/generate.py"))["pages"]()


def named(page):
    return str(page.relative_to(ROOT))


def with_fence(info):
    return [p for p in PAGES if fences(p.read_text(encoding="utf-8"), info)]


def commands(text):
    """Every prefloop command of a page's shell blocks."""
    for block in fences(text, "sh"):
        for line in block.splitlines():
            _, found, arguments = f" {line}".partition(" prefloop ")
            if found:
                yield shlex.split(arguments)


def test_generated_pages_are_those_that_generate_writes():
    stored = {
        p.relative_to(ROOT / "docs").as_posix(): p.read_text(encoding="utf-8")
        for folder in ("methods", "reference")
        for p in (ROOT / "docs" / folder).glob("*.md")
    }
    assert stored == GENERATED, "run: python docs/generate.py"


@pytest.mark.parametrize("page", with_fence("python"), ids=named)
def test_the_programs_of_a_page_run(page, folder, monkeypatch, tmp_path):
    run_blocks(fences(page.read_text(encoding="utf-8"), "python"), folder, monkeypatch, tmp_path)


@pytest.mark.parametrize("page", with_fence("sh"), ids=named)
def test_the_commands_of_a_page_exist(page, monkeypatch, tmp_path):
    text = page.read_text(encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for block in fences(text, "python"):
        if found := re.match(r"# (\w+\.py)\n", block):
            (tmp_path / found[1]).write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for arguments in commands(text):
        parsed(arguments)
        if arguments[0] == "explain":
            result = CliRunner().invoke(app, arguments)
            assert result.exit_code == 0, (arguments, result.output, result.exception)


def parsed(arguments):
    """Parse a command line as the program would, and run nothing; raises where it would be refused."""
    group = typer.main.get_command(app)
    context = group.make_context("prefloop", list(arguments))
    name, command, rest = group.resolve_command(context, list(arguments))
    command.make_context(name, rest, parent=context)


def test_a_command_that_does_not_exist_is_refused():
    with pytest.raises(Exception, match="No such option"):
        parsed(["run", "rloo", "--put", "runs/x"])
    with pytest.raises(Exception, match="No such command"):
        parsed(["walk"])
