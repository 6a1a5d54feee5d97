"""Comparisons of prompts: what they are made of, what they are equal to, and that the reward behind them is found."""

import random

import pytest
import torch

from prefloop.binding import bind
from prefloop.feedback.instructions import USUAL, asking, compliance, gaps_apart, in_words, prompts_apart, with_word
from prefloop.feedback.judged import read_judged
from prefloop.objectives.levels import mapl, mapl_dpo
from prefloop.objectives.pairs import dpo
from prefloop.objectives.rewards import bradley_terry
from prefloop.text import Group, Message, Prompt, Response
from recovery import SEEDS, N, features, fitted, found_again, happens, source

WORDS = ("rain", "harbour", "quiet", "boats", "morning", "back", "lay", "gone", "and", "the")
REWARD = torch.tensor([1.0, -0.5, 0.25, 0.7], dtype=torch.float64)


def text(draw):
    return " ".join(draw.choices(WORDS, k=draw.randint(1, 12))) + draw.choice(("", "\n" + draw.choice(WORDS)))


def pair(draw, prompt=None):
    return Group(
        prompt=prompt or Prompt(text="Go on."), responses=(Response(text=text(draw)), Response(text=text(draw)))
    )


@pytest.mark.parametrize("seed", range(200))
def test_an_instruction_and_its_opposite_part_all_texts(seed):
    draw = random.Random(seed)
    mine, other = text(draw), text(draw)
    for kind in USUAL:
        yes, no = kind(mine, draw)
        assert yes.followed(mine)
        assert not no.followed(mine)
        assert yes.followed(other) != no.followed(other)


@pytest.mark.parametrize("seed", range(50))
def test_the_better_prompt_is_followed_and_the_other_is_broken_as_often_as_it_says(seed):
    draw, said = random.Random(seed), []

    def seen(kind):
        def drawn(text, draw):
            said.append(kind(text, draw))
            return said[-1]

        return drawn

    broken = 1 + seed % 3
    group = pair(draw)
    made = prompts_apart(group, draw, kinds=[seen(k) for k in USUAL], broken=broken)
    better, worse = (made.prompt_of(k).text for k in range(2))
    assert made.texts == (group.texts[0],) * 2
    assert better != worse
    asked = [[i for couple in said for i in couple if i.text in p] for p in (better, worse)]
    assert compliance(group.texts[0], asked[0]) == 1
    assert compliance(group.texts[0], asked[1]) == pytest.approx(1 - broken / 3)


def test_one_prompt_is_followed_by_the_better_answer_alone_and_the_other_by_the_worse_alone():
    found = 0
    for seed in range(50):
        draw, said = random.Random(seed), []

        def seen(text, draw, said=said):
            said.append(in_words(text, draw))
            return said[-1]

        group = pair(draw)
        made = gaps_apart(group, draw, kinds=[seen, with_word])
        if made is None:  # nothing tells them apart both ways
            continue
        found += 1
        assert made.texts == group.texts * 2
        for prompt, mine, other in ((made.prompt, *group.texts), (made.prompt_of(2), *group.texts[::-1])):
            for asked in (i for couple in said for i in couple if i.text in prompt.text):
                assert asked.followed(mine)
                assert not asked.followed(other)
        assert [made.prompt_of(k) for k in range(4)] == [made.prompt] * 2 + [made.prompt_of(2)] * 2
    assert found > 5


def test_two_answers_that_are_one_text_are_told_apart_by_nothing():
    same = Group(prompt=Prompt(text="Go on."), responses=(Response(text="rain"),) * 2)
    assert gaps_apart(same, random.Random(0)) is None


def test_an_instruction_stands_with_the_last_thing_a_person_said():
    said = (Message(role="system", content="Be kind."), Message(role="user", content="Hello"))
    yes, _ = USUAL[2]("one", random.Random(0))
    assert asking(Prompt(messages=said), [yes]).messages[-1].content == "Hello\n\nWrite one line."
    answered = Prompt(messages=(*said, Message(role="assistant", content="Hi")))
    assert [m.role for m in asking(answered, [yes]).messages] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize("seed", range(3))
def test_of_pairs_it_is_bradley_terry_and_dpo(seed):
    draw = source(seed)
    score, mask = features(draw, 6, 2), torch.ones(6, 2, 3)
    torch.testing.assert_close(mapl(score, mask), bradley_terry(score))
    logp, ref = features(draw, 6, 2, 3), features(draw, 6, 2, 3)
    torch.testing.assert_close(mapl_dpo(logp, ref, mask, beta=0.4), dpo(logp, ref, mask, beta=0.4))


@pytest.mark.parametrize("seed", range(3))
def test_what_a_prompt_is_worth_by_itself_does_not_move_gaps(seed):
    draw = source(seed)
    score, mask = features(draw, 6, 4), torch.ones(6, 4, 1)
    moved = score + features(draw, 6, 2).repeat_interleave(2, 1)
    torch.testing.assert_close(mapl(moved, mask), mapl(score, mask))
    assert not torch.allclose(
        mapl(moved[:, :2], mask[:, :2]) - mapl(score[:, [0, 2]], mask[:, :2]), torch.tensor(0.0).double()
    )


def simulated(seed, steeper=1.0):
    """A fit to as many comparisons of gaps, by people who choose by the reward or by a steeper one."""
    draw = source(seed)
    x = features(draw, N, 4, len(REWARD))
    gap = (x[:, 0] - x[:, 1] - x[:, 2] + x[:, 3]) @ REWARD
    first = happens((steeper * gap).sigmoid(), draw)
    x = torch.where(first[:, None, None], x, x[:, [2, 3, 0, 1]])
    return fitted(bind(mapl), lambda w: {"score": x @ w}, {}, torch.zeros(len(REWARD)), answers=4)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reward_behind_comparisons_of_gaps_is_found_again(seed):
    assert found_again(simulated(seed), REWARD)
    assert not found_again(simulated(seed, steeper=1.25), REWARD)


def test_a_file_says_what_is_compared(tmp_path):
    file = tmp_path / "said.jsonl"
    file.write_text(
        '{"prompt": "One line.", "rejected_prompt": "Two lines.", "response": " Rain."}\n'
        '{"prompt": "Rain?", "chosen": " Yes.", "rejected": " No."}\n'
        '{"prompt": "Short.", "rejected_prompt": "Long.", "chosen": " Yes.", "rejected": " Yes, it rains."}\n'
        '{"prompt": "Same.", "rejected_prompt": "Same.", "response": " Yes."}\n'
    )
    found = read_judged(str(file))
    assert found.form == "pairs"
    assert found.notes[0].endswith("line 4.")
    one, plain, four = found.groups
    assert [one.answer(k) for k in range(2)] == [
        (Prompt(text="One line."), " Rain."),
        (Prompt(text="Two lines."), " Rain."),
    ]
    assert not plain.compares_prompts
    assert plain.texts == (" Yes.", " No.")
    assert [four.answer(k) for k in range(4)] == [
        (Prompt(text=p), t) for p in ("Short.", "Long.") for t in (" Yes.", " Yes, it rains.")
    ]
