"""Answers given up early and answers led to a goal, where the states of right answers are known to point one way."""

from collections import Counter
from itertools import product

import pytest
import torch

import tiny
from prefloop.batch import assemble
from prefloop.errors import DataError, RecipeError
from prefloop.evaluation.voting import drawn_until_low, voting
from prefloop.models.decoder import Decoder
from prefloop.recipe import Decoding
from prefloop.sampling.best import BestOf
from prefloop.sampling.early import filtered
from prefloop.sampling.guided import Guided
from prefloop.sampling.local import LocalGenerator
from prefloop.sampling.segments import seed_of
from prefloop.scoring.goals import Goal
from prefloop.text import Group, Prompt, Response

ONE, TWO = Prompt(text="One"), Prompt(text="Two")
STEPS = torch.tensor([[-1.0, 0.5], [1.0, 0.0], [0.5, 0.8], [0.0, 1.0]], dtype=torch.float64)
"""What each token adds to the state of an answer; right answers say 1, and end where it points."""
GOAL = Goal(STEPS[1])


def states(ids):
    return STEPS[list(ids)].cumsum(0)


def value(groups):
    """How near the state of each answer is to the goal."""
    return torch.stack([torch.stack([GOAL.values(states(r.ids)[-1]) for r in g.responses]) for g in groups])


class Told:
    """Says of each beginning the tokens that it is told to, up to an end."""

    def __init__(self, *plans):
        """`plans` are, for each prompt, the answers that are begun."""
        self.plans, self.drawn, self.seeds = dict(zip((ONE, TWO), plans, strict=False)), 0, []

    def go_on(self, begun, *, k, decoding, seed, progress=None):
        count = Counter()
        groups = []
        self.seeds.append(seed)
        for prompt, first in begun:
            answers = [a for a in self.plans[prompt] if a[: len(first)] == first]
            chosen = [answers[(count[prompt, first] + j) % len(answers)] for j in range(k)]
            count[prompt, first] += k
            groups.append(Group(prompt=prompt, prompt_ids=(9,), responses=tuple(
                self.said(a, len(first), min(len(first) + decoding.max_tokens, len(a))) for a in chosen)))  # fmt: skip
        return groups

    def said(self, answer, start, stop):
        assert start < stop, "an answer that ended is not gone on with"
        self.drawn += stop - start
        ids = answer[:stop]
        return Response(
            text=str(ids),
            ids=ids,
            mask=(0,) * start + (1,) * (stop - start),
            logp=(0.0,) * start + tuple(-0.5 * t for t in range(start + 1, stop + 1)),
            finish="end" if stop == len(answer) else "length",
        )


RIGHT, WRONG, LATE = (1, 1, 2, 1, 1, 1, 1), (0, 0, 0, 3, 0, 0, 0, 0, 0, 0), (1, 1, 1, 0, 0, 0, 0, 0, 0)
HOW = {"value": value, "tokens": 2, "decoding": Decoding(max_tokens=20)}


def test_the_right_answers_are_kept_and_every_token_is_counted():
    """Wrong ones go after their first 2 tokens, those that turn wrong when half of their way is back."""
    teller = Told([RIGHT, WRONG, LATE])
    [found] = filtered(teller, [ONE], k=6, lowest=0.0, **HOW)
    assert Counter(r.ids for r in found.kept.responses) == {RIGHT: 2}
    assert Counter(r.ids for r in found.dropped) == {WRONG[:2]: 2, LATE[:8]: 2}
    assert found.tokens == teller.drawn == 2 * (len(RIGHT) + 2 + 8)
    [every] = filtered(Told([RIGHT, WRONG, LATE]), [ONE], k=6, lowest=-2.0, **HOW)
    assert every.tokens - found.tokens == 2 * (len(WRONG) - 2 + len(LATE) - 8)
    assert every.dropped == ()
    assert Counter(r.ids for r in every.kept.responses) == {RIGHT: 2, WRONG: 2, LATE: 2}


def test_what_is_kept_stands_there_as_if_drawn_in_one_go():
    for r in filtered(Told([RIGHT, WRONG]), [ONE], k=4, lowest=0.0, **HOW)[0].kept.responses:
        assert (r.mask, r.finish, r.sampling["max_tokens"]) == ((1,) * len(RIGHT), "end", 20)
        assert r.logp == tuple(-0.5 * t for t in range(1, len(RIGHT) + 1))


def test_where_all_are_low_all_are_drawn_to_their_end():
    teller = Told([WRONG, LATE], [RIGHT, WRONG])
    lost, other = filtered(teller, [ONE, TWO], k=2, lowest=0.0, **HOW)
    assert [r.ids for r in lost.kept.responses] == [WRONG, LATE]
    assert lost.dropped == ()
    assert [r.ids for r in other.kept.responses] == [RIGHT]
    assert teller.drawn == lost.tokens + other.tokens == len(WRONG) + len(LATE) + len(RIGHT) + 2
    assert len(set(teller.seeds)) == len(teller.seeds), "no two draws are made with the same random numbers"


def test_the_last_token_there_may_be_ends_an_answer():
    how = {**HOW, "decoding": Decoding(max_tokens=5)}
    [found] = filtered(Told([RIGHT]), [ONE], k=1, lowest=0.0, **how)
    assert [(r.ids, r.finish) for r in found.kept.responses] == [(RIGHT[:5], "length")]
    assert filtered(Told([RIGHT]), [], k=1, lowest=0.0, **how) == []


class Every:
    """Goes on with every token there is, one in each branch, five tokens long."""

    def go_on(self, begun, *, k, decoding, seed, progress=None):
        assert (k, decoding.max_tokens) == (4, 1)
        return [Group(prompt=prompt, prompt_ids=(9,), responses=tuple(self.said((*first, t)) for t in range(4)))
                for prompt, first in begun]  # fmt: skip

    def said(self, ids):
        mask = (0,) * (len(ids) - 1) + (1,)
        return Response(text=str(ids), ids=ids, mask=mask, logp=(-1.0,) * len(ids), finish="length")


def led(worth, k=1):
    guided = Guided(generator=Every(), value=worth, branches=4, tokens=1)
    [group] = guided.sample([ONE], k=k, decoding=Decoding(max_tokens=5), seed=0)
    assert group.prompt_ids == (9,)
    assert all(r.mask == (1,) * 5 and r.logp == (-1.0,) * 5 for r in group.responses)
    return [r.ids for r in group.responses]


def test_decoding_ends_nearest_the_goal_of_all_answers_there_are():
    every = list(product(range(4), repeat=5))
    near = torch.stack([GOAL.values(states(ids)[-1]) for ids in every])
    assert led(value, k=2) == [every[near.argmax()]] * 2 == [(1,) * 5] * 2
    assert near.sort().values[-2] < 1 - 1e-4, "no other answer ends there"


@pytest.mark.parametrize("seed", range(3))
def test_decoding_takes_the_highest_value_of_each_step_whatever_comes_later(seed):
    draw = torch.Generator().manual_seed(seed)
    table = {ids: torch.rand((), generator=draw) for n in range(1, 6) for ids in product(range(4), repeat=n)}
    path = ()
    while len(path) < 5:
        path = max(((*path, t) for t in range(4)), key=table.__getitem__)
    assert led(lambda groups: torch.stack([torch.stack([table[r.ids] for r in g.responses]) for g in groups])) == [path]


def test_an_answer_that_ended_is_led_no_further():
    teller = Told([RIGHT[:3], WRONG])
    guided = Guided(generator=teller, value=value, branches=2, tokens=2)
    [group] = guided.sample([ONE], k=1, decoding=Decoding(max_tokens=20), seed=0)
    assert (group.responses[0].ids, teller.drawn) == (RIGHT[:3], 2 * 2 + 2)


PROMPTS = [Prompt(text="The old harbour"), Prompt(text="Rain")]
LONG = Decoding(max_tokens=9)


def evenness(groups):
    """A value with nothing to it, which tells answers apart."""
    return torch.tensor([[sum(r.ids) % 7 / 7 for r in g.responses] for g in groups])


@pytest.fixture(scope="module")
def policy():
    return Decoder(tiny.network("llama", dtype=torch.float64), tiny.tokenizer(), name="policy")


def drawn_by(policy, lowest=0.3, width=64, tokens=3):
    generator = LocalGenerator(policy, width=width)
    return filtered(generator, PROMPTS, k=5, value=evenness, lowest=lowest, tokens=tokens, decoding=LONG, seed=4)


def guided_by(policy, branches, seed=4, tokens=3):
    guided = Guided(generator=LocalGenerator(policy), value=evenness, branches=branches, tokens=tokens)
    return guided.sample(PROMPTS, k=3, decoding=LONG, seed=seed)


def ids_of(groups):
    return [r.ids for g in groups for r in g.responses]


def test_log_probabilities_are_the_policys_of_what_was_kept(policy):
    found = drawn_by(policy)
    assert any(f.dropped for f in found)
    groups = [*(f.kept for f in found), *guided_by(policy, 3)]
    batch = assemble(groups)
    logp = policy.outputs(batch, {"logp"})["logp"]
    torch.testing.assert_close(logp.float(), batch["sampled_logp"], rtol=0, atol=1e-5)


def test_what_is_drawn_is_a_function_of_the_seed_and_not_of_the_width(policy):
    one, narrow = drawn_by(policy), drawn_by(policy, width=2)
    assert ids_of(f.kept for f in one) == ids_of(f.kept for f in narrow)
    assert [f.tokens for f in one] == [f.tokens for f in narrow]
    assert ids_of(guided_by(policy, 2)) == ids_of(guided_by(policy, 2)) != ids_of(guided_by(policy, 2, seed=5))


def test_in_one_segment_leading_is_best_of_n_and_a_filter_below_all_values_is_the_policy(policy):
    asked = [p for p in PROMPTS for _ in range(3)]
    best = BestOf(generator=LocalGenerator(policy), n=4, score=evenness)
    found = best.sample(asked, k=1, decoding=LONG, seed=seed_of(4, 0))
    assert ids_of(guided_by(policy, 4, tokens=9)) == ids_of(found)
    every = drawn_by(policy, lowest=-1.0, tokens=9)
    plain = LocalGenerator(policy).sample([p for p in PROMPTS for _ in range(5)], k=1, decoding=LONG,
                                          seed=seed_of(4, 0, 0))  # fmt: skip
    assert ids_of(f.kept for f in every) == ids_of(plain)
    assert not any(f.dropped for f in every)


def test_segments_of_nothing_and_stop_texts_are_refused(policy):
    for wrong in ({"tokens": 0}, {"k": 0}):
        with pytest.raises(RecipeError, match="at least 1"):
            filtered(LocalGenerator(policy), PROMPTS, **{"k": 2, "value": evenness, "lowest": 0.0, **wrong})
    stop = Decoding(stop=("x",))
    with pytest.raises(RecipeError, match="leave out the decoding's `stop`"):
        filtered(LocalGenerator(policy), PROMPTS, k=2, value=evenness, lowest=0.0, decoding=stop)
    with pytest.raises(RecipeError, match="`branches` of `Guided` is 0"):
        guided_by(policy, 0)
    with pytest.raises(RecipeError, match="leave out the decoding's `stop`"):
        Guided(generator=LocalGenerator(policy), value=evenness).sample(PROMPTS, k=1, decoding=stop, seed=0)


def test_a_vote_is_right_more_often_without_what_turned_wrong_and_every_saved_token_is_counted():
    """The first vote is right as what came to nothing has none, the second wrong, and nobody is left to mend it."""
    answers = [RIGHT, WRONG, LATE, LATE]
    values = torch.zeros(2, 4, 10, dtype=torch.float64)
    mask = torch.zeros(2, 4, 10)
    for p, row in enumerate((answers, [WRONG, LATE, WRONG, WRONG])):
        for k, ids in enumerate(row):
            values[p, k, : len(ids)], mask[p, k, : len(ids)] = GOAL.values(states(ids)), 1
    said = [["5", "4", None, None], ["4", "5", "4", "4"]]
    found = voting(values, mask, said, ["5", "5"], lowest=0.0, skip=0)
    assert (found.every.estimate, found.left.estimate, found.every.n) == (0.5, 0.5, 2)
    lost = voting(values, mask, [["5", "4", "4", None], said[1]], ["5", "5"], lowest=0.0, skip=0)
    assert (lost.every.estimate, lost.left.estimate, lost.saved) == (0.0, 0.5, found.saved)
    late = next(t for t in range(9) if GOAL.values(states(LATE)[t]) < 0) + 1
    assert found.tokens == 7 + 10 + 2 * 9 + 3 * 10 + 9
    assert found.saved == (10 - 1) + 2 * (9 - late), "of the second prompt all are low, and none is given up"
    none = voting(values, mask, said, ["5", "5"], lowest=-1.1, skip=0)
    assert (none.saved, none.left) == (0, none.every)


@pytest.mark.parametrize("skip", [0, 2])
def test_what_is_drawn_until_a_low_value_is_what_one_by_one_counting_says(skip):
    draw = torch.Generator().manual_seed(skip)
    values, mask = torch.rand(6, 5, 8, generator=draw), (torch.rand(6, 5, 8, generator=draw) < 0.7).long()
    kept, drawn = drawn_until_low(values, mask, lowest=0.2, skip=skip)
    for p, k in product(range(6), range(5)):
        count, low = 0, False
        for q, there in zip(values[p, k].tolist(), mask[p, k].tolist(), strict=True):
            if there and not low:
                count += 1
                low = count > skip and q < 0.2
        assert (bool(kept[p, k]), int(drawn[p, k])) == (not low, count)
    assert kept.any()
    assert not kept.all()


def test_answers_without_values_are_refused():
    with pytest.raises(DataError, match="give a value for every token"):
        voting(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), [["1"]], ["1"], lowest=0.0)
