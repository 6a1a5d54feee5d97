"""Corners of rewordings, rewards fused with those of neighbours, and what contrast sets say of both."""

import pytest
import torch

from prefloop.errors import DataError, ModelError
from prefloop.evaluation.consistency import consistency
from prefloop.feedback.on_hull import on_the_hull
from prefloop.scoring.fusion import Fusion, fusion_of, fusion_score
from prefloop.scoring.model import model_score
from prefloop.text import Group, Prompt, Response
from updates import decoder


def some(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def corners_by_half_planes(points):
    """A point is a corner where some direction is highest there alone."""
    angles = torch.linspace(0, 2 * torch.pi, 20_001, dtype=torch.float64)
    return sorted(set((points @ torch.stack([angles.cos(), angles.sin()])).argmax(0).tolist()))


@pytest.mark.parametrize("seed", range(5))
def test_corners_are_what_some_direction_reaches_furthest(seed):
    points = some(12, 2, seed=seed)
    assert on_the_hull(range(12), points) == corners_by_half_planes(points)


def test_corners_are_those_of_the_two_widest_directions_wherever_they_lie():
    turn, _ = torch.linalg.qr(some(6, 6, seed=1))
    points = torch.cat([some(12, 2), 1e-3 * some(12, 4, seed=2)], 1)
    flat = torch.cat([points[:, :2], torch.zeros(12, 4)], 1)
    assert on_the_hull(range(12), flat @ turn + 3) == corners_by_half_planes(points[:, :2])
    assert on_the_hull(range(12), 1e-6 * points @ turn) == on_the_hull(range(12), points)


def test_what_mixes_others_is_left_out_and_of_equals_the_first_is_kept():
    square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 0.0], [0.0, 2.0]])
    assert on_the_hull("abcdef", square) == ["a", "c", "d", "f"]
    assert on_the_hull("abc", torch.tensor([[0.0], [1.0], [2.0]])) == ["a", "c"]
    assert on_the_hull("ab", torch.ones(2, 3)) == ["a"]
    assert on_the_hull("a", torch.ones(1, 3)) == ["a"]


@pytest.mark.parametrize("embeddings", [torch.ones(2, 3), torch.full((3, 2), torch.nan)])
def test_an_embedding_that_is_missing_or_no_number_is_named(embeddings):
    with pytest.raises(DataError, match="3 variants have embeddings of the shape"):
        on_the_hull("abc", embeddings)


PAIRS = [
    Group(prompt=Prompt(text=f"The old harbour {n}"), responses=(Response(text=better), Response(text=" slept.")))
    for n, better in enumerate((" lay quiet. Boats came.", " woke", " lay in the rain"))
]


def test_an_answer_the_model_was_fitted_to_is_its_own_nearest_neighbour(tmp_path):
    model = decoder("reward", "score", 0, dtype=torch.float32)
    paid = model_score(PAIRS, model=model)
    fusion_of(PAIRS, model=model).save(tmp_path)
    torch.testing.assert_close(fusion_score(PAIRS, model=model, folder=str(tmp_path), neighbours=1), paid)
    torch.testing.assert_close(fusion_score(PAIRS, model=model, folder=str(tmp_path), own=1.0), paid)
    everything = fusion_score(PAIRS, model=model, folder=str(tmp_path), neighbours=99, own=0.0)
    torch.testing.assert_close(everything, paid.mean().expand_as(paid))
    assert paid.std() > 1e-3


def test_nothing_to_fuse_with_is_said(tmp_path):
    with pytest.raises(ModelError, match="has no answers to fuse rewards with"):
        fusion_score(PAIRS, model=decoder("reward", "score", 0), folder=str(tmp_path))


def contrast(seed, own):
    """Consistency of a reward that errs at random, by itself or fused with what was paid to its neighbours.

    Every set asks for two of 20 things, in words of its own; what is paid is 1 where the answer is the one asked for,
    with an error of its own for every text.
    """
    draw = torch.Generator().manual_seed(seed)
    kinds, sets = 2 * some(20, 16, seed=seed), 2000
    asked = torch.stack([torch.randperm(20, generator=draw)[:2] for _ in range(sets)])
    prompts, answers = asked[:, :, None].expand(-1, -1, 2), asked[:, None].expand(-1, 2, -1)
    features = torch.cat([kinds[prompts], kinds[answers]], -1) + 0.5 * some(sets, 2, 2, 32, seed=seed + 50)
    paid = (prompts == answers).double() + some(sets, 2, 2, seed=seed + 100)
    half = sets // 2
    known = Fusion(features[half:].flatten(0, 2), paid[half:].flatten())
    return consistency(known.fused(features[:half], paid[:half], neighbours=8, own=own))


@pytest.mark.parametrize("seed", range(3))
def test_a_reward_that_errs_text_by_text_is_more_consistent_when_fused(seed):
    alone, fused = contrast(seed, own=1.0), contrast(seed, own=0.5)
    assert fused.responses.low > alone.responses.high
    assert fused.instructions.low > alone.instructions.high


def test_shares_are_counted_each_by_itself_and_a_tie_is_no_win():
    scores = torch.tensor([[[1.0, 0.0], [9.0, 2.0]], [[1.0, 1.0], [9.0, 2.0]], [[1.0, 0.0], [9.0, 0.0]]])
    found = consistency(scores)
    assert [found.responses.estimate, found.instructions.estimate, found.both.estimate] == [2 / 3, 2 / 3, 1 / 3]
    assert found.both.n == 3


@pytest.mark.parametrize("scores", [torch.zeros(0, 2, 2), torch.zeros(3, 2), torch.full((1, 2, 2), torch.nan)])
def test_scores_of_another_shape_are_refused(scores):
    with pytest.raises(DataError, match="give a finite score of both answers"):
        consistency(scores)
