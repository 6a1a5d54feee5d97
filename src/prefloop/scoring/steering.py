"""Attributes that a prompt asks for: what a policy is told, data to learn it from, and what it is paid."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..batch import assemble
from ..binding import Bound
from ..errors import DataError, above_zero
from ..models.decoder import Decoder
from ..models.encode import encode, instructed
from ..ops import tsum
from ..text import Group, Prompt
from .model import AT_ONCE, normalisation
from .spans import in_its_tokens
from .told import paid_by_name, told

_BEGIN = "Write an answer that people would rate so: "
_SAID = re.compile(rf"{re.escape(_BEGIN)}([^\n]+)\.(?:\n\n|\Z)")
_PART = re.compile(r"([^:,\n]+): (-?[\d.]+)(?:, |\Z)")


def with_attributes(prompt: Prompt, wanted: Mapping[str, float]) -> Prompt:
    """The prompt, told how the answer to it should be rated, attribute by attribute.

    Said to one decimal, as a system message or before plain text: the attribute conditioning of SteerLM (Dong et al.
    2023, arXiv 2310.05344) in words of its own.

    Raises:
        DataError: nothing is asked for, a number is not finite, or a name has a colon, a comma or a line break.

    >>> with_attributes(Prompt(text="Hi"), {"helpfulness": 4.0, "verbosity": 1.5}).text.splitlines()[0]
    'Write an answer that people would rate so: helpfulness: 4, verbosity: 1.5.'
    """
    wrong = [name for name in wanted if not name.strip() or name != name.strip() or re.search(r"[:,\n]", name)]
    if wrong or not wanted or not all(map(math.isfinite, wanted.values())):
        raise DataError(
            f"{dict(wanted)} cannot be asked for: give each attribute, by a name without colon or comma, a finite "
            "number, and one at least."
        )
    said = ", ".join(f"{name}: {round(value, 1) + 0.0:g}" for name, value in wanted.items())
    return instructed(prompt, f"{_BEGIN}{said}.")


def attributes_of(prompt: Prompt) -> tuple[dict[str, float], Prompt]:
    """The attributes that `with_attributes` asked for, by name, and the prompt as it was before.

    Raises:
        DataError: it asks for none.

    >>> attributes_of(with_attributes(Prompt(text="Hi"), {"helpfulness": 4.0, "verbosity": 1.5}))[0]
    {'helpfulness': 4.0, 'verbosity': 1.5}
    """
    found = told(prompt, _SAID)
    if found is None:
        raise DataError(
            f"the prompt {prompt.shown[:80]!r} asks for no attributes: put them there with `with_attributes`."
        )
    said, before = found
    return {name: float(value) for name, value in _PART.findall(said[1])}, before


def conditioned(groups: Sequence[Group], names: Sequence[str]) -> list[Group]:
    r"""Every response that people rated on all of these attributes, after a prompt that asks for just that.

    For `sft`: the attribute-conditioned fine-tuning of SteerLM (Dong et al. 2023, arXiv 2310.05344), on what people
    said in place of what a model predicts of them. Good and bad answers are both imitated, each after its own ratings,
    so that a policy can be asked for the good ones. What misses a rating is left out.

    >>> from prefloop.text import Response
    >>> rated = Group(
    ...     prompt=Prompt(text="Hi"),
    ...     responses=(Response(text=" Yes."), Response(text=" No.")),
    ...     aspects={"kind": (4.0, None)},
    ... )
    >>> [(g.prompt.text, g.texts) for g in conditioned([rated], ["kind"])]
    [('Write an answer that people would rate so: kind: 4.\n\nHi', (' Yes.',))]
    """
    found = []
    for group in groups:
        for k, response in enumerate(group.responses):
            said = {name: group.aspects[name][k] for name in names if name in group.aspects}
            wanted = {name: value for name, value in said.items() if value is not None}
            if len(wanted) == len(names):
                alone = replace(response, ids=(), mask=(), logp=(), asked=None)
                prompt = with_attributes(group.prompt_of(k), wanted)
                found.append(Group(prompt=prompt, responses=(alone,), who=group.who))
    return found


def attribute_likelihood(
    groups: Sequence[Group], *, reward: Bound, names: tuple[str, ...], spread: float = 0.5, model: Any = None
) -> Tensor:
    """How likely the attributes that each prompt asks for are those of the response, as a logarithm (P K).

        reward = log P(a | x, y) = -sum_d (a_d - r_d(x, y))^2 / (2 spread^2)

    up to a number that all responses share; r are the attributes that `reward` predicts after the prompt x without
    what it asks for. The attribute model of SteerLM 2.0 (Wang et al. 2024, arXiv 2406.08673) in the form of a Gaussian
    about the regression `helpsteer2`, whose squared error is its likelihood; `spread` is its deviation, in the unit of
    the ratings. A model's scores are put back into that unit, however its checkpoint is normalised.

    Raises:
        RewardError: the reward gives another count of numbers, or a prompt asks for other attributes.
        DataError: a prompt asks for none.
        RecipeError: `spread` is not above 0.
    """
    above_zero("attribute_likelihood", spread=spread)
    wanted, before = zip(*(attributes_of(g.prompt) for g in groups), strict=True)
    paid = paid_by_name(groups, before, wanted, what="attributes", reward=reward, names=names, model=model)
    if model is not None:
        mean, std = normalisation(model)
        paid = paid * std + mean
    asked = torch.tensor([[[way[name] for name in names]] for way in wanted])
    return -((paid - asked) / spread).square().sum(-1) / 2


@torch.no_grad()
def prior(groups: Sequence[Group], *, model: Decoder) -> Tensor:
    """The log-probability of each response after its prompt without the attributes it asks for (P K), under a model.

        prior = sum_t log P(y_t | x, y_<t)

    P(y | x) of SteerLM 2.0 (Wang et al. 2024, arXiv 2406.08673), of the tokens exactly as sampled.

    Raises:
        RewardError: the model reads other tokens than the policy's.
        DataError: a prompt asks for no attributes.
    """
    before = [attributes_of(g.prompt)[1] for g in groups]
    plain = [
        replace(g, prompt=prompt, prompt_ids=encode(prompt, model.tokenizer))
        for g, prompt in zip(groups, before, strict=True)
    ]
    in_its_tokens(plain, model)
    batch = assemble(plain)
    parts = [model.outputs(batch.rows(a, b), {"logp"})["logp"] for a, b in batch.split(AT_ONCE)]
    return tsum(torch.cat(parts).cpu(), batch["mask"])
