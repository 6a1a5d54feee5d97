"""What a stated confidence is worth: pairs that say so, and a reward model that learns it from them."""

import pytest
import torch

from prefloop.binding import bind
from prefloop.feedback.confidence import ASK, asked_for_confidence, confidence_pairs, confidence_said
from prefloop.objectives.rewards import bradley_terry
from prefloop.text import Group, Message, Prompt, Response
from recovery import fitted

PAIR = Group(prompt=Prompt(text="2 + 2?"), responses=(Response(text=" 4"), Response(text=" 5")), labels=(1.0, 0.0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Confidence: 0", 0.0),
        ("4.\nconfidence : 7.5 / 10.", 0.75),
        ("Confidence: 8, I think", None),
        ("My confidence: high", None),
        ("Confidence: 100", None),
    ],
)
def test_a_confidence_is_read_where_it_is_said(text, said):
    assert confidence_said(text) == said


def test_a_better_answer_is_preferred_sure_and_a_worse_one_unsure():
    better, worse = confidence_pairs([PAIR] * 50, seed=3)[0::2], confidence_pairs([PAIR] * 50, seed=3)[1::2]
    for group in (*better, *worse):
        assert group.prompt.text.endswith(f"{ASK}\n")
        assert not group.labels
    said = {"4": {confidence_said(g.texts[0]) for g in better}, "5": {confidence_said(g.texts[1]) for g in worse}}
    assert all(sure == {0.7, 0.8, 0.9, 1.0} for sure in said.values())
    assert {confidence_said(g.texts[1]) for g in better} == {0.0, 0.1, 0.2, 0.3}
    assert confidence_pairs([PAIR], seed=3) == confidence_pairs([PAIR], seed=3) != confidence_pairs([PAIR], seed=4)


def test_messages_are_asked_in_the_last_of_them_and_ties_give_no_pair():
    chat = Prompt(messages=(Message(role="user", content="Hi"),))
    assert asked_for_confidence(chat).messages[-1].content == f"Hi\n{ASK}"
    tied = Group(prompt=PAIR.prompt, responses=PAIR.responses, target=0.5)
    assert confidence_pairs([tied]) == []


def read(group):
    """Features of an answer: whether it is right, how sure it says it is, and both at once."""
    rows = [(float(" 4" in t), confidence_said(t) or 0.0) for t in group.texts]
    return [[right, sure, right * sure] for right, sure in rows]


def test_a_reward_fitted_to_them_pays_confidence_where_the_answer_is_right_alone():
    def paid(groups):
        x = torch.tensor([read(g) for g in groups], dtype=torch.float64)
        with_doubt = torch.cat([x, x.flip(1)[: len(x) // 10]])  # a tenth said otherwise, so that the fit has an end
        w = fitted(bind(bradley_terry), lambda w: {"score": with_doubt @ w}, {}, torch.zeros(3)).parameters
        return float(w[1] + w[2]), float(w[1])

    right, wrong = paid(confidence_pairs([PAIR] * 200))
    assert right > 1 > -1 > wrong
