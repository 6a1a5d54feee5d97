"""Writes the pages that say what the code says: the vocabulary, and one page for every method.

Run it after a change of a method, an objective or the vocabulary:  python docs/generate.py
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prefloop.binding import Bound, locate
from prefloop.loops.catalogue import catalogue
from prefloop.names import VOCABULARY
from prefloop.planning import plan
from prefloop.recipe import Recipe
from prefloop.recipe_file import dump
from prefloop.recipes import methods
from prefloop.verify.known import KNOWN

HERE = Path(__file__).parent
SHAPES = (
    ("P", "prompts"),
    ("K", "responses to each prompt"),
    ("T", "token positions of a response"),
    ("D", "reward channels"),
)


def pages() -> dict[str, str]:
    """Every generated page: its path below docs/, and its text."""
    rows = catalogue()
    found = {"reference/vocabulary.md": vocabulary(), "methods/index.md": index(rows)}
    for name, make in methods().items():
        row = next(r for r in rows if r["name"] == name)
        found[f"methods/{name}.md"] = page(name, make(), inspect.getdoc(make) or "", row["needs"])
    return found


def vocabulary() -> str:
    """The page of the vocabulary."""
    names = [(f"`{n.name}`", n.shape, n.meaning, n.source or "a function of `derive`") for n in VOCABULARY.values()]
    return _joined(
        "# Vocabulary",
        "Every tensor that passes between the pieces of a method. The positional parameters of an objective, a "
        "shaping, a credit or a selection function are names from this table; knobs are keyword-only. A name that ends "
        "in `_logp` and begins with the role of a frozen model, such as `teacher_logp`, is what that model thinks of "
        "the same tokens; with `_mismatched_logp` at its end, after another prompt than their own.",
        _table(("name", "shape", "meaning", "given by"), names),
        "Shapes:",
        _table(("letter", "counts"), SHAPES),
        "Pairs are K = 2 with the preferred response at index 0. Choices and rankings have the best response first. A "
        "missing response has an all-zero row in `mask`.",
    )


def index(rows: Sequence[dict[str, object]]) -> str:
    """The page that lists the methods."""
    cells = [(f"[{r['name']}]({r['name']}.md)", r["family"], r["summary"], r["paper"]) for r in rows]
    return _joined(
        "# Methods",
        "Each is a recipe: a plain function of a few knobs in `src/prefloop/recipes/`. `prefloop methods` prints this "
        "table, `prefloop methods --json` gives it to programs.",
        _table(("name", "family", "what it does", "paper"), cells),
    )


def page(name: str, recipe: Recipe, about: str, needs: Sequence[str]) -> str:
    """The page of one method."""
    rows = [(f"`{r.tensor}`", r.shape, r.producer, ", ".join(r.consumers) or "-") for r in plan(recipe).rows]
    return _joined(
        f"# {name}",
        about,
        f"Paper: {recipe.paper}.  \nFamily: {recipe.family}.  \nNeeds: {', '.join(needs)}.",
        "## The pieces",
        *_pieces(recipe),
        "## Who gives and who reads every tensor",
        f"As `prefloop explain {name}` prints it.",
        _table(("tensor", "shape", "given by", "read by"), rows),
        "## The known answer",
        _known(name),
        "## The recipe",
        f"As `recipe.yaml` in a run folder; every line can be changed with `prefloop run {name} --set path=value`.",
        f"```yaml\n{dump(recipe).rstrip()}\n```",
    )


def _pieces(recipe: Recipe) -> Iterator[str]:
    parts: dict[str, Iterable[Bound]] = {
        "score": recipe.score.values(),
        "select": recipe.select,
        "derive": recipe.derive,
        "objective": [t.objective for t in recipe.objective],
    }
    for part, pieces in parts.items():
        for piece in pieces:
            gives = f", gives {_code(piece.gives)}" if piece.gives else ""
            yield f"### {part}: {piece.name}"
            yield f"`{locate(piece.function)}` takes {_code(piece.inputs)}{gives}."
            yield _prose(piece)


def _prose(piece: Bound) -> str:
    """The docstring up to its example; its formulas are indented, which is code in Markdown too."""
    return (inspect.getdoc(piece.function) or "").partition(">>>")[0].rstrip()


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def _known(name: str) -> str:
    if name not in KNOWN:
        return "None has been written down."
    return (
        f"On a language model small enough to enumerate, `prefloop verify {name}` trains with this recipe, prints what "
        "is known to be reached and how far from it training ends, and ends with code 1 if that is too far."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _joined(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    for path, text in pages().items():
        (HERE / path).parent.mkdir(exist_ok=True)
        (HERE / path).write_text(text, encoding="utf-8")
