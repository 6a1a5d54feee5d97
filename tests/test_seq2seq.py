"""A model that corrects answers: what it learns from, and what it pays, which no length or refusal earns."""

from itertools import pairwise

import pytest
import torch

from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import RewardError
from prefloop.models.encode import encode
from prefloop.models.load import load
from prefloop.recipe import Decoding, Model
from prefloop.sampling.local import LocalGenerator
from prefloop.scoring.scorer import score_tokens
from prefloop.scoring.seq2seq import ASK, agreement, correction_pairs, correction_reward, likeliest_tokens, to_correct
from prefloop.text import Group, Message, Prompt, Response
from prefloop.verify.distance import BOUND
from prefloop.verify.known_corrected import CASES, corrector, seq2seq_rm, worth
from prefloop.verify.problem import PROMPT
from prefloop.verify.tabular import WHOLE, group

TALK = Prompt(messages=(Message(role="user", content="Hi"),))


def test_a_pair_teaches_to_correct_the_rejected_and_to_leave_the_chosen_as_it_is():
    pair = Group(prompt=TALK, responses=(Response(text="Hello."), Response(text="No.")), who="ada")
    tied = Group(prompt=TALK, responses=pair.responses, target=0.5)
    same = Group(prompt=TALK, responses=pair.responses[:1] * 2)
    found = correction_pairs([pair, tied, same])
    shown = [[m.content for m in g.prompt.messages] for g in found]
    assert shown == [["Hi", "No.", ASK], ["Hi", "Hello.", ASK]]
    assert [g.prompt.messages[1].role for g in found] == ["assistant"] * 2
    assert [(g.texts, g.who) for g in found] == [(("Hello.",), "ada")] * 2


def test_pay_ends_where_the_response_leaves_what_the_corrector_writes_by_itself(folder):
    """The likeliest tokens along a response are, up to where it diverges, those of greedy sampling."""
    model = load(Model(source=str(folder), dtype="float32"), name="corrector")
    shown = to_correct(TALK, " rain.")
    written = LocalGenerator(model).sample([shown], k=1, decoding=Decoding(max_tokens=6, temperature=0.0), seed=0)[0]
    ids = written.responses[0].ids
    other = tuple((i + 1) % 300 if t == 3 else i for t, i in enumerate(ids))
    rows = [Response(text="", ids=each, mask=(1,) * len(each)) for each in (ids, other)]
    batch = assemble([Group(prompt=shown, prompt_ids=encode(shown, model.tokenizer), responses=tuple(rows))])
    greedy = likeliest_tokens(batch, model)
    agrees = (greedy == batch["ids"])[0]
    assert agrees[0].all()
    assert agrees[1, :4].tolist() == [True, True, True, False]


def test_tokens_are_paid_after_a_prompt_that_shows_the_corrector_the_whole_answer(folder):
    model = load(Model(source=str(folder), dtype="float32"), name="corrector")
    texts = (" rain.", " sun, sun.")
    read = [tuple(model.tokenizer(t, add_special_tokens=False)["input_ids"]) for t in texts]
    answers = tuple(Response(text=t, ids=i, mask=(1,) * len(i)) for t, i in zip(texts, read, strict=True))
    asked = Group(prompt=TALK, prompt_ids=encode(TALK, model.tokenizer), responses=answers)
    paid = score_tokens(bind(correction_reward, model="corrector"), [asked], {"corrector": model})
    for k, answer in enumerate(answers):
        shown = to_correct(TALK, texts[k])
        alone = Group(prompt=shown, prompt_ids=encode(shown, model.tokenizer), responses=(answer,))
        batch = assemble([alone])
        want = agreement(batch["ids"], likeliest_tokens(batch, model), batch["mask"], right=1.0, wrong=1.0)[0, 0]
        torch.testing.assert_close(paid[0, k, : len(want)], want)
        assert paid[0, k, len(want) :].count_nonzero() == 0
    foreign = Group(prompt=TALK, prompt_ids=(5,), responses=answers)
    with pytest.raises(RewardError, match="reads others than the policy's"):
        correction_reward([foreign], model=model)


@pytest.mark.parametrize("ahead", [0.0, 1.0])
def test_every_answer_is_paid_in_all_what_going_along_it_says(ahead):
    model = corrector(ahead)
    paid = correction_reward([group(PROMPT, WHOLE)], model=model, right=0.7, wrong=1.3)[0].sum(-1)
    want = worth(model.table.detach(), 0.7, 1.3)
    torch.testing.assert_close(paid.double(), want, rtol=0, atol=1e-6)
    assert want.unique().numel() > 5


def paid(response, written, **scale):
    """What a response is paid in all by a corrector that writes this whatever it has written before."""
    size = len(response)
    ids, greedy = torch.tensor([[response]]), torch.tensor([[[*written, *[-2] * size][:size]]])
    return float(agreement(ids, greedy, torch.ones(1, 1, size), **{"right": 1.0, "wrong": 1.0, **scale}).sum())


def test_an_answer_that_is_left_as_it_is_earns_the_same_at_any_length():
    assert [paid(range(n), range(n)) for n in (1, 4, 30)] == pytest.approx([1.0] * 3)


def test_going_on_after_the_corrector_would_have_ended_never_pays():
    good = [5, 6, 7]
    totals = [paid([*good, *[9] * n], good) for n in range(20)]
    assert all(b < a for a, b in pairwise(totals))
    assert totals[-1] < 0


def test_a_refusal_where_an_answer_was_wanted_earns_the_least_and_where_one_was_wanted_the_most():
    refusal, answer = [1, 2, 3], [5, 6, 7, 8, 9]
    assert paid(refusal, answer) == pytest.approx(-1.0)
    assert paid(refusal, answer) < paid([5, 6, 3], answer) < paid(answer, answer)
    assert paid(refusal, refusal) == paid(answer, answer)


def test_a_scale_by_token_would_pay_for_length():
    """What the scale of ours is for: as a constant for each token, the longer of two right answers would win."""
    by_token = [n * paid(range(n), range(n)) for n in (3, 30)]
    assert by_token[1] > 5 * by_token[0]


def test_a_corrector_that_looks_ahead_biases_credit_by_tokens_and_another_price_is_seen():
    known = CASES["seq2seq-rm"]()
    assert seq2seq_rm(ahead=1.0).distance(known.recipe) > 2 * BOUND
