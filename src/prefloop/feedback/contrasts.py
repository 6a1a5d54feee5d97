"""Prompts that are nearly the same in words, with an answer to each: what a reward model should tell apart."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import DataError
from ..text import Group, Prompt, Response

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Two prompts that share most of their words, x and x', a good answer to each, y and y', and how near they are.

    >>> one, two = Prompt(text="Name a red fruit."), Prompt(text="Name a red flower.")
    >>> contrast = Contrast(prompts=(one, two), answers=(Response(text=" Cherry."), Response(text=" Poppy.")), near=0.7)
    >>> [group.texts for group in contrast.groups]
    [(' Cherry.', ' Poppy.'), (' Poppy.', ' Cherry.')]
    """

    prompts: tuple[Prompt, Prompt]
    answers: tuple[Response, Response]
    near: float

    @property
    def groups(self) -> tuple[Group, Group]:
        """Both answers after x and after x', each time the prompt's own first: as a scorer is asked."""
        (x, other), (y, foreign) = self.prompts, self.answers
        return Group(prompt=x, responses=(y, foreign)), Group(prompt=other, responses=(foreign, y))


def contrast_set(
    judged: Sequence[Group], *, least: float = 0.5, most: float = 0.95, count: int | None = None
) -> tuple[Contrast, ...]:
    """Pairs of near prompts of judged answers, the best answer first in each, with the best answers to both.

        near = cosine of tf-idf of the words of two prompts        least <= near <= most

    Contrast instructions (Shen et al. 2023, arXiv 2309.16155), in the form: prompts are retrieved by their words, where
    the paper may use embeddings, and neither asks what they mean. A reward model r is consistent on one where
    r(x, y) > r(x, y') and r(x', y') > r(x', y). Every prompt is in one pair at most, the nearest ones first; `count` is
    how many are taken. Above `most` two prompts may ask for the same thing, and so may those whose best answers are the
    same, which are left out.

    Raises:
        DataError: no two prompts are so near, or the bounds leave nothing between them.

    >>> texts = {"Name a red fruit.": " Cherry.", "Name a red flower.": " Poppy.", "Sing!": " La."}
    >>> judged = [Group(prompt=Prompt(text=x), responses=(Response(text=y),)) for x, y in texts.items()]
    >>> [found] = contrast_set(judged)
    >>> found.prompts[1].shown, found.answers[1].text, round(found.near, 2)
    ('Name a red flower.', ' Poppy.', 0.57)
    """
    if not 0 < least <= most <= 1:
        raise DataError(f"`least` is {least} and `most` is {most}: give 0 < least <= most <= 1, such as 0.5 and 0.95.")
    best = {g.prompt: g.responses[0] for g in reversed(judged) if g.responses}
    prompts = list(reversed(best))
    found = sorted(
        (-near, i, j)
        for (i, j), near in _near([_words(p) for p in prompts]).items()
        if least <= near <= most and best[prompts[i]].text.strip() != best[prompts[j]].text.strip()
    )
    taken: set[int] = set()
    contrasts: list[Contrast] = []
    for near, i, j in found:
        if len(contrasts) == count:
            break
        if not taken & {i, j}:
            taken |= {i, j}
            two = (prompts[i], prompts[j])
            contrasts.append(Contrast(prompts=two, answers=(best[two[0]], best[two[1]]), near=-near))
    if not contrasts:
        raise DataError(
            f"of {len(prompts)} prompts no two are as near as {least:g} and no nearer than {most:g}, with other "
            "answers: lower `least`, or give more prompts."
        )
    return tuple(contrasts)


def _words(prompt: Prompt) -> Counter[str]:
    """The words of a prompt; of a conversation those of its last turn, which is answered."""
    return Counter(_WORD.findall((prompt.messages[-1].content if prompt.messages else prompt.shown).lower()))


def _near(texts: Sequence[Mapping[str, int]]) -> dict[tuple[int, int], float]:
    """The cosines of all texts that share a word, the later one second."""
    held = Counter(word for text in texts for word in text)
    rarity = {word: math.log(1 + len(texts) / n) for word, n in held.items()}
    rows = []
    for text in texts:
        row = {word: n * rarity[word] for word, n in text.items()}
        size = math.sqrt(sum(x * x for x in row.values()))
        rows.append({word: x / size for word, x in row.items()})
    met: defaultdict[str, list[int]] = defaultdict(list)
    near: defaultdict[tuple[int, int], float] = defaultdict(float)
    for j, row in enumerate(rows):
        for word, x in row.items():
            for i in met[word]:
                near[i, j] += rows[i][word] * x
            met[word].append(j)
    return near
