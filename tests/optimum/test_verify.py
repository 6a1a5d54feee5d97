"""Every method reaches its known answer on the enumerable problem, and a broken one is seen to miss it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prefloop.batch import assemble
from prefloop.binding import bind, gives
from prefloop.credit import rloo
from prefloop.errors import RecipeError
from prefloop.learning.update import Dials, derived, loss, with_frozen
from prefloop.planning import plan
from prefloop.recipe import Decoding, Term
from prefloop.recipes import method, methods
from prefloop.shaping import kl_in_reward, truncated_importance
from prefloop.verify import verify
from prefloop.verify.distance import (
    BOUND,
    PAIRS,
    fitted,
    from_all_pairs,
    from_own_pairs,
    from_own_samples,
    from_thumbs,
    imitated,
    paid,
)
from prefloop.verify.known import KNOWN
from prefloop.verify.problem import (
    BETA,
    PROMPT,
    REWARD,
    best_alone,
    best_of_distribution,
    distribution,
    liked,
    most_valued,
    reference,
    regularised_optimum,
    rises,
    total_variation,
)
from prefloop.verify.tabular import (
    ANSWERS,
    PREFIXES,
    TOKENS,
    Policy,
    TabularGenerator,
    answer_rows,
    group,
    response,
)

ROOT = Path(__file__).parents[2]
TOLD = {row["method"]: row for row in json.loads((ROOT / "docs" / "verified.json").read_text(encoding="utf-8"))}
"""What the pages of the methods say."""


@pytest.mark.parametrize("name", methods())
def test_a_method_reaches_its_known_answer(name):
    verdict = verify(name)
    assert verdict.method == name
    assert verdict.distance <= verdict.bound <= 0.02
    told = TOLD[name]
    assert verdict.what == told["what"], "run: prefloop verify --json > docs/verified.json"
    # Another machine adds up in another order; what a page tells is its size.
    assert verdict.distance == pytest.approx(told["distance"], rel=0.05, abs=2e-3)


def test_the_optimum_is_far_from_the_start_and_from_a_single_answer():
    start, optimum = distribution(reference()), regularised_optimum()
    assert total_variation(start, optimum) > 0.3
    assert total_variation(start, best_of_distribution(2)) > 0.2
    assert total_variation(REWARD.softmax(-1), torch.full((64,), 1 / 64)) > 0.2
    assert total_variation(most_valued(undesirable=2.0), torch.full((64,), 1 / 64)) > 0.15
    assert total_variation(start, best_alone()) > 0.5
    assert optimum.max() < 0.2


def test_the_best_of_two_is_that_of_all_pairs_counted_one_by_one():
    start, counted = distribution(reference()).tolist(), [0.0] * len(ANSWERS)
    for first in range(len(ANSWERS)):
        for second in range(len(ANSWERS)):
            counted[second if REWARD[second] > REWARD[first] else first] += start[first] * start[second]
    torch.testing.assert_close(best_of_distribution(2), torch.tensor(counted, dtype=torch.float64))


def test_the_optimum_is_worth_beta_log_z_which_only_it_attains():
    start, optimum = distribution(reference()), regularised_optimum()
    worth = (optimum * (REWARD - BETA * (optimum / start).log())).sum()
    torch.testing.assert_close(worth, BETA * (start * (REWARD / BETA).exp()).sum().log())


def test_dpo_with_its_gap_turned_round_is_caught():
    def turned(logp, ref_logp, mask, *, beta):
        h = beta * ((logp - ref_logp) * mask).sum(-1)
        return -torch.nn.functional.logsigmoid(h[:, 1] - h[:, 0])

    broken = replace(method("dpo")(), objective=(Term(objective=bind(turned, beta=BETA)),))
    assert from_all_pairs(broken) > 10 * BOUND


def test_dpo_at_another_beta_is_caught():
    assert from_all_pairs(method("dpo")(beta=1.2 * BETA)) > BOUND


def test_no_policy_nearby_is_valued_more_than_the_most_valued_one():
    best, start, weight = most_valued(undesirable=2.0), distribution(reference()), liked() - 2.0 * (1 - liked())
    reference_point = (best / start).log().mean()
    assert reference_point > 1

    def value(policy):
        return (weight * (BETA * ((policy / start).log() - reference_point)).sigmoid()).sum()

    source = torch.Generator().manual_seed(0)
    for _ in range(50):
        push = 0.01 * torch.randn(64, generator=source, dtype=torch.float64)
        assert value((best.log() + push).softmax(-1)) < value(best)


@pytest.mark.parametrize("wrong", [{"beta": 1.2 * BETA}, {"desirable": 1.5}, {"undesirable": 1.0}])
def test_kto_at_another_setting_is_caught(wrong):
    recipe = method("kto")(**{"beta": BETA, "undesirable": 2.0, **wrong})
    assert from_thumbs(recipe, undesirable=2.0) > BOUND


def test_kto_without_its_reference_point_is_caught():
    recipe = method("kto")(beta=BETA, undesirable=2.0)
    assert from_thumbs(replace(recipe, derive=(bind(nowhere),)), undesirable=2.0) > BOUND


@gives("reference_point")
def nowhere(mask):
    return torch.zeros(len(mask))


def test_online_dpo_that_prefers_the_worse_answer_is_caught():
    def sinks(prompt, response):
        return -rises(prompt, response)

    assert from_own_pairs(method("online-dpo")(reward=bind(sinks), beta=BETA, batch=16, steps=60)) > 10 * BOUND


def test_online_dpo_rests_at_the_regularised_optimum_where_people_choose_by_bradley_terry():
    """The mean gradient over all pairs of own answers, each preferred as often as people do, is enumerated."""
    policy, pairs = Policy(torch.zeros(1, PREFIXES, TOKENS)), torch.cartesian_prod(torch.arange(64), torch.arange(64))
    with torch.no_grad():
        policy.table[0] = conditionals(regularised_optimum())
    drawn = regularised_optimum()[pairs].prod(-1) * (REWARD[pairs[:, 0]] - REWARD[pairs[:, 1]]).sigmoid()
    groups = [group(PROMPT, [response(a) for a in ANSWERS[row].tolist()]) for row in pairs]
    batch = assemble(groups).having(weight=2 * len(groups) * drawn)

    def gradient(beta):
        recipe, networks = method("online-dpo")(beta=beta), {"policy": policy, "ref": reference()}
        needs = plan(recipe)
        whole = with_frozen(batch, needs, networks, tokens=10**6, temperature=1.0)
        outputs = policy.outputs(whole, needs.outputs["policy"])
        return torch.autograd.grad(loss(recipe, outputs, whole.tensors, Dials(recipe)), policy.table)[0]

    torch.testing.assert_close(gradient(BETA), torch.zeros_like(policy.table), rtol=0, atol=1e-8)
    assert gradient(1.2 * BETA).abs().max() > 1e-3


def conditionals(answers):
    """The logits of each next token that give these probabilities of whole answers."""
    tree = [answers.view(4, 4, 4).sum((1, 2)).view(1, 4), answers.view(4, 4, 4).sum(2), answers.view(16, 4)]
    return torch.cat(tree).log()


@pytest.mark.parametrize("name", ["rloo", "reinforce", "ppo"])
def test_a_kl_paid_with_the_wrong_sign_is_caught(name):
    recipe = paid(name)
    broken = replace(recipe, derive=(bind(kl_in_reward, beta=-BETA), *recipe.derive[1:]))
    assert from_own_samples(broken) > 10 * BOUND


def test_rloo_without_the_kl_is_caught():
    assert from_own_samples(replace(paid("rloo"), derive=(bind(rloo),))) > 10 * BOUND


def test_grpo_as_published_ends_elsewhere():
    assert from_own_samples(paid("grpo")) > 10 * BOUND


def test_a_reward_model_that_prefers_the_wrong_answer_is_caught():
    def turned(score):
        return -torch.nn.functional.logsigmoid(score[:, 1] - score[:, 0])

    broken = replace(method("bradley-terry")(), objective=(Term(objective=bind(turned)),))
    assert fitted(broken, PAIRS) > 10 * BOUND


def test_raft_that_imitates_every_answer_is_caught():
    pairs = torch.cartesian_prod(torch.arange(64), torch.arange(64))
    probability = distribution(reference())[pairs].prod(-1)
    broken = replace(method("raft")(reward=bind(rises), k=2), select=())
    assert imitated(broken, pairs, probability, best_of_distribution(2)) > 10 * BOUND


def test_an_unknown_method_is_named_with_the_nearest():
    with pytest.raises(RecipeError, match="Did you mean `rloo`"):
        verify("rlo")


def test_a_method_without_a_known_answer_says_where_to_write_it(monkeypatch):
    monkeypatch.delitem(KNOWN, "dpo")
    with pytest.raises(RecipeError, match=r"no known answer yet.*known\.py"):
        verify("dpo")


@pytest.fixture
def elsewhere():
    """A policy that is neither the reference nor the optimum."""
    source = torch.Generator().manual_seed(7)
    return Policy(torch.randn(1, PREFIXES, TOKENS, generator=source, dtype=torch.float64))


def test_the_generator_draws_each_answer_as_often_as_it_is_probable_and_reports_its_logp(elsewhere):
    drawn = TabularGenerator(elsewhere).sample([PROMPT], k=20_000, decoding=Decoding(), seed=3)[0].responses
    probability = distribution(elsewhere)
    rows = answer_rows(torch.tensor([r.ids for r in drawn]))
    counts = rows.bincount(minlength=len(ANSWERS))
    spread = (20_000 * probability * (1 - probability)).sqrt()
    assert bool(((counts - 20_000 * probability).abs() <= 4 * spread).all())
    reported = torch.tensor([r.logp for r in drawn], dtype=torch.float64).sum(-1)
    torch.testing.assert_close(reported, probability.log()[rows])


def test_with_importance_weights_the_samples_of_another_policy_give_the_policys_own_gradient(elsewhere):
    """Answers are the reference's, and only their first token is learnt: the policy's value is enumerated."""
    groups = TabularGenerator(reference()).sample([PROMPT] * 4000, k=2, decoding=Decoding(), seed=5)
    batch = assemble(groups)
    first = torch.arange(batch["mask"].shape[-1]) == 0
    reward = torch.tensor([[rises("0", text) for text in g.texts] for g in groups])
    batch = batch.having(reward=reward, mask=batch["mask"] * first)

    chosen = elsewhere.table[0, 0].softmax(-1)
    share, reward = distribution(reference()).view(4, 16), REWARD.view(4, 16)
    worth = (chosen * (share * reward).sum(1) / share.sum(1)).sum()
    exact = -torch.autograd.grad(worth, elsewhere.table)[0][0, 0]

    def furthest(*derive):
        """How many standard errors the mean gradient is from the exact one."""
        recipe = replace(paid("rloo"), derive=derive)
        dials, needs = Dials(recipe), plan(recipe)

        def gradient(one):
            outputs = elsewhere.outputs(one, needs.outputs["policy"])
            terms = loss(recipe, outputs, derived(recipe, one, outputs, dials), dials)
            return torch.autograd.grad(terms, elsewhere.table)[0][0, 0]

        found = torch.stack([gradient(batch.rows(i, i + 1)) for i in range(len(batch))])
        return float(((found.mean(0) - exact).abs() / (found.std(0) / len(batch) ** 0.5)).max())

    assert furthest(bind(rloo), bind(truncated_importance, cap=100.0)) < 4
    assert furthest(bind(rloo)) > 8
