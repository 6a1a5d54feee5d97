"""The judged answers of a recipe: read, turned into the form it takes, and in its model's tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..dials import Dial, setting
from ..errors import DataError, RecipeError
from ..feedback.convert import comparisons, convert
from ..feedback.judged import Judged, is_store, read_judged
from ..models.encode import for_model, instructed
from ..planning import Plan, plan
from ..recipe import Data, Form, Recipe
from ..text import Group, Prompt


def judged_answers(recipe: Recipe, *, say: Callable[[str], None]) -> Sequence[Group]:
    """The answers a recipe's `data` names, as it takes them; what was left out or changed is said.

    Raises:
        DataError: there are none, they are not what they should be, or they would lose something unasked.
    """
    if recipe.data is None:
        raise DataError(
            f"`{recipe.name}` learns from judged answers: say where they are, for example "
            "--set data=runs/demo/feedback.sqlite."
        )
    _must_mean(recipe)
    told = recipe.data.form if isinstance(recipe.data, Data) else None
    judged = as_taken(read_judged(_as_read(recipe)), recipe, told=told)
    for note in judged.notes:
        say(note)
    return judged.groups


def as_taken(judged: Judged, recipe: Recipe, *, told: Form | None = None) -> Judged:
    """Judged answers in the form a recipe takes, or in the one it is told.

    Unasked they are only turned where nothing is lost: rankings without ties into pairs, pairs into thumbs.

    Raises:
        DataError: the recipe cannot learn from this form, or something would be lost on the way to one it can.
    """
    needs = plan(recipe)
    form = told or wanted(needs, judged.form)
    if form is None or (needs.pairwise and form != "pairs") or (needs.forms and form not in needs.forms):
        into = "pairs" if needs.pairwise or not needs.judged else "thumbs"
        nowhere = judged.form == "parts" or (needs.forms and into not in needs.forms)
        turn = "" if nowhere else f"have them turned into {into} with --as, or "
        raise DataError(
            f"`{recipe.name}` takes {takes(needs)}, and these are {form or judged.form}: {turn}take another method."
        )
    converted = convert(judged.groups, judged.form, form, ties="tied" in needs.judged)
    if converted.lost and told is None:
        raise DataError(
            f"`{recipe.name}` takes {takes(needs)}, and {len(judged.groups)} {judged.form} would give {converted}. Say "
            f"that this is meant: --as {form}, or data=Data(source=..., form={form!r})."
        )
    notes = list(judged.notes)
    if form != judged.form:
        notes.append(f"{len(judged.groups)} {judged.form} were turned into {converted}.")
    taken = _without_ties(Judged(groups=converted.groups, form=form, notes=tuple(notes)), needs)
    if any(term.objective.compares for term in recipe.objective):
        taken = _left_out(taken, lambda g: len(g.responses) > 1, "a single answer is compared with nothing")
    if not taken.groups:
        raise DataError(f"nothing is left for `{recipe.name}` to learn from: {' '.join(taken.notes)}")
    return replace(taken, notes=(*taken.notes, *both_ways(taken.groups)))


def takes(needs: Plan) -> str:
    """What a recipe that does not sample learns from, in words."""
    if needs.pairwise:
        return "pairs" + "".join(_BESIDE[name] for name in needs.judged if name in _BESIDE)
    if needs.forms:
        return " or ".join(needs.forms)
    if needs.mismatched:
        return "thumbs"
    return "labelled answers" if "label" in needs.judged else "answers in an order"


_BESIDE = {"target": " with a target", "tied": " and ties", "who": ", and who judged them"}
"""What pairs come with, by the tensor that says so."""


def wanted(needs: Plan, given: Form) -> Form | None:
    """The form a recipe that does not sample wants of this one; `None` where it cannot learn from it."""
    if given == "parts" and needs.forms != ("parts",):
        return None
    if needs.pairwise:
        return "pairs"
    if needs.forms:
        return given if given in needs.forms else "thumbs" if (given, needs.forms) == ("pairs", ("thumbs",)) else None
    if needs.mismatched and given in ("rankings", "ratings"):
        return None  # above which grade an answer was liked, nobody said
    if "label" in needs.judged:
        return "thumbs" if given == "pairs" else given
    return None if given == "thumbs" else given


def _without_ties(judged: Judged, needs: Plan) -> Judged:
    """Leave out what has no order, where the order is all that is read."""
    if set(needs.judged) - {"who"}:
        return judged
    return _left_out(
        judged, lambda g: g.target != 0.5 and next(comparisons(g), None) is not None, "nothing in them was preferred"
    )


def _as_read(recipe: Recipe) -> Data:
    """Where the answers of a recipe lie; of a store without a `split`, the view with ties where it reads them.

    Of what says something of answers and of their parts, the parts where it learns from them.
    """
    data = recipe.data if isinstance(recipe.data, Data) else Data(source=str(recipe.data))
    needs = plan(recipe)
    if data.form is None and needs.forms == ("parts",):
        return replace(data, form="parts")
    ties = "tied" in needs.judged and data.split is None and is_store(data.source)
    return replace(data, split="comparisons") if ties else data


def both_ways(groups: Sequence[Group]) -> tuple[str, ...]:
    """What is to be said of pairs of answers of which each was preferred to the other; nothing where there are none.

    >>> from prefloop.text import Prompt, Response
    >>> pair = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> both_ways([pair, replace(pair, responses=pair.responses[::-1]), pair])
    ("1 pair of answers was preferred both ways, in 3 judgements, the first after 'One': they are learnt as they are.",)
    """
    often: Counter[tuple[Prompt, tuple[Prompt, str], tuple[Prompt, str]]] = Counter()
    for group in groups:
        if group.target == 0.5:
            continue
        for better, worse in comparisons(group):
            often[group.prompt, group.answer(better), group.answer(worse)] += 1
    twice = [(key, n) for key, n in often.items() if (key[0], key[2], key[1]) in often]
    if not twice:
        return ()
    count = len(twice) // 2
    what = "1 pair of answers was" if count == 1 else f"{count} pairs of answers were"
    return (
        f"{what} preferred both ways, in {sum(n for _, n in twice)} judgements, the first after "
        f"{twice[0][0][0].shown[:60]!r}: they are learnt as they are.",
    )


def _left_out(judged: Judged, serves: Callable[[Group], bool], why: str) -> Judged:
    """Only the groups that serve; the others are counted."""
    kept = tuple(g for g in judged.groups if serves(g))
    out = len(judged.groups) - len(kept)
    return replace(judged, groups=kept, notes=(*judged.notes, f"{out} left out, {why}.") if out else judged.notes)


def _must_mean(recipe: Recipe) -> None:
    """Refuse a `beta` that turns an objective off or over."""
    for piece in (p for term in recipe.objective for p in (term.objective, *term.objective.inner)):
        beta = piece.knobs.get("beta")
        beta = setting(beta.start()) if isinstance(beta, Dial) else beta
        if isinstance(beta, (int, float)) and not beta > 0:
            raise RecipeError(
                f"`beta` of `{piece.name}` is {beta}: at 0 nothing is learnt, and below it what people "
                "prefer is avoided. Give a number above 0, such as 0.1."
            )


def in_tokens(groups: Sequence[Group], network: Any) -> Sequence[Group]:
    """The groups in a network's own tokens; as they are for one that reads no text."""
    tokenizer = getattr(network, "tokenizer", None)
    if tokenizer is None:
        return groups
    ending = getattr(network, "ending", ())
    return [for_model(g, tokenizer, ending=ending) for g in groups]


def speaker(recipe: Recipe, networks: Mapping[str, Any]) -> Any:
    """The language model that a recipe trains."""
    return networks[next(role for role, m in recipe.models.items() if m.train and m.head == "lm")]


def preferred(groups: Sequence[Group], network: Any) -> Sequence[Group]:
    """The preferred answer of each judged group alone, in a network's own tokens."""
    return in_tokens([replace(g, responses=g.responses[:1], labels=g.labels[:1], target=None) for g in groups], network)


def within_context(
    groups: Sequence[Group], network: Any, *, instructions: Collection[str] = (), say: Callable[[str], None]
) -> Sequence[Group]:
    """The groups without those that a network cannot read to the end, which are counted and said.

    `instructions` are what it is also told before the prompts, one at a time.

    Raises:
        DataError: none is left.
    """
    if not network.context:
        return groups
    told = [[replace(g, prompt=instructed(g.prompt, text)) for g in groups] for text in instructions]
    read = zip(*(in_tokens(some, network) for some in (groups, *told)), strict=True)
    sizes = [
        max(len(g.prompt_ids_of(k)) + len(r.ids) for g in same for k, r in enumerate(g.responses)) for same in read
    ]
    long = [(g, size) for g, size in zip(groups, sizes, strict=True) if size > network.context]
    if long:
        group, size = long[0]
        what = (
            f"{len(long)} of {len(groups)} left out, longer than the {network.context} tokens that {network.name} "
            f"reads: the first, after {group.prompt.shown[:60]!r}, has {size} with its prompt."
        )
        if len(long) == len(groups):
            raise DataError(f"nothing is left to learn from: {what}")
        say(what)
    return [g for g, size in zip(groups, sizes, strict=True) if size <= network.context]
