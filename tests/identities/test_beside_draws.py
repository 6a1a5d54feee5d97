"""What answers of the reference, drawn beside the policy's own, are there for: to be compared with, not learnt from."""

import pytest
import torch

from prefloop.errors import RecipeError
from prefloop.recipes import method
from prefloop.shaping.references import drawn_baseline
from updates import furthest, gradients, make


@pytest.fixture
def in_double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def test_a_contrastive_reward_has_the_gradient_of_rloo_on_the_policys_own_answers(in_double):
    """What the drawn answers are paid falls out between siblings, and nothing else may come of them."""
    recipe = method("contrastive-reward")(beta=0.3)
    batch = make(recipe)
    own = batch.keep(batch["calibrated"] == 0)
    want = gradients(method("rloo")(beta=0.3), own)
    assert furthest(gradients(recipe, batch), want) < 1e-10
    assert furthest(gradients(method("rloo")(beta=0.3), batch), want) > 1e-3


@pytest.mark.parametrize("calibrated", [[[0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]])
def test_prompts_with_no_drawn_answer_or_with_fewer_than_others_are_refused(calibrated):
    with pytest.raises(RecipeError, match="takes as many for each, one at least"):
        drawn_baseline(torch.ones(2, 2), torch.tensor(calibrated), torch.ones(2, 2, 3))


def test_a_drawn_answer_that_a_selection_took_away_is_missed():
    mask = torch.tensor([[[1], [1], [1]], [[1], [1], [0]]])
    with pytest.raises(RecipeError, match="have 0 or 1 answers"):
        drawn_baseline(torch.ones(2, 3), torch.tensor([[0.0, 0.0, 1.0]]).expand(2, 3), mask)
