"""Answers that share their beginnings: a tree of them is grown, and its leaves are compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ..errors import DataError, RecipeError
from ..recipe import Decoding
from ..text import Group, Prompt, Response
from .generator import Continuing
from .segments import further, goes_on, no_stop, seed_of

Path = tuple[int, ...]
"""The branches that lead to a node of a tree, from the first on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branching:
    """The answers to one prompt as the leaves of a prefix tree, and the path to each.

    Two answers begin with the same tokens up to where their paths part. An answer that ended early has a shorter path.

    >>> group = Group(prompt=Prompt(text="One"), responses=(Response(text=" a"), Response(text=" b")))
    >>> Branching(leaves=group, paths=((0, 0), (0, 1))).depths
    (0, 1)
    """

    leaves: Group
    paths: tuple[Path, ...]

    @property
    def depths(self) -> tuple[int, ...]:
        """Every depth at which two of its paths may part."""
        return tuple(range(max(map(len, self.paths), default=0)))


def grow(
    generator: Continuing,
    prompts: Sequence[Prompt],
    *,
    branches: Sequence[int] = (2, 2, 2),
    tokens: int = 16,
    decoding: Decoding | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> list[Branching]:
    """A tree of answers to every prompt: at each depth so many branches of each beginning, so many tokens long.

    The last branches are drawn to their end, or to the `max_tokens` of the decoding, which counts the whole answer.
    What is drawn twice in one place stands there once, so that a tree may have fewer leaves than the branches make.
    Each leaf has its tokens, mask and log-probabilities as if the policy had drawn it in one go. The trees of
    tree-structured preference data (Qiu et al. 2024, arXiv 2402.10184), in the form: parted after a number of tokens.

    Raises:
        RecipeError: there is no branch, or no token is left for the last ones; a stop text is asked for, which would
            be cut from the middle of answers.
    """
    decoding = decoding or Decoding()
    rest = decoding.max_tokens - tokens * (len(branches) - 1)
    if not branches or min(branches) < 1 or tokens < 1 or rest < 1:
        raise RecipeError(
            f"a tree with the branches {tuple(branches)}, {tokens} tokens each, does not fit into answers of "
            f"{decoding.max_tokens}: give one branch or more at each depth, and `max_tokens` beyond "
            "`tokens` times the depths before the last."
        )
    no_stop("grow", decoding)
    found: list[list[_Twig]] = [[] for _ in prompts]
    twigs = [_Twig(n, (), None) for n in range(len(prompts))]
    for depth, count in enumerate(branches):
        last = depth == len(branches) - 1
        drawn = further(
            generator,
            [(prompts[t.prompt], t.response) for t in twigs],
            k=count,
            tokens=rest if last else tokens,
            decoding=decoding,
            seed=seed_of(seed, depth),
            progress=progress,
        )
        grown = [next_one for t, group in zip(twigs, drawn, strict=True) for next_one in t.parted(group)]
        twigs = [t for t in grown if not last and goes_on(t.response)]
        for t in grown:
            if last or not goes_on(t.response):
                found[t.prompt].append(t)
        if not twigs:
            break
    return [_tree(prompt, leaves) for prompt, leaves in zip(prompts, found, strict=True)]


def shared(one: Path, other: Path) -> int:
    """After how many branches two paths part.

    >>> shared((0, 1, 0), (0, 1, 1)), shared((0,), (1, 1)), shared((0,), (0,))
    (2, 0, 1)
    """
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def parted(tree: Branching, *, depths: Collection[int] | None = None) -> Iterator[tuple[int, Group]]:
    """Every two leaves that part at one of these depths (at any without them), and the depth: questions to ask.

    At 0 two answers share nothing, at 1 the first branch, and so on: answers that part at a depth differ from there on.
    Two leaves with the same text are left out.

    >>> said = tuple(Response(text=text) for text in (" ab", " ac", " d"))
    >>> tree = Branching(leaves=Group(prompt=Prompt(text="One"), responses=said), paths=((0, 0), (0, 1), (1,)))
    >>> [(depth, pair.texts) for depth, pair in parted(tree)]
    [(1, (' ab', ' ac')), (0, (' ab', ' d')), (0, (' ac', ' d'))]
    """
    leaves = zip(tree.paths, tree.leaves.responses, strict=True)
    for (one, first), (other, second) in combinations(leaves, 2):
        depth = shared(one, other)
        if first.text != second.text and (depths is None or depth in depths):
            yield depth, replace(tree.leaves, responses=(first, second))


def drawn_pairs(
    trees: Sequence[Branching], *, count: int, seed: int, depths: Collection[int] | None = None
) -> list[tuple[int, Group]]:
    """So many of the pairs of `parted`, of all trees together, by chance and none twice.

    Of every pair it is chance which answer is the first. What a budget of judgements buys.

    Raises:
        DataError: there are fewer pairs.
    """
    every = [pair for tree in trees for pair in parted(tree, depths=depths)]
    if len(every) < count:
        raise DataError(
            f"{count} pairs are asked for, and {len(trees)} trees have {len(every)}: grow more trees, or more branches."
        )
    source = np.random.default_rng(seed)
    chosen = source.permutation(len(every))[:count].tolist()
    around = source.random(count) < 0.5
    return [
        (depth, replace(pair, responses=pair.responses[::-1]) if turn else pair)
        for (depth, pair), turn in zip((every[i] for i in chosen), around, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Twig:
    """A beginning of an answer to one of the prompts, where it lies in the tree; nothing yet at the root."""

    prompt: int
    path: Path
    response: Response | None
    prompt_ids: tuple[int, ...] = ()

    def parted(self, group: Group) -> Iterator[_Twig]:
        """The branches that were drawn from here, each once."""
        different = {r.ids: r for r in reversed(group.responses)}
        for branch, ids in enumerate(dict.fromkeys(r.ids for r in group.responses)):
            yield _Twig(self.prompt, (*self.path, branch), different[ids], group.prompt_ids)


def _tree(prompt: Prompt, leaves: Sequence[_Twig]) -> Branching:
    """The leaves in the order of their paths."""
    leaves = sorted(leaves, key=lambda t: t.path)
    said = tuple(t.response for t in leaves if t.response is not None)
    group = Group(prompt=prompt, prompt_ids=leaves[0].prompt_ids, responses=said)
    return Branching(leaves=group, paths=tuple(t.path for t in leaves))
