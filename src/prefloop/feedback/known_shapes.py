"""The shapes of judged rows that are known, and which one some columns have."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from ..errors import DataError
from .marked import HELPFUL, judged_steps, marked_spans, qa_marks, rated_attributes
from .prm800k import PRM800K_COLUMNS, rated_steps
from .published import pandalm, qa_feedback
from .referenced import beside
from .shapes import Read, Shape, lists, pairs, prompts, steps, thumbs

if TYPE_CHECKING:  # a recipe loads torch, and files are read without
    from ..recipe import Form

_REFERENCED: tuple[tuple[str, tuple[str, ...], Form, Read], ...] = (
    ("pairs", ("chosen", "rejected"), "pairs", pairs),
    ("ratings", ("responses", "scores"), "ratings", lists),
    ("rankings", ("responses",), "rankings", lists),
)
SHAPES = (
    Shape(
        name="answers after two prompts",
        columns=("prompt", "rejected_prompt"),
        form="pairs",
        read=prompts,
    ),
    *(
        Shape(
            name=f"{name} beside a reference answer",
            columns=("prompt", "reference_answer", *columns),
            form=form,
            read=partial(beside, read=read),
        )
        for name, columns, form, read in _REFERENCED
    ),
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
    Shape(
        name="judged steps", columns=("prompt", "steps|completions", "labels|ratings"), form="parts", read=judged_steps
    ),
    Shape(name="PRM800K", columns=PRM800K_COLUMNS, form="parts", read=rated_steps),
    Shape(name="marks on an answer", columns=("prompt", "response", "spans"), form="parts", read=marked_spans),
    Shape(
        name="errors marked in QA-Feedback",
        columns=("question", "passages", "prediction 1", "feedback"),
        form="parts",
        read=qa_marks,
    ),
    Shape(name="attributes", columns=("prompt", "response", HELPFUL), form="ratings", read=rated_attributes),
    Shape(name="PandaLM", columns=("instruction", "response1", "response2", "annotator1"), form="pairs", read=pandalm),
)
"""Every shape that is known; the first that fits is taken, of judged parts where those are asked for."""
MARKED = (marked_spans, qa_marks)
"""What reads marks on text, and is told which of them count and where parts end."""


def shape_of(columns: Collection[str], source: str, *, form: Form | None = None) -> Shape:
    """The shape of rows that have these columns between them; one of judged parts where that is the `form`.

    Raises:
        DataError: none that is known; lists the known ones, and the columns.

    >>> shape_of(("prompt", "chosen", "rejected"), "pairs.jsonl").form
    'pairs'
    """
    for shape in sorted(SHAPES, key=lambda s: form == "parts" and s.form != form):
        if shape.fits(columns):
            return shape
    known = "\n".join(f"  {s.name}: {', '.join(c.replace('|', ' or ') for c in s.columns)}" for s in SHAPES)
    raise DataError(
        f"{source} has the columns {', '.join(columns) or '(none)'}, which is no known shape of judged "
        f"answers. Rename them to one of these:\n{known}"
    )
