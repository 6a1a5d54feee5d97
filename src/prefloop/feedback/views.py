"""Training sets as views of the answers: pure functions from a question and an answer to what is learnt from it.

Each view takes answers to certain kinds of question. What cannot be learnt from, such as a tie in a view of pairs, is
left out, counted and said. `convert` goes on from the form of a view to another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..errors import DataError
from ..parts import SENTENCES, marks_of
from ..text import Answer, Group, Question, Response
from .convert import best_first
from .kinds import KINDS, preferred
from .records import Judgement, Judgements

View = Callable[[Question, Answer], Iterator[Group | str]]
"""What is learnt from an answer: groups, or why there is nothing to learn."""


def judgements(said: Iterable[tuple[Question, Answer]], views: Mapping[str, View]) -> Judgements:
    """What the answers say, by the view of each question's kind; other kinds are no part of it and not counted."""
    found = Judgements()
    for question, answer in said:
        for one in views[question.kind](question, answer) if question.kind in views else ():
            if isinstance(one, str):
                found.left_out[one] = found.left_out.get(one, 0) + 1
            else:
                group = replace(one, who=answer.who)
                found.append(Judgement(question=question.id, round=question.round, group=group))
    return found


def choices(question: Question, answer: Answer) -> Iterator[Group | str]:
    """The chosen response first and labelled 1, the others after it as they were, 0."""
    best = preferred(answer.value)
    if best is None:
        yield _UNDECIDED[answer.value]
        return
    responses = question.group.responses
    chosen_first = (responses[best], *responses[:best], *responses[best + 1 :])
    yield replace(question.group, responses=chosen_first, labels=(1.0, *(0.0 for _ in chosen_first[1:])))


def pairs(question: Question, answer: Answer) -> Iterator[Group | str]:
    """The chosen response against each of the others; with a strength s of S, `target` = 1/2 + s / (2 S)."""
    for choice in choices(question, answer):
        if isinstance(choice, str):
            yield choice
            return
        best, *others = choice.responses
        for other in others:
            yield replace(choice, responses=(best, other), labels=(1.0, 0.0), target=_target(question, answer))


def comparisons(question: Question, answer: Answer) -> Iterator[Group | str]:
    """`pairs`, and those of which neither was preferred, tied or both bad, as they were and with a `target` of 1/2."""
    if preferred(answer.value) is None:
        yield replace(question.group, labels=(), target=0.5)
    else:
        yield from pairs(question, answer)


def _target(question: Question, answer: Answer) -> float | None:
    if not isinstance(answer.value, Mapping):
        return None
    strengths: int = question.options.get("strengths", KINDS["comparison"].options["strengths"])
    return 0.5 + float(answer.value["strength"]) / (2 * strengths)


def thumbs(question: Question, answer: Answer) -> Iterator[Group | str]:
    """The responses as they were, with the label 1 where they were liked and 0 where not."""
    yield replace(question.group, labels=tuple(map(float, answer.value)))


def rankings(question: Question, answer: Answer) -> Iterator[Group | str]:
    """The responses best first; the label is how many ranks lie below, so that equals share one."""
    labels = {i: float(len(answer.value) - 1 - rank) for rank, tier in enumerate(answer.value) for i in tier}
    yield best_first(replace(question.group, labels=tuple(labels[i] for i in range(len(labels)))))


def ratings(question: Question, answer: Answer, *, axis: str | None = None) -> Iterator[Group | str]:
    """The responses best first; the label is the number on the axis, or the mean of all axes without one.

    Every axis is kept in the group's `aspects`.
    """
    axes = question.options["axes"]
    if axis is not None and axis not in axes:
        yield f"no rating on the axis {axis}"
        return
    read = [axis] if axis is not None else list(axes)
    labels = tuple(sum(row[a] for a in read) / len(read) for row in answer.value)
    aspects = {a: tuple(float(row[a]) for row in answer.value) for a in axes}
    yield best_first(replace(question.group, labels=labels, aspects=aspects))


def corrections(question: Question, answer: Answer) -> Iterator[Group | str]:
    """Pairs: the text as somebody corrected it before the text as it was."""
    before = question.group.responses[answer.value["response"]]
    if before.text == answer.value["text"]:
        yield "nothing was corrected"
        return
    after = Response(text=answer.value["text"])
    yield replace(question.group, responses=(after, before), labels=(1.0, 0.0))


def parts(
    question: Question, answer: Answer, *, about: Sequence[str] = (), ends: str = SENTENCES
) -> Iterator[Group | str]:
    """The responses as they were, with a mark on every part: 0 where an error of these types was marked in it, else 1.

    Without `about` errors of all types count. A question that did not ask for any of them says nothing.
    """
    asked = question.options["types"]
    if about and not set(about) <= set(asked):
        yield f"nobody was asked for {', '.join(kind for kind in about if kind not in asked)}"
        return
    marks = []
    for n, response in enumerate(question.group.responses):
        said = [s for s in answer.value if s["response"] == n and (not about or s["type"] in about)]
        marks += marks_of(response.text, [(s["start"], s["end"]) for s in said], ends=ends, response=n)
    yield replace(question.group, marks=tuple(marks))


def demonstrations(question: Question, answer: Answer) -> Iterator[Group | str]:
    """The prompt with the one answer that somebody wrote, or corrected."""
    yield replace(question.group, responses=(Response(text=answer.value["text"]),), labels=(1.0,))


_UNDECIDED = {"tie": "ties", "both-bad": "both bad"}

VIEWS: Mapping[str, Mapping[str, View]] = {
    "choices": {"comparison": choices, "choice": choices},
    "pairs": {"comparison": pairs, "choice": pairs},
    "comparisons": {"comparison": comparisons},
    "thumbs": {"thumbs": thumbs},
    "rankings": {"ranking": rankings},
    "ratings": {"rating": ratings},
    "corrections": {"edit": corrections},
    "parts": {"spans": parts},
    "demonstrations": {"demonstration": demonstrations, "edit": demonstrations},
}
"""Every view, by name: the kinds it takes, and how each is read."""


def view_of(name: str) -> Mapping[str, View]:
    """The view of this name.

    Raises:
        DataError: there is none.
    """
    if name not in VIEWS:
        raise DataError(f"there is no view `{name}` of the answers; there are {', '.join(VIEWS)}.")
    return VIEWS[name]
