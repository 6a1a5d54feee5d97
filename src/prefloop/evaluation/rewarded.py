"""What goes with a high score: lengths, formats and words. Not why the score is high: what goes together is not told.

Answers are compared with other answers to the same prompt, so that a prompt whose answers all score high says nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import sqrt
from statistics import fmean

from ..feedback.sources import chance
from ..statistics import Interval, bootstrap_mean, wilson
from .calibration import won

FORMATS: Mapping[str, re.Pattern[str]] = {
    "a list": re.compile(r"^\s*(?:[-*+]|\d+[.)])\s", re.MULTILINE),
    "code": re.compile(r"```|`[^`\n]+`"),
    "a heading": re.compile(r"^#{1,6}\s", re.MULTILINE),
    "bold": re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__"),
}
_WORD = re.compile(r"\w+(?:['\N{RIGHT SINGLE QUOTATION MARK}]\w+)*")
LEAST = 8
"""Prompts that must tell with from without, in each half, before words are spoken of."""
_AROUND = 40  # characters of an example on either side


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How much higher answers with something score than answers to the same prompt without, and one that has it."""

    name: str
    gain: Interval
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewarded:
    """What a model rewards, in the unit of its scores; `longer` is how often it scores the longer of two higher."""

    longer: Interval | None
    formats: tuple[Effect, ...]
    words: tuple[Effect, ...]


Answers = Sequence[tuple[str, float]]
"""The answers to one prompt with their scores."""


def rewarded(prompts: Sequence[Answers], *, seed: int, shown: int = 8) -> Rewarded:
    """Lengths, formats and words that go with a high score, or a low one, over the answers to these prompts.

    The words are runs of one to three: those with the most certain effect on one half of the prompts are measured on
    the other half, so that their intervals are not those of the luckiest.
    """
    several = [answers for answers in prompts if len(answers) > 1]
    return Rewarded(
        longer=_longer(several),
        formats=tuple(e for name, sign in FORMATS.items() for e in _effect(name, several, _found(sign), sign, seed)),
        words=tuple(_words(several, seed, shown)),
    )


def gains(prompts: Sequence[Answers], has: Callable[[str], bool]) -> list[float]:
    """Mean score with less mean score without, of every prompt that has answers of both kinds.

    >>> gains([[("- a", 2.0), ("b", 1.0), ("c", 0.0)], [("d", 5.0)]], lambda text: text.startswith("-"))
    [1.5]
    """
    found = []
    for answers in prompts:
        sides = [[score for text, score in answers if has(text) is side] for side in (True, False)]
        if all(sides):
            found.append(fmean(sides[0]) - fmean(sides[1]))
    return found


def runs(text: str) -> set[str]:
    """The runs of one, two and three words of a text, in small letters.

    >>> sorted(runs("It rains."))
    ['it', 'it rains', 'rains']
    """
    words = [w.lower() for w in _WORD.findall(text)]
    return {" ".join(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words) - n + 1)}


def _longer(prompts: Sequence[Answers]) -> Interval | None:
    """One observation a prompt: the share of its pairs of unequal length whose longer answer scores higher."""
    rates = []
    for answers in prompts:
        sized = [(len(text.split()), score) for text, score in answers]
        wins = [won(a - b) for n, a in sized for m, b in sized if n > m]
        if wins:
            rates.append(fmean(wins))
    return wilson(sum(rates), len(rates)) if rates else None


def _found(sign: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: sign.search(text) is not None


def _effect(
    name: str, prompts: Sequence[Answers], has: Callable[[str], bool], sign: re.Pattern[str], seed: int
) -> Iterator[Effect]:
    found = gains(prompts, has)
    if len(found) >= LEAST:
        hit = next((text, at) for answers in prompts for text, _ in answers if has(text) and (at := sign.search(text)))
        yield Effect(name=name, gain=bootstrap_mean(found, seed=seed), example=_around(*hit))


def _words(prompts: Sequence[Answers], seed: int, shown: int) -> Iterator[Effect]:
    order = list(range(len(prompts)))
    chance(seed, "words").shuffle(order)
    halves = [[prompts[i] for i in order[side::2]] for side in (0, 1)]
    sure = _certainty(halves[0])
    ranked = sorted(sure, key=lambda run: (-sure[run], run))
    measured: list[Effect] = []
    for run in dict.fromkeys((*_apart(ranked, shown), *_apart(ranked[::-1], shown))):
        spelt = re.compile(r"\b" + r"\W+".join(map(re.escape, run.split())) + r"\b", re.IGNORECASE)
        measured += _effect(run, halves[1], partial(_has, run), spelt, seed)
    yield from sorted(measured, key=lambda e: -e.gain.estimate)


def _apart(ranked: Sequence[str], count: int) -> list[str]:
    """The first so many runs of which none holds another."""
    found: list[str] = []
    for run in ranked:
        if len(found) < count and not any(f" {a} " in f" {b} " for one in found for a, b in ((one, run), (run, one))):
            found.append(run)
    return found


def _has(run: str, text: str) -> bool:
    return run in runs(text)


def _certainty(prompts: Sequence[Answers]) -> dict[str, float]:
    """Of every run of words that enough prompts have an opinion on: mean gain over its standard error."""
    told: defaultdict[str, list[float]] = defaultdict(list)
    for answers in prompts:
        having = [(runs(text), score) for text, score in answers]
        total = sum(score for _, score in having)
        with_run: defaultdict[str, list[float]] = defaultdict(list)
        for inside, score in having:
            for run in inside:
                with_run[run].append(score)
        for run, scores in with_run.items():
            if len(scores) < len(having):
                told[run].append(fmean(scores) - (total - sum(scores)) / (len(having) - len(scores)))
    return {run: _over_error(found) for run, found in told.items() if len(found) >= LEAST}


def _over_error(values: Sequence[float]) -> float:
    mean = fmean(values)
    spread = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return mean / sqrt((spread + 1e-12) / len(values))


def _around(text: str, at: re.Match[str]) -> str:
    begin, end = max(0, at.start() - _AROUND), min(len(text), at.end() + _AROUND)
    return ("..." if begin else "") + text[begin:end].strip() + ("..." if end < len(text) else "")
