"""A reward model that holds an answer against a reference answer, as a scorer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from torch import Tensor

from ..errors import DataError
from ..feedback.files import read_rows
from ..feedback.referenced import referred
from ..feedback.shapes import prompted, text
from ..models.contract import READING, must_be_beside, reading
from ..models.decoder import Decoder
from ..scoring.model import model_score
from ..text import Beside, Group, Prompt


def reference_score(groups: Sequence[Group], *, model: Decoder, references: str) -> Tensor:
    """The score of every response beside the reference answer to its prompt (P K), as POLAR's model gives it.

    `references` is a file whose rows have `prompt` and `reference` (Dou et al. 2025, arXiv 2507.05197). The model was
    fitted to groups of `feedback.referenced`.

    Raises:
        DataError: a prompt has no reference.
    """
    return model_score(referred(groups, _read(references)), model=model)


def held_against(groups: Sequence[Group], model: Any, name: str) -> None:
    """Have a reward model's checkpoint say that it is fitted to answers beside a reference, where these are.

    Raises:
        DataError: some have a reference and others none.
        ModelError: none has one, and the model was fitted to such before.
    """
    some = [isinstance(g.prompt, Beside) for g in groups]
    if any(some) and not all(some):
        raise DataError(
            f"{sum(some)} of {len(some)} judged groups have a reference answer: a model learns with references or "
            "without, so give one to all or to none."
        )
    config = getattr(getattr(model, "base", None), "config", None)
    must_be_beside(config, groups, name)
    if any(some) and config is not None:
        setattr(config, READING, reading(model.tokenizer, beside=True))


@lru_cache(maxsize=4)
def _read(source: str) -> dict[Prompt, str]:
    return {prompted(row): text(row, "reference_answer") for row in read_rows(source)}
