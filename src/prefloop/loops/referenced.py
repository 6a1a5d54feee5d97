"""A reward model that holds an answer against a reference answer, as a scorer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from torch import Tensor

from ..feedback.files import read_rows
from ..feedback.referenced import referred
from ..feedback.shapes import prompted, text
from ..models.decoder import Decoder
from ..scoring.model import model_score
from ..text import Group, Prompt


def reference_score(groups: Sequence[Group], *, model: Decoder, references: str) -> Tensor:
    """The score of every response beside the reference answer to its prompt (P K), as POLAR's model gives it.

    `references` is a file whose rows have `prompt` and `reference` (Dou et al. 2025, arXiv 2507.05197). The model was
    fitted to groups of `feedback.referenced`.

    Raises:
        DataError: a prompt has no reference.
    """
    return model_score(referred(groups, _read(references)), model=model)


@lru_cache(maxsize=4)
def _read(source: str) -> dict[Prompt, str]:
    return {prompted(row): text(row, "reference") for row in read_rows(source)}
