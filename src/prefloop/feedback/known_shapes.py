"""The shapes of judged rows that are known, and which one some columns have."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from ..errors import DataError
from .published import pandalm, qa_feedback
from .shapes import Shape, lists, pairs, steps, thumbs

SHAPES = (
    Shape(
        name="steps that go on from one prefix",
        columns=("prompt", "prefix|initial_reason_steps", "chosen", "rejected"),
        form="pairs",
        read=steps,
    ),
    Shape(
        name="pairs after a conversation",
        columns=("conversations", "chosen", "rejected"),
        form="pairs",
        read=partial(pairs, prompt="conversations"),
    ),
    Shape(
        name="pairs after an instruction",
        columns=("instruction", "chosen", "rejected"),
        form="pairs",
        read=partial(pairs, prompt="instruction"),
    ),
    Shape(name="pairs", columns=("prompt", "chosen", "rejected"), form="pairs", read=pairs),
    Shape(
        name="pairs of whole texts or dialogues",
        columns=("chosen", "rejected"),
        form="pairs",
        read=partial(pairs, prompt=None),
    ),
    Shape(name="ratings", columns=("prompt", "responses", "scores"), form="ratings", read=lists),
    Shape(name="rankings, best first or with `ranks`", columns=("prompt", "responses"), form="rankings", read=lists),
    Shape(name="thumbs", columns=("prompt", "completion|response", "label|kto_tag"), form="thumbs", read=thumbs),
    Shape(
        name="thumbs on a conversation's last turn",
        columns=("messages|conversations", "label|kto_tag"),
        form="thumbs",
        read=partial(thumbs, prompt=None),
    ),
    Shape(
        name="QA-Feedback",
        columns=("question", "passages", "prediction 1", "preference"),
        form="rankings",
        read=qa_feedback,
    ),
    Shape(name="PandaLM", columns=("instruction", "response1", "response2", "annotator1"), form="pairs", read=pandalm),
)
"""Every shape that is known; the first that fits is taken."""


def shape_of(columns: Collection[str], source: str) -> Shape:
    """The shape of rows that have these columns between them.

    Raises:
        DataError: none that is known; lists the known ones, and the columns.

    >>> shape_of(("prompt", "chosen", "rejected"), "pairs.jsonl").form
    'pairs'
    """
    for shape in SHAPES:
        if shape.fits(columns):
            return shape
    known = "\n".join(f"  {s.name}: {', '.join(c.replace('|', ' or ') for c in s.columns)}" for s in SHAPES)
    raise DataError(
        f"{source} has the columns {', '.join(columns) or '(none)'}, which is no known shape of judged "
        f"answers. Rename them to one of these:\n{known}"
    )
