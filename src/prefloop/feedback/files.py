"""Rows of judged data from wherever they lie: a file, a folder of files, or a data set on the Hugging Face hub."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError

_ENDINGS = (".json", ".jsonl", ".jsonl.gz", ".csv", ".parquet")


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
    if re.fullmatch(r"[\w.-]+/[\w.-]+", source) and not source.endswith(_ENDINGS):
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
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name.endswith(_ENDINGS))
    if split is not None:
        files = [p for p in files if split in re.split(r"[-_.]", p.name) or split in p.relative_to(folder).parts[:-1]]
    if not files:
        named = f" named after the split `{split}`" if split is not None else ""
        raise DataError(f"the folder {folder} has no {', '.join(_ENDINGS)} file{named}.")
    return files


def _rows(path: Path) -> Iterator[Row]:
    if not path.name.endswith(_ENDINGS):
        raise DataError(f"{path} is not judged data that can be read: give a {', '.join(_ENDINGS)} file.")
    try:
        found = _parquet(path) if path.suffix == ".parquet" else _parsed(path, _text(path))
        for place, values in found:
            if not isinstance(values, Mapping):
                raise DataError(f"{place} is {type(values).__name__}, not an object with named fields.")
            yield Row(place=place, values=values)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        # Some editors begin a file with a mark.
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 (byte {error.start} is 0x{error.object[error.start]:02x}): save it as UTF-8."
        ) from error
    except EOFError as error:
        raise DataError(f"{path} ends in the middle of its compressed data: fetch it again.") from error


def _parsed(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """Each row of a text file, with its place."""
    if path.suffix == ".csv":
        yield from _csv(path, text)
    elif path.suffix == ".json" and text.lstrip().startswith("["):
        for number, values in enumerate(_json(text, str(path)), start=1):
            yield f"{path}, row {number}", values
    else:  # many a file of JSON lines is called .json
        # Split on \n only: a text may hold other line separators.
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                place = f"{path}, line {number}"
                yield place, _json(line, place)


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{place} is not JSON ({error.msg} at line {error.lineno}, column {error.colno}).") from error


def _csv(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    try:
        for number, values in enumerate(csv.DictReader(io.StringIO(text, newline=""), strict=True), start=1):
            place = f"{path}, row {number}"
            if None in values:
                raise DataError(f"{place} has more cells than the first line has names: quote cells with a comma.")
            yield place, values
    except csv.Error as error:
        raise DataError(f"{path} is no CSV that can be read: {error}.") from error


def _parquet(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise DataError(f"{path} is read with the package `pyarrow`: pip install 'prefloop[data]'.") from error
    try:
        table = parquet.read_table(path)
    except ArrowInvalid as error:
        raise DataError(f"{path} is no Parquet file: {error}.") from error
    for number, values in enumerate(table.to_pylist(), start=1):
        yield f"{path}, row {number}", values
