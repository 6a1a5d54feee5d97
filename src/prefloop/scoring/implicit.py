"""The reward that a policy has in it beside its reference: any policy as a reward model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..batch import assemble
from ..models.decoder import Decoder
from ..models.encode import for_model
from ..ops import tsum
from ..text import Group
from .model import AT_ONCE
from .spans import in_its_tokens


@torch.no_grad()
def implicit_score(groups: Sequence[Group], *, model: tuple[Decoder, Decoder], beta: float = 0.1) -> Tensor:
    """The implicit reward of every response (P K), of two models: a policy and its reference.

        reward = beta sum_t ( log pi(y_t) - log pi_ref(y_t) )

    What DPO fits in place of a reward model (Rafailov et al. 2023, arXiv 2305.18290, section 4), up to a number of the
    prompt's own, as a reward model: of the policy's own prompts and of others, where it may do worse than one that was
    fitted as such (Lin et al. 2024, arXiv 2409.03650). The text is read in the policy's tokens; the reference reads the
    same.
    """
    policy, reference = model
    read = [for_model(g, policy.tokenizer) for g in groups]
    return tsum(_gaps(read, policy, reference), assemble(read)["mask"]) * beta


@torch.no_grad()
def implicit_token_score(groups: Sequence[Group], *, model: tuple[Decoder, Decoder], beta: float = 0.1) -> Tensor:
    """The implicit reward of every token (P K T), of two models: a policy and its reference.

        token_reward_t = beta ( log pi(y_t) - log pi_ref(y_t) )

    Rafailov et al. 2024 (arXiv 2404.12358), of the tokens exactly as sampled. They add up to `implicit_score`.

    Raises:
        RewardError: the two read other tokens than those of the responses.
    """
    policy, reference = model
    in_its_tokens(groups, policy)
    return beta * _gaps(groups, policy, reference)


def _gaps(groups: Sequence[Group], policy: Decoder, reference: Decoder) -> Tensor:
    batch = assemble(groups)
    parts = [batch.rows(a, b) for a, b in batch.split(AT_ONCE)]
    logp = [torch.cat([m.outputs(part, {"logp"})["logp"] for part in parts]).cpu() for m in (policy, reference)]
    return torch.where(batch["mask"].bool(), logp[0] - logp[1], 0.0)
