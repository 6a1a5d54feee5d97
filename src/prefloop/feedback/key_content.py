"""What an answer says at lower and lower degrees: its key phrases are found by RAKE and taken out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_WORDS = """
a about above after again against all also am an and any are aren as at be because been before being below between
both but by can cannot could couldn did didn do does doesn doing don done down during each either else ever every
few for from further had hadn has hasn have haven having he hence her here hers herself him himself his how however
i if in into is isn it its itself just least less let like may me might more most much must my myself neither no nor
not now of off often on once one only onto or other others ought our ours ourselves out over own per perhaps quite
rather really same shall she should shouldn since so some such than that the their theirs them themselves then there
therefore these they this those though through thus to too toward towards under unless until up upon us very was
wasn we well were weren what when where whether which while who whom whose why will with within without won would
wouldn yes yet you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_WORDS.split())
"""English words that carry no content of their own, up to any apostrophe.

In other languages phrases end at punctuation alone.
"""

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A key phrase: its words, and the place in the text that it takes, with the space before it."""

    words: tuple[str, ...]
    start: int
    end: int


def key_phrases(text: str) -> list[Phrase]:
    """Runs of words with neither a stop word nor punctuation in them, the most telling first.

        score(word)   = (sum of the lengths of the phrases it is in) / (how often it occurs)
        score(phrase) = sum of the scores of its words

    RAKE (Rose et al. 2010, Automatic keyword extraction from individual documents); every occurrence of a phrase is one
    of its own, and of equals the first in the text comes first.

    >>> [" ".join(phrase.words) for phrase in key_phrases("The old harbour lay quiet in the rain, and boats came.")]
    ['old harbour lay quiet', 'boats came', 'rain']
    """
    runs: list[list[re.Match[str]]] = [[]]
    for found in _WORD.finditer(text):
        if runs[-1] and text[runs[-1][-1].end() : found.start()].strip():
            runs.append([])
        if _plain(found) in STOP_WORDS:
            runs.append([])
        else:
            runs[-1].append(found)
    phrases = [
        Phrase(tuple(map(_plain, run)), len(text[: run[0].start()].rstrip()), run[-1].end()) for run in runs if run
    ]
    often, company = Counter[str](), Counter[str]()
    for phrase in phrases:
        for word in phrase.words:
            often[word] += 1
            company[word] += len(phrase.words)
    return sorted(phrases, key=lambda phrase: -sum(company[word] / often[word] for word in phrase.words))


def _plain(found: re.Match[str]) -> str:
    """A word in lower case, up to any apostrophe: "don't" counts as "don", and "boat's" as "boat"."""
    return re.split("['\u2019]", found.group().lower())[0]


def degraded(text: str, degrees: int) -> list[str | None]:
    """The text at the degrees 0 to `degrees` - 1: at degree d it lacks d / `degrees` of its key phrases.

    The most telling phrases are taken out first; degree 0 is the text itself. `None` stands where no whole number of
    phrases is nearest to that share, so that a text of few phrases has few degrees, and two texts of one degree lack
    about as much.

    >>> degraded("Boats came in the rain, and harbours lay quiet.", 3)
    ['Boats came in the rain, and harbours lay quiet.', 'Boats came in the rain, and.', ' in the rain, and.']
    >>> degraded("Rain.", 3)
    ['Rain.', None, None]
    """
    phrases = key_phrases(text)
    found: list[str | None] = [text]
    for degree in range(1, degrees):
        out = _nearest(degree * len(phrases), degrees)
        serves = bool(out) and _nearest(out * degrees, len(phrases)) == degree
        found.append(_without(text, phrases[:out]) if serves else None)
    return found


def _nearest(over: int, under: int) -> int:
    """The whole number nearest to a fraction; of two the higher."""
    return (2 * over + under) // (2 * under)


def _without(text: str, phrases: list[Phrase]) -> str:
    for phrase in sorted(phrases, key=lambda phrase: -phrase.start):
        text = text[: phrase.start] + text[phrase.end :]
    return text
