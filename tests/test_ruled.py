"""A hierarchy of measures in the place of people: in a recipe on paper, and in a whole loop with its report."""

import json
from dataclasses import replace

import pytest

from prefloop.feedback.hierarchy import HierarchicalComparator
from prefloop.feedback.store import Store
from prefloop.feedback.taste import sentiment
from prefloop.loops.run import run
from prefloop.recipe_file import dump, from_tree, parse
from prefloop.text import Group, Prompt, Question, Response
from small import PROMPTS, letters, never, small

RULES = HierarchicalComparator(factors=(letters, sentiment), margins=(0.05, 0.0), seed=3, clock=never)


def choice(*texts, kind="choice"):
    group = Group(prompt=Prompt(text="One"), responses=tuple(Response(text=t) for t in texts))
    return Question(id="q", kind=kind, group=group)


def chosen(rules, question):
    said = []
    rules.ask([question], said.extend)
    return [a.value for a in said]


def test_of_several_answers_the_one_that_is_left_is_chosen():
    size = HierarchicalComparator(factors=(lambda p, t: t.count("a"), lambda p, t: t.count("b")), margins=(1.0, 0.0))
    assert chosen(size, choice("b", "aa", "aaab", "aa")) == [2]
    assert chosen(size, choice("abb", "aa", "b")) == [0], "within the margin of the best, the next factor decides"
    assert chosen(size, choice("ab", "ab", "b")) == [], "equals"
    assert chosen(size, choice("ab", "ab", kind="comparison")) == ["tie"]
    assert chosen(size, choice("ab", "ab", kind="thumbs")) == []


def test_it_comes_back_from_paper_as_it_was(folder, tmp_path):
    rounds = replace(small(folder, tmp_path / "prompts.jsonl"), people=RULES)
    assert from_tree(parse(dump(rounds), place="here")) == rounds


@pytest.mark.parametrize("people", [RULES, replace(RULES, margins=(0.05, 2.0))])
def test_a_loop_runs_on_its_answers_and_the_report_says_that_nobody_was_asked(folder, tmp_path, people):
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "run"
    prompts.write_text(PROMPTS, encoding="utf-8")
    run(replace(small(folder, prompts), people=people, gold=None, gold_scale="", rounds=1), out=out)
    with Store.open(out / "feedback.sqlite") as store:
        answers, questions = store.answers(), {q.id: q for q in store.questions()}
    assert answers
    for a in answers:
        assert chosen(people, questions[a.question]) == [a.value]
    told = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert (
        told["people"]
        == people.told
        == (
            "nobody was asked: a hierarchy of measures decided, the first that tells answers apart (letters, sentiment)"
        )
    )
    page = (out / "report.html").read_text(encoding="utf-8")
    assert people.told in page
    assert "simulated" not in page
