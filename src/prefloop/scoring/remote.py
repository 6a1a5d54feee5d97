"""A reward model that is served over HTTP, as a scorer."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import RewardError
from ..text import Group, Prompt, Response

AT_ONCE = 256
"""Responses that are asked about in one request; a group with more goes alone."""
TOKEN = "PREFLOOP_REWARD_TOKEN"
"""The environment variable with the token of a served reward model, which belongs in no recipe."""


def remote_score(
    groups: Sequence[Group], *, url: str = "http://127.0.0.1:8100", version: str = "", timeout: float = 600.0
) -> Tensor:
    """What a reward model behind `prefloop serve reward` says of every response (P K); with channels P K D.

    Prompts and responses go out as text with the tokens that were sampled, so that a model with the policy's tokenizer
    reads the same as one that is loaded beside it (`model_score`). `version` is what `/model` says of the weights: with
    one given, scores of any other weights are refused. `timeout` is in seconds, of one request. A token is read from
    the environment, `PREFLOOP_REWARD_TOKEN`.

    Raises:
        ConnectionError: the server is busy, being stopped, or failed; asked again it may answer (`scoring.attempts`).
        RewardError: it refused what it was asked, names the sample; or it has other weights, or is something else.
    """
    scores: list[Any] = []
    for some in chunks(groups):
        answer = _asked(url, some, timeout)
        try:
            found, has = [torch.tensor(row) for row in answer["scores"]], answer["version"]
        except (KeyError, TypeError, ValueError) as error:
            raise RewardError(
                f"what answers at {url} is no `prefloop serve reward`: it said {answer!r:.300}"
            ) from error
        if [len(row) for row in found] != [len(g.responses) for g in some]:
            raise RewardError(f"the reward model at {url} gave scores for other responses than it was asked about.")
        if version and has != version:
            raise RewardError(
                f"the reward model at {url} is version {has}, and `version` says {version}: serve that one, or leave "
                "`version` out."
            )
        scores += found
    return _filled(scores)


def chunks(groups: Sequence[Group], at_once: int = AT_ONCE) -> Iterator[list[Group]]:
    """The groups in their order, in parts of at most so many responses, none of them cut.

    >>> pair = Group(prompt=Prompt(text="a"), responses=(Response(text="b"), Response(text="c")))
    >>> [len(part) for part in chunks([pair] * 5, at_once=5)]
    [2, 2, 1]
    """
    part: list[Group] = []
    for group in groups:
        if part and sum(len(g.responses) for g in (*part, group)) > at_once:
            yield part
            part = []
        part.append(group)
    yield part


def asked_about(group: Group) -> dict[str, Any]:
    """A group as the server takes it: a row of a request.

    Raises:
        RewardError: its responses answer different prompts.
    """
    if group.compares_prompts:
        raise RewardError(
            f"a served reward model is asked about answers to one prompt, and those to {group.prompt.shown[:80]!r} "
            "stand beside answers to others: load the model instead (`model_score`)."
        )
    row: dict[str, Any] = {"prompt": _said(group.prompt), "responses": list(map(_response, group.responses))}
    return {**row, "prompt_tokens": list(group.prompt_ids)} if group.prompt_ids else row


def _said(prompt: Prompt) -> str | list[dict[str, str]]:
    if prompt.text is not None:
        return prompt.text
    return [{"role": m.role, "content": m.content} for m in prompt.messages]


def _response(response: Response) -> dict[str, Any]:
    given: dict[str, Any] = {"text": response.text, "finish": response.finish}
    return {**given, "tokens": list(response.ids)} if response.ids else given


def _asked(url: str, groups: Sequence[Group], timeout: float) -> Any:
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get(TOKEN):
        headers["Authorization"] = f"Bearer {token}"
    body = json.dumps({"rows": list(map(asked_about, groups))}).encode()
    request = urllib.request.Request(f"{url.rstrip('/')}/score", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        if error.code == 429 or error.code >= 500:
            raise ConnectionError(f"the reward model at {url} answered {error.code}: {said[:300]}") from error
        raise RewardError(_refused(url, error.code, said, groups)) from error


def _refused(url: str, code: int, said: str, groups: Sequence[Group]) -> str:
    """The words of a refusal, with the sample that it is about."""
    try:
        problem = dict(json.loads(said))
    except ValueError:
        problem = {}
    text = f"the reward model at {url} answered {code}: {problem.get('detail', said[:300])}"
    if code == 401:
        return f"{text} Put its token into the environment variable {TOKEN}."
    row, k = problem.get("row"), problem.get("response")
    if row is None:
        return text
    text += f" It is about the prompt {groups[row].prompt.shown[:80]!r}"
    return f"{text}." if k is None else f"{text}, response {groups[row].responses[k].text[:80]!r}."


def _filled(scores: Sequence[Tensor]) -> Tensor:
    """Rows of unequal length as one tensor, 0 for responses that are not there."""
    filled = scores[0].new_zeros(len(scores), max(map(len, scores)), *scores[0].shape[1:])
    for p, row in enumerate(scores):
        filled[p, : len(row)] = row
    return filled
