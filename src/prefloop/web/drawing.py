"""An item as the page gets it: drawn, with names of models hidden, and sealed so that it comes back as it was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import HTTPException
from itsdangerous import BadSignature

from ..feedback.identity import masked, names_in
from ..feedback.kinds import KINDS
from ..feedback.members import Member
from ..feedback.practice import is_right
from ..feedback.records import Item, Leased, Project
from ..feedback.trees import GIVEN
from ..text import Message, Question
from . import render
from .desk import Desk
from .settings import PageSettings
from .values import on_page
from .wording import STRENGTHS, in_words, letter


def shown(desk: Desk, project: Project, member: Member, leased: Leased) -> dict[str, Any]:
    """An item for a person's page. Nothing in it says which response is whose, nor that an item is gold."""
    question, settings = leased.question, PageSettings.of(project)
    texts, named = blinded(question, settings)
    practice = leased.purpose == "practice"
    lease = {
        "question": question.id,
        "kind": question.kind,
        "order": leased.order,
        "guideline": leased.guideline,
        "revision": leased.revision,
        "who": member.who,
        "project": project.id,
        "named": named,
        "final": practice or settings.reveal,
    }
    return {
        "lease": desk.sessions.sealer.dumps(lease),
        "question": question.id,
        "kind": question.kind,
        "html": drawn(desk, question, leased.order, texts=texts),
        "texts": [render.sendable(texts[i]) for i in leased.order],
        "guideline": leased.guideline,
        "practice": practice,
        "final": lease["final"],
        "warning": str(question.options.get("warning") or settings.warning),
        "avoidable": bool(question.options.get("warning")),
    }


def opened(desk: Desk, lease: str, member: Member, project: str) -> dict[str, Any]:
    """What was sealed into a lease for this person and project.

    Raises:
        HTTPException: it is none of ours (422), or somebody else's (403).
    """
    try:
        found: dict[str, Any] = desk.sessions.sealer.loads(lease)
    except BadSignature as error:
        raise HTTPException(422, "This lease was not given by this page.") from error
    if (found["who"], found["project"]) != (member.who, project):
        raise HTTPException(403, "This item was given to somebody else.")
    return found


def blinded(question: Question, settings: PageSettings) -> tuple[list[str], list[int]]:
    """The responses without the names that tell whose they are, and which of them had such a name.

    A text that is corrected stays as it is: what is hidden could not be corrected. Marks keep their places.
    """
    asked = question.group.prompt.shown
    found = [names_in(text, asked=asked, names=settings.names) for text in question.group.texts]
    named = [index for index, spans in enumerate(found) if spans]
    if question.kind == "edit":
        return list(question.group.texts), named
    same = question.kind == "spans"
    return [masked(t, s, same_length=same) for t, s in zip(question.group.texts, found, strict=True)], named


def drawn(
    desk: Desk,
    question: Question,
    order: Sequence[int],
    template: str = "",
    texts: Sequence[str] | None = None,
) -> str:
    """A question as HTML, its responses in this order, by its kind's template or another."""
    kind = KINDS[question.kind]
    prompt, texts = question.group.prompt, texts or question.group.texts
    return desk.templates.get_template(template or f"kinds/{kind.draw}.html").render(
        ask=question.options.get("ask") or kind.asks,
        turns=prompt.messages or (Message(role="user", content=prompt.text or ""),),
        sides=[{"name": letter(n), "title": _title(question, n), "text": texts[i]} for n, i in enumerate(order)],
        options={**kind.options, **question.options},
        strengths=STRENGTHS,
    )


def _title(question: Question, place: int) -> str:
    """What a response is called: of a tree, it is a message or a reply."""
    in_tree = question.parent or question.why == GIVEN
    name = "Answer" if not in_tree else "Reply" if question.kind == "ranking" else "Message"
    return f"{name} {letter(place)}" if len(question.group.responses) > 1 else name


def solution(item: Item, order: Sequence[int], value: Any) -> dict[str, Any]:
    """What is shown after an answer to a practice item."""
    question = item.question
    return {
        "right": is_right(question.kind, value, item.expected),
        "said": in_words(question, value, order),
        "expected": in_words(question, item.expected, order),
        "explanation": str(render.html(item.explanation)) if item.explanation else "",
    }


def sources(question: Question, order: Sequence[int]) -> list[dict[str, str]]:
    """Which model wrote the answer at each place."""
    wrote = [question.group.responses[i].model_version or "not known" for i in order]
    return [{"name": letter(place), "source": render.sendable(source)} for place, source in enumerate(wrote)]


def value_on_page(kind: str, value: Any, order: Sequence[int]) -> Any:
    """An earlier answer as the page has it, to change it; `None` of a skip."""
    return None if value is None else on_page(kind, value, order)
