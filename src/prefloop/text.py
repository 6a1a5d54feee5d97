"""Records: what is asked, what was answered, and what people said of it. Frozen values, nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""What not every database and page can hold: NUL, and half of a surrogate pair."""

Role = Literal["system", "user", "assistant"]
Finish = Literal["end", "length", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation.

    >>> Message(role="user", content="Hello").role
    'user'
    """

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model continues: plain `text`, or `messages` that go through the model's chat template.

    >>> Prompt(text="The old harbour").shown
    'The old harbour'
    >>> Prompt(messages=(Message(role="user", content="Hi"),)).shown
    'user: Hi'
    """

    text: str | None = None
    messages: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        if (self.text is None) == (not self.messages):
            raise ValueError("a prompt is either `text` or `messages`")

    @property
    def shown(self) -> str:
        """The prompt as a person reads it."""
        return self.text if self.text is not None else "\n".join(f"{m.role}: {m.content}" for m in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside(Prompt):
    """What a model reads before an answer that it holds against a `reference`; `asked` is the prompt by itself.

    >>> Beside(text="One two One", asked=Prompt(text="One"), reference=" two").shown
    'One two One'
    """

    asked: Prompt
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrompt:
    """The prompt of one response, where it is another than its group's, with its tokens as for the group's.

    >>> OwnPrompt(prompt=Prompt(text="One")).ids
    ()
    """

    prompt: Prompt
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer: the tokens exactly as sampled, what the sampler thought of them, and where they came from.

    `mask` is 1 where the model chose the token; `logp` are the sampler's log-probabilities at its temperature.
    An answer written by a person has no `logp`. `asked` is what it answers in a comparison of prompts, where that is
    not its group's prompt.

    >>> Response(text=" lay quiet.", ids=(4, 5), mask=(1, 1), logp=(-1.0, -0.5)).finish
    'end'
    """

    text: str
    ids: tuple[int, ...] = ()
    mask: tuple[int, ...] = ()
    logp: tuple[float, ...] = ()
    finish: Finish = "end"
    model_version: str = ""
    sampling: dict[str, float | int | str | list[str]] = field(default_factory=dict)
    asked: OwnPrompt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What was said of a part of a response, such as a step or a sentence: the part that ends before character `end`.

    An end beyond the text is that of the response itself, with its end token if it has one.

    >>> Mark(response=0, end=4, value=1.0).value
    1.0
    """

    response: int
    end: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One prompt with its K responses: the unit that is sampled, judged, credited and labelled.

    `prompt_ids` are the prompt's tokens exactly as the sampler was given them. `labels` is what people said of each
    response, once it is judged: 1 for a thumb up, 0 for a thumb down. `target`, of a pair, is the probability that the
    first response is the better one, where people gave a strength and not only an order. `aspects` are numbers for each
    response by what they are about, `None` where nobody gave one. `marks` are judgements of parts of the responses.
    `who` judged it, where that is known.

    >>> Group(prompt=Prompt(text="One"), prompt_ids=(1,), responses=(Response(text=" two"),)).texts
    (' two',)
    """

    prompt: Prompt
    prompt_ids: tuple[int, ...] = ()
    responses: tuple[Response, ...]
    labels: tuple[float, ...] = ()
    target: float | None = None
    aspects: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    who: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The responses as text."""
        return tuple(r.text for r in self.responses)

    def prompt_of(self, k: int) -> Prompt:
        """What a response answers: its own prompt where it has one, else the group's."""
        asked = self.responses[k].asked
        return self.prompt if asked is None else asked.prompt

    def prompt_ids_of(self, k: int) -> tuple[int, ...]:
        """The tokens of `prompt_of`."""
        asked = self.responses[k].asked
        return self.prompt_ids if asked is None else asked.ids

    def answer(self, k: int) -> tuple[Prompt, str]:
        """A response with what it answers: two are the same answer where both are."""
        return self.prompt_of(k), self.responses[k].text

    @property
    def compares_prompts(self) -> bool:
        """Whether a response answers another prompt than the group's."""
        return any(r.asked for r in self.responses)


Kind = Literal[
    "comparison", "choice", "ranking", "rating", "thumbs", "spans", "edit", "critique", "demonstration"
]  # what each asks, and what comes back: prefloop.feedback.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A group put to somebody. `kind` says what is asked; `why` and `split` say what the question is for.

    comparison: which of two is better; choice: which of K is best; the others are in `prefloop.feedback.kinds`, with
    their `options`, such as the axes of a rating. `parent` is the question whose answer this one goes on from, in a
    conversation that people write as a tree.

    >>> group = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> Question(id="q1", kind="comparison", group=group).split
    'train'
    """

    id: str
    kind: Kind
    group: Group
    why: str = ""
    round: int = 0
    split: Literal["train", "held_out"] = "train"
    options: dict[str, Any] = field(default_factory=dict)
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody said of a question.

    `value` is what the question's kind takes, as JSON: of a comparison or a choice the index, in the question's own
    group, of the response they chose. `order` lists the indices of the responses in the order they were shown, so that
    a habit of picking the first can be measured. `seconds` leaves idle time out; `at` is seconds since the epoch.
    `guideline` is the version of the guidelines they had before them, 0 where there were none; `revision` counts how
    often they had said something of this question before.

    >>> Answer(question="q1", who="ada", value=1, order=(1, 0), seconds=4.2, at=0.0).value
    1
    """

    question: str
    who: str
    value: Any
    order: tuple[int, ...]
    seconds: float
    at: float
    guideline: int = 0
    revision: int = 0


def storable(text: str) -> str:
    """The text as every database and page can hold it: U+FFFD for NUL and for half of a surrogate pair.

    >>> storable("a" + chr(0) + chr(0xD800)) == "a" + 2 * chr(0xFFFD)
    True
    """
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)
