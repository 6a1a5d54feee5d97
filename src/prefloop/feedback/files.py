"""Rows of judged data from wherever they lie: a file, a folder of files, or a data set on the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from .readers import ENDINGS, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as it was read; `place` is how an error speaks of it.

    >>> Row(place="pairs.jsonl, line 3", values={"prompt": "One"}).values["prompt"]
    'One'
    """

    place: str
    values: Mapping[str, Any]


def read_rows(source: str, *, split: str | None = None) -> list[Row]:
    """The rows of a file, of all files in a folder, or of a data set on the hub.

    Of a folder, `split` takes the files that carry this name, such as `test-00000.parquet`; of a data set on the hub it
    takes the split of this name, `train` where none is given.

    Raises:
        DataError: there is nothing to read, or it is not what its name says. The message has the place.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return [row for file in _files(path, split) for row in _rows(file)]
    if path.exists():
        if split is not None:
            raise DataError(f"{source} is one file and has no split `{split}`: leave `split` out, or give its folder.")
        return list(_rows(path))
    if re.fullmatch(r"[\w.-]+/[\w.-]+", source) and not source.endswith(ENDINGS):
        return from_hub(source, split=split or "train")
    raise DataError(f"there is no file or folder {source}, and it is not the id of a data set (owner/name).")


def from_hub(name: str, *, split: str) -> list[Row]:
    """The rows of one split of a data set on the hub, through the package `datasets`; a local folder is read alike."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise DataError(
            f"`{name}` is no file or folder here, and a data set on the Hugging Face hub is read with the package "
            "`datasets`: pip install 'prefloop[data]'."
        ) from error
    try:
        found = load_dataset(name, split=split)
    except Exception as error:  # whatever the hub, the network or a loading script does
        raise DataError(
            f"`{name}` is no file or folder here, and as a data set on the Hugging Face hub its split `{split}` cannot "
            f"be loaded ({type(error).__name__}: {error})."
        ) from error
    return [Row(place=f"{name} ({split}), row {n}", values=values) for n, values in enumerate(found, start=1)]


def _files(folder: Path, split: str | None) -> list[Path]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name.endswith(ENDINGS))
    if split is not None:
        files = [p for p in files if split in re.split(r"[-_.]", p.name) or split in p.relative_to(folder).parts[:-1]]
    if not files:
        named = f" named after the split `{split}`" if split is not None else ""
        raise DataError(f"the folder {folder} has no {', '.join(ENDINGS)} file{named}.")
    return files


def _rows(path: Path) -> Iterator[Row]:
    for row in stream(path):
        if isinstance(row, DataError):
            raise row
        yield row


def stream(path: Path) -> Iterator[Row | DataError]:
    """The rows of one file in bounded memory; a row that cannot be read comes as the error that names it.

    Raises:
        DataError: the rest of the file cannot be read.
    """
    for place, values in rows(path):
        if isinstance(values, Mapping):
            yield Row(place=place, values=values)
        elif isinstance(values, DataError):
            yield values
        else:
            yield DataError(f"{place} is {type(values).__name__}, not an object with named fields.")
