"""The openings shipped for the demo: enough of them, all different, cut off mid-sentence, and leaning neither way."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Set
from importlib.resources import files
from itertools import combinations

import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

Opening = dict[str, str]


@pytest.fixture(scope="module")
def openings() -> list[Opening]:
    path = files("prefloop") / "data" / "openings.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def words(text: str) -> list[str]:
    return re.findall(r"[\w'-]+", text.lower())


def trigrams(text: str) -> set[tuple[str, ...]]:
    w = words(text)
    return set(zip(w, w[1:], w[2:], strict=False))


def shared(a: Set[object], b: Set[object]) -> float:
    """The share of the smaller set that the larger one repeats."""
    return len(a & b) / min(len(a), len(b))


def test_each_line_has_a_text_a_kind_and_a_split(openings: list[Opening]) -> None:
    assert {tuple(sorted(o)) for o in openings} == {("kind", "split", "text")}


def test_both_splits_hold_both_kinds_in_about_equal_parts(openings: list[Opening]) -> None:
    assert Counter((o["split"], o["kind"]) for o in openings) == {
        ("train", "story"): 191,
        ("train", "description"): 189,
        ("held_out", "story"): 60,
        ("held_out", "description"): 60,
    }


def test_held_out_openings_lie_among_the_training_ones(openings: list[Opening]) -> None:
    held_out_per_hundred = [sum(o["split"] == "held_out" for o in openings[i : i + 100]) for i in range(0, 500, 100)]
    assert min(held_out_per_hundred) >= 12


def test_every_opening_has_8_to_20_words(openings: list[Opening]) -> None:
    assert [o["text"] for o in openings if not 8 <= len(o["text"].split()) <= 20] == []


def test_every_opening_stops_in_the_middle_of_a_sentence(openings: list[Opening]) -> None:
    assert [o["text"] for o in openings if not re.search(r"\w,?$", o["text"])] == []


def test_spaces_are_single_and_never_at_an_end(openings: list[Opening]) -> None:
    assert [o["text"] for o in openings if o["text"] != " ".join(o["text"].split())] == []


def test_no_two_openings_share_their_first_four_words(openings: list[Opening]) -> None:
    starts = Counter(tuple(words(o["text"])[:4]) for o in openings)
    assert [start for start, n in starts.items() if n > 1] == []


def test_no_two_openings_share_most_of_their_words_or_many_trigrams(openings: list[Opening]) -> None:
    seen = [(o["text"], set(words(o["text"])), trigrams(o["text"])) for o in openings]
    assert [
        (a, b)
        for (a, words_a, trigrams_a), (b, words_b, trigrams_b) in combinations(seen, 2)
        if shared(words_a, words_b) > 0.6 or shared(trigrams_a, trigrams_b) > 0.3
    ] == []


def test_no_opening_leans_towards_a_positive_or_a_negative_continuation(openings: list[Opening]) -> None:
    score = SentimentIntensityAnalyzer().polarity_scores
    assert [o["text"] for o in openings if abs(score(o["text"])["compound"]) >= 0.35] == []
