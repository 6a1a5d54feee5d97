"""Rewards: plain functions of text, and reward models, behind one call."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..batch import Batch
from ..binding import Bound
from ..errors import RewardError
from ..models.decoder import Decoder
from ..names import of_tokens
from ..recipe import Scoring
from ..text import Group
from .attempts import attempted, may_pass
from .judge import ASKED, preferred, wins

USUAL = Scoring()


def score(scorer: Bound, groups: Sequence[Group], models: Mapping[str, Decoder], how: Scoring = USUAL) -> Tensor:
    """The reward of every response (P K), 0 for missing ones; P K D where a scorer gives D numbers for each.

    Where it failed and `how` says to skip that, it is nan.

    A scorer that takes `(prompt, response)` is called with the text of each; one that takes `groups` gets them all and
    returns a tensor or a list of lists. One that takes `(prompt, answers)` is a judge (`judge.py`): it is given every
    two answers to a prompt and says which is better, and each is paid the share of the others it beats. A knob
    `model="role"` is given the loaded model of that role, one of several roles the models of them all.

    Raises:
        RewardError: it raised or did not answer in time, at the last of its attempts, returned something that is not a
            finite number, or the wrong count; names the sample. Or the D of two samples differ. Where failures are
            skipped: no prompt is left.
    """
    knobs = _knobs(scorer, models)
    if scorer.inputs == ("groups",):
        return _checked(scorer, groups, _call(scorer, (groups,), knobs, how, f"{len(groups)} groups"))
    rows = [_row(scorer, group, knobs, how) for group in groups]
    failures = [next((x for x in row if isinstance(x, RewardError)), None) for row in rows]
    if failures[0] is not None and all(failures):
        raise RewardError(f"{failures[0]} So it went for every prompt of the step.") from failures[0]
    return _checked(scorer, groups, rows)


def score_tokens(scorer: Bound, groups: Sequence[Group], models: Mapping[str, Decoder], how: Scoring = USUAL) -> Tensor:
    """What a scorer that takes `groups` pays every token (P K T), or in each of several channels (P K T D).

    Raises:
        RewardError: it raised, or returned something else than a tensor of that shape with finite numbers.
    """
    given = _call(scorer, (groups,), _knobs(scorer, models), how, f"{len(groups)} groups")
    answers = [r for g in groups for r in g.responses]
    shape = (len(groups), max(len(g.responses) for g in groups), max(1, *(len(r.ids) for r in answers)))
    if not isinstance(given, Tensor) or given.shape[:3] != shape or given.dim() > 4:
        said = f"a tensor {tuple(given.shape)}" if isinstance(given, Tensor) else repr(given)
        raise RewardError(
            f"the reward `{scorer.name}` returned {said} for {shape[0]} prompts with {shape[1]} responses of up to "
            f"{shape[2]} tokens: it pays tokens, and returns a tensor {shape}, or one number more for each channel."
        )
    wrong = (~given.isfinite()).nonzero().tolist()
    if wrong:
        p, k, t, *_ = wrong[0]
        raise RewardError(
            f"the reward `{scorer.name}` returned {float(given[tuple(wrong[0])])}, which is not a finite number, for "
            f"token {t} of response {k} to {groups[p].prompt.shown!r}: return 0 for a token that is paid nothing."
        )
    return given


def _knobs(scorer: Bound, models: Mapping[str, Decoder]) -> dict[str, Any]:
    """The knobs of a scorer, with the models of the roles it names."""
    roles = scorer.knobs.get("model")
    if isinstance(roles, str):
        return {**scorer.knobs, "model": models[roles]}
    if isinstance(roles, (tuple, list)):
        return {**scorer.knobs, "model": tuple(models[role] for role in roles)}
    return dict(scorer.knobs)


def _row(scorer: Bound, group: Group, knobs: Mapping[str, Any], how: Scoring) -> list[Any]:
    """What it says of each response; where failures are skipped, the failure in place of a number."""
    if scorer.inputs == ASKED:
        return _judged(scorer, group, knobs, how)
    row: list[Any] = []
    for k, response in enumerate(group.responses):
        where = f"prompt {group.prompt_of(k).shown!r}, response {k} {response.text!r}"
        try:
            row.append(_call(scorer, (group.prompt_of(k).shown, response.text), knobs, how, where))
        except RewardError as error:
            if how.failed == "stop":
                raise
            row += [error] * (len(group.responses) - k)  # the prompt is lost: nobody need be asked about the rest
            break
    return row


def _judged(judge: Bound, group: Group, knobs: Mapping[str, Any], how: Scoring) -> list[Any]:
    """The share of the others that each response beats by a judge; where failures are skipped, a failure for all."""
    shown, texts = group.prompt.shown, group.texts
    if group.compares_prompts:
        raise RewardError(
            f"the judge `{judge.name}` compares answers to one prompt, and those to {shown!r} stand beside answers to "
            "others: leave comparisons of prompts out of the data."
        )
    if len(texts) < 2:
        raise RewardError(f"the judge `{judge.name}` compares answers, and {shown!r} has one: draw 2 or more.")

    def ask(i: int, j: int) -> int | None:
        where = f"prompt {shown!r}, responses {i} {texts[i]!r} and {j} {texts[j]!r}"
        said = _call(judge, (shown, (texts[i], texts[j])), knobs, how, where)
        try:
            return preferred(judge, said)
        except RewardError as error:
            raise RewardError(f"{error} It was on {where}.") from error

    try:
        return list(wins(len(texts), ask))
    except RewardError as error:
        if how.failed == "stop":
            raise
        return [error] * len(texts)


def scored(
    batch: Batch,
    scorers: Mapping[str, Bound],
    groups: Sequence[Group],
    models: Mapping[str, Decoder],
    how: Scoring = USUAL,
) -> Batch:
    """The batch with what each of a recipe's scorers gives the groups it was made of, by name.

    Prompts of which a reward failed, and `how` says to skip them, are left out; so are those whose `baseline` failed.
    """
    paid = {name: score_tokens if of_tokens(name) else score for name in scorers}
    batch = batch.having(**{name: paid[name](scorer, groups, models, how) for name, scorer in scorers.items()})
    if how.failed == "stop":
        return batch
    found = [batch[name].view(len(batch), -1) for name in (*scorers, "baseline") if name in batch.tensors]
    failed = torch.cat(found, -1).isnan().any(-1) if found else torch.zeros(len(batch), dtype=torch.bool)
    return batch.take((~failed).nonzero().flatten().tolist())


def _call(scorer: Bound, arguments: tuple[Any, ...], knobs: Mapping[str, Any], how: Scoring, where: str) -> Any:
    try:
        return attempted(lambda: scorer.function(*arguments, **knobs), how)
    except Exception as error:
        tried = f", in {how.attempts} attempts" if how.attempts > 1 and may_pass(error) else ""
        raise RewardError(
            f"the reward `{scorer.name}` raised {type(error).__name__}: {error} on {where}{tried}."
        ) from error


def _checked(scorer: Bound, groups: Sequence[Group], given: Any) -> Tensor:
    """Rewards as a P K or P K D tensor, or an error that names the first sample they fail on."""
    padded, rows = isinstance(given, Tensor), _list(given)
    if rows is None or len(rows) != len(groups):
        said = repr(given) if rows is None else f"{len(rows)} rows"
        raise RewardError(f"the reward `{scorer.name}` returned {said} for {len(groups)} prompts.")
    found: list[list[float | tuple[float, ...] | None]] = []  # None: it failed, which is to be skipped
    for p, group in enumerate(groups):
        row, n = _list(rows[p]), len(group.responses)
        if row is None or len(row) < n or (len(row) > n and not padded):
            said = repr(rows[p]) if row is None else f"{len(row)} numbers"
            raise RewardError(
                f"the reward `{scorer.name}` returned {said} for the {n} responses to {group.prompt.shown!r}: it "
                "returns one number for each, in order."
            )
        found.append([])
        for k, r in enumerate(group.responses):
            if isinstance(row[k], RewardError):
                found[-1].append(None)
                continue
            paid = _paid(row[k])
            if paid is None or not all(map(math.isfinite, _each(paid))):
                raise RewardError(
                    f"the reward `{scorer.name}` returned {row[k]!r}, which is not a finite number, for the response "
                    f"{r.text!r} to {group.prompt.shown!r}: return a float for every text, also an empty one."
                )
            found[-1].append(paid)
            first = next(one for rewards in found for one in rewards if one is not None)
            if (type(paid), len(_each(paid))) != (type(first), len(_each(first))):
                raise RewardError(
                    f"the reward `{scorer.name}` returned {paid} for the response {r.text!r} to "
                    f"{group.prompt.shown!r} and {first} before: it returns one number for every text, or the same "
                    "count of them."
                )
    several = next((one for rewards in found for one in rewards if isinstance(one, tuple)), None)
    nothing, lost = ((x,) * len(several) if several else x for x in (0.0, math.nan))
    width = max(map(len, found))
    rows = [[lost if one is None else one for one in rewards] for rewards in found]
    return torch.tensor([[*rewards, *[nothing] * (width - len(rewards))] for rewards in rows])


def _paid(x: Any) -> float | tuple[float, ...] | None:
    """What one response is paid: a number, or several; `None` for everything else."""
    several = _list(x)
    if several is None:
        return _number(x)
    numbers = tuple(n for one in several if (n := _number(one)) is not None)
    return numbers if numbers and len(numbers) == len(several) else None


def _each(paid: float | tuple[float, ...]) -> tuple[float, ...]:
    return paid if isinstance(paid, tuple) else (paid,)


def _list(x: Any) -> list[Any] | None:
    """A tensor, an array or a sequence as a list; `None` for everything else."""
    x = x.tolist() if hasattr(x, "tolist") else x
    return list(x) if isinstance(x, Sequence) and not isinstance(x, str) else None


def _number(x: Any) -> float | None:
    try:
        return float(x)
    except (TypeError, ValueError):
        return None
