"""Questions of a size that people are asked."""

from __future__ import annotations

import random

from prefloop.text import Group, Prompt, Question, Response

WORDS = ("the", "old", "harbour", "lay", "quiet", "under", "a", "low", "grey", "sky", "and", "nobody", "came")


def question(number: int) -> Question:
    """A prompt of some thirty words and a pair of answers of some sixty words each."""
    draw = random.Random(number)
    pair = tuple(Response(text=" ".join(draw.choices(WORDS, k=60))) for _ in range(2))
    prompt = Prompt(text=f"{number}: " + " ".join(draw.choices(WORDS, k=30)))
    return Question(id=f"q{number}", kind="comparison", group=Group(prompt=prompt, responses=pair))
