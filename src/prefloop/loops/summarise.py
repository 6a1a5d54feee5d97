"""From a finished run to its summary: every figure of the report, worked out from what the run folder holds."""

from __future__ import annotations

import datetime
import math
import platform
import random
import resource
import statistics
import sys
from collections.abc import Sequence
from importlib.metadata import version

from ..evaluation import held_out as measured
from ..evaluation.held_out import Measured
from ..evaluation.summary import (
    Annotator,
    BestOf,
    Change,
    Costs,
    HeldOut,
    KLPoint,
    Point,
    Round,
    Sample,
    Side,
    Summary,
)
from ..feedback.agreement import agreement, habits
from ..feedback.kinds import preferred
from ..scoring.model import model_score
from ..statistics import Interval, best_of_n_kl, bootstrap_mean
from ..text import Answer, Question
from .budget import OVER
from .rounds import State, learnt_until, measured_in
from .seeds import seed_of
from .watch import Watch

Rows = Sequence[Sequence[float]]


def summarise(state: State, *, command: str) -> Summary:
    """Everything the report shows."""
    rounds, seed = state.rounds, state.rounds.seed
    history = [measured_in(state, n) for n in range(rounds.rounds + 1)]
    before, after = history[0], history[-1]
    rewards = [_rewards(state, m) for m in history]
    return Summary(
        title=rounds.title,
        task=rounds.task,
        method=rounds.policy.name,
        paper=rounds.policy.paper,
        model=rounds.policy.models["policy"].source,
        model_source=state.origin,
        people=_people(state),
        wait=rounds.wait.told if rounds.people == "browser" else "",
        gold_scale=rounds.gold_scale,
        seed=seed,
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        versions=_versions(),
        held_out=HeldOut(
            gold=None if before.gold is None or after.gold is None else _change(before.gold, after.gold, seed),
            win_rate=None if before.gold is None or after.gold is None else measured.wins(before.gold, after.gold),
            reward=_change(rewards[0], rewards[-1], seed),
            kl=measured.mean(after.kl, seed=seed),
            length=_change(before.lengths, after.lengths, seed),
        ),
        rounds=tuple(_round(state, n, history[n]) for n in range(1, rounds.rounds + 1)),
        annotators=_annotators(state),
        curves=_curves(state, history),
        over_kl=tuple(
            KLPoint(
                kl=measured.mean(m.kl, seed=seed).estimate,
                reward=measured.mean(r, seed=seed),
                gold=measured.mean(m.gold, seed=seed),
                round=n,
            )
            for n, (m, r) in enumerate(zip(history, rewards, strict=True))
            if m.gold is not None
        ),
        best_of=_best_of(before, rewards[0]),
        samples=_samples(before, after, rewards[0], rewards[-1], seed),
        warnings=tuple(_warnings(state, before, after, rewards)),
        costs=_costs(state),
        command=command,
        files={
            "policy/": "the aligned model, in Hugging Face format",
            "reward/": "the reward model, in Hugging Face format",
            "feedback.sqlite": "every question and answer, append-only",
            "metrics.jsonl": "every step's metrics",
            "recipe.yaml": "the whole run as a recipe: prefloop run recipe.yaml",
            "summary.json": "the figures of this page",
        },
    )


def _people(state: State) -> str:
    people = state.rounds.people
    if people == "terminal":
        return "the person at the keyboard"
    if people == "browser":
        who = sorted({a.who for a in state.store.answers()})
        return f"{'one person' if len(who) == 1 else f'{len(who)} people'} on the page: {', '.join(who)}"
    return people.told


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("prefloop", "torch", "transformers")}
    return {**packages, "python": platform.python_version()}


def _rewards(state: State, m: Measured) -> list[list[float]]:
    scores = model_score(m.groups, model=state.networks["reward"]).tolist()
    return [row[: len(g.responses)] for row, g in zip(scores, m.groups, strict=True)]


def _change(before: Rows, after: Rows, seed: int) -> Change:
    return Change(
        before=measured.mean(before, seed=seed),
        after=measured.mean(after, seed=seed),
        difference=measured.difference(before, after, seed=seed),
    )


def _round(state: State, number: int, after: Measured) -> Round:
    """The reward model on the held-out answers of its round, beside what the people and simple rules reach."""
    asked = {q.id: q for q in state.store.questions(split="held_out", round=number)}
    said = state.store.answers(split="held_out", rounds=(number,))
    answers = [a for a in said if a.question in asked and preferred(a.value) is not None]
    agreed, seed = agreement(asked.values(), answers, seed=state.rounds.seed), state.rounds.seed
    accuracy = longest = None
    if answers:
        picks = state.folder.kept(f"{number}-picks")
        accuracy = _right(answers, picks, seed)
        longest = _right(answers, {key: _longest(q) for key, q in asked.items()}, seed)
    until, labels = learnt_until(state, number), state.store.answers(rounds=(number,))
    then = {(a.question, a.who, a.revision) for a in state.store.answers(rounds=(number,), until=until)}
    return Round(
        number=number,
        labels=len(labels),
        learnt=len(state.store.choices(rounds=range(1, number + 1), until=until)),
        late=sum((a.question, a.who, a.revision) not in then for a in labels),
        accuracy=accuracy,
        agreement=agreed.raw if agreed else None,
        longest=longest,
        chance=agreed.chance if agreed else 1 / state.rounds.k,
        gold=None if after.gold is None else measured.mean(after.gold, seed=seed),
        kl=measured.mean(after.kl, seed=seed),
    )


def _right(answers: Sequence[Answer], picks: dict[str, int], seed: int) -> Interval:
    """Share of answers a rule agrees with, with a bootstrap over questions."""
    hits = [float(preferred(a.value) == picks[a.question]) for a in answers]
    return bootstrap_mean(hits, clusters=[a.question for a in answers], seed=seed)


def _longest(question: Question) -> int:
    words = [len(t.split()) for t in question.group.texts]
    return words.index(max(words))


def _annotators(state: State) -> tuple[Annotator, ...]:
    answers = state.store.answers()
    seconds = {who: [a.seconds for a in answers if a.who == who] for who in {a.who for a in answers}}
    return tuple(
        Annotator(
            name=h.who,
            answers=h.answers,
            agreement=h.with_others,
            first=h.first,
            longest=h.longest
            or Interval(estimate=float("nan"), low=float("nan"), high=float("nan"), n=0, method="none"),
            median_seconds=statistics.median(seconds[h.who]),
        )
        for h in habits(state.store.questions(), answers, seed=state.rounds.seed)
    )


def _curves(state: State, history: Sequence[Measured]) -> dict[str, tuple[Point, ...]]:
    """Learning curves, the steps of later rounds counted on."""
    curves: dict[str, list[Point]] = {}
    offset: dict[str, int] = {}
    shown = {"policy": ("reward", "gold", "kl", "entropy", "length"), "reward": ("loss",)}
    for row in state.folder.metrics():
        number, kind = row["stage"].split("/")
        for name in shown[kind]:
            if row.get(name) is not None:
                title = "reward_loss" if kind == "reward" else name
                step = offset.get(f"{kind}{int(number) - 1}", 0) + row["step"] + 1
                curves.setdefault(title, []).append(Point(step=step, value=row[name], round=int(number)))
                offset[f"{kind}{number}"] = max(offset.get(f"{kind}{number}", 0), int(step))
    return {name: tuple(points) for name, points in curves.items()}


def _best_of(before: Measured, rewards: Rows) -> tuple[BestOf, ...]:
    """The reference's best of n by the reward model: exact over all subsets of its K held-out answers.

    The answer of rank i (from the worst, 1 to K) is the best of a random n with probability C(i-1, n-1) / C(K, n).
    """
    if before.gold is None:
        return ()
    found = []
    for n in (1, 2, 4):
        rows = [(r, g) for r, g in zip(rewards, before.gold, strict=True) if len(r) >= n]
        if rows:
            proxy = [_expected_best(r, r, n) for r, _ in rows]
            gold = [_expected_best(r, g, n) for r, g in rows]
            found.append(BestOf(n=n, kl=best_of_n_kl(n), reward=statistics.fmean(proxy), gold=statistics.fmean(gold)))
    return tuple(found)


def _expected_best(rank_by: Sequence[float], value: Sequence[float], n: int) -> float:
    ordered = [v for _, v in sorted(zip(rank_by, value, strict=True), key=lambda pair: pair[0])]
    total = math.comb(len(ordered), n)
    return sum(math.comb(i, n - 1) / total * v for i, v in enumerate(ordered))


def _samples(before: Measured, after: Measured, r0: Rows, r1: Rows, seed: int) -> tuple[Sample, ...]:
    """Ten prompts drawn with the run's seed, with the first answer of each model."""
    drawn = random.Random(seed_of(seed, "shown")).sample(range(len(before.groups)), min(10, len(before.groups)))

    def side(m: Measured, rewards: Rows, p: int) -> Side:
        first = m.groups[p].responses[0]
        gold = None if m.gold is None else m.gold[p][0]
        return Side(text=first.text, length=len(first.ids), gold=gold, reward=rewards[p][0])

    return tuple(
        Sample(prompt=before.groups[p].prompt.shown, before=side(before, r0, p), after=side(after, r1, p))
        for p in drawn
    )


def _warnings(state: State, before: Measured, after: Measured, rewards: Sequence[Rows]) -> list[str]:
    """What a careful reader should be told."""
    found, seed = [], state.rounds.seed
    if before.gold is None or after.gold is None:
        found.append(
            "Nobody knows the true taste of who answered, so the gain is not measured: only the reward model judges."
        )
    else:
        gain = measured.difference(before.gold, after.gold, seed=seed)
        proxy = measured.difference(rewards[0], rewards[-1], seed=seed)
        if gain.low <= 0:
            found.append(f"The interval of the gold gain, {gain}, includes 0: no gain can be claimed.")
            if proxy.low > 0:
                found.append(
                    "The reward model's score rose while the gold score did not: the policy may have learnt to please "
                    "the reward model only. Ask about the new answers, or raise the KL weight."
                )
    texts = [t.strip() for g in after.groups for t in g.texts]
    repeated = 1 - len(set(texts)) / len(texts)
    if repeated > 0.1:
        found.append(f"{repeated:.0%} of the aligned model's held-out answers repeat another word for word.")
    steps = [m for m in state.folder.metrics() if m["stage"].endswith("/policy")]
    skipped = sum(m.get("skipped") or 0 for m in state.folder.metrics())
    if skipped:
        found.append(f"{skipped:.0f} steps were not taken because a gradient was not finite: lower the learning rate.")
    watch = Watch(state.rounds.policy, found.append, prompts=state.prompts.train)
    for m in steps:
        watch.look({name: value for name, value in m.items() if isinstance(value, (int, float))})
        if m.get(OVER):
            found.append(
                f"Round {m['stage'].partition('/')[0]} stopped learning at step {m['step']}, with the weights of an "
                f"earlier one: its KL of {m['kl']:.2f} nats per response was beyond the budget of "
                f"{state.rounds.policy.kl_budget:g}."
            )
    return found


def _costs(state: State) -> Costs:
    answers, stages = state.store.answers(), state.folder.stages
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    steps = state.folder.metrics()
    return Costs(
        labels=len(answers),
        people_seconds=sum(a.seconds for a in answers),
        stages={f"round {name.replace('/', ', ')}": facts["seconds"] for name, facts in stages.items()},
        tokens_sampled=int(sum(f.get("tokens_sampled", 0) for f in stages.values()))
        + int(sum(m.get("tokens_sampled", 0) for m in steps)),
        tokens_trained=int(sum(m["tokens"] for m in steps)),
        peak_memory_bytes=peak,
    )
