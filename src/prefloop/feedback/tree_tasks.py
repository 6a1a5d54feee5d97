"""What a conversation tree needs next: the questions to ask, of how many people, and who may not have them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..text import Group, Message, Question, Response
from .tree_settings import TreeSettings
from .trees import GIVEN, Tree, Turn, label_axes, living, prompt_of, unranked, wanted_replies

_NAMES = {"user": "the user", "assistant": "the assistant", "system": "the system"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A question of a tree that is open: how many people are to answer it in all, and who may not.

    >>> Task(question=first_prompt("t-1"), people=1).barred
    ()
    """

    question: Question
    people: int
    barred: tuple[str, ...] = ()


def first_prompt(id: str) -> Question:
    """The question that a tree begins with where people write its prompt.

    >>> first_prompt("t-1").kind
    'demonstration'
    """
    ask = "Write the first message of a conversation, as the user."
    return Question(id=id, kind="demonstration", group=Group(prompt=prompt_of(()), responses=()), options={"ask": ask})


def given(
    id: str,
    text: str,
    settings: TreeSettings,
    *,
    path: Sequence[Message] = (),
    parent: str = "",
    response: Response | None = None,
) -> Question:
    """A message that nobody of the project wrote: a prompt of a file, or a model's reply to the turn of `parent`.

    `response` has what else is known of it, such as the model's version.

    >>> given("t-1", "Why is the sky blue?", TreeSettings()).group.texts
    ('Why is the sky blue?',)
    """
    turn = Turn(id=id, question=id, text=text, path=tuple(path))
    return _rating(turn, settings, id=id, parent=parent, why=GIVEN, response=response)


def tasks_of(tree: Tree, settings: TreeSettings, writing: Mapping[str, int] | None = None) -> list[Task]:
    """The open questions of a tree; all other ones of it are closed.

    `writing`: how many people are writing an answer to a question now, by its id.

    >>> tree = Tree(root="t-1", state="prompt", prompt=None)
    >>> [(task.question.id, task.people) for task in tasks_of(tree, TreeSettings())]
    [('t-1', 1)]
    """
    if tree.state == "prompt":
        return [Task(question=first_prompt(tree.root), people=1)]
    if tree.prompt is None or tree.state in ("ready", "aborted", "halted"):
        return []
    prompt = tree.prompt
    open_ = [_review(turn, settings) for turn in living(prompt) if turn.verdict == "waiting"]
    open_ += _replies(tree, prompt, settings, writing or {})
    if not open_:
        open_ = [_ranking(turn, settings) for turn in unranked(prompt, settings)]
    return open_


def _replies(tree: Tree, prompt: Turn, settings: TreeSettings, writing: Mapping[str, int]) -> Iterator[Task]:
    questions = {turn.id: _reply(turn) for turn in living(prompt)}
    by_turn = {key: writing.get(question.id, 0) for key, question in questions.items()}
    authors = {turn.id: turn.authors for turn in living(prompt)}
    for key, more in wanted_replies(prompt, settings, by_turn).items():
        question = questions[key]
        barred = () if settings.own else authors[key]
        yield Task(question=question, people=tree.said.get(question.id, 0) + more, barred=barred)


def _reply(turn: Turn) -> Question:
    role = "assistant" if turn.role == "user" else "user"
    return Question(
        id=f"{turn.id}-reply",
        kind="demonstration",
        group=Group(prompt=prompt_of(turn.conversation), responses=()),
        options={"ask": f"Write the next message, as {_NAMES[role]}."},
        parent=turn.question,
    )


def _review(turn: Turn, settings: TreeSettings) -> Task:
    if turn.given is not None:
        return Task(question=turn.given, people=settings.reviews)
    question = _rating(turn, settings, id=f"{turn.id}-labels", parent=turn.question)
    return Task(question=question, people=settings.reviews, barred=() if settings.own else turn.authors)


def _rating(
    turn: Turn, settings: TreeSettings, *, id: str, parent: str, why: str = "", response: Response | None = None
) -> Question:
    first = "first " if not turn.path else ""
    return Question(
        id=id,
        kind="rating",
        group=Group(prompt=prompt_of(turn.path), responses=(response or Response(text=turn.text),)),
        why=why,
        options={"axes": label_axes(turn, settings), "ask": f"Label this {first}message of {_NAMES[turn.role]}."},
        parent=parent,
    )


def _ranking(turn: Turn, settings: TreeSettings) -> Task:
    question = ranking_of(turn)
    authors = dict.fromkeys(who for reply in turn.accepted for who in reply.authors)
    return Task(question=question, people=settings.rankings, barred=() if settings.own else tuple(authors))


def ranking_of(turn: Turn) -> Question:
    """The question for the order of a turn's accepted replies; another one where other replies are accepted."""
    replies = {reply.text: reply for reply in turn.accepted}
    key = hashlib.sha256("\n".join(sorted(r.id for r in replies.values())).encode()).hexdigest()[:10]
    return Question(
        id=f"{turn.id}-order-{key}",
        kind="ranking",
        group=Group(prompt=prompt_of(turn.conversation), responses=tuple(_response(r) for r in replies.values())),
        options={"ask": "Put the replies in order, the best first."},
        parent=turn.question,
    )


def _response(turn: Turn) -> Response:
    if turn.given is None:
        return Response(text=turn.text)
    return Response(text=turn.text, model_version=turn.given.group.responses[0].model_version)
