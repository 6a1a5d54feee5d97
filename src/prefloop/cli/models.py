"""What a model says, and what a run wrote down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..terminal import Shown
from .shared import console, escaped


def sample(
    model: Annotated[str, typer.Argument(help="A folder, hub id, .gguf file or wheel:NAME.")],
    prompt: Annotated[list[str] | None, typer.Option(help="A prompt; may be given several times.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Answers to each prompt.")] = 1,
    max_tokens: Annotated[int, typer.Option(help="The longest answer.")] = 64,
    temperature: Annotated[float, typer.Option(help="0 takes the most probable token.")] = 1.0,
    chat: Annotated[bool, typer.Option("--chat", help="Put the prompt through the chat template.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed, other answers.")] = 0,
) -> None:
    """Sample from a model.

    Example: `prefloop sample runs/demo/policy --prompt "The old harbour was" -k 4`
    """
    from ..models.load import load
    from ..recipe import Decoding, Model
    from ..sampling.local import LocalGenerator
    from ..text import Message, Prompt

    decoder = load(Model(source=model), name="policy", say=Shown(console).say)
    asked = [Prompt(messages=(Message(role="user", content=p),)) if chat else Prompt(text=p) for p in prompt or ["The"]]
    decoding = Decoding(max_tokens=max_tokens, temperature=temperature)
    for group in LocalGenerator(decoder).sample(asked, k=k, decoding=decoding, seed=seed):
        for text in group.texts:
            console.print(f"[dim]{escaped(group.prompt.shown)}[/]{escaped(text)}", highlight=False)


def track(run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]) -> None:
    """Write a run's metrics for TensorBoard; repeat it to follow a run that goes on.

    Example: `prefloop track runs/demo && tensorboard --logdir runs/demo`
    """
    from ..loops.track import to_tensorboard

    console.print(f"written: {to_tensorboard(run_folder)}", highlight=False, soft_wrap=True)
