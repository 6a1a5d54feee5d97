"""An export as a file: JSON lines, CSV or Parquet, a row at a time."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ..errors import DataError
from .exporting import EXPORTS, Export, Row
from .provenance import COLUMNS

_AT_ONCE = 1_000  # rows of Parquet in a group


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """How many rows were written, and what the shape does not hold, with counts.

    >>> Exported(rows=3).left_out
    {}
    """

    rows: int
    left_out: Mapping[str, int] = field(default_factory=dict)


def export_file(export: Export, path: str | Path) -> Exported:
    """Write an export to a file whose name ends in .jsonl, .csv or .parquet; it is there when all of it is written.

    Raises:
        DataError: the name ends in something else, or the rows do not fit the format.

    >>> from tempfile import mkdtemp
    >>> from prefloop.feedback.store import Store
    >>> with Store.open("sqlite://") as store:
    ...     export_file(Export(store=store, shape="pairs"), Path(mkdtemp()) / "pairs.jsonl")
    Exported(rows=0, left_out={})
    """
    path = Path(path)
    write = _WRITERS.get(path.suffix)
    if write is None:
        raise DataError(f"{path} is written as {', '.join(_WRITERS)}: let its name end in one of these.")
    if export.shape in ("log", "oasst") and path.suffix != ".jsonl":
        raise DataError(f"{export.shape} is written as JSON lines, and {path} is no such name: let it end in .jsonl.")
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = write(part, export)
        os.replace(part, path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return Exported(rows=rows, left_out=dict(export.left_out))


def lines(export: Export) -> Iterator[str]:
    """The rows as JSON lines."""
    for row in export:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _jsonl(path: Path, export: Export) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for line in lines(export):
            file.write(line)
            count += 1
    return count


def _csv(path: Path, export: Export) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*EXPORTS[export.shape].columns, *COLUMNS])
        writer.writeheader()
        for row in export:
            writer.writerow({name: _cell(value) for name, value in row.items()})
            count += 1
    return count


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _parquet(path: Path, export: Export) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DataError(f"{path} is written with the package `pyarrow`: pip install 'prefloop[data]'.") from error
    rows = iter(export)
    first = next(rows, None)
    schema = _schema(pyarrow, export.shape, first or {})
    count, coming = 0, chain(() if first is None else (first,), rows)
    with parquet.ParquetWriter(path, schema) as file:
        while some := list(islice(coming, _AT_ONCE)):
            try:
                file.write_table(pyarrow.Table.from_pylist(some, schema=schema))
            except pyarrow.ArrowException as error:
                raise DataError(
                    f"{path} cannot hold these rows ({error}): some prompts are plain text and others are turns of a "
                    "conversation. Write .jsonl, which holds both."
                ) from error
            count += len(some)
    return count


def _schema(pa: Any, shape: str, first: Row) -> Any:
    """The types of the columns: those of texts or of turns by the first row."""
    text, whole, real, truth = pa.string(), pa.int64(), pa.float64(), pa.bool_()
    turns = pa.list_(pa.struct([("role", text), ("content", text)]))
    types: dict[str, Any] = {
        **dict.fromkeys(("size", "revision", "guideline", "strength", "overlap"), whole),
        **dict.fromkeys(("seconds", "at", "agreement", "target"), real),
        **dict.fromkeys(("places", "order", "ranks"), pa.list_(whole)),
        "responses": pa.list_(text),
        "scores": pa.list_(real),
        "label": truth,
    }
    for name in EXPORTS[shape].columns:
        if name not in types and isinstance(first.get(name), list):
            types[name] = turns
    return pa.schema([(name, types.get(name, text)) for name in (*EXPORTS[shape].columns, *COLUMNS)])


_WRITERS = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
