"""How good a reward model is on parts of what was held out."""

import random

import pytest

from prefloop.evaluation.preference import accuracy, compared
from prefloop.evaluation.reward_quality import cases, halved, held_out, over_longer, share, slices
from prefloop.text import Group, Prompt, Response

RNG = random.Random(0)


def judged(n, who, *, k=2, target=None):
    answers = tuple(Response(text=f"{n} {i}") for i in range(k))
    return Group(prompt=Prompt(text=str(n)), responses=answers, who=who, target=target)


GROUPS = [judged(n % 30, "abc"[n % 3], k=2 + n % 2, target=(0.6, 0.9)[n % 2]) for n in range(60)]
SCORES = [[RNG.gauss(0.5 - i, 1) for i in range(len(g.responses))] for g in GROUPS]
TOKENS = [[float(RNG.randint(1, 9)) for _ in g.responses] for g in GROUPS]
ASKED = compared(GROUPS, seed=0)


def gaps(scores, asked=ASKED):
    return [[scores[a][i] - scores[b][j] for (a, i), (b, j) in pairs] for pairs in asked.observations]


CASES = cases(GROUPS, gaps(SCORES), TOKENS, ASKED)


def test_the_accuracy_is_that_of_the_comparisons():
    found = held_out("prompts", CASES, None)
    assert found.accuracy.estimate == pytest.approx(accuracy(SCORES, ASKED).estimate)
    assert found.longer.estimate == pytest.approx(accuracy(TOKENS, ASKED).estimate)
    assert (found.accuracy.n, found.comparisons) == (30, ASKED.count)
    assert held_out("nobody's", [], None) is None


def test_slices_take_every_comparison_once():
    found = slices(CASES)
    by = {what: [s for s in found if s.by == what] for what in dict.fromkeys(s.by for s in found)}
    assert list(by) == ["margin people gave", "tokens of an answer", "the better answer is", "person"]
    assert [s.name for s in by["person"]] == ["a", "b", "c"]
    assert [s.name for s in by["margin people gave"]] == ["0.2", "0.8"]
    assert len(by["tokens of an answer"]) == 4
    for person, one in zip("abc", by["person"], strict=True):
        mine = [c for c in CASES if c.who == person]
        assert one.accuracy == share(mine, lambda c: float(c.gap > 0))


def test_what_is_the_same_for_all_is_not_sliced():
    alike = [judged(n, "ada") for n in range(4)]
    asked = compared(alike, seed=0)
    found = slices(cases(alike, gaps([[1.0, 0.0]] * 4, asked), [[5.0, 5.0]] * 4, asked))
    assert {s.by for s in found} == {"the better answer is"}
    assert [s.name for s in found] == ["as long"]


def test_a_model_that_only_counts_tokens_is_not_above_picking_the_longer():
    only_long = cases(GROUPS, gaps(TOKENS), TOKENS, ASKED)
    gain = over_longer(only_long, seed=0)
    assert (gain.low, gain.estimate, gain.high) == (0, 0, 0)
    perfect = cases(GROUPS, gaps([[-float(i) for i in range(len(g.responses))] for g in GROUPS]), TOKENS, ASKED)
    assert over_longer(perfect, seed=0).low > 0


def test_the_halves_of_a_temperature_share_no_prompt():
    found = halved(CASES, seed=0)
    assert found.before.n == found.after.n == 15
    assert halved([c for c in CASES if c.observation == 0], seed=0) is None
