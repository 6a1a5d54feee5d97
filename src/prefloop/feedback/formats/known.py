"""The formats that are known, and which one a file has."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping

from ...errors import DataError, nearest
from ..files import Row
from . import oasst
from .converter import Format, Said
from .judged_rows import JUDGED, RANKED, WRITTEN
from .label_studio import LABEL_STUDIO
from .own import LOG
from .pandalm import PANDALM
from .prm800k import PRM800K
from .qa_feedback import QA_FEEDBACK
from .tulu import TULU
from .unjudged import BY_MODEL, LLMBAR, PROMPTS, RESPONSES


def _tree(row: Row) -> Iterator[Said]:
    try:
        yield from oasst.read([json.dumps(row.values)])
    except DataError as error:
        raise DataError(str(error).replace("line 1", row.place, 1)) from error


OASST = Format(name="oasst", columns=("message_tree_id", "prompt"), convert=_tree)
"""Open Assistant's conversation trees, one in a row."""
_BEST_FIRST = "rankings-best-first"

FORMATS: Mapping[str, Format] = {
    f.name: f
    for f in (
        LOG,
        OASST,
        LABEL_STUDIO,
        QA_FEEDBACK,
        PANDALM,
        PRM800K,
        TULU,
        LLMBAR,
        *(one for name, one in JUDGED.items() if name != _BEST_FIRST),
        RANKED,
        BY_MODEL,
        *WRITTEN,
        RESPONSES,
        PROMPTS,
        JUDGED[_BEST_FIRST],
    )
}
"""Every format by name; of a file whose format is not named, the first that fits its columns is taken.

Responses without ranks or scores may lie best first, or may never have been judged: the second is taken, and
`rankings-best-first` is told.
"""


def format_of(columns: Collection[str], source: str, *, name: str | None = None) -> Format:
    """The format of this name, or that of rows with these columns.

    Raises:
        DataError: there is none; lists those that there are.

    >>> format_of(("prompt", "chosen", "rejected"), "pairs.csv").name
    'pairs'
    """
    if name is not None:
        if name not in FORMATS:
            raise DataError(f"there is no format `{name}`.{nearest(name, FORMATS)} Formats: {', '.join(FORMATS)}.")
        found = FORMATS[name]
        if not found.fits(columns):
            raise DataError(
                f"{source} has the columns {', '.join(columns) or '(none)'}, and the format `{name}` takes "
                f"{_columns(found)}. Rename them, or leave the format out."
            )
        return found
    for one in FORMATS.values():
        if one.fits(columns):
            return one
    known = "\n".join(f"  {f.name}: {_columns(f)}" for f in FORMATS.values())
    raise DataError(
        f"{source} has the columns {', '.join(columns) or '(none)'}, which is no known format. Rename them to one of "
        f"these:\n{known}"
    )


def _columns(found: Format) -> str:
    return ", ".join(c.replace("|", " or ") for c in found.columns)
