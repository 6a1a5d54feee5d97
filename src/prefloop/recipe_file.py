"""Recipes on paper: any recipe value as YAML, and back.

A class, or a function with its knobs, is written as its import path under `call`, the fields or knobs beside it; a
function that is itself a field, under `function`. Reading a recipe imports what it names, so read only recipes that
you would run as programs.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from .binding import Bound, bind, locate, resolve
from .errors import RecipeError, nearest
from .fields import misfit

_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def to_tree(value: Any) -> Any:
    """A recipe value as dictionaries, lists and plain values.

    >>> from prefloop.recipe import Lora
    >>> to_tree(Lora(rank=4))
    {'call': 'prefloop.recipe_models:Lora', 'rank': 4, 'alpha': 32, 'target': 'all-linear', 'members': 1}
    """
    if isinstance(value, Bound):
        return {"call": locate(value.function), **{k: to_tree(v) for k, v in value.knobs.items()}}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: to_tree(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        return {"call": locate(type(value)), **fields}
    if inspect.isroutine(value):
        return {"function": locate(value)}
    if isinstance(value, Mapping):
        return {str(k): to_tree(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_tree(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise RecipeError(f"{value!r} cannot be written into a recipe: use numbers, text, lists, dataclasses or functions.")


def from_tree(tree: Any, *, beside: Path | None = None) -> Any:
    """The value a tree describes: `call` of a class makes an instance, `call` of a function binds it."""
    if isinstance(tree, Mapping):
        parts = {k: from_tree(v, beside=beside) for k, v in tree.items()}
        if set(parts) == {"function"}:
            return resolve(str(parts["function"]), beside=beside)
        if "call" not in parts:
            return parts
        path = str(parts.pop("call"))
        thing = resolve(path, beside=beside)
        if isinstance(thing, type):
            return _made(thing, parts)
        if not callable(thing):
            raise RecipeError(f"`{path}` is a {type(thing).__name__}: `call` takes a function or a class.")
        return bind(thing, **parts)
    if isinstance(tree, list):
        return tuple(from_tree(v, beside=beside) for v in tree)
    return tree


def _made(thing: type, fields: Mapping[str, Any]) -> Any:
    try:
        made = thing(**fields)
    except TypeError as error:
        known = list(inspect.signature(thing).parameters)
        strange = next((f for f in fields if f not in known), "")
        raise RecipeError(f"{thing.__name__}: {error}.{nearest(strange, known)} Fields: {', '.join(known)}.") from error
    wrong = misfit(made) if dataclasses.is_dataclass(made) else None
    if wrong:
        name, value, kind = wrong
        raise RecipeError(f"`{name}` of {thing.__name__} is {value!r}: it takes {kind}.")
    return made


def dump(value: Any) -> str:
    """A recipe value as YAML."""
    return yaml.safe_dump(to_tree(value), sort_keys=False, allow_unicode=True, width=110)


def parse(text: str, *, place: str) -> Any:
    """YAML as a tree; `place` is named in the error."""
    try:
        return _numbers(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise RecipeError(f"{place} is not valid YAML: {error}") from error


def read(path: Path, changes: Sequence[str] = ()) -> Any:
    """A recipe value from a YAML file, with `path=value` changes applied."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"the recipe {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"the recipe {path} is not UTF-8 text (byte {error.start}): it is no YAML file.") from error
    tree = parse(text, place=str(path))
    if not isinstance(tree, dict) or "call" not in tree:
        raise RecipeError(f"{path} holds no recipe: its first key is `call`, as in a run folder's recipe.yaml.")
    return from_tree(changed(tree, changes), beside=path.parent.resolve())


def with_changes(value: Any, changes: Sequence[str]) -> Any:
    """The same recipe value with `path=value` changes applied.

    >>> from prefloop.recipe import Sample
    >>> with_changes(Sample(k=4), ["decoding.temperature=0.7"]).decoding.temperature
    0.7
    """
    return from_tree(changed(to_tree(value), changes)) if changes else value


def changed(tree: Any, changes: Sequence[str]) -> Any:
    """A tree with each `path.to.field=value` set; the value is read as YAML.

    An import path put where a function stands replaces the function and drops its knobs.
    """
    for change in changes:
        path, sign, text = change.partition("=")
        if not sign:
            raise RecipeError(f"`--set {change}` has no `=`: write path=value, for example optimiser.lr=1e-5.")
        value = parse(text, place=f"--set {path}")
        *way, last = path.strip().split(".")
        node = tree
        for i, key in enumerate(way):
            node = _child(node, key, ".".join(way[:i]) or "the recipe")
        old = _child(node, last, ".".join(way) or "the recipe", new=isinstance(node, dict))
        if isinstance(value, str) and isinstance(old, dict) and ("call" in old or "function" in old):
            value = {"function" if "function" in old else "call": value}
        node[int(last) if isinstance(node, list) else last] = value
    return tree


def _numbers(tree: Any) -> Any:
    """YAML 1.1 reads 1e-5 as text; people mean the number."""
    if isinstance(tree, dict):
        return {key: _numbers(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_numbers(value) for value in tree]
    return float(tree) if isinstance(tree, str) and _EXPONENT.fullmatch(tree) else tree


def _child(node: Any, key: str, where: str, *, new: bool = False) -> Any:
    if isinstance(node, list):
        if not key.isdigit() or int(key) >= len(node):
            raise RecipeError(f"`{key}` is no position in {where}: it has {len(node)} entries, counted from 0.")
        return node[int(key)]
    if not isinstance(node, dict):
        raise RecipeError(f"{where} is the plain value {node!r}: there is nothing called `{key}` in it.")
    if key not in node:
        # A call takes knobs it was not yet given, and a plain mapping takes new entries; a misspelt one is
        # caught when the value is built.
        if new:
            return None
        raise RecipeError(f"{where} has nothing called `{key}`.{nearest(key, node)} It has: {', '.join(node)}.")
    return node[key]
