"""Rounds: many answers drawn at once, learnt from for a while, with everything else standing still."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.errors import RecipeError
from prefloop.loops.optimise import optimise
from prefloop.objectives.imitation import nll
from prefloop.objectives.pairs import dpo
from prefloop.planning import plan
from prefloop.recipe import Optimiser, Sample, Term
from prefloop.recipes import method
from prefloop.select import best_and_worst, passing
from prefloop.shaping import truncated_importance
from prefloop.verify.learn import networks
from prefloop.verify.problem import BETA, PROMPT, REWARD, distribution, reference, rises
from prefloop.verify.tabular import TabularGenerator


class Watched(TabularGenerator):
    """A sampler that notes what it was asked, with the policy as it was then."""

    def __init__(self, policy):
        super().__init__(policy)
        self.asked = []

    def sample(self, prompts, *, k, decoding, seed, progress=None):
        drawn = super().sample(prompts, k=k, decoding=decoding, seed=seed)
        self.asked.append((self.policy.version, distribution(self.policy), decoding, drawn))
        return drawn


def run(recipe, *, lr=0.05, folder=None, on_step=lambda *_: None, found=None):
    found = found or networks()
    watched = Watched(found["policy"])
    recipe = replace(recipe, optimiser=Optimiser(lr=lr))
    optimise(recipe, networks=found, generator=watched, prompts=[PROMPT], folder=folder, on_step=on_step)
    return found, watched.asked


def rounds(**knobs):
    given = {"reward": bind(rises), "beta": BETA, "batch": 24, "steps": 3, "passes": 2, "minibatches": 4, **knobs}
    return method("iterative-dpo")(**given)


def test_a_round_draws_once_learns_in_all_passes_and_never_moves_the_reference():
    found, asked = run(rounds())
    assert [version for version, *_ in asked] == ["tabular@0", "tabular@8", "tabular@16"]
    assert found["policy"].version == "tabular@24"
    assert torch.equal(found["ref"].table, reference().table)
    assert all(len(drawn) == 24 and len(drawn[0].responses) == 8 for *_, drawn in asked)


def test_the_pairs_of_a_round_are_the_best_and_the_worst_of_all_answers_of_each_prompt():
    noted = []

    def noting(logp, ref_logp, mask, ids):
        noted.extend(ids.tolist())
        return dpo(logp, ref_logp, mask)

    recipe = rounds(steps=1)
    _, [(_, _, _, drawn)] = run(replace(recipe, objective=(Term(objective=bind(noting)),)))
    pairs = set()
    for one in drawn:
        pays = [rises("0", r.text) for r in one.responses]
        last = len(pays) - 1 - pays[::-1].index(min(pays))
        pairs.add((one.responses[pays.index(max(pays))].ids, one.responses[last].ids))
    assert {(tuple(a), tuple(b)) for a, b in noted} == pairs


def test_what_is_paid_rises_in_every_round_and_beats_one_round_of_as_many_pairs_from_the_reference():
    found, asked = run(rounds(batch=64))
    worth = [float(p @ REWARD) for _, p, *_ in asked] + [float(distribution(found["policy"]) @ REWARD)]
    assert worth == sorted(worth)
    at_once, _ = run(rounds(batch=192, steps=1, minibatches=12))
    assert at_once["policy"].version == found["policy"].version
    assert worth[-1] > float(distribution(at_once["policy"]) @ REWARD)


def test_a_run_that_was_stopped_goes_on_with_the_next_round(tmp_path):
    def stop(step, *_):
        if step == 1:
            raise MemoryError("the machine takes the process away")

    whole, _ = run(rounds())
    with pytest.raises(MemoryError):
        run(rounds(), folder=tmp_path / "state", on_step=stop)
    again, asked = run(rounds(), folder=tmp_path / "state")
    assert len(asked) == 2  # the round that was not finished, and the last
    assert torch.equal(again["policy"].table, whole["policy"].table)


def test_a_price_on_tokens_turns_a_pair_in_which_the_better_answer_is_longer():
    reward, mask = torch.tensor([[1.0, 0.8]]), torch.tensor([[[1, 1, 1], [1, 0, 0]]])
    assert best_and_worst(reward, mask, price=0.09).tolist() == [[0, 1]]
    assert best_and_worst(reward, mask, price=0.11).tolist() == [[1, 0]]
    assert rounds(price=0.1).select == (bind(best_and_worst, price=0.1),)


# --- answers drawn hotter than the policy


def test_answers_are_drawn_hotter_and_learnt_at_the_policys_own_temperature():
    """The first step is a gradient on the pairs of the hotter policy, with the log-probabilities of the plain one."""
    recipe = rounds(explore=2.0, steps=1, passes=1, minibatches=1)
    noted = []

    def noting(logp, ref_logp, mask):
        noted.append((logp.detach(), ref_logp))
        return dpo(logp, ref_logp, mask)

    _, [(_, _, decoding, drawn)] = run(replace(recipe, objective=(Term(objective=bind(noting)),)))
    assert decoding.temperature == 2.0
    logp, ref_logp = noted[0]
    assert torch.equal(logp, ref_logp)  # the first step is at the reference
    own = distribution(reference()).log()
    assert set(logp.sum(-1).flatten().numpy().round(9)) <= set(own.numpy().round(9))
    assert drawn[0].responses[0].logp != ()


def test_nothing_is_said_of_the_policy_by_answers_that_are_not_its_own():
    told = []
    run(rounds(explore=1.5), on_step=lambda step, metrics, groups: told.append(metrics))
    assert not {"reward", "kl", "sampler_gap", "entropy"} & set(told[0])
    assert {"preferred", "preferred_gained", "truncated", "loss"} <= set(told[0])
    run(rounds(), on_step=lambda step, metrics, groups: told.append(metrics))
    assert {"reward", "kl", "sampler_gap"} <= set(told[-1])


def test_a_hotter_policy_gradient_is_refused_unless_it_corrects_and_so_is_a_budget():
    recipe = method("rloo")(reward=bind(rises), batch=2, steps=1)
    hot = replace(recipe, sample=Sample(k=4, explore=1.5))
    with pytest.raises(RecipeError, match=r"`explore` 1.5, and `reinforce` learns from the policy's own alone"):
        run(hot)
    run(replace(hot, derive=(*hot.derive, bind(truncated_importance))))
    with pytest.raises(RecipeError, match="has a `kl_budget`, which is measured on the policy's own"):
        run(replace(rounds(explore=1.5), kl_budget=1.0))
    with pytest.raises(RecipeError, match="`explore` is 0: it is above 0"):
        Sample(explore=0)


# --- expert iteration


def test_all_answers_that_are_paid_enough_are_imitated_and_a_prompt_without_one_is_left_out():
    reward, mask = torch.tensor([[1.5, 2.0, 1.0], [0.0, 0.5, 1.0]]), torch.ones(2, 3, 1)
    assert passing(reward, mask, least=1.5).tolist() == [[True, True, False], [False, False, False]]
    noted = []

    def noting(logp, mask):
        noted.append(int(mask.any(-1).sum()))
        return nll(logp)

    recipe = method("expert-iteration")(reward=bind(rises), least=1.5, batch=40, k=2, steps=1, passes=1, minibatches=1)
    told = []
    _, [(*_, drawn)] = run(
        replace(recipe, objective=(Term(objective=bind(noting)),)), on_step=lambda s, metrics, g: told.append(metrics)
    )
    pays = [[rises("0", text) >= 1.5 for text in g.texts] for g in drawn]
    assert noted[0] == sum(map(sum, pays))
    assert told[0]["dropped"] == sum(not any(p) for p in pays) > 0


def test_a_round_in_which_nothing_is_paid_enough_teaches_nothing():
    found, _ = run(method("expert-iteration")(reward=bind(rises), least=99.0, batch=4, steps=2, minibatches=2))
    assert torch.equal(found["policy"].table, reference().table)


# --- one answer where answers are compared


ALONE = (
    *("rloo", "grpo", "dr-grpo", "maxrl", "gigpo", "sppo", "ppr-gde", "dapo", "nft", "brain", "superhf", "raft"),
    *("online-dpo", "online-ipo", "online-slic", "iterative-dpo", "pairwise-ppo", "reinforce-plus-plus-baseline"),
)


@pytest.mark.parametrize("name", ALONE)
def test_one_answer_to_a_prompt_is_refused_where_answers_are_compared_before_anything_is_loaded(name):
    with pytest.raises(
        RecipeError, match=r"compares the answers to a prompt, and `.*` draws 1 to each.*draw 2 or more"
    ):
        plan(method(name)(k=1))
    assert plan(method(name)(k=2))


@pytest.mark.parametrize("name", ["bond", "par", "contrastive-reward"])
def test_one_answer_beside_draws_that_are_only_a_baseline_is_refused_at_the_first_batch(name):
    found = networks()
    with pytest.raises(RecipeError, match="Sample at least 2 responses to each prompt"):
        optimise(
            method(name)(reward=bind(rises), k=1, batch=2, steps=1),
            networks=found,
            generator=TabularGenerator(found["policy"]),
            prompts=[PROMPT],
            drawer=TabularGenerator,
        )


@pytest.mark.parametrize("name", ["ppo", "reinforce", "reinforce-ema", "remax", "a2c", "xpo", "rebel"])
def test_one_answer_is_enough_for_what_compares_it_with_something_else(name):
    assert plan(method(name)(k=1))
