"""The rows of one file as they are read: JSON lines, a JSON array, CSV, Parquet or a sheet of Excel, in bounded memory.

Each is a row's place and its values. A row that cannot be read is given as the error that names it, and the rows after
it follow; where the rest of a file cannot be read, the error is raised.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import DataError

ENDINGS = (".json", ".jsonl", ".jsonl.gz", ".csv", ".parquet", ".xlsx")
"""What the name of a file that can be read ends in."""
Read = Iterator[tuple[str, Any]]
_BLOCK = 1 << 20  # bytes read at a time
_CUT = 16  # characters before the end of what was read, within which an error may only mean that a value goes on


def rows(path: Path) -> Read:
    """Each row with its place; a row that cannot be read comes as its `DataError`.

    Raises:
        DataError: the name ends in nothing that can be read, or the rest of the file cannot be read.
    """
    if not path.name.endswith(ENDINGS):
        raise DataError(f"{path} is not judged data that can be read: give a {', '.join(ENDINGS)} file.")
    try:
        if path.suffix == ".parquet":
            yield from _parquet(path)
        elif path.suffix == ".xlsx":
            yield from _sheet(path)
        else:
            yield from _parsed(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path} ends in the middle of its compressed data: fetch it again.") from error


def _parsed(path: Path) -> Read:
    """Each row of a text file."""
    blocks = _text(path)
    if path.suffix == ".csv":
        yield from _csv(path, blocks)
        return
    first = next(blocks, "")
    while first.isspace() and (more := next(blocks, "")):
        first += more
    blocks = chain((first,), blocks)
    if path.suffix == ".json" and first.lstrip().startswith("["):
        for number, values in enumerate(_array(path, blocks), start=1):
            yield f"{path}, row {number}", values
    else:  # many a file of JSON lines is called .json
        for number, line in enumerate(_lines(blocks), start=1):
            if line.strip():
                place = f"{path}, line {number}"
                yield place, _json(line, place)


def _text(path: Path) -> Iterator[str]:
    """The text in blocks, without the mark that some editors begin a file with."""
    decoder, offset = codecs.getincrementaldecoder("utf-8-sig")(), 0
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as handle:
        while True:
            block = handle.read(_BLOCK)
            offset += len(block)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                at = offset - len(error.object) + error.start
                found = error.object[error.start]
                raise DataError(f"{path} is not UTF-8 (byte {at} is 0x{found:02x}): save it as UTF-8.") from error
            if text:
                yield text
            if not block:
                return


def _lines(blocks: Iterator[str]) -> Iterator[str]:
    r"""The lines, parted by \n only: a text may hold other line separators."""
    rest = ""
    for block in blocks:
        *whole, rest = (rest + block).split("\n")
        for line in whole:
            yield f"{line}\n"
    if rest:
        yield rest


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return DataError(f"{place} is not JSON ({error.msg} at line {error.lineno}, column {error.colno}).")


def _array(path: Path, blocks: Iterator[str]) -> Iterator[Any]:
    """The elements of a JSON array, one at a time."""
    source = _Buffer(path, blocks)
    source.skip("[")
    if source.next_character() != "]":
        yield source.value()
        while source.next_character() == ",":
            source.skip(",")
            yield source.value()
    source.skip("]")
    if source.next_character():
        raise source.wrong("Extra data", source.at)


class _Buffer:
    """The part of a JSON text that is read and not used yet, and where it lies in the whole."""

    def __init__(self, path: Path, blocks: Iterator[str]) -> None:
        self.path, self.blocks, self.text, self.at = path, blocks, "", 0
        self.lines = self.column = 0  # before `text`

    def next_character(self) -> str:
        """The next character that is no space; none at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
                self.at += 1
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def skip(self, wanted: str) -> None:
        if self.next_character() != wanted:
            raise self.wrong("Expecting ',' delimiter" if wanted == "]" else f"Expecting '{wanted}'", self.at)
        self.at += 1

    def value(self) -> Any:
        """The value that begins here."""
        self.next_character()
        while True:
            try:
                found, end = json.JSONDecoder().raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos > len(self.text) - _CUT
                if not (cut and self.more()):
                    raise self.wrong(error.msg, error.pos) from error
            else:
                if end < len(self.text) or not self.more():  # a number may go on
                    self.at = end
                    return found

    def more(self) -> bool:
        """Read as much again as there is, and let go of what was used."""
        used, self.text = self.text[: self.at], self.text[self.at :]
        self.lines += used.count("\n")
        self.column = len(used) - used.rfind("\n") - 1 + (0 if "\n" in used else self.column)
        self.at, wanted, blocks = 0, max(1, len(self.text)), [self.text]
        while wanted > 0 and (block := next(self.blocks, "")):
            blocks.append(block)
            wanted -= len(block)
        self.text = "".join(blocks)
        return len(blocks) > 1

    def wrong(self, what: str, at: int) -> DataError:
        before = self.text[:at]
        line = self.lines + before.count("\n") + 1
        column = at - before.rfind("\n") + (0 if "\n" in before else self.column)
        return DataError(f"{self.path} is not JSON ({what} at line {line}, column {column}).")


def _csv(path: Path, blocks: Iterator[str]) -> Read:
    try:
        for number, values in enumerate(csv.DictReader(_lines(blocks), strict=True), start=1):
            place = f"{path}, row {number}"
            if None in values:
                more = f"{place} has more cells than the first line has names: quote cells with a comma."
                yield place, DataError(more)
            else:
                yield place, {name: _cell(value) for name, value in values.items()}
    except csv.Error as error:
        raise DataError(f"{path} is no CSV that can be read: {error}.") from error


def _cell(value: Any) -> Any:
    """Turns of a conversation where a cell holds them as JSON, else its text."""
    if not isinstance(value, str) or not value.startswith(('[{"', '{"')):
        return value
    try:
        found = json.loads(value)
    except json.JSONDecodeError:
        return value
    turns = found if isinstance(found, list) else [found]
    return found if all(isinstance(t, dict) and any(n <= set(t) for n in _TURN) for t in turns) else value


_TURN = ({"role", "content"}, {"from", "value"})


def _parquet(path: Path) -> Read:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise DataError(f"{path} is read with the package `pyarrow`: pip install 'prefloop[data]'.") from error
    try:
        with parquet.ParquetFile(path) as file:
            some = (batch.to_pylist() for batch in file.iter_batches(batch_size=1_000))
            for number, values in enumerate(chain.from_iterable(some), start=1):
                yield f"{path}, row {number}", values
    except ArrowInvalid as error:
        raise DataError(f"{path} is no Parquet file: {error}.") from error


def _sheet(path: Path) -> Read:
    """The rows of the first sheet under the names in its first row, with the numbers that Excel shows."""
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise DataError(f"{path} is read with the package `openpyxl`: pip install 'prefloop[data]'.") from error
    from zipfile import BadZipFile

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError) as error:
        raise DataError(f"{path} is no Excel file that can be read: save it as .xlsx.") from error
    try:
        cells = book.worksheets[0].iter_rows(values_only=True)
        names = [str(name) if name is not None else "" for name in next(cells, ())]
        for number, row in enumerate(cells, start=2):
            values = {name: cell for name, cell in zip(names, row, strict=False) if name}
            if any(cell is not None for cell in values.values()):
                yield f"{path}, row {number}", values
    finally:
        book.close()
