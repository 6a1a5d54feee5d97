"""The shapes of judged rows: which columns there are says what people were asked, and how a row becomes a group."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from ..text import Group, Message, OwnPrompt, Prompt, Response
from .convert import best_first, grades
from .dialogues import dialogue, message, messages
from .files import Row

if TYPE_CHECKING:  # a recipe loads torch, and the feedback store gets by without
    from ..recipe import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A judgement that cannot be learnt from, and why; it is counted, and the count is told."""

    why: str


Read = Callable[[Row], Iterator[Group | LeftOut]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A shape of rows: its columns (alternatives are parted by `|`), the form they give, and how a row is read."""

    name: str
    columns: tuple[str, ...]
    form: Form
    read: Read

    def fits(self, columns: Collection[str]) -> bool:
        """Whether rows with these columns have the shape."""
        return fits(self.columns, columns)


def fits(wanted: Collection[str], columns: Collection[str]) -> bool:
    """Whether all the columns that are wanted are there; alternatives are parted by `|`.

    >>> fits(("prompt", "label|kto_tag"), ("prompt", "kto_tag"))
    True
    """
    return all(any(one in columns for one in column.split("|")) for column in wanted)


def given(row: Row, *names: str) -> Any:
    """The value of the first of these columns that the row has.

    Raises:
        DataError: it has none of them; names the row and the column.
    """
    for name in names:
        if row.values.get(name) is not None:
            return row.values[name]
    has = ", ".join(str(n) for n, v in row.values.items() if v is not None) or "nothing"
    raise DataError(f"{row.place}: `{' or '.join(names)}` is missing. It has: {has}.")


def text(row: Row, *names: str) -> str:
    """The text in the first of these columns that the row has."""
    value = given(row, *names)
    if not isinstance(value, str):
        raise strange(row, names[0], value, "text")
    return value


def instructed(row: Row) -> Prompt:
    """The prompt of a row with `instruction`, and perhaps `input`, `system` and `history`, as Alpaca's have them."""
    said = [("system", row.values.get("system"))] if row.values.get("system") else []
    for turn in row.values.get("history") or ():
        if not isinstance(turn, Sequence) or isinstance(turn, str) or len(turn) != 2:
            raise strange(row, "history", turn, "pairs of what was asked and answered")
        said += zip(("user", "assistant"), turn, strict=True)
    said.append(("user", f"{text(row, 'instruction')}\n\n{row.values.get('input') or ''}".strip()))
    return Prompt(messages=messages([{"role": r, "content": c} for r, c in said], f"{row.place}, the prompt"))


def pairs(row: Row, *, prompt: str | None = "prompt") -> Iterator[Group | LeftOut]:
    """`chosen` and `rejected`, after this column or after the turns that both begin with; perhaps `target`."""
    lead, better = _answer(given(row, "chosen"), f"{row.place}, `chosen`")
    other, worse = _answer(given(row, "rejected"), f"{row.place}, `rejected`")
    if lead != other:
        yield LeftOut(why="chosen and rejected answer different prompts")
        return
    if prompt is None and not lead:  # what both texts begin with
        begun = _begun_alike(better, worse)
        asked = Prompt(text=begun) if begun else _prompt(row, lead, prompt)
        better, worse = better[len(begun) :], worse[len(begun) :]
    else:
        asked = _prompt(row, lead, prompt)
    if isinstance(asked, LeftOut):
        yield asked
        return
    yield Group(prompt=asked, responses=(Response(text=better), Response(text=worse)), target=_target(row))


def prompts(row: Row) -> Iterator[Group | LeftOut]:
    """One `response` after `prompt`, which it answers better than `rejected_prompt`; or two, `chosen` and `rejected`.

    Two are further apart after `prompt` than after `rejected_prompt`. A row without the other prompt is a pair.
    """
    if row.values.get("rejected_prompt") in (None, ""):
        yield from pairs(row)
        return
    asked, other = prompted(row), OwnPrompt(prompt=prompted(row, "rejected_prompt"))
    if asked == other.prompt:
        yield LeftOut(why="the two prompts are the same")
        return
    if row.values.get("response") is not None:
        answers = [Response(text=text(row, "response"))]
        labels: tuple[float, ...] = (1.0, 0.0)
    else:
        answers = [Response(text=text(row, name)) for name in ("chosen", "rejected")]
        labels = (1.0, 0.0, 0.0, 0.0)
    yield Group(prompt=asked, responses=(*answers, *(replace(r, asked=other) for r in answers)), labels=labels)


def steps(row: Row) -> Iterator[Group | LeftOut]:
    """Two ways, `chosen` and `rejected`, to go on from the same `prefix` of an answer; each is recorded as a whole.

    Neither ends there, so that no token says that it does. The prefix is empty where they are first steps.
    """
    prefix = text(row, "prefix", "initial_reason_steps")
    for name in ("chosen", "rejected"):
        step = text(row, name)
        if prefix and step.startswith(prefix):
            raise DataError(
                f"{row.place}: `{name}` begins with the prefix, which it goes on from: give the rest alone."
            )
        if not step.strip():
            yield LeftOut(why="a step is empty")
            return
    for found in pairs(row):
        if isinstance(found, Group):
            found = replace(found, responses=tuple(begun(prefix, r.text) for r in found.responses))
        yield found


def begun(prefix: str, step: str) -> Response:
    """An answer up to the end of a step, after which it could go on."""
    return Response(text=prefix + step, finish="stop")


def thumbs(row: Row, *, prompt: str | None = "prompt") -> Iterator[Group | LeftOut]:
    """One answer after this column, or the last turn of a conversation, and whether it was liked."""
    names = ("completion", "response") if prompt else ("messages", "conversations")
    lead, answer = _answer(given(row, *names), f"{row.place}, `{' or '.join(names)}`")
    asked, liked = _prompt(row, lead, prompt), _label(row)
    if isinstance(asked, LeftOut):
        yield asked
    else:
        yield Group(prompt=asked, responses=(Response(text=answer),), labels=(liked,))


def lists(row: Row) -> Iterator[Group | LeftOut]:
    """`responses` with `scores`, with `ranks` (1 is the best), or best first."""
    answers = [_answer(one, f"{row.place}, `responses`") for one in listed(row, "responses")]
    leads = {lead for lead, _ in answers}
    if not answers or len(leads) > 1:
        yield LeftOut(why="the responses answer different prompts" if answers else "the list is empty")
        return
    asked = _prompt(row, leads.pop(), "prompt")
    if isinstance(asked, LeftOut):
        yield asked
        return
    if "scores" in row.values:
        labels = tuple(_numbers(row, "scores", len(answers)))
    else:
        ranks = _numbers(row, "ranks", len(answers)) if row.values.get("ranks") is not None else range(len(answers))
        labels = grades([-r for r in ranks])
    yield best_first(Group(prompt=asked, responses=tuple(Response(text=t) for _, t in answers), labels=labels))


def _answer(value: Any, place: str) -> tuple[tuple[Message, ...], str]:
    """An answer as the turns before it and its text: plain text, a message, messages, or a dialogue in one text."""
    if isinstance(value, str):
        turns = dialogue(value) if value.lstrip().startswith("Human:") else ()
        if not turns:
            return (), value
    else:
        turns = (message(value, place),) if isinstance(value, dict) else messages(value, place)
    *lead, last = turns
    if last.role != "assistant":
        raise DataError(f"{place} ends with what the {last.role} says: the last turn is the answer, the assistant's.")
    return tuple(lead), last.content


def _begun_alike(better: str, worse: str) -> str:
    """What two different texts both begin with, up to a space, which begins the answer (as TRL's implicit prompt)."""
    if better == worse:
        return ""
    alike = next((n for n, (a, b) in enumerate(zip(better, worse, strict=False)) if a != b), None)
    return better[: min(len(better), len(worse)) if alike is None else alike].removesuffix(" ")


def _prompt(row: Row, lead: tuple[Message, ...], column: str | None) -> Prompt | LeftOut:
    """The prompt in this column, or the turns that came with the answer: where both are there, they agree."""
    if column == "instruction":
        return instructed(row)
    if column is None:
        return Prompt(messages=lead) if lead else LeftOut(why="there is no prompt before the answer")
    said = given(row, column)
    if isinstance(said, str):
        if not lead:
            return Prompt(text=said)
        return Prompt(messages=lead) if said.strip() in {m.content.strip() for m in lead} else _OTHER_PROMPT
    asked = messages(said, f"{row.place}, the prompt")
    return Prompt(messages=asked) if lead in ((), asked) else _OTHER_PROMPT


_OTHER_PROMPT = LeftOut(why="the answers follow another prompt than the row's")


def prompted(row: Row, column: str = "prompt") -> Prompt:
    """The prompt in this column: a text, or messages.

    Raises:
        DataError: it is neither.
    """
    said = given(row, column)
    return Prompt(text=said) if isinstance(said, str) else Prompt(messages=messages(said, f"{row.place}, the prompt"))


def _target(row: Row) -> float | None:
    value = row.values.get("target")
    if value in (None, ""):
        return None
    number = _number(row, "target", value)
    if not 0.5 <= number <= 1:
        raise DataError(
            f"{row.place}: `target` is {number}, and it is the probability that `chosen` is the better one, 0.5 to 1."
        )
    return number


def _label(row: Row) -> float:
    value = given(row, "label", "kto_tag")
    known = {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}
    label = known.get(str(value).strip().lower())
    if label is None:
        raise strange(row, "label", value, "true or false, 1 or 0")
    return label


def listed(row: Row, name: str) -> list[Any]:
    """The list in this column, also where it lies as JSON in a cell.

    Raises:
        DataError: it is no list.
    """
    value = given(row, name)
    if isinstance(value, str):  # a cell of a CSV file
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise strange(row, name, value, "a list, in a CSV cell as JSON") from error
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise strange(row, name, value, "a list")
    return list(value)


def _numbers(row: Row, name: str, count: int) -> list[float]:
    found = [_number(row, name, value) for value in listed(row, name)]
    if len(found) != count:
        raise DataError(f"{row.place}: `{name}` has {len(found)} numbers for {count} responses: give one for each.")
    return found


def _number(row: Row, name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise strange(row, name, value, "a finite number")
    return number


def strange(row: Row, name: str, value: Any, wanted: str) -> DataError:
    """The error about a column that holds something else than it should."""
    return DataError(f"{row.place}: `{name}` is {value!r:.80}; it takes {wanted}.")
