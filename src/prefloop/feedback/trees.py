"""Conversation trees: what people wrote, labelled and ranked, as turns with replies, worked out from the log alone.

A turn is an answer to a demonstration, or a given one: the only response of a rating whose `why` is `GIVEN` (a prompt
of a file, a model's reply). Questions about a turn have the question it comes from as `parent`, and its text: a
demonstration asks for replies and a ranking orders them, both after the turn; a rating labels it as its response.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..text import Message, Prompt, Question, Role
from .consensus import ranked_pairs
from .records import Event
from .tree_settings import TreeSettings

GIVEN = "given"
"""`why` of a rating whose response nobody of the project wrote."""
ACCEPTED = "accepted"
"""Of a given response's `sampling`: 0 where whoever gave it says that it was refused before it came here."""
KINDS = ("demonstration", "rating", "ranking")
"""The kinds of question that a tree is made of."""
State = Literal["prompt", "review", "growing", "ranking", "ready", "aborted", "halted"]
"""Waits for its prompt, for the review of it, for replies, for rankings; has all of it; was refused, or is halted."""
Verdict = Literal["waiting", "accepted", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What people said of a turn on one label: their mean from 0 to 1, and how many they were.

    >>> Label(value=0.5, count=2).count
    2
    """

    value: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a tree: who wrote it, what was said of it, and the replies to it in the order they came.

    `path` are the messages before it. `id` stays the same for the same text under the same question. `rank` counts from
    0 among the accepted replies to one message, in the order of ranked pairs; equals share one.

    >>> Turn(id="t", question="q", text="Hello", path=()).role
    'user'
    """

    id: str
    question: str
    text: str
    path: tuple[Message, ...]
    authors: tuple[str, ...] = ()
    given: Question | None = None
    verdict: Verdict = "waiting"
    score: float | None = None
    reviews: int = 0
    labels: Mapping[str, Label] = field(default_factory=dict)
    rank: int | None = None
    rankings: int = 0
    replies: tuple[Turn, ...] = ()

    @property
    def role(self) -> Role:
        """Whose message it is."""
        return "assistant" if self.path and self.path[-1].role == "user" else "user"

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The messages up to this one."""
        return (*self.path, Message(role=self.role, content=self.text))

    @property
    def accepted(self) -> tuple[Turn, ...]:
        """The replies that were accepted."""
        return tuple(r for r in self.replies if r.verdict == "accepted")

    def walk(self) -> Iterator[Turn]:
        """This turn and all below it, each before its replies."""
        yield self
        for reply in self.replies:
            yield from reply.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A prompt with what grew from it. `spare` are prompts that were refused, or came when there was one already.

    >>> Tree(root="q", state="prompt", prompt=None).turns
    ()
    """

    root: str
    state: State
    prompt: Turn | None
    spare: tuple[Turn, ...] = ()
    asked: frozenset[str] = frozenset()
    said: Mapping[str, int] = field(default_factory=dict)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Every turn below the prompt and the prompt itself, refused ones too."""
        return tuple(self.prompt.walk()) if self.prompt else ()


def trees_of(questions: Iterable[Question], events: Iterable[Event], settings: TreeSettings) -> list[Tree]:
    """The trees of these questions, in the order of their first ones.

    `events` are those that stand: the last of each person on each question, oldest first.

    >>> from prefloop.feedback.tree_tasks import first_prompt
    >>> [tree.state for tree in trees_of([first_prompt("t-1")], [], TreeSettings())]
    ['prompt']
    """
    log = _Log(questions, events, settings)
    return [log.tree(root) for root in log.below[""]]


class _Log:
    """Questions and standing events by what they are about."""

    def __init__(self, questions: Iterable[Question], events: Iterable[Event], settings: TreeSettings) -> None:
        self.settings = settings
        self.below: defaultdict[str, list[Question]] = defaultdict(list)
        self.answers: defaultdict[str, list[Event]] = defaultdict(list)
        self.skips: Counter[str] = Counter()
        for question in questions:
            self.below[question.parent].append(question)
        for event in events:
            if event.event == "answer":
                self.answers[event.question].append(event)
            elif event.event == "skip":
                self.skips[event.question] += 1

    def tree(self, root: Question) -> Tree:
        asked = list(self._asked(root))
        prompts = self._turns(root)
        prompt = next((p for p in prompts if p.verdict != "rejected"), None)
        return Tree(
            root=root.id,
            state=self._state(asked, prompts, prompt),
            prompt=prompt,
            spare=tuple(p for p in prompts if p is not prompt),
            asked=frozenset(q.id for q in asked),
            said={q.id: len(self.answers[q.id]) for q in asked},
        )

    def _asked(self, question: Question) -> Iterator[Question]:
        yield question
        for child in self.below[question.id]:
            yield from self._asked(child)

    def _turns(self, question: Question) -> list[Turn]:
        path = question.group.prompt.messages
        if question.why == GIVEN:
            given = Turn(id=question.id, question=question.id, text=question.group.texts[0], path=path, given=question)
            return [self._judged(given, [question])]
        authors: dict[str, list[str]] = {}
        for answer in self.answers[question.id]:
            authors.setdefault(answer.value["text"], []).append(answer.who)
        made = (
            Turn(id=turn_id(question.id, text), question=question.id, text=text, path=path, authors=tuple(who))
            for text, who in authors.items()
        )
        return [self._judged(turn, self._about(turn, "rating")) for turn in made]

    def _about(self, turn: Turn, kind: str) -> list[Question]:
        """The questions of this kind about a turn."""

        def is_about(question: Question) -> bool:
            if question.kind != kind or (kind == "rating" and question.why == GIVEN):
                return False
            return question.group.texts[0] == turn.text if kind == "rating" else follows(question, turn)

        return [q for q in self.below[turn.question] if is_about(q)]

    def _judged(self, turn: Turn, ratings: Sequence[Question]) -> Turn:
        said = [(event.value[0], q.options["axes"]) for q in ratings for event in self.answers[q.id]]
        values: defaultdict[str, list[float]] = defaultdict(list)
        for row, axes in said:
            for label, value in row.items():
                low, high = axes[label]
                values[label].append((value - low) / (high - low))
        labels = {name: Label(value=sum(v) / len(v), count=len(v)) for name, v in values.items()}
        score = 1 - sum(labels[a].value for a in self.settings.against if a in labels) if said else None
        turn = replace(turn, labels=labels, score=score, reviews=len(said))
        turn = replace(turn, verdict=self._verdict(turn))
        return self._ranked(turn, self._replies(turn))

    def _verdict(self, turn: Turn) -> Verdict:
        if turn.given is not None:
            if not turn.given.group.responses[0].sampling.get(ACCEPTED, 1):
                return "rejected"
            if not self.settings.review_given:
                return "accepted"
        if turn.score is None or turn.reviews < self.settings.reviews:
            return "waiting"
        return "accepted" if turn.score >= self.settings.threshold else "rejected"

    def _replies(self, turn: Turn) -> list[Turn]:
        given = [q for q in self.below[turn.question] if q.why == GIVEN and follows(q, turn)]
        return [r for q in (*given, *self._about(turn, "demonstration")) for r in self._turns(q)]

    def _ranked(self, turn: Turn, replies: list[Turn]) -> Turn:
        texts = [r.text for r in replies if r.verdict == "accepted"]
        last: dict[str, tuple[bool, list[list[str]]]] = {}
        for question in self._about(turn, "ranking"):
            shown, whole = question.group.texts, set(texts) <= set(question.group.texts)
            for event in self.answers[question.id]:
                order = [[shown[i] for i in tier if shown[i] in texts] for tier in event.value]
                if whole or event.who not in last:
                    last[event.who] = (whole, [tier for tier in order if tier])
        tiers = ranked_pairs([order for _, order in last.values()], texts) if last else []
        above = {text: sum(map(len, tiers[:n])) for n, tier in enumerate(tiers) for text in tier}
        return replace(
            turn,
            rankings=sum(whole for whole, _ in last.values()),
            replies=tuple(replace(r, rank=above.get(r.text) if r.verdict == "accepted" else None) for r in replies),
        )

    def _state(self, asked: Sequence[Question], prompts: Sequence[Turn], prompt: Turn | None) -> State:
        if prompt is None:
            return "aborted" if prompts else "prompt"
        if any(self.skips[q.id] > self.settings.max_skips for q in asked if q.kind == "demonstration"):
            return "halted"
        if prompt.verdict == "waiting":
            return "review"
        if wanted_replies(prompt, self.settings) or any(t.verdict == "waiting" for t in living(prompt)):
            return "growing"
        return "ranking" if any(True for _ in unranked(prompt, self.settings)) else "ready"


def turn_id(question: str, text: str) -> str:
    """The id of the turn with this text under a question, the same wherever it is worked out.

    >>> turn_id("t-1", "Hello")
    't-1.185f8db322'
    """
    return f"{question}.{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def follows(question: Question, turn: Turn) -> bool:
    """Whether a question goes on from this turn."""
    return question.group.prompt.messages == turn.conversation


def prompt_of(messages: Sequence[Message]) -> Prompt:
    """The messages as a prompt; an empty one where there are none yet."""
    return Prompt(messages=tuple(messages)) if messages else Prompt(text="")


def living(prompt: Turn) -> list[Turn]:
    """The turns that are not refused and stand below accepted ones alone, the shallow ones first."""
    level, found = [prompt], []
    while level:
        found += [turn for turn in level if turn.verdict != "rejected"]
        level = [reply for turn in level if turn.verdict == "accepted" for reply in turn.replies]
    return found


def wanted_replies(prompt: Turn, settings: TreeSettings, writing: Mapping[str, int] | None = None) -> dict[str, int]:
    """How many more replies each accepted turn is to get, by its id; those that people write on now are among them.

    The tree's room goes first to who writes already, then to the turn with the fewest replies, the shallow ones first.
    """
    alive = living(prompt)
    open_ = [t for t in alive if t.verdict == "accepted" and _depth(t, prompt) < settings.depth]
    caps = {"user": settings.assistant_replies, "assistant": settings.user_replies}
    has = {t.id: sum(r.verdict != "rejected" for r in t.replies) for t in open_}
    wanted = {t.id: (writing or {}).get(t.id, 0) for t in open_}
    room = settings.goal - len(alive) - sum(wanted.values())
    while room > 0:
        able = [t for t in open_ if has[t.id] + wanted[t.id] < caps[t.role]]
        if not able:
            break
        wanted[min(able, key=lambda t: has[t.id] + wanted[t.id]).id] += 1
        room -= 1
    return {key: n for key, n in wanted.items() if n}


def unranked(prompt: Turn, settings: TreeSettings) -> Iterator[Turn]:
    """The turns whose replies still need to be ranked: where the assistant has several, as in Open Assistant."""
    for turn in living(prompt):
        several = len({r.text for r in turn.accepted}) > 1
        if turn.verdict == "accepted" and turn.role == "user" and several and turn.rankings < settings.rankings:
            yield turn


def _depth(turn: Turn, prompt: Turn) -> int:
    return len(turn.path) - len(prompt.path)


def label_axes(turn: Turn, settings: TreeSettings) -> dict[str, Any]:
    """What people label of this turn, as the axes of a rating."""
    more = settings.assistant_labels if turn.role == "assistant" else {}
    return {name: list(ends) for name, ends in {**settings.labels, **more}.items()}
