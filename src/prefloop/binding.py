"""Plain functions of named tensors, with their knobs set.

The signature is the specification: positional parameters are tensors of the vocabulary (`names.py`), keyword-only
parameters are knobs. `bind` sets the knobs and refuses the ones that do not exist; `gives` names what a function
returns; `locate` and `resolve` turn a function into an import path and back, so that a recipe can be written down.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from .errors import RecipeError, nearest
from .fields import no_number

F = TypeVar("F", bound=Callable[..., Any])

_FILE_MODULE = "prefloop_user_file_"


@dataclass(frozen=True, slots=True)
class Bound:
    """A function with its knobs set. Call it with tensors by name.

    >>> def double(reward, *, by: float = 2.0): return reward * by
    >>> bind(double, by=3.0)({"reward": 2.0, "mask": None})
    6.0
    """

    function: Callable[..., Any]
    knobs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.function.__name__

    @property
    def inputs(self) -> tuple[str, ...]:
        """The tensors it takes: its positional parameters, in order."""
        return _positional(self.function)

    @property
    def inner(self) -> tuple[Bound, ...]:
        """The functions among its knobs, which it calls itself: the loss that another one wraps."""
        return tuple(knob for knob in self.knobs.values() if isinstance(knob, Bound))

    @property
    def pairwise(self) -> bool:
        """Whether it takes pairs: a tensor of its signature has two responses, as in `Float[Tensor, "P 2 T"]`.

        What wraps a function that takes pairs learns from pairs as well.
        """
        shapes = (getattr(p.annotation, "dim_str", "") for p in inspect.signature(self.function).parameters.values())
        return any(shape.split()[1:2] == ["2"] for shape in shapes) or any(b.pairwise for b in self.inner)

    @property
    def compares(self) -> bool:
        """Whether it holds the responses to a prompt against each other: it gives one term for each prompt."""
        return getattr(inspect.signature(self.function).return_annotation, "dim_str", "") == "P"

    @property
    def among_siblings(self) -> bool:
        """Whether it says nothing of a response without another to the same prompt, which it is held against."""
        marked = getattr(self.function, "among_siblings", False) or any(b.among_siblings for b in self.inner)
        return marked or self.pairwise or self.compares

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms of judgement it makes sense of, as set by the `learns_from` decorator; empty for any."""
        return getattr(self.function, "forms", ())

    @property
    def gives(self) -> tuple[str, ...]:
        """The names of what it returns, as set by the `gives` decorator; empty for objectives and scorers."""
        return getattr(self.function, "gives", ())

    def __call__(self, tensors: Mapping[str, Any], knobs: Mapping[str, Any] | None = None) -> Any:
        """Apply the function to the tensors it names; `knobs` overrides for this call (schedules, controllers)."""
        return self.function(*(tensors[n] for n in self.inputs), **{**self.knobs, **(knobs or {})})


@lru_cache(maxsize=1024)
def _positional(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the positional parameters: asked for at every call, and slow to find."""
    return tuple(p.name for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD)


def bind(function: Callable[..., Any], **knobs: Any) -> Bound:
    """Set the knobs of a function.

    Raises:
        RecipeError: a knob the function does not have, or one that is no number and should be; the message shows the
            nearest spelling and the signature.

    >>> def dpo(logp, ref_logp, mask, *, beta: float = 0.1): ...
    >>> bind(dpo, beta=0.2).inputs
    ('logp', 'ref_logp', 'mask')
    """
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for knob in knobs:
        if knob not in known and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            summary = (inspect.getdoc(function) or "").partition("\n")[0]
            raise RecipeError(
                f"`{function.__name__}` has no knob `{knob}`.{nearest(knob, known)} Its signature is "
                f"{function.__name__}{inspect.signature(function)}" + (f": {summary}" if summary else ".")
            )
    missing = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty and p.name not in knobs]
    if missing:
        raise RecipeError(
            f"`{function.__name__}` needs a value for {', '.join(f'`{m}`' for m in missing)}: "
            f"write bind({function.__name__}, {', '.join(f'{m}=...' for m in missing)})."
        )
    wrong = no_number(function, knobs)
    if wrong is not None:
        raise RecipeError(f"`{wrong}` of `{function.__name__}` is {knobs[wrong]!r}: it takes a number.")
    return Bound(function, knobs)


def gives(*names: str) -> Callable[[F], F]:
    """Name what a shaping or credit function returns.

    >>> @gives("advantage")
    ... def group_mean(reward): ...
    >>> bind(group_mean).gives
    ('advantage',)
    """

    def mark(function: F) -> F:
        function.gives = names  # type: ignore[attr-defined]
        return function

    return mark


def among_siblings(function: F) -> F:
    """Mark a function that needs at least two responses to a prompt, where its signature does not say so.

    >>> @among_siblings
    ... def group_mean(reward): ...
    >>> bind(group_mean).among_siblings
    True
    """
    function.among_siblings = True  # type: ignore[attr-defined]
    return function


def learns_from(*forms: str) -> Callable[[F], F]:
    """Name the forms of judgement (`recipe.Form`) an objective makes sense of, where its signature does not say so.

    >>> @learns_from("ratings")
    ... def squared(score, label): ...
    >>> bind(squared).forms
    ('ratings',)
    """

    def mark(function: F) -> F:
        function.forms = forms  # type: ignore[attr-defined]
        return function

    return mark


def locate(thing: Any) -> str:
    """The import path of a function or class: `package.module:name`, or `file.py:name` for a file outside a package.

    >>> locate(bind)
    'prefloop.binding:bind'
    """
    name, module = thing.__qualname__, thing.__module__
    if "<" in name:
        raise RecipeError(
            f"`{name}` in {module} cannot be written into a recipe: lambdas and functions inside functions have no "
            "import path. Define it with `def` at the top level of a file."
        )
    if module == "__main__" or module.startswith(_FILE_MODULE):
        source = getattr(sys.modules[module], "__file__", None)
        if source is None:
            raise RecipeError(f"`{name}` was typed at a prompt and has no file: save it in a file and import it.")
        return f"{source}:{name}"
    return f"{module}:{name}"


def resolve(path: str, *, beside: Path | None = None) -> Any:
    """The object at `package.module:name` or `path/to/file.py:name`, in the folder `beside` or the working folder.

    >>> resolve("prefloop.binding:bind") is bind
    True
    """
    place, _, name = path.rpartition(":")
    if not place or not name:
        raise RecipeError(f"`{path}` is not an import path: write `package.module:name` or `path/to/file.py:name`.")
    module = _load_file(place, beside) if place.endswith(".py") else _import(place, path)
    thing = module
    for part in name.split("."):
        if not hasattr(thing, part):
            public = [n for n in dir(thing) if not n.startswith("_")]
            raise RecipeError(f"`{place}` has nothing called `{part}`.{nearest(part, public)}")
        thing = getattr(thing, part)
    return thing


def _import(place: str, path: str) -> Any:
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise RecipeError(
            f"`{path}` names the module `{place}`, and `{error.name}` cannot be imported. For a file of your own write "
            "`path/to/file.py:name`."
        ) from error


def _load_file(place: str, beside: Path | None) -> Any:
    tried = [(folder / Path(place).expanduser()).resolve() for folder in (beside, Path.cwd()) if folder is not None]
    file = next((f for f in tried if f.is_file()), None)
    if file is None:
        raise RecipeError(f"there is no file {' or '.join(dict.fromkeys(map(str, tried)))}.")
    name = _FILE_MODULE + "".join(c if c.isalnum() else "_" for c in str(file))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise RecipeError(f"{file} cannot be read as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise RecipeError(f"{file} failed while it was imported: {type(error).__name__}: {error}") from error
    return module
