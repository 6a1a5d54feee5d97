"""Prefloop's side: `python -m bench.ours TASK MODEL STEPS`, through what a program of a user's own would call."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bench import data
from bench.turns import Turns

from prefloop import bind
from prefloop.loops.networks import load_networks
from prefloop.loops.optimise import optimise
from prefloop.loops.seeds import order
from prefloop.planning import plan
from prefloop.recipe import Lora, Model, Recipe
from prefloop.recipes import method
from prefloop.sampling.local import LocalGenerator
from prefloop.text import Group, Message, Prompt, Response

LR = 1e-6


def reward(prompt: str, response: str) -> float:
    return response.count("e") / (1 + len(response))


def recipe(task: str, model: str, steps: int) -> Recipe:
    offline: dict[str, Any] = {"model": model, "lr": LR, "batch": 4}
    online = {"model": model, "lr": LR, "batch": 4, "k": 4, "steps": steps, "max_tokens": data.NEW}
    if task in ("grpo", "rloo"):
        return method(task)(**online, beta=0.05, reward=bind(reward))
    if task == "online-dpo":
        return method(task)(**{**online, "batch": 8, "k": 2}, reward=bind(reward))
    if task == "ppo":
        made = method(task)(**{**online, "batch": 16, "k": 1}, beta=0.05)
        return replace(made, models={**made.models, "reward": Model(source=model, head="score")})
    made = method({"lora-dpo": "dpo", "reward": "bradley-terry"}.get(task, task))(**offline)
    if task == "lora-dpo":
        policy = replace(made.models["policy"], adapter=Lora(rank=16))
        made = replace(made, models={**made.models, "policy": policy})
    return replace(made, steps=steps, epochs=None)


def judged(task: str, tokenizer: Any, steps: int) -> list[Group]:
    """The pairs as groups, laid out so that the loop's own shuffle brings them back into order."""
    groups = [_group(task, pair) for pair in data.pairs(tokenizer, steps)]
    laid: list[Any] = [None] * len(groups)
    for place, group in zip(order(len(groups), 0, "data", 0), groups, strict=True):
        laid[place] = group
    return laid


def _group(task: str, pair: data.Pair) -> Group:
    texts = (pair.chosen,) if task == "sft" else (pair.chosen, pair.rejected)
    labels = (1.0, 0.0) if task == "kto" else ()
    return Group(prompt=Prompt(text=pair.prompt), responses=tuple(Response(text=t) for t in texts), labels=labels)


def main(task: str, model: str, steps: int, *, ended: Callable[[int], None]) -> None:
    """Run so many steps of a task; `ended` is told after each how many tokens it worked on."""
    method = recipe(task, model, steps)
    networks = load_networks(method, plan(method))
    first = next(iter(networks.values()))
    size = data.tokens(task)

    def on_step(step: int, metrics: dict[str, float], groups: Sequence[Group]) -> None:
        if metrics.get("tokens_sampled", size) != size:
            raise ValueError(f"step {step} sampled {metrics['tokens_sampled']} tokens, not {size}")
        ended(size)

    if method.sample is None:
        optimise(method, networks=networks, judged=judged(task, first.tokenizer, steps), on_step=on_step)
    else:
        prompts = [
            Prompt(messages=tuple(Message(**m) for m in c)) for c in data.chats(first.tokenizer, steps * method.batch)
        ]
        generator = LocalGenerator(networks["policy"])
        optimise(method, networks=networks, generator=generator, prompts=prompts, on_step=on_step)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), ended=Turns().ended)
