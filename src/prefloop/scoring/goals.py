"""How near an answer is to where preferred answers end, as far as it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cosine_similarity

from ..batch import Batch, assemble
from ..errors import ModelError
from ..learning.remembered import TOKENS, features_in_parts, remembered_features
from ..models.decoder import Decoder
from ..models.encode import for_model
from ..text import Group
from .spans import in_its_tokens

_FILE = Path("goal", "state.safetensors")


@dataclass(frozen=True, slots=True)
class Goal:
    """The hidden state (D) that answers are to come to."""

    state: Tensor

    def values(self, states: Float[Tensor, "*dims D"]) -> Float[Tensor, "*dims"]:
        """How near hidden states are to the goal.

            Q(h, g) = cos(h, g)

        >>> Goal(torch.tensor([0.0, 2.0])).values(torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, -3.0]]))
        tensor([ 1.0000,  0.7071, -1.0000])
        """
        return cosine_similarity(states, self.state.to(states), dim=-1)

    def save(self, folder: Path) -> None:
        """Write it beside the checkpoint in this folder."""
        (folder / _FILE).parent.mkdir(parents=True, exist_ok=True)
        save_file({"state": self.state.contiguous()}, folder / _FILE)


def goal_of(groups: Sequence[Group], model: Decoder) -> Goal:
    """Where preferred answers end: the mean of the hidden states at their last tokens, the first answer of each group.

    So the published code of goal-conditioned reward models (Nath et al. 2024, arXiv 2407.13887) makes its goal of the
    right answers of the training set; their text on it was not seen. Take the answers that `goal-conditioned` was
    fitted to. An answer that came to its end ends with the end token.
    """
    preferred = [Group(prompt=g.prompt, prompt_ids=g.prompt_ids, responses=g.responses[:1]) for g in groups]
    return Goal(remembered_features(model, _read_by(model, preferred), tokens=TOKENS)[:, 0].mean(0))


@torch.no_grad()
def goal_value(groups: Sequence[Group], *, model: Decoder, goal: Goal) -> Tensor:
    """How near each answer is to the goal after its last token (P K), however far it has come; 0 for a missing one.

        value = Q(h_T, g) = cos(h_T, g)

    The Q-value of Nath et al. 2024 (arXiv 2407.13887). For `sampling.early.filtered` and `sampling.guided.Guided`. A
    model's `ending` is not read after an answer, which may have been cut anywhere.
    """
    return goal.values(features_in_parts(model, _read_by(model, groups), tokens=TOKENS).float().cpu())


@torch.no_grad()
def token_values(groups: Sequence[Group], *, model: Decoder, goal: Goal) -> Tensor:
    """How near each answer is to the goal after every token that the policy chose (P K T), 0 elsewhere.

    Raises:
        RewardError: the model reads other tokens than the policy's.
        ModelError: it gives no states: it has channels, or another head than `score`.
    """
    in_its_tokens(groups, model)
    batch = assemble(groups)
    parts = (model.outputs(batch.rows(a, b), {"states"})["states"] for a, b in batch.split(TOKENS))
    return torch.cat([goal.values(states).float().cpu() for states in parts])


def goal_score(groups: Sequence[Group], *, model: Decoder, folder: str) -> Tensor:
    """`goal_value` as a reward (P K), with the goal that `goal_of(...).save(folder)` wrote.

    Raises:
        ModelError: nothing was written to the folder.
    """
    file = Path(folder) / _FILE
    if not file.is_file():
        raise ModelError(
            f"{folder} has no goal: write one from the answers that the model was fitted to, "
            "goal_of(groups, model).save(folder)."
        )
    return goal_value(groups, model=model, goal=Goal(**load_file(file)))


def _read_by(model: Decoder, groups: Sequence[Group]) -> Batch:
    return assemble([for_model(g, model.tokenizer) for g in groups])
