"""A look at what a recipe would train on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..checking import Problem, problems
from ..models.encode import for_model, must_fit
from ..models.load import load
from ..planning import plan
from ..prompts import OPENINGS, load_prompts
from ..recipe import Model, Recipe
from ..roles import model_of
from ..sampling.local import LocalGenerator
from ..text import Group
from .align import Align
from .find import recipes_in
from .judged import judged_answers
from .rounds import Rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A few groups in the tokens of the model that would learn from them, and what is wrong with them."""

    groups: tuple[Group, ...]
    tokenizer: Any
    problems: tuple[Problem, ...]


def preview(found: Recipe | Rounds | Align, *, count: int, say: Callable[[str], None]) -> Preview:
    """Sample or read `count` groups as the recipe would, in the tokens of the model it trains."""
    recipe = recipes_in(found)[-1]
    told = plan(recipe).instructions.values()
    role = next((r for r, m in recipe.models.items() if m.train), "policy")
    decoder = load(Model(source=model_of(recipe, role).source), name=role, say=say)
    groups: Sequence[Group]
    sampled = found if isinstance(found, Rounds) else recipe.sample
    if sampled is not None:
        prompts = load_prompts((found if isinstance(found, Rounds) else recipe).prompts or OPENINGS)
        asked, longest = (*prompts.train, *prompts.held_out), sampled.decoding.max_tokens
        must_fit(asked, decoder, answer=longest, instructions=told)
        groups = LocalGenerator(decoder).sample(prompts.train[:count], k=2, decoding=sampled.decoding, seed=recipe.seed)
    else:
        groups = [for_model(g, decoder.tokenizer) for g in judged_answers(recipe, say=say)]
    wrong = problems(groups, decoder.tokenizer, context=decoder.context)
    return Preview(groups=tuple(groups[:count]), tokenizer=decoder.tokenizer, problems=tuple(wrong))
