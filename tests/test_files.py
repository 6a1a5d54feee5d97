"""Rows from files, folders and the hub's own reader; what cannot be read is said with its place."""

import gzip
import json

import pytest

from prefloop.errors import DataError
from prefloop.feedback.files import from_hub, read_rows

ROWS = [
    {"prompt": "Name a boat.", "chosen": "A\u2028dinghy.", "rejected": "Fish"},
    {"prompt": "Rain?", "chosen": "Yes, much", "rejected": '"No"'},
]


def values(found):
    return [dict(row.values) for row in found]


def write(path, rows=ROWS):
    """The same rows in the format that the name says."""
    if path.suffix == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    elif path.suffix == ".csv":
        cells = [list(rows[0]), *(list(row.values()) for row in rows)]
        lines = [",".join('"{}"'.format(c.replace('"', '""')) for c in line) for line in cells]
        path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    elif path.suffix == ".parquet":
        pa = pytest.importorskip("pyarrow", reason="the extra `data` is not installed")
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


NAMES = ("pairs.json", "pairs.jsonl", "pairs.jsonl.gz", "pairs.csv", "pairs.parquet")


@pytest.mark.parametrize("name", NAMES)
def test_every_format_gives_the_same_rows(name, tmp_path):
    path = write(tmp_path / name)
    found = read_rows(str(path))
    assert values(found) == ROWS  # a line separator within a text does not end its row
    unit = "line" if "jsonl" in name else "row"
    assert [row.place for row in found] == [f"{path}, {unit} 1", f"{path}, {unit} 2"]


def test_json_lines_in_a_file_called_json_and_a_mark_at_its_beginning_are_read(tmp_path):
    lines = "\n\n".join(map(json.dumps, ROWS))
    (tmp_path / "lines.json").write_text(f"\ufeff{lines}", encoding="utf-8")
    found = read_rows(str(tmp_path / "lines.json"))
    assert values(found) == ROWS
    assert found[1].place.endswith("lines.json, line 3")


def test_a_folder_is_read_whole_or_by_its_split(tmp_path):
    write(tmp_path / "train-00000.jsonl", ROWS[:1])
    (tmp_path / "test").mkdir()
    write(tmp_path / "test" / "part.json", ROWS[1:])
    (tmp_path / "README.md").write_text("what it is")
    assert values(read_rows(str(tmp_path))) == [ROWS[1], ROWS[0]]
    assert values(read_rows(str(tmp_path), split="train")) == ROWS[:1]
    assert values(read_rows(str(tmp_path), split="test")) == ROWS[1:]
    with pytest.raises(DataError, match=r"has no \.json, .* file named after the split `validation`"):
        read_rows(str(tmp_path), split="validation")
    with pytest.raises(DataError, match="is one file and has no split `test`"):
        read_rows(str(tmp_path / "train-00000.jsonl"), split="test")


def test_the_reader_of_the_hub_gives_the_rows_of_a_split(tmp_path):
    pytest.importorskip("datasets", reason="the extra `data` is not installed")
    write(tmp_path / "train.jsonl", ROWS[:1])
    write(tmp_path / "test.jsonl", ROWS[1:])
    found = from_hub(str(tmp_path), split="test")
    assert values(found) == ROWS[1:]
    assert found[0].place == f"{tmp_path} (test), row 1"
    with pytest.raises(DataError, match=r"its split `validation` cannot be loaded \(ValueError: "):
        from_hub(str(tmp_path), split="validation")


def test_without_the_package_the_hub_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(DataError, match=r"`some/pairs` is no file or folder here.*pip install 'prefloop\[data\]'"):
        read_rows("some/pairs")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b'{"prompt": 1}\n[2]\n', r"a\.jsonl, line 2 is list, not an object with named fields"),
        ("a.json", b'[{"prompt": 1}, "two"]', r"a\.json, row 2 is str, not an object"),
        ("a.jsonl", b'{"prompt": 1}\n{"prompt":\n', r"a\.jsonl, line 2 is not JSON \(Expecting value"),
        ("a.json", b'[{"prompt": 1},]', r"a\.json is not JSON \(.* at line 1, column"),
        ("a.jsonl", b'{"prompt": "caf\xe9"}', r"a\.jsonl is not UTF-8 \(byte 15 is 0xe9\): save it as UTF-8"),
        ("a.csv", b"prompt,chosen\n1,2,3\n", r"a\.csv, row 1 has more cells than the first line has names"),
        ("a.csv", b'prompt,chosen\n1,"2\n', r"a\.csv is no CSV that can be read: unexpected end of data"),
        ("a.jsonl.gz", b"plain text", r"a\.jsonl\.gz cannot be read: .*[Nn]ot a gzipped file"),
        (
            "a.jsonl.gz",
            gzip.compress(b'{"prompt": 1}', mtime=0)[:-9],
            r"a\.jsonl\.gz ends in the middle of its compressed",
        ),
        ("a.txt", b"One", r"a\.txt is not judged data that can be read: give a \.json, \.jsonl"),
        ("a.parquet", b"One", r"a\.parquet is (no Parquet file|read with the package `pyarrow`)"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_place(name, content, says, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_rows(str(tmp_path / name))


def test_a_source_that_is_nothing_is_refused():
    with pytest.raises(DataError, match=r"no file or folder nowhere\.jsonl, and it is not the id of a data set"):
        read_rows("nowhere.jsonl")
    with pytest.raises(DataError, match=r"no file or folder no/such\.jsonl"):
        read_rows("no/such.jsonl")
