"""Trees of answers: what two leaves share, that every leaf is a sample of the policy, and which pairs a budget buys."""

from collections import Counter
from itertools import combinations, product
from math import prod

import pytest
import torch

import tiny
from prefloop.batch import assemble
from prefloop.errors import DataError, RecipeError
from prefloop.models.decoder import Decoder
from prefloop.recipe import Decoding
from prefloop.sampling.branching import Branching, drawn_pairs, grow, parted, shared
from prefloop.sampling.local import LocalGenerator
from prefloop.text import Group, Prompt, Response

PROMPTS = [Prompt(text="The old harbour"), Prompt(text="Rain")]


@pytest.fixture(scope="module")
def decoder():
    return Decoder(tiny.network("llama", dtype=torch.float64), tiny.tokenizer(), name="policy")


@pytest.fixture(scope="module")
def trees(decoder):
    how = Decoding(max_tokens=12)
    return grow(LocalGenerator(decoder), PROMPTS, branches=(3, 2, 2), tokens=3, decoding=how, seed=5)


def test_leaves_share_exactly_the_tokens_before_their_paths_part(trees):
    for tree in trees:
        assert len(tree.paths) == len(set(tree.paths)) == len(tree.leaves.responses)
        for (one, a), (other, b) in combinations(zip(tree.paths, tree.leaves.responses, strict=True), 2):
            depth = shared(one, other)
            assert a.ids[: 3 * depth] == b.ids[: 3 * depth]
            ends = 3 * (depth + 1) if depth < 2 else 12
            assert a.ids[:ends] != b.ids[:ends], "what was drawn twice stands once"


def test_every_leaf_is_a_whole_sample_of_the_policy(trees, decoder):
    for tree in trees:
        for path, r in zip(tree.paths, tree.leaves.responses, strict=True):
            assert r.mask == (1,) * len(r.ids)
            assert len(r.ids) == 12 if r.finish == "length" else len(r.ids) <= 12
            assert (len(path) - 1) * 3 < len(r.ids)
            assert r.sampling["max_tokens"] == 12
    batch = assemble([tree.leaves for tree in trees])
    logp = decoder.outputs(batch, {"logp"})["logp"]
    torch.testing.assert_close(logp.float(), batch["sampled_logp"], rtol=0, atol=1e-5)


def test_a_tree_is_a_function_of_its_seed(trees, decoder):
    how = {"branches": (3, 2, 2), "tokens": 3, "decoding": Decoding(max_tokens=12)}
    again, other = (grow(LocalGenerator(decoder, width=3), PROMPTS, **how, seed=seed) for seed in (5, 6))
    assert [tree.leaves.texts for tree in again] == [tree.leaves.texts for tree in trees]
    assert [tree.leaves.texts for tree in other] != [tree.leaves.texts for tree in trees]


def test_an_answer_that_ends_is_a_leaf_where_it_ended():
    class Ends:
        """Ends at once with token 1, or says 2 and goes on."""

        def go_on(self, begun, *, k, decoding, seed, progress=None):
            return [Group(prompt=p, prompt_ids=(9,), responses=tuple(self.one(first, j) for j in range(k)))
                    for p, first in begun]  # fmt: skip

        def one(self, first, j):
            ids, mask, logp = (*first, 1 + j), (0,) * len(first) + (1,), (0.0,) * len(first) + (-0.5,)
            return Response(text=str(ids), ids=ids, mask=mask, logp=logp, finish="length" if j else "end")

    [tree] = grow(Ends(), PROMPTS[:1], branches=(2, 2, 2), tokens=1, decoding=Decoding(max_tokens=3))
    assert dict(zip(tree.paths, (r.ids for r in tree.leaves.responses), strict=True)) == {
        (0,): (1,),
        (1, 0): (2, 1),
        (1, 1, 0): (2, 2, 1),
        (1, 1, 1): (2, 2, 2),
    }
    assert all(r.logp == (-0.5,) * len(r.ids) for r in tree.leaves.responses)
    assert tree.depths == (0, 1, 2)
    assert Counter(depth for depth, _ in parted(tree)) == {0: 3, 1: 2, 2: 1}


def test_the_first_leaf_has_the_distribution_of_the_policy():
    """Over many trees of three tokens, each of two, beside what the policy gives to each of the eight answers."""

    class Coins:
        """Says 1 with a probability of its own for each place."""

        heads = (0.2, 0.5, 0.7)

        def go_on(self, begun, *, k, decoding, seed, progress=None):
            chance = torch.rand(len(begun), k, decoding.max_tokens, generator=torch.Generator().manual_seed(seed))
            return [
                Group(prompt=p, responses=tuple(self.one(first, row) for row in rows.tolist()))
                for (p, first), rows in zip(begun, chance, strict=True)
            ]

        def one(self, first, row):
            ids = (*first, *(int(x < self.heads[len(first) + t]) for t, x in enumerate(row)))
            return Response(text=str(ids), ids=ids, mask=(1,) * len(ids), logp=(0.0,) * len(ids), finish="length")

    n, how = 2000, {"branches": (2, 2, 2), "tokens": 1, "decoding": Decoding(max_tokens=3)}
    trees = [grow(Coins(), PROMPTS[:1], **how, seed=seed) for seed in range(n)]
    assert all(len({r.ids for r in tree.leaves.responses}) == len(tree.paths) for [tree] in trees)
    counts = Counter(tree.leaves.responses[0].ids for [tree] in trees)
    far = 0.0
    for ids in product((0, 1), repeat=3):
        p = prod(h if t else 1 - h for h, t in zip(Coins.heads, ids, strict=True))
        far = max(far, abs(counts[ids] / n - p) / (p * (1 - p) / n) ** 0.5)
    assert far < 4, "standard errors"


def test_pairs_have_the_depth_at_which_they_part(trees):
    for tree in trees:
        n = len(tree.paths)
        every = list(parted(tree))
        assert len(every) == n * (n - 1) / 2
        for depth in tree.depths:
            assert list(parted(tree, depths=(depth,))) == [pair for pair in every if pair[0] == depth]


def test_a_budget_buys_pairs_of_all_trees_none_twice(trees):
    every = {frozenset(pair.texts) for tree in trees for _, pair in parted(tree)}
    found = drawn_pairs(trees, count=40, seed=1)
    assert len({frozenset(pair.texts) for _, pair in found} & every) == 40
    assert {pair.prompt for _, pair in found} == set(PROMPTS)
    assert found == drawn_pairs(trees, count=40, seed=1) != drawn_pairs(trees, count=40, seed=2)
    assert {depth for depth, _ in drawn_pairs(trees, count=6, seed=1, depths=(2,))} == {2}
    first = [pair.responses[0] in trees[n].leaves.responses[:6] for n in (0, 1) for _, pair in found]
    assert 0 < sum(first) < len(first)
    with pytest.raises(DataError, match="500 pairs are asked for, and 2 trees have"):
        drawn_pairs(trees, count=500, seed=1)


def test_two_leaves_with_one_text_are_no_pair():
    twice = Group(prompt=PROMPTS[0], responses=(Response(text="a", ids=(1,)), Response(text="a", ids=(2,))))
    assert list(parted(Branching(leaves=twice, paths=((0,), (1,))))) == []


def test_a_tree_that_cannot_be_grown_is_refused(decoder):
    for branches, tokens in (((), 3), ((2, 0), 3), ((2, 2), 0), ((2, 2), 12)):
        with pytest.raises(RecipeError, match="one branch or more"):
            grow(LocalGenerator(decoder), PROMPTS, branches=branches, tokens=tokens, decoding=Decoding(max_tokens=12))
    with pytest.raises(RecipeError, match="leave out the decoding's `stop`"):
        grow(LocalGenerator(decoder), PROMPTS, decoding=Decoding(stop=("x",)))
