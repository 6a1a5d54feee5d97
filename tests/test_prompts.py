"""Prompt files: what is read, what is held out, and the line that is wrong."""

import json
import re

import pytest

from prefloop import Message, Prompt
from prefloop.errors import DataError
from prefloop.prompts import Prompts, load_prompts

SPLIT = '{"text": "first", "split": "train"}\n{"text": "second", "split": "held_out"}\n'


@pytest.fixture
def write(tmp_path):
    def write(content, name="prompts.jsonl"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def refused(path):
    with pytest.raises(DataError) as error:
        load_prompts(path)
    return str(error.value)


def test_a_line_of_text_is_a_prompt_as_it_stands(write):
    lines = [f" opening {i}  " for i in range(60)]
    found = load_prompts(write("\n".join(lines) + "\n\n", "p.txt"))
    assert sorted(p.text for p in (*found.train, *found.held_out)) == sorted(lines)


def test_windows_line_ends_and_marks_are_no_part_of_a_prompt(write):
    text = "\ufeff" + "\r\n".join(f"opening {i}" for i in range(60)) + "\r\n"
    found = load_prompts(write(text, "p.txt"))
    assert sorted(p.text for p in (*found.train, *found.held_out)) == sorted(f"opening {i}" for i in range(60))
    assert load_prompts(write("\ufeff" + SPLIT)).train == (Prompt(text="first"),)


def test_other_line_separators_stand_inside_a_line(write):
    odd = "one\u2028two\u0085three\x0bfour"
    content = (
        json.dumps({"text": odd, "split": "train"}, ensure_ascii=False) + "\n" + '{"text": "b", "split": "held_out"}'
    )
    assert load_prompts(write(content)).train == (Prompt(text=odd),)
    texts = [f"{odd} {i}" for i in range(60)]
    found = load_prompts(write("\n".join(texts), "p.txt"))
    assert len(found.train) + len(found.held_out) == 60


def test_the_file_says_what_is_held_out_where_it_says_anything(write):
    found = load_prompts(write(SPLIT + '{"text": "third"}\n'))
    assert [p.text for p in found.train] == ["first", "third"]
    assert [p.text for p in found.held_out] == ["second"]


def test_what_is_held_out_stays_held_out_when_the_file_grows(write):
    few = load_prompts(write("\n".join(f"opening {i}" for i in range(100)), "a.txt"))
    many = load_prompts(write("\n".join(f"opening {i}" for i in reversed(range(1000))), "b.txt"))
    assert set(few.held_out) <= set(many.held_out)
    assert set(few.train) <= set(many.train)
    assert 150 < len(many.held_out) < 250  # a fifth, four deviations either way


def test_conversations_are_prompts_too(write):
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    found = load_prompts(write(json.dumps({"messages": turns, "split": "train"}) + "\n" + SPLIT))
    assert found.train[0].messages == (
        Message(role="system", content="Be brief."),
        Message(role="user", content="Hello"),
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{text: no}", "line 3 is not JSON (Expecting property name enclosed in double quotes at column 2)"),
        ("[1]", 'line 3 is list, not an object like {"text": "..."}'),
        ('{"text": "first"}', "line 3: the same prompt as on line 1; take one out"),
        ('{"prompt": "x"}', "line 3 has neither a non-empty `text` nor a list of `messages`; it has: prompt"),
        ('{"text": "  "}', "line 3 has neither a non-empty `text`"),
        ('{"text": 3}', "line 3 has neither"),
        ('{"text": "x", "messages": []}', "line 3 has neither"),
        ('{"messages": []}', "line 3 has neither"),
        ('{"text": "x", "split": "test"}', 'line 3: `split` is \'test\'; it is "train" or "held_out"'),
        ('{"messages": ["hello"]}', "line 3: a message has a `role`"),
        ('{"messages": [{"role": "user"}]}', "line 3: a message has a `role`"),
        (
            '{"messages": [{"role": "human", "content": "x"}]}',
            "line 3: a message has a `role` (system, user, assistant)",
        ),
        ('{"messages": [{"role": "user", "content": [{"type": "text"}]}]}', "line 3: a message has"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(line, says, write):
    path = write(SPLIT + line + "\n")
    assert f"{path}, {says}" in refused(path)


def test_a_line_number_counts_empty_lines_and_no_other_separators(write):
    path = write('{"text": "a\u2028b"}\n\n\nbroken\n')
    assert f"{path}, line 4 is not JSON" in refused(path)


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_refused(content, write):
    for name in ("p.txt", "p.jsonl"):
        assert "holds no prompts: write one a line" in refused(write(content, name))


def test_prompts_on_one_side_only_are_refused(write):
    assert "gives 1 prompts to learn on and 0 to measure on" in refused(write('{"text": "a", "split": "train"}'))
    assert re.search("gives 0 prompts .* and 1 to measure", refused(write('{"text": "a", "split": "held_out"}')))


def test_a_file_that_is_not_text_is_refused_with_the_byte(write):
    assert "are not UTF-8 (byte 4): save the file as UTF-8" in refused(write(b"fine\xff\n", "p.txt"))


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path):
    assert "cannot be read: No such file or directory" in refused(str(tmp_path / "no.txt"))
    assert "cannot be read: Is a directory" in refused(str(tmp_path))


def test_prompts_are_not_written_to_a_file_that_would_be_read_as_a_plain_list(tmp_path):
    with pytest.raises(DataError, match=r"call it \.jsonl"):
        Prompts(train=(Prompt(text="One"),), held_out=()).save(tmp_path / "told.txt")
    assert not any(tmp_path.iterdir())
