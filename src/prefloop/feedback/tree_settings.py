"""How large a conversation tree grows, and how often each part of it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import DataError

FLAG = (0, 1)
"""The ends of a label that is answered with no or yes."""
SCALE = (1, 5)
"""The ends of a label with five steps."""


def _labels() -> dict[str, Sequence[int]]:
    flags = ("spam", "lang_mismatch", "pii", "not_appropriate", "hate_speech", "sexual_content")
    scales = ("quality", "creativity", "humor", "toxicity", "violence")
    return {name: FLAG if name in flags else SCALE for name in (*flags, *scales)}


def _assistant_labels() -> dict[str, Sequence[int]]:
    return {"fails_task": FLAG, "helpfulness": SCALE}


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSettings:
    """The settings of conversation trees, the numbers those of Open Assistant (Koepf et al. 2023, arXiv 2304.07327).

    goal: messages in a tree, the prompt among them. depth: how many replies deep it grows. assistant_replies: how many
    replies a message of the user gets; user_replies: how many one of the assistant gets. reviews: people who label
    each message. rankings: people who rank the replies to each message. labels: what they label, each with its ends,
    and assistant_labels what they label of an assistant's message besides. against: the labels that count against a
    message; it is accepted where 1 less the sum of their means, each from 0 to 1, is at least `threshold`. max_skips:
    a tree is halted once more people than this skip replying to one of its messages. own: whether people may reply to,
    review and rank what they wrote. review_given: whether prompts of a file and replies of a model are reviewed, too.

    >>> TreeSettings().goal, TreeSettings().reviews
    (12, 3)
    """

    goal: int = 12
    depth: int = 3
    assistant_replies: int = 3
    user_replies: int = 1
    reviews: int = 3
    rankings: int = 3
    threshold: float = 0.6
    max_skips: int = 25
    own: bool = False
    review_given: bool = False
    labels: Mapping[str, Sequence[int]] = field(default_factory=_labels)
    assistant_labels: Mapping[str, Sequence[int]] = field(default_factory=_assistant_labels)
    against: Sequence[str] = ("spam", "lang_mismatch")

    def __post_init__(self) -> None:
        """The same values whether they come from Python or from JSON."""
        for name in ("labels", "assistant_labels"):
            object.__setattr__(self, name, {label: tuple(ends) for label, ends in getattr(self, name).items()})
        object.__setattr__(self, "against", tuple(self.against))


def check_tree(settings: TreeSettings) -> None:
    """Refuse settings of which no tree can grow.

    Raises:
        DataError: names the value, and what it takes.
    """
    least: dict[str, Any] = {
        "goal": 1, "depth": 0, "assistant_replies": 1, "user_replies": 1, "reviews": 1, "rankings": 1, "max_skips": 0
    }  # fmt: skip
    for name, low in least.items():
        if getattr(settings, name) < low:
            raise DataError(f"a tree cannot have `{name}` {getattr(settings, name)}: it is {low} or more.")
    if not 0 <= settings.threshold <= 1:
        raise DataError(f"a tree cannot have `threshold` {settings.threshold}: it is from 0 to 1.")
    if not settings.labels:
        raise DataError("a tree has no `labels`: name at least one that its messages get, such as quality.")
    unknown = [name for name in settings.against if name not in settings.labels]
    if unknown:
        raise DataError(
            f"`{unknown[0]}` counts against a message and is not among the labels that every message gets, "
            f"{', '.join(settings.labels)}: take it out of `against`, or add it to `labels`."
        )
