"""What a served reward model is asked and answers: the bodies of its requests, and their rows in the model's tokens."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import PydanticCustomError

from ..errors import PrefloopError
from ..models.contract import must_be_beside, reading
from ..models.decoder import Decoder
from ..models.encode import for_model
from ..scoring.model import AT_ONCE, normalisation
from ..text import Finish, Group, Message, Prompt, Response, Role


def _unicode(text: str) -> str:
    """JSON can spell half a character, which no tokenizer reads."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("no_unicode", "Input should be Unicode text, without lone surrogates")
    return text


Text = Annotated[str, AfterValidator(_unicode)]
Token = Annotated[int, Field(ge=0, lt=2**31)]
TAKEN = ConfigDict(strict=True, extra="forbid")
EXAMPLE: JsonValue = {
    "rows": [
        {"prompt": "The old harbour", "responses": [" lay quiet.", {"text": " lay quiet in the", "finish": "length"}]},
        {"prompt": [{"role": "user", "content": "How are you?"}], "responses": ["Well, thank you."]},
    ]
}
ANSWERED: JsonValue = {"scores": [[0.25, -1.5], [1.125]], "channels": [], "version": "8f14e45fceea167a5a36dedd4bea2543"}
CONTRACT: JsonValue = {
    "version": "8f14e45fceea167a5a36dedd4bea2543",
    "reading": {
        "template": "33a8bbb0e9bbf4b1",
        "begin": "none",
        "end": "<|im_end|>",
        "truncation": "none: longer is refused",
        "score": "last token by length",
    },
    "ending": "",
    "normalisation": {"mean": 1.5, "std": 2.0},
    "channels": [],
    "longest": 8192,
    "most_responses": 4096,
    "most_bytes": 16777216,
}


class Turn(BaseModel):
    """One turn of a conversation."""

    model_config = TAKEN
    role: Role
    content: Text


class Said(BaseModel):
    """A response with how it ended: `end` by itself, `length` cut, `stop` at a stop string.

    `tokens` are those that were sampled. Where all responses and the prompt have some and they say the same text in the
    model's own tokenizer they are read as they are; otherwise the text is tokenized.
    """

    model_config = TAKEN
    text: Text
    finish: Finish = "end"
    tokens: list[Token] = []


class Row(BaseModel):
    """A prompt, as text or as the turns of a conversation, and its responses; one that is only text came to its end."""

    model_config = TAKEN
    prompt: Text | Annotated[list[Turn], Field(min_length=1)]
    responses: Annotated[list[Text | Said], Field(min_length=1)]
    prompt_tokens: list[Token] = []


class Asked(BaseModel):
    """What is to be scored."""

    model_config = ConfigDict(**TAKEN, json_schema_extra={"examples": [EXAMPLE]})
    rows: Annotated[list[Row], Field(min_length=1)]


class Answered(BaseModel):
    """The score of every response of every row, in order; with `channels`, a number for each of them, in their order.

    `version` is a hash of the weights and the configuration that gave them.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [ANSWERED]})
    scores: list[list[float]] | list[list[list[float]]]
    channels: list[str]
    version: str


class Normalisation(BaseModel):
    """What is taken off a raw score, and what it is divided by; of each channel where there are some."""

    mean: float | list[float]
    std: float | list[float]


class Contract(BaseModel):
    """How the model reads, what its scores are measured in, and how much it takes.

    `reading` has the hash of the chat template, the tokens put at the beginning and at the end, that nothing is cut,
    and the place at which the score is read. `ending` is text that is read after every response. `longest` is in
    tokens, of a prompt with one response.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [CONTRACT]})
    version: str
    reading: dict[str, str]
    ending: str
    normalisation: Normalisation
    channels: list[str]
    longest: int
    most_responses: int
    most_bytes: int


class Problem(BaseModel):
    """Why something was refused, and where: the number of the row and of its response, from 0."""

    detail: str
    row: int | None = None
    response: int | None = None


class Refused(Exception):
    """A row that cannot be scored."""

    def __init__(self, detail: str, row: int | None = None, response: int | None = None) -> None:
        """Where it is, and why."""
        place = "" if row is None else f"row {row}: " if response is None else f"row {row}, response {response}: "
        super().__init__(place + detail)
        self.problem = Problem(detail=place + detail, row=row, response=response)


class Reader:
    """Makes of what was asked what the model reads."""

    def __init__(self, model: Decoder) -> None:
        """The model whose tokenizer is used, by one thread at a time.

        Raises:
            ModelError: it was fitted to answers beside a reference, which nobody sends.
        """
        must_be_beside(model.base.config, [Group(prompt=Prompt(text=""), responses=())], model.name)
        self.model, self._one = model, threading.Lock()
        self.longest = model.context or AT_ONCE
        self.version = model.digest()

    def singles(self, asked: Asked) -> list[Group]:
        """Every response with its prompt, in the model's tokens, in order.

        Raises:
            Refused: a row that the model cannot read; names the first.
        """
        return [single for number, row in enumerate(asked.rows) for single in self._row(number, row)]

    def _row(self, number: int, row: Row) -> list[Group]:
        try:
            with self._one:
                group = for_model(_group(row), self.model.tokenizer, ending=self.model.ending)
        except PrefloopError as error:
            raise Refused(str(error), number) from error
        for k, response in enumerate(group.responses):
            if not response.ids:
                raise Refused("it is empty and was cut: there is no token to read a score at.", number, k)
            tokens = len(group.prompt_ids) + len(response.ids)
            if tokens > self.longest:
                raise Refused(
                    f"it takes {tokens} tokens with its prompt and the model reads {self.longest}.", number, k
                )
        return [replace(group, responses=(response,)) for response in group.responses]

    def contract(self, *, most_responses: int, most_bytes: int) -> Contract:
        """What the model promises."""
        mean, std = normalisation(self.model)
        return Contract(
            version=self.version,
            reading=reading(self.model.tokenizer),
            ending=getattr(self.model.base.config, "prefloop_ending", ""),
            normalisation=Normalisation(mean=mean.tolist(), std=std.tolist()),
            channels=list(self.model.channels),
            longest=self.longest,
            most_responses=most_responses,
            most_bytes=most_bytes,
        )


def _group(row: Row) -> Group:
    if isinstance(row.prompt, str):
        prompt = Prompt(text=row.prompt)
    else:
        prompt = Prompt(messages=tuple(Message(role=turn.role, content=turn.content) for turn in row.prompt))
    responses = tuple(_response(Said(text=said) if isinstance(said, str) else said) for said in row.responses)
    return Group(prompt=prompt, prompt_ids=tuple(row.prompt_tokens), responses=responses)


def _response(said: Said) -> Response:
    ids = tuple(said.tokens)
    return Response(text=said.text, ids=ids, mask=(1,) * len(ids), finish=said.finish)


def misread(errors: Sequence[Any]) -> Problem:
    """What was wrong with the first part of a body that is no `Asked`, in words that can be sent."""
    row, k, _ = _place(errors[0])
    there = [error for error in errors if _place(error)[:2] == (row, k)]
    deepest = max(there, key=lambda error: len(error["loc"]))  # what came nearest to being right
    rest = [str(part) for part in _place(deepest)[2] if not _FORM.match(str(part))]
    words = ": ".join([".".join(rest), deepest["msg"]] if rest else [deepest["msg"]])
    return Refused(words.encode(errors="backslashreplace").decode(), row, k).problem


_FORM = re.compile(r"(function-after|list)\[|str$|Said$")
"""What pydantic puts into a place to say which of several forms it tried."""


def _place(error: Any) -> tuple[int | None, int | None, tuple[Any, ...]]:
    """The number of the row, that of its response, and the place inside it."""
    match error["loc"][1:]:
        case ("rows", int(row), "responses", int(k), *rest):
            return row, k, tuple(rest)
        case ("rows", int(row), *rest):
            return row, None, tuple(rest)
        case rest:
            return None, None, rest
