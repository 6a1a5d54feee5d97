"""One order from many: ranked pairs on elections whose result is known, and its laws on any."""

from itertools import combinations, permutations

from hypothesis import given
from hypothesis import strategies as st

from prefloop.feedback.consensus import margins, ranked_pairs

ELECTIONS = st.integers(1, 5).flatmap(
    lambda n: st.lists(
        st.permutations(range(n)).flatmap(
            lambda order: st.lists(st.booleans(), min_size=n, max_size=n).map(lambda cuts: tiers(order, cuts))
        ),
        min_size=1,
        max_size=7,
    )
)


def tiers(order, cuts):
    """An order with ties: a cut before a candidate begins a rank."""
    found = []
    for one, cut in zip(order, cuts, strict=True):
        if cut or not found:
            found.append([])
        found[-1].append(one)
    return found


def ballots(*counted):
    return [[[one] for one in order] for count, order in counted for _ in range(count)]


def test_the_capital_of_tennessee():
    votes = ballots((42, "MNCK"), (26, "NCKM"), (15, "CKNM"), (17, "KCNM"))
    assert ranked_pairs(votes) == [["N"], ["C"], ["K"], ["M"]]


def test_a_circle_is_broken_at_its_weakest_link():
    # a over b by 7 of 9, b over c by 6 of 9, c over a by 5 of 9
    votes = ballots((4, "abc"), (2, "bca"), (3, "cab"))
    margin = margins(votes)
    assert (margin["a", "b"], margin["b", "c"], margin["c", "a"]) == (5, 3, 1)
    assert ranked_pairs(votes) == [["a"], ["b"], ["c"]]


def test_the_winner_of_every_pair_wins_without_most_first_places():
    assert ranked_pairs(ballots((4, "abc"), (3, "cba"), (2, "bac")))[0] == ["b"]


def test_nothing_decides_where_the_votes_do_not():
    circle = ballots((1, "abc"), (1, "bca"), (1, "cab"))
    for names in permutations("abc"):
        assert [set(tier) for tier in ranked_pairs(circle, names)] == [set("abc")]
    assert ranked_pairs([], ["a", "b"]) == [["a", "b"]]


def test_a_pair_that_stronger_ones_refute_takes_no_other_with_it():
    # b over c over a is locked by threes, so a over b is out, and b over x over a is no circle
    counted = {"bc": 3, "ca": 3, "ab": 1, "bx": 1, "xa": 1, "xy": 5}
    votes = [[[first], [second]] for (first, second), count in counted.items() for _ in range(count)]
    assert ranked_pairs(votes) == [["b"], ["x"], ["c"], ["a"], ["y"]]


def test_equals_and_those_somebody_left_out():
    assert ranked_pairs([[["a", "b"], ["c"]]]) == [["a", "b"], ["c"]]
    assert ranked_pairs([[["a"], ["b"]], [["b"], ["c"]]], ["c", "b", "a"]) == [["a"], ["b"], ["c"]]
    assert ranked_pairs([[["a"], ["b"]]], ["a", "b", "new"]) == [["a"], ["new"], ["b"]]


def smith(everyone, margin):
    """The smallest group each of whose members beats everybody outside, by trying all groups."""
    for size in range(1, len(everyone) + 1):
        for group in combinations(everyone, size):
            outside = [one for one in everyone if one not in group]
            if all(margin.get((a, b), 0) > 0 for a in group for b in outside):
                return set(group)
    raise AssertionError("everybody together is such a group")


@given(ELECTIONS)
def test_the_smith_set_stands_above_all_others(votes):
    everyone = sorted({one for tier in votes[0] for one in tier})
    order = ranked_pairs(votes)
    best = smith(everyone, margins(votes))
    first = [one for tier in order for one in tier][: len(best)]
    assert set(first) == best
    assert sorted(one for tier in order for one in tier) == everyone


@given(ELECTIONS, st.randoms())
def test_names_and_the_order_of_votes_decide_nothing(votes, random):
    everyone = sorted({one for tier in votes[0] for one in tier})
    other = dict(zip(everyone, random.sample(everyone, len(everyone)), strict=True))
    renamed = [[[other[one] for one in tier] for tier in vote] for vote in random.sample(votes, len(votes))]
    expected = [{other[one] for one in tier} for tier in ranked_pairs(votes)]
    assert [set(tier) for tier in ranked_pairs(renamed)] == expected


@given(ELECTIONS)
def test_an_order_that_all_give_is_the_consensus(votes):
    order = votes[0]
    assert [set(tier) for tier in ranked_pairs([order] * 3)] == [set(tier) for tier in order]
