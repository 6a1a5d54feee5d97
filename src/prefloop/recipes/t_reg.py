"""T-REG: DPO with token-level reward regularisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.margins import token_agreement
from ..objectives.pairs import dpo as objective
from ..recipe import Model, Recipe, Term
from ..shaping.tokens import contrast
from ._families import REFERENCE, Direct, direct

BETTER = "Give a helpful, correct, coherent and concise answer."
WORSE = "Give an unhelpful, incorrect, incoherent and verbose answer."


def t_reg(
    *, beta: float = 0.1, alpha: float = 0.25, better: str = BETTER, worse: str = WORSE, **common: Unpack[Direct]
) -> Recipe:
    """DPO that also goes by what the model itself finds good of each token: how much likelier it is in a good answer.

    `alpha` times the regulariser is added to the loss; at 0 it is `dpo`. `better` and `worse` are what the frozen model
    is told before the prompt, once and again. The paper words them as two requests to revise an answer, for the better
    or the worse on these four counts; here the model is told beforehand how to answer, in words of your own.
    """
    told = {"better": Model(source="policy", instruction=better), "worse": Model(source="policy", instruction=worse)}
    return direct(
        name="t-reg",
        paper="Zhou et al. 2024, arXiv 2412.02685",
        summary="learns from pairs, and from what the model itself finds good of each token",
        models={**REFERENCE, **told},
        derive=(bind(contrast),),
        objective=(
            Term(objective=bind(objective, beta=beta)),
            Term(objective=bind(token_agreement, beta=beta), weight=alpha),
        ),
        **common,
    )
