"""Rollouts that begin with others' tokens, and batches that are filled up again."""

from dataclasses import replace

import pytest
import torch

import tiny
from prefloop.batch import assemble
from prefloop.binding import bind, gives
from prefloop.errors import DataError, RecipeError
from prefloop.loops.optimise import optimise
from prefloop.loops.resets import Resets
from prefloop.models.decoder import Decoder
from prefloop.recipe import Decoding, Sample
from prefloop.recipes import method
from prefloop.sampling.local import LocalGenerator
from prefloop.text import Group, Prompt, Response
from prefloop.verify.distance import paid
from prefloop.verify.learn import networks
from prefloop.verify.problem import PROMPT, rises
from prefloop.verify.tabular import LENGTH, WHOLE, TabularGenerator, group

JUDGED = [group(PROMPT, [WHOLE[27], WHOLE[0]])]
"""The preferred answer is 123."""


def steps(recipe, judged=JUDGED):
    """The metrics and the groups of every step, and the networks after the last."""
    found, seen = networks(), []
    optimise(
        recipe,
        networks=found,
        generator=TabularGenerator(found["policy"]),
        prompts=[PROMPT],
        judged=judged,
        on_step=lambda step, metrics, groups: seen.append((metrics, groups)),
    )
    return seen, found


def test_every_length_short_of_the_whole_is_as_likely_and_the_share_is_kept():
    recipe = method("dr-po")(resets=0.75)
    begun = Resets(recipe, recipe.sample, JUDGED, networks()).begun([PROMPT] * 4000, seed=1)
    count = [sum(first == (1, 2, 3)[:n] for _, first in begun) for n in range(LENGTH + 1)]
    assert sum(count) == 4000
    assert count == pytest.approx([4000 * 0.5, 1000, 1000, 0], abs=100)


def test_answers_to_a_prompt_begin_alike_with_tokens_that_nobody_learns():
    recipe = method("dr-po")(reward=bind(rises), resets=1.0, k=3, batch=40, steps=1)
    [(metrics, groups)], _ = steps(recipe)
    begun = [[r.mask.count(0) for r in g.responses] for g in groups]
    assert {n for row in begun for n in row} == {0, 1, 2}
    for g, row in zip(groups, begun, strict=True):
        assert len(set(row)) == 1
        for r, n in zip(g.responses, row, strict=True):
            assert r.ids[:n] == (1, 2, 3)[:n]
            assert r.mask == (0,) * n + (1,) * (LENGTH - n)
            assert r.logp[:n] == (0.0,) * n
            assert 0.0 not in r.logp[n:]
    assert metrics["reset"] == sum(row[0] > 0 for row in begun)
    assert metrics["tokens_sampled"] == sum(LENGTH - n for row in begun for n in row)
    assert metrics["sampler_gap"] == pytest.approx(0.0, abs=1e-6)


@gives("mask")
def all_chosen(mask):
    return torch.ones_like(mask)


def test_the_tokens_an_answer_is_begun_with_get_no_gradient_and_would_if_they_were_learnt():
    """Two answers that begin otherwise, and the baseline of both: under that of a group alone the gradient cancels."""
    judged = [*JUDGED, group(PROMPT, [WHOLE[48]])]
    recipe = replace(paid("reinforce"), batch=2, steps=1, sample=Sample(k=2, resets=1.0))

    def apart(recipe):
        [(_, groups)], _ = steps(recipe, judged)
        firsts = [g.responses[0] for g in groups]
        return not any(r.mask[0] for r in firsts) and firsts[0].ids[0] != firsts[1].ids[0]

    def at_the_start(recipe):
        _, found = steps(recipe, judged)
        return (found["policy"].table.detach() - networks()["policy"].table.detach()).abs()[0, 0].max()

    recipe = next(r for seed in range(200) if apart(r := replace(recipe, seed=seed)))
    assert at_the_start(recipe) == 0
    assert at_the_start(replace(recipe, derive=(bind(all_chosen), *recipe.derive))) > 0


def test_a_share_out_of_range_no_answers_and_a_sampler_that_cannot_go_on_are_refused():
    with pytest.raises(RecipeError, match=r"`resets` is 1\.5: it is a share"):
        Sample(resets=1.5)
    recipe = method("dr-po")(reward=bind(rises), k=2, batch=2, steps=1)
    with pytest.raises(DataError, match="begins with parts of judged answers and was given none"):
        steps(recipe, judged=[])
    with pytest.raises(RecipeError, match=r"goes on with answers that others began .* Plain does not do"):
        optimise(recipe, networks=networks(), generator=Plain(), prompts=[PROMPT], judged=JUDGED)


class Plain:
    """A sampler that only begins by itself."""

    def sample(self, prompts, *, k, decoding, seed, progress=None):
        raise AssertionError


def test_the_local_sampler_goes_on_from_exactly_the_given_tokens():
    """It reports what the trainer computes of the drawn tokens, and stops at nothing that others said."""
    decoder = Decoder(tiny.network("llama", dtype=torch.float64), tiny.tokenizer(), name="policy")
    prompt = Prompt(text="The old harbour")
    first = tuple(decoder.tokenizer(" lay quiet.")["input_ids"])
    begun = [(prompt, first), (prompt, ()), (Prompt(text="Rain"), first[:1])]
    decoding = Decoding(max_tokens=6, stop=("quiet",))
    groups = LocalGenerator(decoder).go_on(begun, k=3, decoding=decoding, seed=3)
    for g, (asked, start) in zip(groups, begun, strict=True):
        assert g.prompt == asked
        assert g.prompt_ids == tuple(decoder.tokenizer(asked.text)["input_ids"])
        for r in g.responses:
            assert r.ids[: len(start)] == start
            assert r.mask == (0,) * len(start) + (1,) * (len(r.ids) - len(start))
            assert len(start) < len(r.ids) <= len(start) + 6
    assert all(t.startswith(" lay quiet.") for t in groups[0].texts)
    batch = assemble(groups)
    logp = decoder.outputs(batch, {"logp"})["logp"]
    torch.testing.assert_close(logp.float(), batch["sampled_logp"], rtol=0, atol=1e-5)


def test_a_judged_answer_without_room_to_go_on_begins_no_answer():
    class Short:
        context = 6

    recipe = replace(method("dr-po")(max_tokens=2), sample=Sample(resets=1.0, decoding=Decoding(max_tokens=2)))
    long = Group(prompt=Prompt(text="0"), prompt_ids=(1, 1, 1), responses=(Response(text="x", ids=(1,) * 9),))
    resets = Resets(recipe, recipe.sample, [long], {"policy": Short()})
    assert {len(first) for _, first in resets.begun([PROMPT] * 50, seed=0)} == {0, 1}
    with pytest.raises(DataError, match="room"):
        Resets(recipe, recipe.sample, [replace(long, prompt_ids=(1,) * 5)], {"policy": Short()})


def never(prompt, response):
    return 0.0


def test_prompts_left_out_are_drawn_anew_until_the_batch_is_full():
    recipe = method("dapo")(reward=bind(rises), k=2, batch=12, steps=3, refill=40)
    seen, _ = steps(recipe)
    for metrics, groups in seen:
        kept = [g.texts for g in groups if rises("0", g.texts[0]) != rises("0", g.texts[1])]
        assert len(kept) == 12
        assert metrics["dropped"] == metrics["redrawn"] == len(groups) - 12 > 0
        assert metrics["tokens"] == 1 + LENGTH * len({text for texts in kept for text in texts})
        assert metrics["tokens_sampled"] == len(groups) * 2 * LENGTH


def test_what_is_missing_after_the_last_refill_stays_so():
    seen, _ = steps(method("dapo")(reward=bind(never), k=2, batch=5, steps=1, refill=2))
    [(metrics, groups)] = seen
    assert len(groups) == 15
    assert (metrics["dropped"], metrics["redrawn"]) == (15.0, 10.0)
    assert "loss" not in metrics


def test_nothing_is_drawn_anew_where_nothing_is_left_out():
    [(metrics, groups)], _ = steps(
        replace(method("rloo")(reward=bind(rises), batch=3, steps=1), sample=Sample(refill=5))
    )
    assert (len(groups), metrics["redrawn"]) == (3, 0.0)
