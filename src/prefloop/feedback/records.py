"""Records of the feedback store that are not part of the loop's own vocabulary in `prefloop.text`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..text import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One answer as training data: the group reordered so that the chosen response is first, and labelled.

    >>> from prefloop.text import Prompt, Response
    >>> group = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> Judgement(question="q1", who="ada", round=0, group=group).group.texts[0]
    ' two'
    """

    question: str
    who: str
    round: int
    group: Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something worth keeping beside the answers, such as what a model version means.

    `value` is anything JSON can hold; `at` is seconds since the epoch.

    >>> Note(key="model", value={"version": "round-1", "method": "ppo"}, at=0.0).value["method"]
    'ppo'
    """

    key: str
    value: Any
    at: float
