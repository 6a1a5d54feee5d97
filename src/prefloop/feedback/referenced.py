"""A reference answer before the answers that are compared: pairs for a model that tells policies apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, permutations

from ..errors import DataError
from ..text import Beside, Group, Message, Prompt, Response
from .files import Row
from .shapes import LeftOut, Read, text

APART = "\n\n---\n\n"
"""What stands between a reference answer and the prompt once more, in plain text."""


def against(prompt: Prompt, reference: str) -> Beside:
    r"""What a model reads before an answer it holds against a reference: the prompt, the reference, the prompt again.

    The trajectories of POLAR (Dou et al. 2025, arXiv 2507.05197), one after the other, in the form of plain text or
    messages; the paper has tokens of its own. A system message is not repeated.

    >>> against(Prompt(text="One"), " two").text
    'One two\n\n---\n\nOne'
    """
    if prompt.text is not None:
        said = f"{prompt.text}{reference}{APART}{prompt.text}"
        return Beside(text=said, asked=prompt, reference=reference)
    again = tuple(m for m in prompt.messages if m.role != "system")
    turns = (*prompt.messages, Message(role="assistant", content=reference), *again)
    return Beside(messages=turns, asked=prompt, reference=reference)


def beside(row: Row, *, read: Read) -> Iterator[Group | LeftOut]:
    """The answers of a row, as `read` finds them, each held against the `reference_answer` in that column."""
    reference = text(row, "reference_answer")
    if not reference.strip():
        yield LeftOut(why="the reference answer is empty")
        return
    for found in read(row):
        yield found if isinstance(found, LeftOut) else replace(found, prompt=against(found.prompt, reference))


def same_policy(drawn: Mapping[str, Sequence[Group]]) -> Iterator[Group]:
    """For every two policies and each prompt that both answered: an answer of the one's own before one of the other's.

    Of the first policy the first answer is the reference and the second the better one; the first answer of the other
    is the worse. The corpus of POLAR's pretraining; `drawn` are answers by policy, such as checkpoints or temperatures.

    Raises:
        DataError: no policy gave two different answers to a prompt that another one answered too.
    """
    by_prompt = {name: {g.prompt: g for g in groups} for name, groups in drawn.items()}
    found = False
    for mine, theirs in permutations(by_prompt, 2):
        for prompt, group in by_prompt[mine].items():
            other = by_prompt[theirs].get(prompt)
            if other is None or len(group.responses) < 2 or other.texts[0] == group.texts[1]:
                continue
            found = True
            two = (group.responses[1], other.responses[0])
            yield _after(group, group.texts[0], two)
    if not found:
        raise DataError(
            f"of {len(by_prompt)} policies none gave two answers to a prompt that another one answered differently: "
            "draw two or more answers of each to the same prompts (k=2)."
        )


def ranked(groups: Sequence[Group]) -> Iterator[Group]:
    """Of each ranking, best first, the best as the reference and every two others as a pair; ties are left out.

    The triples that POLAR is fitted to after its pretraining.
    """
    for group in groups:
        for i, j in combinations(range(1, len(group.responses)), 2):
            if not group.labels or group.labels[i] > group.labels[j]:
                yield _after(group, group.texts[0], (group.responses[i], group.responses[j]))


def referred(groups: Sequence[Group], references: Mapping[Prompt, str]) -> list[Group]:
    """The groups with their prompts as a model reads them beside these references.

    Raises:
        DataError: a prompt has no reference.
    """
    bare = next((g.prompt for g in groups if g.prompt not in references), None)
    if bare is not None:
        raise DataError(f"the prompt {bare.shown[:80]!r} has no reference answer to be held against: add one.")
    return [_after(g, references[g.prompt], g.responses) for g in groups]


def _after(group: Group, reference: str, responses: Sequence[Response]) -> Group:
    plain = tuple(replace(r, ids=(), mask=(), logp=()) for r in responses)
    return Group(prompt=against(group.prompt, reference), responses=plain, who=group.who)
