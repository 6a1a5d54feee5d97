"""What a recipe of judged answers is measured on, and how sure its model is of each of these judgements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..batch import assemble
from ..evaluation.part_quality import Parts
from ..evaluation.preference import Comparisons, compared
from ..models.table import Table
from ..planning import Plan, plan
from ..recipe import Recipe
from ..scoring.gated import gated_parts
from ..scoring.model import made_one, model_score, normalisation
from ..scoring.spans import token_scores
from ..text import Group, Prompt
from .judged import in_tokens
from .said import marked


def scorer_of(needs: Plan) -> str | None:
    """The role whose score of a whole answer, or of parts of it, is trained, where there is one."""
    scored = {"score", "scores", "token_score"}
    return next((role for role, outputs in needs.outputs.items() if scored & set(outputs)), None)


def reads_parts(needs: Plan) -> bool:
    """Whether what is learnt is what people said of parts of answers."""
    return "token_label" in needs.judged


def in_pairs_only(recipe: Recipe) -> bool:
    """Whether what is fitted compares two answers by all their channels, and has no score for one alone."""
    objective = recipe.objective[0].objective
    return objective.pairwise and "scores" in objective.inputs and "resampled" not in objective.inputs


def asked_of(recipe: Recipe, groups: Sequence[Group], reader: Any, *, learnt: Sequence[Group]) -> Comparisons | Parts:
    """What a recipe is measured on: what people preferred to what, or which parts of answers they found right.

    Raises:
        DataError: nothing was preferred to anything.
    """
    if not reads_parts(plan(recipe)):
        return compared(groups, seed=recipe.seed)
    neutral = recipe.objective[0].objective.knobs.get("neutral", 1.0)
    usually = [right for parts in _parts(learnt, reader, neutral) for *_, right in parts]
    return Parts(observations=_parts(groups, reader, neutral), usually=2 * sum(usually) >= len(usually))


def _parts(groups: Sequence[Group], reader: Any, neutral: float) -> tuple[tuple[tuple[int, int, int, bool], ...], ...]:
    """The judged parts of each prompt, and whether they are right; `neutral` is what a label of 1/2 counts as."""
    read = in_tokens(groups, reader)
    labels = marked(read, assemble(read)["mask"].shape, reader.tokenizer)
    by_prompt: dict[Prompt, list[tuple[int, int, int, bool]]] = {}
    for p, k, t in (~labels.isnan()).nonzero().tolist():
        value = float(labels[p, k, t])
        right = (neutral if value == 0.5 else value) >= 0.5
        by_prompt.setdefault(groups[p].prompt, []).append((p, k, t, right))
    return tuple(map(tuple, by_prompt.values()))


def gaps_of(
    recipe: Recipe, groups: Sequence[Group], networks: Mapping[str, Any], asked: Comparisons | Parts
) -> list[list[float]]:
    """How far the better answer of every comparison stands above the other, in log-odds, by observation.

    The difference of two scores, of a model with channels that of their weighted sums. Of a model that compares answers
    in pairs only it is the difference of its own log-likelihoods of the two orders, for whoever judged. Of parts it is
    the log-odds that the model gives to what people said.
    """
    role = scorer_of(plan(recipe))
    model = networks[role or ""]
    if isinstance(asked, Parts):
        logits = token_scores(in_tokens(groups, model), model)
        return asked.gaps([[float(logits[p, k, t]) for p, k, t, _ in parts] for parts in asked.observations])
    places = [pair for pairs in asked.observations for pair in pairs]
    scores = channel_scores(groups, model)
    two = torch.stack([torch.stack([scores[better], scores[worse]]) for better, worse in places]).double()
    if in_pairs_only(recipe):
        objective = recipe.objective[0].objective
        beside = _beside(groups, networks, model, [p for (p, _), _ in places])
        found = objective({**beside, "scores": two.flip(1)}) - objective({**beside, "scores": two})
    else:
        one = made_one(two, model)
        found = one[:, 0] - one[:, 1]
    left = iter(found.tolist())
    return [[next(left) for _ in pairs] for pairs in asked.observations]


def _beside(groups: Sequence[Group], networks: Mapping[str, Any], model: Any, rows: Sequence[int]) -> dict[str, Tensor]:
    """What a likelihood reads beside the scores of these groups: the numbers of tables, and a gate."""
    found: dict[str, Tensor] = {}
    for table in (n for n in networks.values() if isinstance(n, Table)):
        at = [table.number(groups[p].who) if table.apart else 0 for p in rows]
        found["traits" if table.apart else "numbers"] = table.rows.detach().cpu()[at].double()
    if getattr(model, "gate", None) is not None:
        found["gate"] = gated_parts(groups, model)[1][list(rows)].double()
    return found


def channel_scores(groups: Sequence[Group], model: Any) -> Tensor:
    """Of every answer the score (P K), or the score of each channel (P K D), in the unit it was learnt in."""
    mean, std = normalisation(model)
    return model_score(groups, model=model) * std + mean
