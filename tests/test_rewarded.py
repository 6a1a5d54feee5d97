"""What goes with a high score: formats, lengths and words, and that chance is not taken for an effect."""

import random
import re

import pytest

from prefloop.evaluation.rewarded import FORMATS, gains, rewarded, runs

WORDS = [f"w{n}" for n in range(40)]


def prompts(count, worth, *, seed=0, k=3, words=12):
    rng = random.Random(seed)

    def answer():
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(4, words)))
        return text, worth(text) + rng.gauss(0, 1)

    shift = [rng.gauss(0, 10) for _ in range(count)]  # prompts differ far more than the answers to one
    return [[(text, score + shift[p]) for text, score in (answer() for _ in range(k))] for p in range(count)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a list", "Well:\n- one\n- two"),
        ("a list", "1. one"),
        ("code", "use `x` here"),
        ("code", "```\nx\n```"),
        ("a heading", "# One\nfish"),
        ("bold", "**very** good"),
    ],
)
def test_a_format_is_told_from_the_others(name, text):
    assert [n for n, sign in FORMATS.items() if sign.search(text)] == [name]


@pytest.mark.parametrize("text", ["one - two", "5 * 3 * 2", "#1 of all", "it's 3.5 m", "a_b_c"])
def test_plain_text_has_no_format(text):
    assert not [n for n, sign in FORMATS.items() if sign.search(text)]


def test_answers_are_compared_within_their_prompt():
    assert gains(
        [[("a x", 1.0), ("b", 3.0), ("c", 4.0)], [("x", 9.0), ("y", 8.0)], [("x", 7.0)]], lambda t: "x" in t
    ) == [
        -2.5,
        1.0,
    ]


def test_runs_are_of_one_to_three_words_in_small_letters():
    assert runs("The Old harbour lay") >= {"the old harbour", "old harbour lay", "lay"}
    assert not any(run.count(" ") > 2 for run in runs("a b c d e"))
    assert "don't" in runs("I don't")


def test_a_word_that_is_rewarded_is_found_with_its_gain_and_an_example():
    found = rewarded(prompts(600, lambda t: 2.0 * ("w7" in t.split()) - 1.0 * ("w8" in t.split())), seed=0)
    best, worst = found.words[0], found.words[-1]
    assert best.name == "w7"
    assert worst.name == "w8"
    assert best.gain.low < 2 < best.gain.high
    assert worst.gain.low < -1 < worst.gain.high
    assert re.search(r"\bw7\b", best.example)


def test_among_words_that_mean_nothing_the_intervals_hold_0_as_often_as_they_say():
    found = [e for seed in range(6) for e in rewarded(prompts(300, lambda t: 0.0, seed=seed), seed=seed).words]
    holding = sum(e.gain.low <= 0 <= e.gain.high for e in found)
    assert len(found) >= 60
    assert holding / len(found) > 0.85  # of words chosen where they are measured it is about one in five


def test_a_format_that_is_rewarded_has_its_gain_measured():
    rows = [[(text, s) for text, s in row] for row in prompts(200, lambda t: 0.0)]
    rows = [[(f"- {t}", s + 1.0) if n == 0 else (t, s) for n, (t, s) in enumerate(row)] for row in rows]
    [effect] = rewarded(rows, seed=0).formats
    assert effect.name == "a list"
    assert effect.gain.low < 1 < effect.gain.high
    assert effect.gain.n == 200
    assert effect.example.startswith("- ")


def test_a_model_that_counts_words_prefers_the_longer_answer():
    found = rewarded(prompts(100, lambda t: 100.0 * len(t.split())), seed=0)
    assert found.longer.estimate == 1
    assert rewarded(prompts(100, lambda t: -100.0 * len(t.split())), seed=0).longer.estimate == 0


def test_single_answers_tell_nothing():
    found = rewarded([[("- a", 1.0)], [("b", 0.0)]] * 50, seed=0)
    assert (found.longer, found.formats, found.words) == (None, (), ())
