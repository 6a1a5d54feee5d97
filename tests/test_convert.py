"""Judgements turned into another form: what comes out, what is lost, and what can be read back."""

import math

import pytest

from prefloop.errors import DataError
from prefloop.feedback.convert import (
    convert,
    pairs_to_thumbs,
    rankings_to_pairs,
    ratings_to_pairs,
    ratings_to_rankings,
    thumbs_to_pairs,
)
from prefloop.text import Group, Prompt, Response


def group(prompt, texts, labels=(), target=None):
    return Group(
        prompt=Prompt(text=prompt), responses=tuple(Response(text=t) for t in texts), labels=labels, target=target
    )


def said(converted):
    """Everything that groups say, as plain values."""
    return [(g.prompt.text, "".join(g.texts), g.labels, g.target) for g in converted.groups]


def test_a_pair_becomes_a_thumb_up_and_a_thumb_down_and_is_read_back():
    pairs = [group("1", "ab"), group("2", "cd", target=0.9)]
    thumbs = pairs_to_thumbs(pairs)
    assert said(thumbs) == [("1", "ab", (1.0, 0.0), None), ("2", "cd", (1.0, 0.0), 0.9)]
    assert (thumbs.made, thumbs.lost) == ({"thumbs": 2}, {})
    assert [g[:2] for g in said(thumbs_to_pairs(thumbs.groups))] == [("1", "ab"), ("2", "cd")]


def test_a_pair_without_a_preference_gives_no_thumbs():
    thumbs = pairs_to_thumbs([group("1", "ab", target=0.5), group("1", "cd", target=0.6)])
    assert len(thumbs.groups) == 1
    assert thumbs.lost == {"ties": 1}


def test_thumbs_on_one_prompt_become_all_pairs_of_liked_and_disliked_whichever_rows_they_are_in():
    rows = [group("1", "a", (0.0,)), group("2", "x", (1.0,)), group("1", "bc", (1.0, 1.0)), group("2", "y", (1.0,))]
    pairs = thumbs_to_pairs(rows)
    assert said(pairs) == [("1", "ba", (), None), ("1", "ca", (), None)]
    assert pairs.lost == {"responses without a counterpart": 2}
    assert str(pairs) == "2 pairs; lost: 2 responses without a counterpart"


def test_a_ranking_becomes_every_pair_of_it_and_equals_are_lost():
    pairs = rankings_to_pairs([group("1", "abc", (2.0, 1.0, 0.0)), group("2", "def", (1.0, 0.0, 0.0))])
    assert [g[1] for g in said(pairs)] == ["ab", "ac", "bc", "de", "df"]
    assert pairs.lost == {"ties": 1}
    assert rankings_to_pairs([group("1", "abc", (2.0, 1.0, 0.0))]).lost == {}


def test_ratings_become_an_order_that_equals_share_and_lose_their_distances():
    rankings = ratings_to_rankings([group("1", "abcd", (2.0, 9.5, 2.0, -1.0))])
    assert said(rankings) == [("1", "bacd", (2.0, 1.0, 1.0, 0.0), None)]
    assert rankings.lost == {"distances between ratings": 1}


def test_ratings_become_pairs_that_keep_their_margin_and_on_a_scale_their_strength():
    rated = [group("1", "abc", (1.0, 4.0, 4.0))]
    assert said(ratings_to_pairs(rated)) == [("1", "ba", (4.0, 1.0), None), ("1", "ca", (4.0, 1.0), None)]
    on_a_scale = ratings_to_pairs(rated, scale=2.0)
    odds = math.e ** (3.0 / 2.0)  # of the better to the worse, three points apart
    assert [g.target for g in on_a_scale.groups] == [pytest.approx(odds / (1 + odds), abs=1e-12)] * 2
    assert on_a_scale.lost == {"ties": 1}
    with pytest.raises(DataError, match=r"scale of the ratings is 0: it is above 0"):
        ratings_to_pairs(rated, scale=0)


def test_forms_are_reached_through_others_and_losses_add_up():
    found = convert([group("1", "abc", (3.0, 3.0, 1.0))], "ratings", "thumbs")
    assert [g[1:3] for g in said(found)] == [("ac", (1.0, 0.0)), ("bc", (1.0, 0.0))]
    assert found.lost == {"ties": 1}
    assert convert(found.groups, "thumbs", "thumbs").groups == found.groups
    with pytest.raises(DataError, match=r"thumbs cannot be turned into rankings\. .* into: pairs"):
        convert(found.groups, "thumbs", "rankings")
