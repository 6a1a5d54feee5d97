"""The implicit reward of a policy as a reward model, and steps as the score of a whole answer."""

import pytest
import torch

from prefloop.batch import assemble
from prefloop.errors import RewardError
from prefloop.models.encode import for_model
from prefloop.ops import tsum
from prefloop.recipes import method
from prefloop.scoring.implicit import implicit_score, implicit_token_score
from prefloop.scoring.spans import span_score
from prefloop.scoring.steps import convincing, solution_score
from prefloop.text import Group, Prompt, Response
from prefloop.verify.distance import PAIRS
from prefloop.verify.learn import from_population, judged, networks
from prefloop.verify.problem import BETA, REWARD, total_variation
from prefloop.verify.tabular import ANSWERS, LENGTH, PREFIXES, TOKENS, WHOLE, StepModel
from prefloop.verify.tabular import group as tabular
from updates import decoder

GROUPS = [
    Group(prompt=Prompt(text="The old harbour"), responses=(Response(text=" lay quiet"), Response(text=" slept."))),
    Group(prompt=Prompt(text="One"), responses=(Response(text=" two\nthree"),)),
]


def test_the_implicit_reward_of_an_answer_is_that_of_its_tokens_and_falls_with_the_reference():
    policy, reference = decoder("policy", "lm", 0), decoder("ref", "lm", 1)
    read = [for_model(g, policy.tokenizer) for g in GROUPS]
    tokens = implicit_token_score(read, model=(policy, reference), beta=0.5)
    whole = implicit_score(GROUPS, model=(policy, reference), beta=0.5)
    torch.testing.assert_close(tsum(tokens, assemble(read)["mask"]), whole)
    torch.testing.assert_close(implicit_score(GROUPS, model=(reference, policy), beta=0.5), -whole)
    torch.testing.assert_close(implicit_score(GROUPS, model=(policy, reference), beta=1.0), 2 * whole)
    assert whole[0, 0] != whole[0, 1]


def test_the_implicit_reward_of_what_dpo_learnt_is_peoples_reward_up_to_a_constant():
    policy = from_population(method("dpo")(beta=BETA), *judged(PAIRS))["policy"]
    batch = assemble([tabular(Prompt(text="0"), WHOLE)])
    want = {"logp"}
    gap = policy.outputs(batch, want)["logp"].detach() - networks()["ref"].outputs(batch, want)["logp"].detach()
    implicit = BETA * tsum(gap, batch["mask"])[0]
    assert total_variation(implicit.softmax(-1), REWARD.softmax(-1)) < 0.02


def test_a_process_reward_model_finds_the_right_answer_that_an_outcome_model_with_its_last_step_misses():
    """Toy arithmetic: an answer is right where all its three steps are, the digits rising by one from the first.

    The outcome of a wrong first step may look right at the end; the product of all steps does not forget it.
    """
    table = torch.full((1, PREFIXES, TOKENS), -3.0, dtype=torch.float64)
    table[0, 0, 0] = 3.0  # begins with 0
    for prefix in range(1, PREFIXES):
        last = (prefix - 1) % TOKENS
        table[0, prefix, (last + 1) % TOKENS] = 3.0
    model = StepModel(table)
    group = tabular(Prompt(text="0"), WHOLE)
    right = (torch.tensor([0, 1, 2]) == ANSWERS).all(-1)
    best = {by: int(solution_score([group], model=model, ends=".", by=by)[0].argmax()) for by in ("product", "minimum")}
    assert all(right[place] for place in best.values())
    last = solution_score([group], model=model, ends=".", by="last")[0]
    assert int((last == last.max()).sum()) > 1  # it cannot tell those that end alike apart
    paid = span_score([group], model=model, ends=".")[0]
    torch.testing.assert_close(
        solution_score([group], model=model, ends=".")[0].double(), paid.sigmoid().prod(-1).double(), rtol=1e-5, atol=0
    )
    assert paid.shape == (len(ANSWERS), LENGTH)


def test_the_most_convincing_wrong_answers_are_asked_about_first():
    scores = torch.tensor([[0.9, 0.8, 0.0], [0.7, 0.95, 0.1]])
    right = torch.tensor([[1.0, 0.0, torch.nan], [0.0, 0.0, 0.0]])
    assert convincing(scores, right, n=3) == [(1, 1), (0, 1), (1, 0)]
    assert len(convincing(scores, right, n=9)) == 4
    with pytest.raises(RewardError, match=r"scores \(2, 3\) and outcomes \(1, 3\)"):
        convincing(scores, right[:1], n=1)
