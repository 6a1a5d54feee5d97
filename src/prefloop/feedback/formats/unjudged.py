"""Answers and prompts that nobody has judged yet, as questions without answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import DataError
from ...text import Kind, Message, Prompt, Response
from ..files import Row
from ..shapes import LeftOut, given, listed, prompted, text
from .converter import Format, Said, asked, said

_VERDICTS = {"1": 0, "2": 1}


def _responses(row: Row) -> Iterator[Said]:
    """The `responses` to a `prompt`: a comparison of two, a ranking of more, thumbs of one."""
    texts = listed(row, "responses")
    if not texts or not all(isinstance(t, str) for t in texts):
        raise DataError(f"{row.place}: `responses` is a list of texts, and not an empty one.")
    yield asked(_kind(texts), prompted(row), texts)


def _by_model(row: Row) -> Iterator[Said]:
    """The `completions` of a prompt with the models that wrote them."""
    made = [
        Response(text=c["completion"], model_version=str(c.get("model") or ""))
        for c in sorted(listed(row, "completions"), key=lambda c: str(c.get("model")))
    ]
    yield asked(_kind(made), Prompt(messages=(Message(role="user", content=text(row, "prompt")),)), made)


def _kind(answers: Sequence[Any]) -> Kind:
    return "thumbs" if len(answers) == 1 else "comparison" if len(answers) == 2 else "ranking"


def _prompt(row: Row) -> Iterator[Said]:
    """A prompt that nobody has answered: a demonstration to be written."""
    yield asked("demonstration", prompted(row), [])


def _llmbar(row: Row) -> Iterator[Said]:
    """LLMBar (Zeng et al. 2023, arXiv 2310.07641): two outputs and which of them, 1 or 2, is better."""
    prompt = Prompt(messages=(Message(role="user", content=text(row, "input")),))
    question = asked("comparison", prompt, [text(row, "output_1"), text(row, "output_2")])
    yield question
    verdict = _VERDICTS.get(str(given(row, "label")))
    if verdict is None:
        yield LeftOut(why="labels that are neither 1 nor 2")
    else:
        yield said(question, verdict)


LLMBAR = Format(
    name="llmbar",
    columns=("input", "output_1", "output_2", "label"),
    keeps=frozenset(("input", "output_1", "output_2", "label")),
    convert=_llmbar,
)
RESPONSES = Format(
    name="responses",
    columns=("prompt", "responses"),
    keeps=frozenset(("prompt", "responses")),
    convert=_responses,
)
BY_MODEL = Format(
    name="completions-by-model",
    columns=("prompt", "completions"),
    keeps=frozenset(("prompt", "completions")),
    convert=_by_model,
)
PROMPTS = Format(name="prompts", columns=("prompt",), keeps=frozenset(("prompt",)), convert=_prompt)
