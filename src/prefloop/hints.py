"""What to add to a recipe that asks for a tensor nobody provides."""

from __future__ import annotations

from .names import VOCABULARY

_POLICY = '"policy": Model(source="...", train=True)'
_CRITIC = '"critic": Model(source="...", head="value", train=True)'
_SCORE = '"reward model": Model(source="...", head="score", train=True)'
_MODELS = {
    **dict.fromkeys(("logp", "entropy", "logits", "old_logp", "mismatched_logp"), _POLICY),
    **dict.fromkeys(("value", "old_value"), _CRITIC),
    **dict.fromkeys(("score", "features", "views", "states"), _SCORE),
    "scores": '"reward model": Model(source="...", head="score", channels=("true", "kind"), train=True)',
    "gate": '"reward model": Model(source="...", head="score", channels=("true", "kind"), gate=64, train=True)',
    "overlap": '"reward model": Model(source="...", head="score", channels=("quality", "length"), train=True)',
    "directions": '"reward model": Model(source="...", head="score", channels=("reward", "prototype 1"), train=True)',
    "token_score": '"reward model": Model(source="...", head="token_score", train=True)',
    **{t: f'"{t}": Model(head="{t}", channels=("tie",), train=True)' for t in ("traits", "numbers")},
}
"""The model that gives a tensor, as it stands in a recipe."""


def hint(tensor: str) -> str:
    """The line to add to a recipe in which nobody provides this tensor."""
    source = VOCABULARY[tensor].source
    if tensor in _MODELS:
        return f"Add models={{..., {_MODELS[tensor]}}}."
    if tensor in ("degree", "degree_logits"):
        return (
            "Let a policy that learns from judged answers tell degrees apart: "
            'models={..., "policy": Model(source="...", train=True, degrees=4)}, and no `sample`.'
        )
    if source == "scorer":
        return f'Add score={{"{tensor}": bind(my_reward)}}, a function (prompt, response) -> float.'
    if source == "feedback":
        return "Judged data carries the order of preference (best first) and `label`, samples neither."
    if tensor == "token_kl":
        return "Add a function of `logits` to `compare` that gives it; only objectives read it."
    if tensor == "calibrated":
        return 'Add draws=Draws(by="ref"), or a function to `derive` that gives it.'
    if tensor == "baseline":
        return "Add sample=Sample(greedy=True), or a function to `derive` that gives it, before the one that reads it."
    if source == "sampler":
        return "Only a recipe that samples has it: add sample=Sample(k=4)."
    return "Add a function to `derive` that gives it, before the one that reads it."
