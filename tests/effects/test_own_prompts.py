"""Answers that stand beside each other after different prompts: each is read after its own, and everything once."""

from dataclasses import replace

import pytest
import torch

import tiny
from apart import EXACT, must_be_as_apart
from prefloop.batch import Batch, assemble, joined
from prefloop.binding import bind
from prefloop.errors import DataError, ModelError, RewardError
from prefloop.feedback.store import Store
from prefloop.learning.remembered import remembered_logp
from prefloop.learning.update import logp_in_parts
from prefloop.loops.optimise import optimise
from prefloop.models.attention import Packed
from prefloop.models.decoder import Decoder
from prefloop.models.encode import encode, for_model, reads
from prefloop.recipes import method
from prefloop.scoring.model import model_score
from prefloop.scoring.remote import asked_about
from prefloop.scoring.scorer import score
from prefloop.text import Group, OwnPrompt, Prompt, Question, Response

OWN = ((0, 1, 0, 0), (1, 0, 2, 1), (2, 2, 2, 2), (1, 1, 0, 0))
"""Which of three prompts each response answers."""
LENGTHS = [[5, 5, 0, 8], [4, 4, 6, 6], [2, 3, 0, 0], [4, 9, 4, 9]]


def crossed():
    """Four rows of answers, some of them the same ones after other prompts."""
    batch = tiny.batch([9, 3, 14, 9], LENGTHS)
    prompts = tiny.batch([9, 3, 14], [[1]] * 3, seed=4).trunks
    ids, mask = batch["ids"].clone(), batch["mask"].clone()
    for x in (ids, mask):
        x[0, 1], x[1, 1], x[3, 2:], x[1, 2] = x[0, 0], x[1, 0], x[3, :2], x[1, 3]
    asked = tuple(tuple(prompts[i] for i in row) for row in OWN)
    return replace(batch, trunks=tuple(row[0] for row in asked), asked=asked).having(ids=ids, mask=mask)


def alone(batch, p, k):
    n = int(batch.lengths[p, k])
    tensors = {name: t[p : p + 1, k : k + 1, :n] for name, t in batch.tensors.items()}
    return Batch(trunks=(batch.asked[p][k],), lengths=batch.lengths[p : p + 1, k : k + 1], tensors=tensors)


@pytest.mark.parametrize(("kind", "head"), [("llama", "lm"), ("gemma3", "lm"), ("llama", "score"), ("gpt2", "value")])
def test_every_answer_has_the_outputs_and_gradients_it_has_after_its_own_prompt(kind, head):
    must_be_as_apart(kind, head, crossed(), alone)


def test_the_prompt_of_a_row_is_not_read_where_its_answers_have_their_own():
    model, batch = Decoder(tiny.network("llama", head="score"), tiny.tokenizer(), head="score"), crossed()
    strange = replace(batch, trunks=tuple(t.flip(0) for t in batch.trunks))
    torch.testing.assert_close(model.outputs(strange, ("score",)), model.outputs(batch, ("score",)))
    forgotten = replace(batch, asked=())
    assert not torch.allclose(model.outputs(forgotten, ("score",))["score"], model.outputs(batch, ("score",))["score"])


def laid_out(batch):
    """Tokens of every different prompt, and of every different answer after the prompt it answers."""
    prompts, answers = set(), set()
    for p, k in batch.lengths.nonzero().tolist():
        prompt = tuple(batch.asked[p][k].tolist())
        prompts.add(prompt)
        answers.add((prompt, tuple(batch["ids"][p, k, : batch.lengths[p, k]].tolist())))
    return sum(map(len, prompts)) + sum(len(ids) for _, ids in answers)


def test_every_prompt_and_every_answer_to_it_is_laid_out_once():
    batch = crossed()
    rows = batch.alone()
    assert Packed(rows.trunks, rows.lengths, rows.same()).total == laid_out(batch) == sum(batch.tokens)
    assert sum(batch.tokens) < sum(len(t) for row in batch.asked for t in row) + int(batch.lengths.sum())


def test_a_batch_is_cut_by_what_its_own_prompts_cost_and_cutting_changes_nothing():
    batch = crossed()
    assert list(batch.split(sum(batch.tokens))) == [(0, 4)]
    assert list(batch.split(1)) == [(p, p + 1) for p in range(4)]
    model = Decoder(tiny.network("llama", dtype=torch.float64), tiny.tokenizer())
    whole = model.outputs(batch, ("logp",))["logp"]
    torch.testing.assert_close(logp_in_parts(model, batch, tokens=30), whole, **EXACT)


def test_rows_and_answers_take_their_prompts_along():
    batch = crossed()
    turned = batch.take([2, 0]).arrange(torch.tensor([[1, 0], [3, 1]]))
    assert [[t.tolist() for t in row] for row in turned.asked] == [
        [batch.asked[2][1].tolist(), batch.asked[2][0].tolist()],
        [batch.asked[0][3].tolist(), batch.asked[0][1].tolist()],
    ]
    kept = batch.keep(torch.tensor([[False] * 4, [True] * 4, [False] * 4, [True] * 4]))
    assert kept.asked == (batch.asked[1], batch.asked[3])
    assert batch.rows(1, 3).asked == batch.asked[1:3]
    plain = replace(batch, asked=(), lengths=batch.lengths[:, :2])
    plain = plain.having(ids=batch["ids"][:, :2], mask=batch["mask"][:, :2])
    both = joined([plain, batch])
    assert both.asked[4:] == batch.asked
    assert both.asked[0] == (batch.trunks[0],) * 4
    assert joined([plain, plain]).asked == ()


TOKENIZER = tiny.tokenizer()
PLUS, MINUS = Prompt(text="In the rain, "), Prompt(text="In the morning, ")


def contrast(text, first=PLUS, second=MINUS):
    return Group(
        prompt=first,
        responses=(Response(text=text), Response(text=text, asked=OwnPrompt(prompt=second))),
        labels=(1.0, 0.0),
    )


def test_an_answers_own_prompt_is_encoded_and_known_again():
    group = for_model(contrast("the harbour lay quiet"), TOKENIZER)
    assert group.prompt_ids_of(1) == encode(MINUS, TOKENIZER) != group.prompt_ids_of(0)
    assert reads(group, TOKENIZER)
    assert for_model(group, TOKENIZER) == group
    elsewhere = replace(group.responses[1], asked=OwnPrompt(prompt=MINUS, ids=group.prompt_ids))
    assert not reads(replace(group, responses=(group.responses[0], elsewhere)), TOKENIZER)
    mixed = assemble(
        [
            for_model(contrast(" boats"), TOKENIZER),
            for_model(replace(contrast(" b"), responses=(Response(text=" b"),)), TOKENIZER),
        ]
    )
    assert [t.tolist() for t in mixed.asked[1]] == [list(encode(PLUS, TOKENIZER))] * 2


def test_what_is_kept_of_a_frozen_model_is_told_apart_by_the_answers_own_prompt(monkeypatch, tmp_path):
    monkeypatch.setenv("PREFLOOP_CACHE", str(tmp_path))
    model, batch = Decoder(tiny.network("llama"), TOKENIZER), crossed()
    plain = logp_in_parts(model, batch, tokens=1000)
    for _ in range(2):
        torch.testing.assert_close(remembered_logp(model, batch, tokens=1000), plain)


@pytest.mark.parametrize("name", ["mapl", "bradley-terry", "mapl-dpo", "dpo"])
def test_a_method_on_pairs_learns_which_prompt_an_answer_answers(name):
    texts = (" the harbour lay quiet", " the boats had gone out", " and were not yet back", " in the morning")
    judged = [contrast(t, *((PLUS, MINUS) if n % 2 else (MINUS, PLUS))) for n, t in enumerate(texts)]
    recipe = method(name)(lr=3e-3, batch=4, epochs=25)
    trained, head = next((role, m.head) for role, m in recipe.models.items() if m.train)
    networks = {trained: Decoder(tiny.network("llama", head=head), TOKENIZER, head=head)}
    if "ref" in recipe.models:
        networks["ref"] = Decoder(tiny.network("llama"), TOKENIZER)
    optimise(recipe, networks=networks, judged=judged)
    if head == "score":
        after = model_score(judged, model=networks[trained])
    else:
        batch = assemble([for_model(g, TOKENIZER) for g in judged])
        after = sum(s * logp_in_parts(networks[r], batch, tokens=999).sum(-1) for r, s in ((trained, 1), ("ref", -1)))
    assert bool((after[:, 0] > after[:, 1]).all())


def test_rewards_are_asked_about_the_prompt_that_each_answer_answers():
    def length(prompt, response):
        return len(prompt) + 100 * len(response)

    found = score(bind(length), [contrast("ab")], {})
    assert found.tolist() == [[200 + len(PLUS.text), 200 + len(MINUS.text)]]

    def judge(prompt, answers):
        return 0

    with pytest.raises(RewardError, match="leave comparisons of prompts out"):
        score(bind(judge), [contrast("ab")], {})


def test_who_takes_one_prompt_only_refuses_several():
    with pytest.raises(RewardError, match="answers to one prompt"):
        asked_about(contrast("ab"))
    with Store.open("sqlite://") as store, pytest.raises(DataError, match="keep comparisons of prompts in a file"):
        store.add_questions([Question(id="q", kind="comparison", group=contrast("ab"))])
    with pytest.raises(DataError, match="`kto` reads each answer after a prompt that is not its own"):
        optimise(method("kto")(), networks={}, judged=[contrast("ab"), replace(contrast("ab"), labels=(0.0, 1.0))])
    with pytest.raises(DataError, match="`vrpo` adds answers of a frozen model"):
        optimise(method("vrpo")(), networks={}, judged=[contrast("ab")])
    stock = tiny.network("llama", head="score", labels=2)
    stock.config.prefloop_channels = ["a", "b"]
    model = Decoder(stock, TOKENIZER, head="score")
    with pytest.raises(ModelError, match="a gate"):
        model._apart(crossed(), {"scores", "gate"})
    assert model.outputs(crossed(), {"overlap"})["overlap"].shape == (4, 2, 2)
    directions = model.outputs(crossed(), {"directions"})["directions"]
    assert torch.equal(directions, stock.score.weight.expand(4, -1, -1))
    assert model.outputs(crossed(), {"scores"})["scores"].shape == (4, 4, 2)
