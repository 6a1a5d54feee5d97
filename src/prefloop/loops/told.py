"""How near a fitted reward model comes to what people said, by the kind of thing they said: parts, grades, thumbs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median
from typing import Any, get_args

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ..errors import DataError
from ..evaluation.part_quality import Parts, Told, classes
from ..evaluation.preference import accuracy, compared
from ..evaluation.reward_quality import Case
from ..models.table import Table
from ..planning import plan
from ..recipe import Recipe
from ..scoring.spans import token_scores
from ..shaping.tokens import StepScore, process_reward
from ..statistics import bootstrap_mean, wilson
from ..text import Group
from .judged import in_tokens
from .measured import channel_scores, gaps_of, in_pairs_only, scorer_of

COMMONER = "always the commoner"
"""The plain rule beside classes."""
FIRST = "any of them"
"""That beside rankings."""
SAME = "always the middle"
"""That beside numbers."""


def told(
    recipe: Recipe,
    networks: Mapping[str, Any],
    learnt: Sequence[Group],
    held_out: Sequence[Group],
    asked: object,
) -> tuple[Told, ...]:
    """What is to be said beside comparisons: of parts, attributes, grades, ratings, thumbs, rankings and choices."""
    needs, objective = plan(recipe), recipe.objective[0].objective
    model = networks[scorer_of(needs) or ""]
    if isinstance(asked, Parts):
        cases = part_cases(recipe, held_out, networks, asked)
        kinds = [(c, "right" if right else "wrong") for c, right in zip(cases, _rights(asked), strict=True)]
        return (*classes("parts", kinds, beside=COMMONER), *_whole(recipe, held_out, model, asked))
    if "aspect" in needs.judged:
        return tuple(_aspects(learnt, held_out, model))
    if in_pairs_only(recipe) or model.channels:
        return ()
    scores = channel_scores(held_out, model)
    if objective.name == "ordinal":
        return _grades(held_out, _graded(scores, networks, float(objective.knobs["lowest"])), learnt)
    if objective.name == "interval":
        [table] = [n for n in networks.values() if isinstance(n, Table)]
        knobs = {"middle": 0.0, "unit": 1.0, **objective.knobs}
        said = (scores + table.rows.detach()[0, 0].cpu()) * knobs["unit"] + knobs["middle"]
        found = _distance("ratings", _labelled(held_out, said), [x for g in learnt for x in g.labels])
        return (found,) if found else ()
    if needs.forms == ("thumbs",):
        return _thumbs(held_out, scores, learnt)
    if not needs.pairwise:
        return _firsts(held_out, scores)
    return ()


def part_cases(recipe: Recipe, groups: Sequence[Group], networks: Mapping[str, Any], asked: Parts) -> list[Case]:
    """The held-out parts, each with what the model gives to what people said, and what the commoner class would."""
    gaps, read = gaps_of(recipe, groups, networks, asked), in_tokens(groups, networks[scorer_of(plan(recipe)) or ""])
    return [
        Case(
            gap=gap,
            observation=n,
            who=groups[p].who,
            margin=None,
            tokens=float(len(read[p].responses[k].ids)),
            longer=plain,
        )
        for n, (parts, own, rule) in enumerate(zip(asked.observations, gaps, asked.plain(), strict=True))
        for (p, k, _, _), gap, plain in zip(parts, own, rule, strict=True)
    ]


def _rights(asked: Parts) -> Iterator[bool]:
    return (right for parts in asked.observations for *_, right in parts)


def _whole(recipe: Recipe, groups: Sequence[Group], model: Any, asked: Parts) -> list[Told]:
    """Answers all of whose judged parts are right against others, by what is made of the scores of their parts.

    The last part alone is as near as parts come to a model of the outcome.
    """
    wrong = {(p, k) for parts in asked.observations for p, k, _, right in parts if not right}
    read = in_tokens(groups, model)
    scores = token_scores(read, model)
    ends = torch.zeros_like(scores)
    for parts in asked.observations:
        for p, k, t, _ in parts:
            ends[p, k, t] = 1.0
    places = sorted({(p, k) for parts in asked.observations for p, k, _, _ in parts})
    alone = [
        Group(prompt=groups[p].prompt, responses=(groups[p].responses[k],), labels=(float((p, k) not in wrong),))
        for p, k in places
    ]
    try:
        pairs = compared(alone, seed=recipe.seed)
    except DataError:  # all of them are right, or none is
        return []
    sizes = [[float(len(read[p].responses[k].ids))] for p, k in places]
    return [
        Told(
            of=f"whole answers, by the {by} of their parts",
            n=pairs.count,
            measure="right ones above wrong ones",
            model=accuracy([[float(process_reward(scores, ends, by=by)[p, k])] for p, k in places], pairs),
            beside="pick the longer",
            plain=accuracy(sizes, pairs),
        )
        for by in get_args(StepScore)
    ]


def _aspects(learnt: Sequence[Group], held_out: Sequence[Group], model: Any) -> Iterator[Told]:
    """Of each attribute how far what is said of an answer lies from what people rated."""
    scores = channel_scores(held_out, model)
    for d, name in enumerate(model.channels):
        rows = [
            (float(scores[p, k, d]), rated, g.prompt)
            for p, g in enumerate(held_out)
            for k, rated in enumerate(g.aspects.get(name, ()))
            if rated is not None
        ]
        known = [rated for g in learnt for rated in g.aspects.get(name, ()) if rated is not None]
        found = _distance(name, rows, known)
        if found is not None:
            yield found


def _distance(of: str, rows: Sequence[tuple[float, float, object]], known: Sequence[float]) -> Told | None:
    """The mean distance of numbers that a model says from what people said, and that of one number for all."""
    if not rows or not known:
        return None
    prompts, middle = [prompt for *_, prompt in rows], median(known)
    return Told(
        of=of,
        n=len(rows),
        measure="mean distance",
        model=bootstrap_mean([abs(said - true) for said, true, _ in rows], clusters=prompts),
        beside=SAME,
        plain=bootstrap_mean([abs(middle - true) for _, true, _ in rows], clusters=prompts),
    )


def _labelled(groups: Sequence[Group], said: Tensor) -> list[tuple[float, float, object]]:
    return [(float(said[p, k]), label, g.prompt) for p, g in enumerate(groups) for k, label in enumerate(g.labels)]


def _graded(scores: Tensor, networks: Mapping[str, Any], lowest: float) -> Tensor:
    """The grade that is likeliest by the learnt thresholds (see `objectives.ratings.ordinal`)."""
    [table] = [n for n in networks.values() if isinstance(n, Table)]
    numbers = table.rows.detach()[0].cpu()
    steps = torch.cat([torch.zeros(1), softplus(numbers[1:])]).cumsum(0)
    theta = numbers[0] + steps - steps.mean()
    below = torch.cat([torch.tensor([-torch.inf]), theta, torch.tensor([torch.inf])])
    reached = (below - scores.unsqueeze(-1)).sigmoid()
    return lowest + reached.diff(dim=-1).argmax(-1)


def _grades(groups: Sequence[Group], said: Tensor, learnt: Sequence[Group]) -> tuple[Told, ...]:
    [(common, _)] = Counter(label for g in learnt for label in g.labels).most_common(1)
    rows = _labelled(groups, said)
    cases = [
        (1.0 if s == true else -1.0, prompt, 1.0 if common == true else -1.0, f"{true:g}") for s, true, prompt in rows
    ]
    return classes("grades", _numbered(cases), beside=COMMONER)


def _thumbs(groups: Sequence[Group], scores: Tensor, learnt: Sequence[Group]) -> tuple[Told, ...]:
    """Liked where the score is above 0."""
    up = fmean(float(label > 0) for g in learnt for label in g.labels) >= 0.5
    cases = []
    for s, label, prompt in _labelled(groups, scores):
        sign = 1.0 if label > 0 else -1.0
        cases.append((sign * s, prompt, sign if up else -sign, "liked" if label > 0 else "not liked"))
    return classes("thumbs", _numbered(cases), beside=COMMONER)


def _numbered(cases: Sequence[tuple[float, object, float, str]]) -> list[tuple[Case, str]]:
    """Gap, prompt, gap of the plain rule and class of each, as cases of which a prompt is one observation."""
    number: defaultdict[object, int] = defaultdict(lambda: len(number))
    return [
        (Case(gap=gap, observation=number[prompt], who="", margin=None, tokens=0.0, longer=plain), name)
        for gap, prompt, plain, name in cases
    ]


def _firsts(groups: Sequence[Group], scores: Tensor) -> tuple[Told, ...]:
    """How often the highest score is that of an answer that people put first."""
    right: defaultdict[object, list[float]] = defaultdict(list)
    chance: defaultdict[object, list[float]] = defaultdict(list)
    for p, g in enumerate(groups):
        best = max(g.labels, default=0.0)
        first = [(not g.labels and k == 0) or (bool(g.labels) and g.labels[k] == best) for k in range(len(g.responses))]
        own = [float(scores[p, k]) for k in range(len(g.responses))]
        top = [k for k, s in enumerate(own) if s == max(own)]
        right[g.prompt].append(fmean(float(first[k]) for k in top))
        chance[g.prompt].append(fmean(map(float, first)))
    n = len(right)
    if not n:
        return ()
    share, plain = (sum(fmean(values) for values in by.values()) for by in (right, chance))
    return (
        Told(
            of="the best of all answers",
            n=len(groups),
            measure="share found",
            model=wilson(share, n),
            beside=FIRST,
            plain=wilson(plain, n),
        ),
    )
