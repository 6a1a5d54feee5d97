"""A reward model fitted to judged answers, with all that can be known of it before it is relied on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import DataError, RecipeError
from ..evaluation.ceiling import ceiling, contradicted
from ..evaluation.part_quality import Parts
from ..evaluation.preference import Comparisons, right
from ..evaluation.reward_quality import (
    Case,
    HeldOut,
    by_group,
    calibrated,
    cases,
    halved,
    held_out,
    over_longer,
    slices,
)
from ..evaluation.reward_report import CurvePoint, RewardReport, write_reward_report
from ..feedback.files import read_rows
from ..feedback.judged import read_judged
from ..feedback.shapes import text
from ..feedback.sources import chance
from ..models.contract import READING
from ..models.load import save
from ..models.table import Table
from ..planning import plan
from ..recipe import Data, Form, Recipe
from ..scoring.model import normalise
from ..statistics import Interval
from ..text import Group
from .align import Align, Aligned, aligned, sizes
from .explained import alike, channels, examples, what_is_rewarded
from .measured import asked_of, gaps_of, in_pairs_only, scorer_of
from .networks import networks_of
from .optimise import optimise
from .progress import Progress
from .run_folder import RunFolder
from .told import part_cases, told
from .unseen import unseen

NATURAL: dict[Form, str] = {
    "pairs": "bradley-terry",
    "choices": "choice",
    "rankings": "ranking",
    "ratings": "interval",
    "thumbs": "p-love",
    "parts": "prm",
}
"""The method for judgements of a form, where none is named."""
REFERENCES = 512
"""Answers that a model was fitted to, on which the mean and deviation of its scores are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReward(Align):
    """A recipe of the reward family, fitted and measured on a share of the prompts and of the people kept apart.

    held_out_people: the share of the people, of three or more, of whom nothing is learnt. curve: also fit it anew to so
    many judgements, for a learning curve. groups: a file that says which `group` everybody who judged (`who`) belongs
    to, so that it is seen whom the model serves worst.
    """

    held_out_people: float = 0.1
    curve: tuple[int, ...] = ()
    groups: str = ""

    def __post_init__(self) -> None:
        Align.__post_init__(self)
        if not 0 <= self.held_out_people < 1:
            raise RecipeError(
                f"`held_out_people` is {self.held_out_people}: it is the share of people kept apart, such as 0.1, or 0."
            )
        if any(n < 1 for n in self.curve):
            raise RecipeError(f"`curve` is {', '.join(map(str, self.curve))}: each is a number of judgements.")


def natural(data: Data) -> str:
    """The method that fits judgements of this form."""
    return NATURAL[data.form or read_judged(data).form]


def run_reward(reward: FitReward, folder: RunFolder, *, progress: Progress, command: str = "") -> dict[str, Any]:
    """Fit and measure, or go on with it; the trained networks by role.

    Raises:
        RecipeError: the recipe fits no reward model, or none that scores whole answers.
    """
    recipe = reward.recipe
    _must_score(recipe)
    done = aligned(
        reward, folder, progress=progress, people=reward.held_out_people, fewest=max(reward.curve, default=0)
    )
    curve = tuple(_point(reward, done, n, folder, progress) for n in sorted(set(reward.curve)))
    report = _report(reward, done, (*curve, *_whole(done, curve)), command)
    for name in done.needs.outputs:
        save(done.networks[name], folder.path / name)
    write_reward_report(report, folder.path)
    return done.networks


def _must_score(recipe: Recipe) -> None:
    if recipe.family != "reward" or scorer_of(plan(recipe)) is None:
        what = "is no method of that family" if recipe.family != "reward" else "trains nothing that scores answers"
        raise RecipeError(
            f"`{recipe.name}` {what}, and here a reward model is fitted and measured: see `prefloop methods --family "
            "reward`, and `prefloop align` for other methods."
        )


def _point(reward: FitReward, done: Aligned, count: int, folder: RunFolder, progress: Progress) -> CurvePoint:
    """The held-out accuracy of the same recipe on so many judgements; those of a smaller count are among them."""
    stage = f"curve/{count}"
    if not folder.done(stage):
        order = list(range(len(done.split.train)))
        chance(reward.recipe.seed, "curve").shuffle(order)
        with folder.stage(stage) as facts:
            networks = networks_of(reward.recipe, say=progress.say)
            began = time.monotonic()
            judged = [done.split.train[i] for i in order[:count]]
            title = f"{reward.recipe.name}, {count} judgements"
            optimise(reward.recipe, networks=networks, judged=judged, progress=progress, title=title)
            facts["learning"] = time.monotonic() - began
            gaps = gaps_of(reward.recipe, done.split.held_out, networks, done.asked)
            folder.keep(f"curve-{count}", asdict(right(gaps)))
    found = Interval(**folder.kept(f"curve-{count}"))
    return CurvePoint(judgements=count, accuracy=found, seconds=folder.stages[stage]["learning"])


def _whole(done: Aligned, curve: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    """The last point of a curve: all judgements."""
    [found] = done.found.agreements
    if not curve or curve[-1].judgements == done.found.learnt:
        return ()
    return (CurvePoint(judgements=done.found.learnt, accuracy=found.after, seconds=done.seconds),)


def _report(reward: FitReward, done: Aligned, curve: tuple[CurvePoint, ...], command: str) -> RewardReport:
    recipe, parts, seed, asked = reward.recipe, done.split, reward.recipe.seed, done.asked
    model = done.networks[scorer_of(done.needs) or ""]
    in_parts = isinstance(asked, Parts)
    facts = {} if in_parts else normalise(model, _reference(parts.train, seed))
    some = _cases(recipe, parts.held_out, done, asked)
    data = recipe.data.source if isinstance(recipe.data, Data) else str(recipe.data)
    [found] = done.found.agreements
    explained = asked if isinstance(asked, Comparisons) and not in_pairs_only(recipe) else None  # by single scores
    return RewardReport(
        kind=recipe.name,
        paper=recipe.paper,
        summary=recipe.summary,
        model=next(m.source for m in recipe.models.values() if m.train and m.source),
        data=data,
        what=done.found.what,
        finds="right parts right and wrong ones wrong" if in_parts else "the better answer",
        plain="always naming the commoner" if in_parts else "picking the longer one",
        seed=seed,
        learnt=done.found.learnt,
        seconds=done.seconds,
        held_out_people=parts.people,
        before=found.before,
        held_out=_held_out(recipe, done, some),
        over_longer=over_longer(some, seed=seed),
        calibration=calibrated(some),
        tempered=halved(some, seed=seed),
        slices=slices(some, in_pairs=not in_parts),
        told=told(recipe, done.networks, parts.train, parts.held_out, asked),
        by_group=by_group(some, _groups(reward, done)),
        curve=curve,
        channels=channels(parts.held_out, model, explained, seed=seed) if explained else (),
        rewarded=what_is_rewarded(parts.held_out, model, seed=seed) if explained else None,
        examples=examples(parts.held_out, model, explained, seed=seed) if explained else (),
        reads=dict(getattr(model.base.config, READING)),
        normalisation={name: _in_short(value) for name, value in facts.items()},
        warnings=(
            *done.found.notes,
            *_contradictions(parts.train, parts.held_out),
            *unseen(recipe, parts.train),
            *(alike(parts.held_out, model) if explained else ()),
        ),
        command=command,
    )


def _in_short(values: float | list[float]) -> str:
    """What a reader needs of numbers that the checkpoint has with all digits.

    >>> _in_short(0.123456789), _in_short([1.0, -2.00004])
    ('0.1235', '1, -2')
    """
    return ", ".join(f"{x:.4g}" for x in (values if isinstance(values, list) else [values]))


def _reference(train: Sequence[Group], seed: int) -> list[Group]:
    """Answers that were learnt from, drawn with the seed: what the scores are normalised on."""
    count = min(len(train), max(1, REFERENCES // max(len(g.responses) for g in train)))
    return chance(seed, "reference").sample(list(train), count)


def _cases(recipe: Recipe, groups: Sequence[Group], done: Aligned, asked: Comparisons | Parts) -> list[Case]:
    if isinstance(asked, Parts):
        return part_cases(recipe, groups, done.networks, asked)
    reader = done.networks[scorer_of(done.needs) or ""]
    return cases(groups, gaps_of(recipe, groups, done.networks, asked), sizes(groups, reader), asked)


def _groups(reward: FitReward, done: Aligned) -> dict[str, str]:
    """The group of everybody who judged: as told, else as the model found it, else everybody is a group."""
    people = {g.who for g in (*done.split.train, *done.split.held_out)} - {""}
    if reward.groups:
        rows = read_rows(reward.groups)
        told_of = {text(row, "who", "annotator"): text(row, "group") for row in rows}
        return {who: told_of.get(who, "of no group") for who in people}
    model = done.networks[scorer_of(done.needs) or ""]
    tables = [n for n in done.networks.values() if isinstance(n, Table) and n.apart]
    if tables and tables[0].channels == model.channels:  # a weight of everybody on each channel
        best = tables[0].rows.detach().argmax(-1).tolist()
        return {who: model.channels[best[tables[0].number(who)]] for who in people}
    return {who: who for who in people}


def _held_out(recipe: Recipe, done: Aligned, some: Sequence[Case]) -> tuple[HeldOut, ...]:
    """All held-out prompts first; then by who judged, where people were held out too."""
    parts = done.split
    in_parts = isinstance(done.asked, Parts)  # of which nobody knows how far people agree
    rows = [held_out("prompts", some, None if in_parts else ceiling(parts.held_out))]
    if parts.people:
        known = {g.who for g in parts.held_out} - set(parts.people)
        mine, theirs = ([c for c in some if (c.who in parts.people) is side] for side in (False, True))
        rows += [
            held_out("prompts, by people learnt from", mine, ceiling(parts.held_out, of=known) if known else None),
            held_out("prompts, by people held out", theirs, ceiling(parts.held_out, of=parts.people)),
            held_out(
                "people alone, on prompts learnt from",
                _by_others(recipe, parts.others, done),
                ceiling([*parts.train, *parts.others], of=parts.people),
            ),
        ]
    return tuple(row for row in rows if row is not None)


def _by_others(recipe: Recipe, others: Sequence[Group], done: Aligned) -> list[Case]:
    if not others:
        return []
    reader = done.networks[scorer_of(done.needs) or ""]
    try:
        asked = asked_of(recipe, others, reader, learnt=done.split.train)
    except DataError:  # they liked all of it, or nothing: there is nothing to compare
        return []
    return _cases(recipe, others, done, asked) if asked.what == done.asked.what else []


def _contradictions(*parts: Sequence[Group]) -> list[str]:
    count = contradicted([g for part in parts for g in part])
    what = "1 pair of answers was" if count == 1 else f"{count} pairs of answers were"
    return [f"{what} preferred both ways by one and the same person."] if count else []
