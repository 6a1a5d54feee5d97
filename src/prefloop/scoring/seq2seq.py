"""A language model that corrects answers as a reward: what it would leave as it is is paid, what it would not costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..batch import Batch, assemble
from ..models.decoder import Decoder
from ..models.encode import encode
from ..models.places import CHUNK_ELEMENTS
from ..text import Group, Message, OwnPrompt, Prompt
from .model import AT_ONCE
from .spans import in_its_tokens

ASK = "Give this answer again, as it should be."
"""What a corrector is asked after an answer."""


def to_correct(prompt: Prompt, answer: str) -> Prompt:
    r"""The prompt on which a corrector writes what an answer should have been.

    In a conversation the answer stands as its own turn before `ASK`; plain text is begun anew after both.

    >>> to_correct(Prompt(text="2 + 2 ="), " 5").text
    '2 + 2 = 5\n\nGive this answer again, as it should be.\n\n2 + 2 ='
    """
    if prompt.text is not None:
        return Prompt(text=f"{prompt.text}{answer}\n\n{ASK}\n\n{prompt.text}")
    said = (Message(role="assistant", content=answer), Message(role="user", content=ASK))
    return Prompt(messages=(*prompt.messages, *said))


def correction_pairs(groups: Sequence[Group]) -> list[Group]:
    """What a corrector learns from judged pairs, one answer to a group.

        correction    prompt and rejected answer  ->  chosen answer
        identity      prompt and chosen answer    ->  chosen answer

    The two mappings of sequence-to-sequence reward modelling (Zhou et al. 2024, arXiv 2409.00162), for `sft`: its
    sequence likelihood takes the place of that of a comparison. A pair with a tie, or of one text twice, gives none.

    >>> from prefloop.text import Response
    >>> pair = Group(prompt=Prompt(text="2 + 2 ="), responses=(Response(text=" 4"), Response(text=" 5")))
    >>> [(g.prompt.text.split()[4], g.texts) for g in correction_pairs([pair])]
    [('5', (' 4',)), ('4', (' 4',))]
    """
    found = []
    for group in groups:
        chosen, rejected = (replace(r, ids=(), mask=(), logp=()) for r in group.responses[:2])
        if group.target == 0.5 or chosen.text == rejected.text:
            continue
        for answer in (rejected, chosen):
            found.append(Group(prompt=to_correct(group.prompt, answer.text), responses=(chosen,), who=group.who))
    return found


@torch.no_grad()
def correction_reward(groups: Sequence[Group], *, model: Decoder, right: float = 1.0, wrong: float = 1.0) -> Tensor:
    """What each token is paid by a corrector of the response it stands in (P K T).

        agrees_t       = [y_t = argmax P(. | x, y, y_<t)]        of a model that is shown the response y and begins it
        token_reward_t = right / T     until the first token that does not agree
                         -wrong / T    for that one, and for every later one that does not agree
                         0             for a later one that agrees

    Zhou et al. 2024 (arXiv 2409.00162): positive until the response diverges from what the model writes by itself, and
    then, going on token by token along the response, negative for what diverges. The scale is our own choice: with T
    the number of the response's tokens it adds up to `right` for a response of any length that is left as it is, so
    that neither a longer nor a shorter one is worth more for that, and to -wrong at the least. A tail that the
    corrector would not have written costs twice: by itself, and by what it makes of T. The end token is one of them.

    Raises:
        RewardError: the model reads other tokens than the policy's.
    """
    in_its_tokens(groups, model)
    batch = assemble([_read_by(g, model) for g in groups])
    greedy = torch.cat([likeliest_tokens(batch.rows(a, b), model) for a, b in batch.split(AT_ONCE)])
    return agreement(batch["ids"], greedy, batch["mask"], right=right, wrong=wrong)


def agreement(ids: Tensor, greedy: Tensor, mask: Tensor, *, right: float, wrong: float) -> Tensor:
    """`correction_reward` of tokens (P K T) beside the likeliest in their places; what nobody chose is passed over.

    >>> ids, greedy = torch.tensor([[[5, 6, 7, 8]]]), torch.tensor([[[5, 9, 7, 9]]])
    >>> agreement(ids, greedy, torch.ones(1, 1, 4), right=1.0, wrong=1.0)
    tensor([[[ 0.2500, -0.2500,  0.0000, -0.2500]]])
    """
    chosen = mask.bool()
    other = (ids != greedy) & chosen
    before = other.cumsum(-1) == 0
    paid = right * (before & chosen).to(torch.get_default_dtype()) - wrong * other.to(torch.get_default_dtype())
    return paid / chosen.sum(-1, keepdim=True).clamp(min=1)


def likeliest_tokens(batch: Batch, model: Decoder) -> Tensor:
    """The token that a model thinks likeliest in the place of each one chosen (P K T), and -1 elsewhere."""
    places = model.places(batch)
    rows = max(1, CHUNK_ELEMENTS // places.weight.shape[0])
    found = [places.logits(a, a + rows, 1.0).argmax(-1) for a in range(0, len(places.hidden), rows)]
    chosen = batch["mask"].bool()
    return torch.full(chosen.shape, -1).masked_scatter(chosen, torch.cat([torch.zeros(0).long(), *found]).cpu())


def _read_by(group: Group, model: Decoder) -> Group:
    """The group with each response after the prompt on which it is corrected."""

    def asked(k: int) -> OwnPrompt:
        prompt = to_correct(group.prompt_of(k), group.responses[k].text)
        return OwnPrompt(prompt=prompt, ids=encode(prompt, model.tokenizer))

    return replace(group, responses=tuple(replace(r, asked=asked(k)) for k, r in enumerate(group.responses)))
