"""Open Assistant's conversation trees (Koepf et al. 2023, arXiv 2304.07327): JSON lines, a tree a line.

A message becomes a given one of a tree: a rating nobody has answered, with `parent`. What a line says of a message
and the tree does not (its language, counts, emojis, labels, events) is kept as it is and written again. The ranks of
replies become an answer to a ranking by `CONSENSUS`, so that they can be learnt from: nobody's own rankings are in
such a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...errors import DataError
from ...text import Group, Message, Question, Response
from ..records import Event
from ..tree_settings import TreeSettings
from ..tree_tasks import given
from ..trees import ACCEPTED, State, Turn, prompt_of, trees_of

CONSENSUS = "oasst"
"""Who gives the order that a file's ranks are."""
KEPT = "oasst"
"""Of a given response's `sampling`: what the file says of it besides, as JSON."""
_ROLES = {"prompter": "user", "assistant": "assistant"}
_STATES = {
    "prompt": "initial_prompt_review",
    "review": "initial_prompt_review",
    "growing": "growing",
    "ranking": "ranking",
    "ready": "ready_for_export",
    "aborted": "aborted_low_grade",
    "halted": "halted_by_moderator",
}
_STRUCTURE = ("message_id", "parent_id", "text", "role", "replies")
"""What the tree itself says of a message."""


def read(lines: Iterable[str], *, settings: TreeSettings | None = None) -> Iterator[Question | Event]:
    """The questions and events of a file, tree by tree; each question before what was said of it.

    `settings` have the labels that are asked of the messages where people go on with the trees.

    Raises:
        DataError: a line that is no tree; the message has its number.

    >>> tree = {"message_tree_id": "t", "tree_state": "growing", "prompt": {"message_id": "t", "text": "Hi",
    ...         "role": "prompter", "replies": []}}
    >>> [question.group.texts for question in read([json.dumps(tree)])]
    [('Hi',)]
    """
    settings = settings or TreeSettings()
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield from _tree(line, f"line {number}", settings)


def _tree(line: str, place: str, settings: TreeSettings) -> Iterator[Question | Event]:
    try:
        tree = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{place} is no JSON ({error}): give one tree a line.") from error
    if not isinstance(tree, dict) or not isinstance(tree.get("prompt"), dict):
        raise DataError(f"{place} is no tree of Open Assistant: it has a `prompt` with `replies`.")
    about = {name: value for name, value in tree.items() if name != "prompt"}
    yield from _message(tree["prompt"], place, settings, (), "", about)


def _message(
    message: Any, place: str, settings: TreeSettings, path: tuple[Message, ...], parent: str, tree: Mapping[str, Any]
) -> Iterator[Question | Event]:
    key, text = (_text(message, name, place) for name in ("message_id", "text"))
    role = _ROLES.get(_text(message, "role", place))
    wanted = "assistant" if path and path[-1].role == "user" else "user"
    if role != wanted:
        raise DataError(f"{place}: message {key} is of the {role}, and the {wanted} is next.")
    more = {name: value for name, value in message.items() if name not in _STRUCTURE}
    refused = message.get("deleted") or message.get("review_result") is False
    kept = {"message": more, "keys": list(message), **({"tree": dict(tree)} if tree else {})}
    sampling: dict[str, Any] = {KEPT: json.dumps(kept, ensure_ascii=False), ACCEPTED: int(not refused)}
    response = Response(text=text, model_version=message.get("model_name") or "", sampling=sampling)
    yield given(key, text, settings, path=path, parent=parent, response=response)
    after = (*path, Message(role=wanted, content=text))  # type: ignore[arg-type]
    replies = message.get("replies") or []
    for reply in replies:
        yield from _message(reply, place, settings, after, key, {})
    yield from _ranking(key, after, replies)


def _text(message: Any, name: str, place: str) -> str:
    value = message.get(name) if isinstance(message, dict) else None
    if not isinstance(value, str):
        raise DataError(f"{place}: a message has `{name}` {value!r:.40}; it takes a text.")
    return value


def _ranking(parent: str, path: tuple[Message, ...], replies: list[dict[str, Any]]) -> Iterator[Question | Event]:
    """The ranks of the replies to a message as a ranking with one answer."""
    ranked = {r["text"]: r for r in replies if isinstance(r.get("rank"), int)}
    if len(ranked) < 2:
        return
    responses = tuple(Response(text=t, model_version=r.get("model_name") or "") for t, r in ranked.items())
    ranks = [r["rank"] for r in ranked.values()]
    order = [[i for i, rank in enumerate(ranks) if rank == one] for one in sorted(set(ranks))]
    question = f"{parent}-order"
    yield Question(id=question, kind="ranking", group=Group(prompt=prompt_of(path), responses=responses), parent=parent)
    shown = tuple(range(len(ranks)))
    said = Event(
        seq=0, event="answer", submission=f"{question}-{CONSENSUS}", question=question, who=CONSENSUS, at=0.0,
        value=order, order=shown,
    )  # fmt: skip
    yield said


def write(
    questions: Iterable[Question], events: Iterable[Event], *, settings: TreeSettings | None = None, lang: str = ""
) -> Iterator[str]:
    """The lines of a file with the trees of these questions and events, one for each prompt that was written.

    What came from such a file is written as it was, with what people added; of other messages, the review result, the
    mean labels and the rank are worked out. `lang` is the language of those. Names of people, drafts, skips and single
    rankings are not part of the format.

    >>> from prefloop.feedback.tree_tasks import given
    >>> [json.loads(line)["prompt"]["text"] for line in write([given("t", "Hi", TreeSettings())], [])]
    ['Hi']
    """
    for tree in trees_of(questions, _standing(events), settings or TreeSettings()):
        if tree.prompt is not None:
            yield _line(tree.prompt, tree.state, lang)
        yield from (_line(turn, "aborted", lang) for turn in tree.spare)


def _standing(events: Iterable[Event]) -> list[Event]:
    """The last thing each person did with each question."""
    last: dict[tuple[str, str], Event] = {}
    for event in events:
        known = last.get((event.question, event.who))
        if known is None or event.revision >= known.revision:
            last[event.question, event.who] = event
    return list(last.values())


def _line(prompt: Turn, state: State, lang: str) -> str:
    about = _kept(prompt).get("tree") or {"message_tree_id": prompt.id, "tree_state": _STATES[state]}
    return json.dumps({**about, "prompt": _node(prompt, "", lang)}, ensure_ascii=False) + "\n"


def _node(turn: Turn, parent: str, lang: str) -> dict[str, Any]:
    kept = _kept(turn)
    structure = {
        "message_id": turn.id,
        **({"parent_id": parent} if parent else {}),
        "text": turn.text,
        "role": "prompter" if turn.role == "user" else "assistant",
        "replies": [_node(reply, turn.id, lang) for reply in turn.replies],
    }
    values = {**(kept["message"] if kept else _worked_out(turn, lang)), **structure}
    order = [name for name in kept.get("keys", ()) if name in values]
    return {name: values[name] for name in dict.fromkeys((*order, *values))}


def _worked_out(turn: Turn, lang: str) -> dict[str, Any]:
    made: dict[str, Any] = {"lang": lang} if lang else {}
    made |= {"review_count": turn.reviews, "review_result": turn.verdict == "accepted" or None, "deleted": False}
    if turn.verdict == "rejected":
        made["review_result"] = False
    if turn.rank is not None:
        made["rank"] = turn.rank
    model = turn.given.group.responses[0].model_version if turn.given else ""
    made |= {"synthetic": bool(model), **({"model_name": model} if model else {})}
    if turn.labels:
        made["labels"] = {name: {"value": label.value, "count": label.count} for name, label in turn.labels.items()}
    return made


def _kept(turn: Turn) -> dict[str, Any]:
    text = turn.given.group.responses[0].sampling.get(KEPT) if turn.given else None
    return json.loads(text) if isinstance(text, str) else {}
