"""Records of the feedback store that are not part of the loop's own vocabulary in `prefloop.text`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..text import Group, Question
from .tree_settings import TreeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One answer as training data: the group as its view has it, such as the chosen response first, and labelled.

    >>> from prefloop.text import Prompt, Response
    >>> group = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> Judgement(question="q1", round=0, group=group).group.texts[0]
    ' two'
    """

    question: str
    round: int
    group: Group


class Judgements(list[Judgement]):
    """Judgements; `left_out` counts, by reason, the answers that nothing could be learnt from.

    >>> Judgements().left_out
    {}
    """

    def __init__(self) -> None:
        """None yet."""
        super().__init__()
        self.left_out: dict[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the log: somebody answered, skipped, or took back what they had said of a question, or judged it.

    `value` is there for an answer, `reason` for a skip. An adjudication has the value that is to stand above all
    answers, or none where an earlier one no longer stands. `submission` is the sender's own id of the event.
    `telemetry` is how an answer came about, of `prefloop.feedback.telemetry`.

    >>> Event(seq=1, event="skip", submission="a1", question="q1", who="ada", at=0.0, reason="I cannot tell").value
    """

    seq: int
    event: Literal["answer", "skip", "undo", "adjudication"]
    submission: str
    project: str = ""
    question: str
    who: str
    revision: int = 0
    value: Any = None
    order: tuple[int, ...] = ()
    seconds: float = 0.0
    at: float
    guideline: int = 0
    reason: str = ""
    telemetry: Mapping[str, Any] = field(default_factory=dict)


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


Purpose = Literal["work", "gold", "practice"]
"""What an item is for: to be labelled, to see whether a person's answers are right, or to practise on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When a project has enough: at this many standing answers to its work items, for this money, or when sure.

    `width` is that of the 95 % Wilson interval of how often two people who answered the same item agree. `money` is in
    the unit of the project's price.

    >>> Stop(labels=1_000).width
    """

    labels: int | None = None
    width: float | None = None
    money: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What people are paid: so much for each answer, or for each hour of work on the page.

    >>> Price(amount=15.0, per="hour").per
    'hour'
    """

    amount: float
    per: Literal["answer", "hour"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What people are asked to do together.

    overlap: how many people answer each work item. examples: the first so many practice items are shown solved beside
    the guidelines; each person is given the other ones before any work. gold_share: the share of what each person sees
    that is gold.
    retire_after: an item that this many people skipped goes to nobody else; 0 lets it go round for ever, 1 takes
    it out at once. lease_seconds: how long an item is kept for a person. tree: of a project in which people write,
    label and rank conversations; its items, and how many people see each, follow from the trees. page: whatever the
    page keeps with it.
    `revision` and `guideline` (the version that is shown) are set by the store.

    >>> Project(id="tone", title="Tone", kinds=("comparison",), overlap=3).state
    'open'
    """

    id: str
    title: str
    kinds: tuple[str, ...]
    overlap: int = 1
    gold_share: float = 0.0
    stop: Stop = Stop()
    retire_after: int = 3
    examples: int = 3
    lease_seconds: float = 900.0
    price: Price | None = None
    per_minute: int = 0
    state: Literal["open", "closed"] = "open"
    tree: TreeSettings | None = None
    page: dict[str, Any] = field(default_factory=dict)
    revision: int = 0
    guideline: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidelines:
    """One version of what people are told, counted from 1.

    >>> Guidelines(version=1, text="Prefer the true one.", by="lee", at=0.0).version
    1
    """

    version: int
    text: str
    by: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A question in a project. `expected` is the right answer of a gold or practice item, `explanation` says why.

    >>> from prefloop.text import Group, Prompt, Response
    >>> group = Group(prompt=Prompt(text="1+1?"), responses=(Response(text="2"),))
    >>> Item(question=Question(id="q", kind="thumbs", group=group), purpose="gold", expected=[True]).explanation
    ''
    """

    question: Question
    purpose: Purpose = "work"
    expected: Any = None
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A question that is kept for one person until `expires`, in the `order` in which they are to see its responses.

    `revision` is what their submission gives as its own. `purpose` is not for the eyes of who answers.

    >>> from prefloop.text import Group, Prompt, Response
    >>> group = Group(prompt=Prompt(text="1+1?"), responses=(Response(text="2"),))
    >>> Leased(question=Question(id="q", kind="thumbs", group=group), order=(0,), expires=9.0).revision
    0
    """

    question: Question
    order: tuple[int, ...]
    expires: float
    guideline: int = 0
    purpose: Purpose = "work"
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Something a person did, under an id that the sender made: sending it again changes nothing.

    `revision` counts what this person did with this question before: 0 at first. One that is not the next is refused,
    so that two windows cannot overwrite each other. `value` is for an answer, `reason` for a skip. `telemetry` is kept
    with it as it is.

    >>> Submission(id="5f0c", project="tone", question="q", who="ada", event="skip", reason="unclear").value
    """

    id: str
    project: str
    question: str
    who: str
    event: Literal["answer", "skip", "undo"] = "answer"
    value: Any = None
    order: tuple[int, ...] = ()
    seconds: float = 0.0
    guideline: int = 0
    revision: int = 0
    reason: str = ""
    telemetry: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """That a submission is on the disk; `repeated` where it was there already.

    >>> Receipt(revision=0).repeated
    False
    """

    revision: int
    repeated: bool = False
