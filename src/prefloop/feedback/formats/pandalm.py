"""PandaLM's test set (Wang et al. 2023, arXiv 2306.05087): two answers, and the verdicts of three people."""

from __future__ import annotations

from collections.abc import Iterator

from ...text import Response
from ..files import Row
from ..published import NO_TEXT, pandalm_verdicts
from ..shapes import given, instructed
from .converter import Format, Said, asked, said

_VALUES = {0: "tie", 1: 0, 2: 1}
_PEOPLE = ("annotator1", "annotator2", "annotator3")
_ANSWERS = ("response1", "response2")


def convert(row: Row) -> Iterator[Said]:
    """A comparison and three answers; `cmp_key` names the two models."""
    verdicts = pandalm_verdicts(row)
    texts = [given(row, name) for name in _ANSWERS]
    if not all(isinstance(t, str) for t in texts):
        yield NO_TEXT
        return
    models = str(row.values.get("cmp_key") or "").split("_")
    models = models if len(models) == len(texts) else ["", ""]
    responses = [Response(text=t, model_version=m) for t, m in zip(texts, models, strict=True)]
    question = asked("comparison", instructed(row), responses)
    yield question
    for who, verdict in zip(_PEOPLE, verdicts, strict=True):
        yield said(question, _VALUES[verdict], who=who)


PANDALM = Format(
    name="pandalm",
    columns=("instruction", *_ANSWERS, "annotator1"),
    keeps=frozenset(("instruction", "input", "cmp_key", *_ANSWERS, *_PEOPLE)),
    convert=convert,
)
