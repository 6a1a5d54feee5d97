"""Whether a value is of the type its field or knob declares, so that a wrong recipe fails where it is read."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from .dials import Dial


def misfit(instance: Any) -> tuple[str, Any, str] | None:
    """The first field of a dataclass instance whose value is not of its type: name, value and type; else `None`.

    >>> from prefloop.recipe import Sample
    >>> misfit(Sample(k="four"))
    ('k', 'four', 'int')
    """
    hints = _hints(type(instance))
    for field in dataclasses.fields(instance):
        value, kind = getattr(instance, field.name), hints.get(field.name, Any)
        if not fits(value, kind):
            return field.name, value, inspect.formatannotation(kind).replace("collections.abc.", "")
    return None


def no_number(function: Callable[..., Any], knobs: Mapping[str, Any]) -> str | None:
    """The first of these knobs that is declared a number and is neither one nor a dial; else `None`.

    >>> def dpo(logp, *, beta: float = 0.1): ...
    >>> no_number(dpo, {"beta": "high"})
    'beta'
    """
    numbers = {name: kind for name, kind in _hints(function).items() if kind in (int, float)}
    wrong = (k for k, v in knobs.items() if k in numbers and not (fits(v, numbers[k]) or isinstance(v, Dial)))
    return next(wrong, None)


def _hints(thing: Any) -> dict[str, Any]:
    """The evaluated annotations; none where they speak of names that only a type checker knows."""
    try:
        return get_type_hints(thing)
    except NameError:
        return {}


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a type, looked into as deep as the type goes; whole numbers are numbers.

    >>> fits((1, 2.5), tuple[float, float]), fits("1", float | None), fits(True, int)
    (True, False, False)
    """
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return value in inner
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    if origin is tuple:
        kinds = inner[:1] * len(value) if inner[-1] is ... and isinstance(value, tuple) else inner
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(fits, value, kinds))
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(fits(v, inner[1]) for v in value.values())
    if origin is not None and issubclass(origin, Callable):  # type: ignore[arg-type]
        return callable(value)
    try:
        return isinstance(value, origin or kind)
    except TypeError:  # a protocol that cannot be asked
        return True
