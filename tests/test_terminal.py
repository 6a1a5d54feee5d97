"""The person at the keyboard: what is shown, and what each key does."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from prefloop.feedback.sources import shown_order
from prefloop.feedback.terminal import Terminal
from prefloop.text import Answer, Group, Prompt, Question, Response

QUESTIONS = [
    Question(
        id=f"q{i}",
        kind="choice",
        group=Group(
            prompt=Prompt(text=f"opening {i}"),
            responses=tuple(Response(text=f"{i} reply {c}", model_version="secret") for c in "xyz"),
        ),
    )
    for i in range(4)
]


class Sitting:
    """A person who types the given keys, and what came of it."""

    def __init__(self, keys: list[str | type[BaseException]]) -> None:
        self.keys: Iterator[str | type[BaseException]] = iter(keys)
        self.out = io.StringIO()
        self.lines: list[str] = []
        self.recorded: list[Answer] = []
        self.recorded_before_line: list[int] = []
        ticks = iter(range(0, 10_000, 3))
        self.terminal = Terminal(
            who="me",
            console=Console(file=self.out, width=100),
            read=self.read,
            stopwatch=lambda: float(next(ticks)),
            clock=lambda: 42.0,
        )

    def read(self, line: str) -> str:
        self.lines.append(line)
        self.recorded_before_line.append(len(self.recorded))
        key = next(self.keys)
        if isinstance(key, str):
            return key
        raise key

    def ask(self, questions: list[Question] = QUESTIONS, record: Callable[..., None] | None = None) -> list[str]:
        self.terminal.ask(questions, record or self.recorded.extend)
        assert next(self.keys, "all typed") == "all typed"
        return [a.question for a in self.recorded]


def test_the_key_is_the_place_on_the_screen_and_the_answer_is_the_place_in_the_group() -> None:
    sitting = Sitting(["1", " 3 ", "2", "1", ""])
    assert sitting.ask() == ["q0", "q1", "q2", "q3"]
    for said, key in zip(sitting.recorded, [1, 3, 2, 1], strict=True):
        question = QUESTIONS[int(said.question[1])]
        assert said.order == shown_order(question, who="me", seed=0)
        assert said.value == said.order[key - 1]
        assert (said.who, said.seconds, said.at) == ("me", 3.0, 42.0)
    assert len({a.order for a in sitting.recorded}) > 1


def test_the_responses_are_shown_blind_in_the_recorded_order() -> None:
    sitting = Sitting(["1", ""])
    sitting.ask(QUESTIONS[:1])
    screen = sitting.out.getvalue()
    order = sitting.recorded[0].order
    places = [screen.index(QUESTIONS[0].group.texts[index]) for index in order]
    assert places == sorted(places)
    assert screen.index("opening 0") < places[0]
    assert "secret" not in screen


def test_an_answer_is_recorded_as_soon_as_the_next_one_is_given() -> None:
    sitting = Sitting(["1", "1", "1", "1", ""])
    sitting.ask()
    assert sitting.recorded_before_line == [0, 0, 1, 2, 3]


def test_a_skipped_question_is_not_answered() -> None:
    assert Sitting(["s", "2", "s", "1", ""]).ask() == ["q1", "q3"]


def test_undo_asks_the_last_answered_question_again_and_only_the_new_answer_counts() -> None:
    sitting = Sitting(["1", "1", "u", "3", "s", "q"])
    assert sitting.ask() == ["q0", "q1"]
    assert sitting.recorded[1].value == sitting.recorded[1].order[2]


def test_undo_goes_back_over_a_skipped_question() -> None:
    assert Sitting(["1", "s", "u", "2", "2", "q"]).ask() == ["q0", "q1"]


def test_the_very_last_answer_can_be_undone() -> None:
    sitting = Sitting(["1", "u", "2", ""])
    assert sitting.ask(QUESTIONS[:1]) == ["q0"]
    assert sitting.recorded[0].value == sitting.recorded[0].order[1]


def test_there_is_nothing_to_undo_before_the_first_answer_or_after_an_undo() -> None:
    sitting = Sitting(["u", "1", "u", "u", "q"])
    assert sitting.ask() == []
    assert sitting.out.getvalue().count("There is no `u` here") == 2
    assert ["undo" in line for line in sitting.lines] == [False, False, True, False, False]


@pytest.mark.parametrize("end", ["q", EOFError])
def test_stopping_keeps_what_has_been_answered(end: str | type[BaseException]) -> None:
    assert Sitting(["1", "1", end]).ask() == ["q0", "q1"]


def test_ctrl_c_keeps_what_has_been_answered_and_goes_on_up() -> None:
    sitting = Sitting(["1", "1", KeyboardInterrupt])
    with pytest.raises(KeyboardInterrupt):
        sitting.ask()
    assert [a.question for a in sitting.recorded] == ["q0", "q1"]


def test_a_record_that_fails_once_loses_no_answer() -> None:
    sitting = Sitting(["1", "1"])
    calls = iter([OSError("no space")])

    def record(answers: list[Answer]) -> None:
        for error in calls:
            raise error
        sitting.recorded.extend(answers)

    with pytest.raises(OSError, match="no space"):
        sitting.ask(record=record)
    assert [a.question for a in sitting.recorded] == ["q0", "q1"]


def test_a_key_that_means_nothing_is_asked_for_again_and_the_time_runs_on() -> None:
    sitting = Sitting(["4", "0", "", "[bold]", "1", ""])
    assert sitting.ask(QUESTIONS[:1]) == ["q0"]
    assert "There is no `[bold]` here" in sitting.out.getvalue()
    assert sitting.recorded[0].seconds == 3.0


def test_what_a_model_wrote_cannot_act_on_the_screen() -> None:
    hostile = Response(text="\x1b[2J[red]gone[/red]\x07\nsecond line")
    asked = Question(
        id="q", kind="comparison", group=Group(prompt=Prompt(text="p"), responses=(hostile, Response(text="b")))
    )
    sitting = Sitting(["q"])
    sitting.ask([asked])
    screen = sitting.out.getvalue()
    assert "\x1b" not in screen
    assert "\x07" not in screen
    assert "[red]gone[/red]" in screen
    assert "Which is better?" in screen
