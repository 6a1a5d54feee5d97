"""The fenced blocks of a page, and how its programs are made small enough for a test."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(p for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.M | re.S)
_FILE = re.compile(r"# (\w+\.py)\n")
_SMALLER = {
    r'"HuggingFaceTB/[^"]*"': '"{folder}"',
    r"\bsteps=\d+": "steps=2",
    r"\brounds=2\b": "rounds=1, candidates=6, questions=5, held_out=4, judged=2",
}


def fences(text, info):
    """The blocks whose fence says `info`."""
    return [m["text"] for m in _FENCE.finditer(text) if m["info"].strip() == info]


def run_blocks(blocks, folder, monkeypatch, tmp_path):
    """Run the blocks of a page as one program, in a folder of its own, on a tiny model and for few steps.

    A block that begins with a file name is also saved under that name, so that later blocks can import it.
    """
    program = "\n\n".join(blocks)
    for pattern, small in _SMALLER.items():
        program = re.sub(pattern, small.format(folder=folder.as_posix()), program)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for block in blocks:
        if named := _FILE.match(block):
            (tmp_path / named[1]).write_text(block, encoding="utf-8")
    file = tmp_path / "page.py"
    file.write_text(program, encoding="utf-8")
    return runpy.run_path(str(file), run_name="__main__")
