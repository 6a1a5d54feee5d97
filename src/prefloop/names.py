"""The vocabulary: every tensor that passes between the pieces of a method, by name, shape and source.

A piece of a method is a plain function whose positional parameters are names from this file. Shape letters:

    P  prompts
    K  responses to each prompt
    T  token positions of a response
    V  words of the vocabulary
    D  reward channels (ensemble members, attributes, costs, heads), degrees of an answer, or numbers of a hidden state
    H  numbers of a hidden state, where D is taken

Pairs are K = 2 with the preferred response at index 0. Choices and rankings have the best response first. Feedback on
single responses is K = 1. A missing response has an all-zero row in `mask`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal[
    "assembler", "policy", "update", "sampler", "frozen", "critic", "reward model", "table", "scorer", "feedback"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One entry of the vocabulary.

    >>> lookup("logp").shape
    'P K T'
    """

    name: str
    shape: str
    meaning: str
    source: Source | None
    """Who provides it unasked; `None` for what only a shaping or credit function can give."""


_ROWS: tuple[tuple[str, str, Source | None, str], ...] = (
    ("ids", "P K T", "assembler", "token ids exactly as sampled, never decoded and re-encoded"),
    ("mask", "P K T", "assembler", "1 where the model chose the token; holes are other people's turns"),
    ("ended", "P K", "assembler", "1 where the response came to its end, 0 where it was cut off for its length"),
    ("logp", "P K T", "policy", "log-probability of each token under the trained policy, differentiable"),
    ("entropy", "P K T", "policy", "entropy of the policy's next-token distribution, differentiable"),
    ("logits", "... V", "policy", "the policy's next-token logits at some places, for functions of `compare` alone"),
    (
        "degree_logits",
        "P K D",
        "policy",
        "how far the policy takes each degree for that of the response, differentiable",
    ),
    ("old_logp", "P K T", "update", "`logp` frozen at the start of the update"),
    ("sampled_logp", "P K T", "sampler", "what the sampler reported when it drew the token"),
    ("mismatched_logp", "P K T", "update", "`old_logp` of the same tokens after another prompt than their own"),
    ("ref_logp", "P K T", "frozen", "the same tokens under the frozen model named `ref`"),
    ("value", "P K T", "critic", "the critic's estimate before each token, differentiable"),
    ("old_value", "P K T", "update", "`value` frozen at the start of the update"),
    ("score", "P K", "reward model", "the reward model's output for the whole response, differentiable"),
    ("scores", "P K D", "reward model", "each channel of a reward model for the whole response, differentiable"),
    ("features", "P K D", "reward model", "the hidden state a score is read from, at the end of the response"),
    ("views", "P K 2 D", "reward model", "`features` twice, each with some of its numbers left out by chance"),
    ("states", "P K T D", "reward model", "the hidden state after each token, differentiable"),
    ("diversity", "P", "reward model", "how far a model's adapters point apart, the same for every row"),
    ("gate", "P D", "reward model", "how much each channel counts after this prompt; they add up to 1, differentiable"),
    (
        "overlap",
        "P D D",
        "reward model",
        "cosines of what two channels read the hidden state by, the same for every row",
    ),
    (
        "directions",
        "P D H",
        "reward model",
        "what each channel reads the hidden state by, the same for every row, differentiable",
    ),
    ("traits", "P D", "table", "numbers learnt about whoever judged the row, differentiable"),
    ("numbers", "P D", "table", "numbers learnt beside the models, the same for every row, differentiable"),
    ("token_score", "P K T", "reward model", "the reward model's output at each token, differentiable"),
    ("chance", "P K", "sampler", "an even random number between 0 and 1 for each response, for selections by chance"),
    ("reward", "P K", "scorer", "what the response is paid; (P K D) before its channels are made one"),
    ("prior", "P K", "scorer", "log-probability of the response before the prompt was told anything"),
    ("confidence", "P K", "scorer", "how sure the response says it is, from 0 to 1"),
    ("token_reward", "P K T", None, "what each token is paid; (P K T D) before its channels are made one"),
    ("step_end", "P K T", None, "1 where a step or span of the response ends, 0 elsewhere"),
    ("potential", "P K T", None, "how promising the response is before each token, by any measure"),
    ("token_kl", "P K T", None, "how far the policy's next-token distribution is from another (nats), differentiable"),
    ("token_weight", "P K T", None, "how much each token of a response counts"),
    ("baseline", "P", None, "reward of a reference answer to the same prompt; (P M) where there are several"),
    ("advantage", "P K T", None, "credit of each token; (P K 1) where all tokens of a response share it"),
    ("returns", "P K T", None, "what the critic should have predicted"),
    ("strength", "P", None, "how far voting reward models put the first of two responses ahead, on average"),
    ("doubt", "P", None, "how far voting reward models disagree about that, as a standard deviation"),
    ("reference_point", "P", None, "the log-ratio to the reference that counts as neither gain nor loss"),
    ("win_rate", "P K", None, "probability of beating the alternatives"),
    ("calibrated", "P K", None, "1 where the response is a draw of the calibration policy; those of `draws` are"),
    ("label", "P K", "feedback", "grade or rank given by people; of thumbs, 1 is up and 0 is down"),
    (
        "degree",
        "P K",
        "assembler",
        "how much of its key content the response lacks, 0 for none; -1 where nobody counted",
    ),
    ("aspect", "P K D", "feedback", "what people said of each channel of the response; NaN where nobody did"),
    ("token_label", "P K T", "feedback", "what people said of the part that ends at this token; NaN elsewhere"),
    ("target", "P", "feedback", "soft preference for index 0"),
    ("tied", "P", "feedback", "1 where people preferred neither of two, 0 elsewhere"),
    ("liked_share", "P", "feedback", "share of all judged answers that people liked, the same in every row"),
    ("weight", "P", "feedback", "importance of the example"),
    ("resampled", "P D", "feedback", "how often each channel's own bootstrap of the examples drew the row"),
    ("who", "P", "feedback", "which annotator judged it"),
)

VOCABULARY: dict[str, Name] = {n: Name(name=n, shape=s, source=src, meaning=m) for n, s, src, m in _ROWS}


def lookup(name: str) -> Name | None:
    """The entry called `name`, or `None`. `<role>_logp` is the log-probability under the frozen model `<role>`.

    `<role>_mismatched_logp` is that of the same tokens after another prompt than their own, and `<role>_logits` are the
    next-token logits of that model.

    >>> lookup("teacher_logp").meaning
    'the same tokens under the frozen model named `teacher`'
    >>> lookup("logprobs") is None
    True
    """
    if name in VOCABULARY:
        return VOCABULARY[name]
    compared = compared_role(name)
    if compared is not None:
        meaning = f"next-token logits of the frozen model named `{compared}`"
        return Name(name=name, shape="... V", source="frozen", meaning=meaning)
    role = frozen_role(name)
    if role is None:
        return None
    after = " after another prompt" if name.endswith("_mismatched_logp") else ""
    meaning = f"the same tokens{after} under the frozen model named `{role}`"
    return Name(name=name, shape="P K T", source="frozen", meaning=meaning)


def of_tokens(name: str) -> bool:
    """Whether the tensor of this name has a number for every token.

    >>> of_tokens("token_reward"), of_tokens("reward")
    (True, False)
    """
    found = lookup(name)
    return found is not None and "T" in found.shape.split()


def frozen_role(name: str) -> str | None:
    """The frozen model a `<role>_logp` or `<role>_mismatched_logp` name speaks of; `None` for every other name.

    >>> frozen_role("ref_logp"), frozen_role("ref_mismatched_logp"), frozen_role("old_logp"), frozen_role("reward")
    ('ref', 'ref', None, None)
    """
    role, _, suffix = name.rpartition("_")
    if suffix != "logp" or role in ("", "old", "sampled", "mismatched"):
        return None
    return role.removesuffix("_mismatched")


def compared_role(name: str) -> str | None:
    """The frozen model a `<role>_logits` name speaks of; `None` for every other name.

    >>> compared_role("ref_logits"), compared_role("logits"), compared_role("degree_logits"), compared_role("ref_logp")
    ('ref', None, None, None)
    """
    role, _, suffix = name.rpartition("_")
    return role if suffix == "logits" and role not in ("", "degree") else None
