"""What of an answer its score comes from: sentence by sentence, and token by token."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..batch import assemble
from ..models.decoder import Decoder
from ..models.encode import for_model
from ..text import Group, Response
from .model import made_one, normalisation

_SENTENCE = re.compile(r"[^.!?\n]*[.!?]+[\"')\]]*\s*|[^.!?\n]*\n+|[^.!?\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of an answer as it stands there, and what it adds to the score."""

    text: str
    adds: float


def sentences(text: str) -> list[str]:
    """A text cut after the ends of sentences and lines; nothing is lost.

    >>> sentences("It rains. Stay! (Or go?)")
    ['It rains. ', 'Stay! ', '(Or go?)']
    """
    return _SENTENCE.findall(text)


def by_sentence(group: Group, score: Callable[[Sequence[Group]], Tensor]) -> list[list[Part]]:
    """What every sentence of every response adds: the score of the whole less the score without that sentence.

    Leave one out: exact about the shortened text, which is another text; what sentences say twice counts for neither.
    `score` gives P K for groups, as `model_score`.
    """
    found = []
    for response in group.responses:
        cut = sentences(response.text)
        without = ["".join(cut[:i] + cut[i + 1 :]) for i in range(len(cut))]
        whole, *rest = (_saying(group, response, text) for text in (response.text, *without))
        scores = score([whole, *rest])[:, 0].tolist()
        found.append([Part(text=text, adds=scores[0] - one) for text, one in zip(cut, scores[1:], strict=True)])
    return found


def _saying(group: Group, response: Response, text: str) -> Group:
    """The group with this response alone, saying this; one that says nothing has come to its end."""
    finish = response.finish if text else "end"
    said = replace(response, text=text, ids=(), mask=(), logp=(), finish=finish)
    return replace(group, prompt_ids=(), labels=(), responses=(said,))


def by_token(group: Group, model: Decoder) -> list[list[Part]]:
    """What every token of every response adds: the slope of the score in the token's embedding, times that embedding.

        adds_t = e_t . d score / d e_t

    Input x gradient (Shrikumar et al. 2016, arXiv 1605.01713): how fast the score falls when the token fades, at first;
    it is exact where the score is linear in the embeddings, which a deep model's is not. The tokens of the prompt have
    their share too, which is not shown. Of a model with channels, that of the one number made of them.
    """
    group = for_model(group, model.tokenizer, ending=model.ending)
    return [_tokens(replace(group, responses=(r,), labels=()), model) for r in group.responses]


def _tokens(group: Group, model: Decoder) -> list[Part]:
    kept: list[Tensor] = []

    def keep(module: object, inputs: object, embedded: Tensor) -> Tensor:
        if not kept:  # the adapters of an ensemble embed the same tokens, one after the other
            kept.append(embedded.detach().requires_grad_())
        return kept[0]

    handle = model.base.get_input_embeddings().register_forward_hook(keep)
    try:
        with torch.enable_grad():
            name = "scores" if model.channels else "score"
            scores = model.outputs(assemble([group]), {name})[name][0, 0]
            score = made_one(scores.cpu() / normalisation(model)[1], model)
            [slope] = torch.autograd.grad(score, kept)
    finally:
        handle.remove()
    adds = (slope * kept[0]).sum(-1).flatten().tolist()
    ids = group.responses[0].ids
    first = len(group.prompt_ids_of(0))
    pieces = [model.tokenizer.decode([token]) for token in ids]
    return [Part(text=text, adds=a) for text, a in zip(pieces, adds[first : first + len(ids)], strict=True)]
