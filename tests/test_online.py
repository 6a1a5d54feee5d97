"""A step of a method that samples: what is drawn and paid beside the answers, what is left out, and what is told."""

import statistics
from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind, gives
from prefloop.credit import rloo
from prefloop.dials import MovingAverage
from prefloop.errors import RecipeError
from prefloop.loops.optimise import optimise
from prefloop.metrics import idle_groups
from prefloop.planning import plan
from prefloop.recipe import Decoding, Sample
from prefloop.recipes import method
from prefloop.shaping import kl_in_reward, total_reward
from prefloop.shaping.channels import weighted_channels
from prefloop.shaping.endings import length_priced
from prefloop.shaping.transforms import confidence_priced
from prefloop.verify.distance import paid
from prefloop.verify.learn import networks
from prefloop.verify.problem import PROMPT, distribution, reference, rises
from prefloop.verify.tabular import LENGTH, TabularGenerator


def steps(recipe):
    """The metrics and the groups of every step, and the networks after the last."""
    found, seen = networks(), []
    optimise(
        recipe,
        networks=found,
        generator=TabularGenerator(found["policy"]),
        prompts=[PROMPT],
        on_step=lambda step, metrics, groups: seen.append((metrics, groups)),
    )
    return seen, found


def rewards(groups):
    return [rises("0", text) for g in groups for text in g.texts]


@gives("baseline")
def noted(baseline):
    NOTED.append(baseline)
    return baseline


NOTED = []


def test_the_baseline_is_what_the_greedy_answer_is_paid_and_its_tokens_are_counted():
    NOTED.clear()
    recipe = replace(paid("remax"), steps=1, batch=3)
    [(metrics, groups)], _ = steps(replace(recipe, derive=(bind(noted), *recipe.derive)))
    policy = TabularGenerator(reference())
    [greedy] = policy.sample([PROMPT], k=1, decoding=Decoding(temperature=0.0), seed=9)
    assert NOTED[0].tolist() == rewards([greedy]) * 3
    assert metrics["tokens_sampled"] == LENGTH * (3 * 8 + 3)
    assert metrics["tokens"] == 1 + LENGTH * len({text for g in groups for text in g.texts}), "each answer is read once"


def test_nothing_is_drawn_beside_the_answers_unasked():
    [(metrics, _)], _ = steps(replace(paid("rloo"), steps=1, batch=3))
    assert metrics["tokens_sampled"] == LENGTH * 3 * 8


def test_a_baseline_without_a_greedy_answer_and_a_greedy_answer_without_a_reward_are_refused():
    recipe = method("remax")()
    with pytest.raises(RecipeError, match=r"`above_baseline` asks for `baseline`.*Sample\(greedy=True\)"):
        plan(replace(recipe, sample=Sample(k=4)))
    with pytest.raises(RecipeError, match="draws a greedy answer, and nothing pays it"):
        plan(replace(recipe, score={}))


def test_the_plan_says_who_gives_the_baseline():
    [row] = [row for row in plan(method("remax")()).rows if row.tensor == "baseline"]
    assert (row.producer, row.consumers) == ("the greedy answer's reward", ("above_baseline",))


def right(prompt, response):
    return float(response[0] == "0")


def test_the_prompts_a_selection_leaves_out_are_counted():
    recipe = method("dapo")(reward=bind(right), k=2, batch=40, steps=1, refill=0)
    [(metrics, groups)], _ = steps(recipe)
    kept = [g.texts for g in groups if right("0", g.texts[0]) != right("0", g.texts[1])]
    assert 0 < len(kept) < 40
    assert metrics["dropped"] == 40 - len(kept)
    assert metrics["tokens"] == 1 + LENGTH * len({text for texts in kept for text in texts})


def never(prompt, response):
    return 0.0


def test_a_step_whose_answers_are_all_paid_alike_is_told_and_leaves_everything_as_it_was():
    seen, found = steps(method("dapo")(reward=bind(never), k=2, batch=5, steps=3, refill=0))
    assert [metrics["dropped"] for metrics, _ in seen] == [5.0] * 3
    assert all("loss" not in metrics for metrics, _ in seen)
    assert torch.equal(distribution(found["policy"]), distribution(reference()))


@pytest.mark.parametrize("more", [{}, {"passes": 2, "minibatches": 2}])
def test_the_reward_that_is_told_is_the_scorers_and_what_was_paid_in_all_is_told_beside_it(more):
    """The second step is no longer at the reference, so that the KL costs something."""
    seen, _ = steps(replace(paid("rloo"), steps=2, batch=4, **more))
    for metrics, groups in seen:
        assert metrics["reward"] == pytest.approx(statistics.fmean(rewards(groups)))
    assert seen[0][0]["paid"] == pytest.approx(seen[0][0]["reward"])
    told = seen[1][0]
    assert told["paid"] == pytest.approx(told["reward"] - 0.5 * told["kl"])
    assert told["kl"] != 0


def two_numbers(prompt, response):
    return float(response[0] == response[-1]), float(response[1])


@pytest.mark.parametrize("more", [{}, {"passes": 2, "minibatches": 2}])
def test_of_a_reward_with_channels_what_they_are_made_one_of_is_told_before_any_penalty(more):
    recipe = replace(paid("rloo"), steps=2, batch=4, score={"reward": bind(two_numbers)}, **more)
    one = (bind(weighted_channels, weights=(1.0, 2.0)), bind(length_priced, price=1.0))
    seen, _ = steps(replace(recipe, derive=(*one, *recipe.derive)))
    for metrics, groups in seen:
        pays = [two_numbers("", text) for g in groups for text in g.texts]
        assert metrics["reward"] == pytest.approx(statistics.fmean(a + 2 * b for a, b in pays))
        assert metrics["paid"] < metrics["reward"] - LENGTH / 2
        assert 0 <= metrics["idle_groups"] < 1


def test_a_greedy_answer_that_is_paid_several_numbers_is_refused():
    recipe = replace(paid("remax"), steps=1, score={"reward": bind(two_numbers)})
    with pytest.raises(RecipeError, match="gives 2 numbers for an answer"):
        steps(recipe)


def test_the_running_baseline_is_what_earlier_steps_were_paid():
    noted = []

    @gives("advantage")
    def above(reward, mask, *, average):
        noted.append(average)
        return (reward - average).unsqueeze(-1)

    recipe = replace(paid("reinforce-ema"), steps=3, batch=4)
    average = recipe.derive[-1].knobs["average"]
    seen, _ = steps(replace(recipe, derive=(*recipe.derive[:-1], bind(above, average=average))))
    first, second = (metrics["paid"] for metrics, _ in seen[:2])
    assert noted == pytest.approx([0.0, 0.1 * first, 0.1 * second + 0.9 * 0.1 * first])


def sure(prompt, response):
    return 1.0


def test_what_a_usual_answer_is_paid_is_the_average_of_the_rewards_before():
    """All that are wholly sure at a weight of 2 are paid their reward twice, less the average."""
    usual = MovingAverage(metric="reward", rate=0.5)
    recipe = replace(
        paid("rloo"),
        steps=3,
        batch=4,
        score={"reward": bind(rises), "confidence": bind(sure)},
        derive=(
            bind(confidence_priced, weight=2.0, average=usual),
            bind(kl_in_reward, beta=0.0),
            bind(total_reward),
            bind(rloo),
        ),
    )
    told = [metrics for metrics, _ in steps(recipe)[0]]
    average = 0.0
    for metrics in told:
        assert metrics["paid"] == pytest.approx(2 * metrics["reward"] - average)
        average += 0.5 * (metrics["reward"] - average)
    assert average > 0.1


def test_a_group_counts_as_idle_where_nothing_in_it_was_paid_more_than_the_rest():
    reward = torch.tensor([[1.0, 1.0, 9.0], [1.0, 2.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    mask = torch.tensor([[[1], [1], [0]], [[1], [1], [1]], [[1], [0], [0]], [[1], [1], [1]]])
    assert idle_groups(reward, mask) == pytest.approx(3 / 4)
