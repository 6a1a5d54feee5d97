"""How near answers are to where preferred ones end: read off the model's states, and the same however far one reads."""

from dataclasses import replace

import pytest
import torch

from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import ModelError, RewardError
from prefloop.models.encode import for_model
from prefloop.scoring.goals import Goal, goal_of, goal_score, goal_value, token_values
from prefloop.scoring.scorer import score
from prefloop.text import Group, Prompt, Response
from updates import decoder

SAID = ((" lay quiet. Boats came.", " slept."), (" woke", " in the rain"), (" was gone", " not yet back."))
PAIRS = [
    Group(prompt=Prompt(text=f"The old harbour {n}"), responses=tuple(Response(text=text) for text in texts))
    for n, texts in enumerate(SAID)
]


@pytest.fixture(scope="module")
def model():
    return decoder("reward", "score", 0, dtype=torch.float32)


@pytest.fixture(scope="module")
def drawn(model):
    """The pairs in the model's own tokens, as if a policy with its tokenizer had drawn them."""
    return [for_model(g, model.tokenizer) for g in PAIRS]


def last_states(groups, model):
    batch = assemble(groups)
    states = model.outputs(batch, {"states"})["states"].detach()
    return torch.stack([torch.stack([s[n - 1] for s, n in zip(*row, strict=True)])
                        for row in zip(states, batch.lengths.tolist(), strict=True)])  # fmt: skip


def test_the_goal_is_the_mean_of_where_the_first_answers_end(model, drawn):
    torch.testing.assert_close(goal_of(PAIRS, model).state, last_states(drawn, model)[:, 0].mean(0))
    one = goal_of(PAIRS[:1], model)
    torch.testing.assert_close(goal_value(PAIRS[:1], model=model, goal=one)[0, 0], torch.tensor(1.0))
    others = [replace(g, responses=(g.responses[0], Response(text=" anything else"))) for g in PAIRS]
    torch.testing.assert_close(goal_of(others, model).state, goal_of(PAIRS, model).state)


def test_an_answer_cut_after_a_token_is_worth_what_that_token_is(model, drawn):
    """What is said later cannot change how near an answer was."""
    goal, tokens = goal_of(PAIRS, model), token_values(drawn, model=model, goal=goal_of(PAIRS, model))
    for t in range(1, tokens.shape[-1] + 1):
        cut = [replace(g, responses=tuple(replace(r, ids=r.ids[:t], mask=r.mask[:t], logp=(), text="", finish="length")
                                          for r in g.responses)) for g in drawn]  # fmt: skip
        lengths = assemble(cut).lengths
        torch.testing.assert_close(
            goal_value(cut, model=model, goal=goal), tokens.gather(-1, lengths[..., None] - 1).squeeze(-1)
        )


def test_only_what_the_policy_chose_has_a_value(model, drawn):
    goal = goal_of(PAIRS, model)
    begun = [replace(g, responses=tuple(replace(r, mask=(0, *r.mask[1:])) for r in g.responses)) for g in drawn]
    every, some = (token_values(groups, model=model, goal=goal) for groups in (drawn, begun))
    mask = assemble(begun)["mask"]
    torch.testing.assert_close(some, torch.where(mask.bool(), every, 0.0))
    assert (every[..., 0] != 0).all()
    missing = [replace(drawn[0], responses=drawn[0].responses[:1]), drawn[1]]
    assert goal_value(missing, model=model, goal=goal)[0, 1] == 0


def test_neither_the_unit_of_states_nor_a_rotation_matters():
    states, goal = (
        torch.randn(*shape, generator=torch.Generator().manual_seed(0)).double() for shape in ((3, 4, 5), (5,))
    )
    turn, _ = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1)).double())
    found = Goal(goal).values(states)
    torch.testing.assert_close(Goal(7 * goal @ turn).values(0.1 * states @ turn), found)
    torch.testing.assert_close(Goal(-goal).values(states), -found)


def test_a_goal_that_was_written_pays_in_a_recipe(model, tmp_path):
    goal_of(PAIRS, model).save(tmp_path)
    paid = score(bind(goal_score, model="reward", folder=str(tmp_path)), PAIRS, {"reward": model})
    torch.testing.assert_close(paid, goal_value(PAIRS, model=model, goal=goal_of(PAIRS, model)))
    assert paid.std() > 1e-3


def test_no_goal_other_tokens_and_no_states_are_refused(model, tmp_path):
    with pytest.raises(ModelError, match="has no goal: write one"):
        goal_score(PAIRS, model=model, folder=str(tmp_path))
    with pytest.raises(RewardError, match="reads others than the policy's"):
        token_values(PAIRS, model=model, goal=goal_of(PAIRS, model))
    several = decoder("reward", "score", 0, dtype=torch.float32, channels=("a", "b"))
    own = [for_model(g, several.tokenizer) for g in PAIRS]
    with pytest.raises(ModelError, match="cannot give states"):
        token_values(own, model=several, goal=Goal(torch.ones(32)))
