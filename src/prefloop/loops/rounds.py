"""The whole loop: sample, choose what to ask, ask, fit a reward model, optimise against it, measure; again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from ..errors import DataError, RunError
from ..evaluation.held_out import Gold, Measured, measure_policy
from ..feedback.choose import at_random, least_certain
from ..feedback.hierarchy import HierarchicalComparator
from ..feedback.people import Pool
from ..feedback.sources import Hire, Source, chance
from ..feedback.store import Store
from ..feedback.waiting import Wait
from ..learning import checkpoint
from ..models.allocator import give_back
from ..models.encode import must_fit
from ..models.load import save
from ..planning import plan
from ..prompts import OPENINGS, Prompts, load_prompts
from ..recipe import Decoding, Model, Recipe
from ..sampling.best import BestOf
from ..sampling.generator import Generator, Sampler
from ..sampling.local import LocalGenerator
from ..scoring.model import model_score, normalise
from ..scoring.scorer import score
from ..statistics import best_of_n_kl
from ..text import Answer, Group, Kind, Question, storable
from .networks import bring, load_networks
from .optimise import optimise
from .progress import Progress
from .run_folder import RunFolder
from .seeds import order, seed_of

Choose = Callable[..., list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """The whole loop as a value.

    policy: the method that aligns the model; a recipe without `sample` learns from the people's pairs directly.
    reward: the recipe that fits the reward model to the answers of all rounds so far.
    people: simulated people, a hierarchy of measures in their place, "terminal" for the person at the keyboard, or
    "browser" for people on a page. wait: when a round learns, where people answer in their own time. gold: the people's
    true taste where it is known, for measuring only; nothing that learns ever reads it.
    candidates: prompts answered in each round, of which `questions` are asked about, `comparisons` of them as pairs of
    answers and the others as a choice among all. choose: how, once there is a reward model; at random before.
    held_out: prompts measured on; `judged` of them are also put to all the people in every round.
    """

    title: str
    task: str
    policy: Recipe
    reward: Recipe
    people: Pool | HierarchicalComparator | Literal["terminal", "browser"]
    wait: Wait = field(default_factory=Wait)
    gold: Gold | None = None
    gold_scale: str = ""
    prompts: str = OPENINGS
    rounds: int = 2
    candidates: int = 180
    questions: int = 150
    comparisons: float = 0.25
    choose: Choose = least_certain
    held_out: int = 100
    judged: int = 40
    k: int = 4
    decoding: Decoding = field(default_factory=lambda: Decoding(max_tokens=24))
    seed: int = 0


@dataclass(slots=True)
class State:
    """What is in memory during a run."""

    rounds: Rounds
    folder: RunFolder
    store: Store
    prompts: Prompts
    people: Source
    progress: Progress
    networks: dict[str, Any]
    start: Any
    """The model as it was before the run, to measure against."""
    generator: Generator
    origin: str

    @property
    def gold(self) -> Gold | None:
        """The people's true taste, where it is known."""
        return self.rounds.gold


def run_rounds(
    rounds: Rounds,
    folder: RunFolder,
    *,
    people: Source | Hire,
    progress: Progress,
    sampler: Sampler = LocalGenerator,
) -> State:
    """Run the loop, or go on with it; every stage that the folder lists as done is taken from there."""
    state = _begin(rounds, folder, people, progress, sampler)
    if not folder.done("0/measure"):
        _measure(state, 0)
    for number in range(1, rounds.rounds + 1):
        for name, stage in STAGES.items():
            if not folder.done(f"{number}/{name}"):
                stage(state, number)
            elif name in _WEIGHTS:
                _reload(state, number, name)
    return state


def _begin(rounds: Rounds, folder: RunFolder, people: Source | Hire, progress: Progress, sampler: Sampler) -> State:
    if rounds.policy.sample is not None and rounds.policy.objective and rounds.policy.steps is None:
        raise RunError(f"`{rounds.policy.name}` samples without end: give it `steps`.")
    needs, fitted = plan(rounds.policy), plan(rounds.reward)  # refuses a bad recipe before anything is loaded
    prompts = load_prompts(rounds.prompts)
    if len(prompts.held_out) < rounds.held_out or len(prompts.train) < rounds.candidates:
        raise DataError(
            f"the run wants {rounds.candidates} prompts a round and {rounds.held_out} held out, and {rounds.prompts} "
            f"has {len(prompts.train)} and {len(prompts.held_out)}: lower `candidates` or `held_out`, or add prompts."
        )
    (policy, reward), found = bring(rounds.policy, rounds.reward, say=progress.say)
    origin = found[rounds.policy.models["policy"].source].origin
    progress.say(f"model: {origin}")
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(rounds.seed, "new heads"))
        networks = load_networks(reward, fitted, say=progress.say)
        networks |= load_networks(policy, needs, given=networks, say=progress.say)
        if "policy" not in networks:
            networks |= load_networks(policy, replace(needs, scorers=("policy",)), given=networks)
        start = networks["ref"] if "ref" in networks and "ref" not in needs.moving else _start(policy, networks)
    longest = max(d.max_tokens for d in (rounds.decoding, *(s.decoding for s in (rounds.policy.sample,) if s)))
    asked, told = (*prompts.train, *prompts.held_out), needs.instructions.values()
    must_fit(asked, networks["policy"], answer=longest, instructions=told)
    store = Store.open(folder.path / "feedback.sqlite")
    return State(
        rounds=rounds,
        folder=folder,
        store=store,
        prompts=prompts,
        people=people(store) if callable(people) else people,
        progress=progress,
        networks=networks,
        start=start,
        generator=sampler(networks["policy"]),
        origin=origin,
    )


def _start(recipe: Recipe, networks: dict[str, Any]) -> Any:
    """The model as it was before the run, to measure against; the policy itself where nothing trains it."""
    if not recipe.models["policy"].train:
        return networks["policy"]
    with_ref = replace(recipe, models={**recipe.models, "ref": Model(source="policy")})
    needs = replace(plan(recipe), outputs={}, frozen=("ref",), beside=(), scorers=())
    return load_networks(with_ref, needs, given={"policy": networks["policy"]})["ref"]


def _ask(state: State, number: int) -> None:
    """Sample, choose, put the questions, and wait for the answers."""
    folder = state.folder
    if not folder.done(f"{number}/sample"):
        with folder.stage(f"{number}/sample") as facts:
            questions = [*_training_questions(state, number, facts), *_held_out_questions(state, number)]
            state.store.add_questions([replace(q, group=_storable(q.group)) for q in questions])
    answered = {a.question for a in state.store.answers(rounds=(number,))}
    open_questions = [q for q in state.store.questions(round=number) if q.id not in answered]
    title = f"round {number}: ask"
    with folder.stage(f"{number}/ask") as facts, state.progress.stage(title, len(open_questions)) as bar:

        def record(answers: Sequence[Answer]) -> None:
            state.store.add_answers(answers)
            bar.advance(1)

        state.people.ask(open_questions, record)
        facts["answers"] = len(state.store.answers(rounds=(number,)))
        facts["until"] = state.store.last()  # the round learns from these; what is said later is for the next
        if not state.store.choices(rounds=range(1, number + 1)):
            raise DataError(
                "nobody has answered a question yet, and there is nothing to learn from: resume and answer."
            )


def _training_questions(state: State, number: int, facts: dict[str, float]) -> list[Question]:
    rounds = state.rounds
    index = order(len(state.prompts.train), rounds.seed, "candidates", number)[: rounds.candidates]
    prompts = [state.prompts.train[i] for i in index]
    decoding = rounds.decoding
    with state.progress.stage(f"round {number}: sample", len(prompts) * rounds.k * decoding.max_tokens) as bar:
        groups = state.generator.sample(
            prompts, k=rounds.k, decoding=decoding, seed=seed_of(rounds.seed, "ask", number), progress=bar.advance
        )
    facts["tokens_sampled"] = sum(len(r.ids) for g in groups for r in g.responses)
    choose, scores = at_random, None
    if number > 1:
        rewards = model_score(groups, model=state.networks["reward"])
        choose, scores = rounds.choose, [tuple(row) for row in rewards.tolist()]
    chosen = choose(groups, scores, n=rounds.questions, seed=seed_of(rounds.seed, "choose", number))
    pairs = round(rounds.comparisons * len(chosen))
    return [
        Question(
            id=f"r{number}-{i}",
            kind=kind,
            group=_cut(groups[g], kind, f"r{number}-{i}"),
            why=choose.__name__,
            round=number,
        )
        for i, g in enumerate(chosen)
        for kind in (_kind(groups[g], i < pairs),)
    ]


def _storable(group: Group) -> Group:
    """The group with texts that every store and page can hold; the tokens stay those that were sampled."""
    return replace(group, responses=tuple(replace(r, text=storable(r.text)) for r in group.responses))


def _kind(group: Group, pair: bool) -> Kind:
    return "comparison" if pair or len(group.responses) == 2 else "choice"


def _cut(group: Group, kind: Kind, key: str) -> Group:
    """Two responses of the group, drawn at random among those that differ, for a comparison."""
    if kind == "choice" or len(group.responses) == 2:
        return group
    different = [(a, b) for i, a in enumerate(group.responses) for b in group.responses[i + 1 :] if a.text != b.text]
    return replace(group, responses=chance("pair", key).choice(different))


def _held_out_questions(state: State, number: int) -> list[Question]:
    """The answers of the policy as it is now to some held-out prompts, for everybody."""
    if state.rounds.people == "terminal":
        return []
    measured = measured_in(state, number - 1)
    return [
        Question(id=f"h{number}-{i}", kind="choice", group=g, why="measure", round=number, split="held_out")
        for i, g in enumerate(measured.groups[: state.rounds.judged])
        if len(set(g.texts)) > 1
    ]


def _reward(state: State, number: int) -> None:
    """Fit the reward model to every answer so far, and normalise it on the reference model's samples."""
    rounds, model = state.rounds, state.networks["reward"]
    recipe = replace(rounds.reward, seed=seed_of(rounds.seed, "reward", number))
    with state.folder.stage(f"{number}/reward"):
        optimise(
            recipe,
            networks=state.networks,
            judged=_judged(state, recipe, number),
            on_step=lambda step, metrics, _: state.folder.record(f"{number}/reward", step, metrics),
            progress=state.progress,
            folder=state.folder.state / "unfinished",
            title=f"round {number}: reward model",
        )
        plain = [q.group for q in state.store.questions(split="train", round=1)]
        facts = normalise(model, plain)
        asked = state.store.questions(split="held_out", round=number)
        if asked:
            best = model_score([q.group for q in asked], model=model).argmax(-1)
            state.folder.keep(f"{number}-picks", {q.id: int(i) for q, i in zip(asked, best, strict=True)})
        checkpoint.write(state.folder.state / f"{number}-reward", checkpoint.trained_weights(model), facts)
        _forget(state)


def _judged(state: State, recipe: Recipe, number: int) -> list[Group]:
    """The answers of all rounds so far, as the recipe takes them and as they stood when the round's wait was over."""
    view = state.store.pairs if plan(recipe).pairwise else state.store.choices
    return [j.group for j in view(rounds=range(1, number + 1), until=learnt_until(state, number))]


def learnt_until(state: State, number: int) -> int | None:
    """The last event of the log that a round learnt from, so that a resumed run learns from the same."""
    until = state.folder.stages[f"{number}/ask"].get("until")
    return None if until is None else int(until)


def _policy(state: State, number: int) -> None:
    """Optimise the policy against the reward model, or on the pairs directly."""
    rounds, policy = state.rounds, state.networks["policy"]
    recipe = replace(rounds.policy, seed=seed_of(rounds.seed, "policy", number))
    with state.folder.stage(f"{number}/policy"):
        if recipe.objective:
            policy.version = f"policy-{number}@0"  # each round counts its steps from 0

            def watch(step: int, metrics: dict[str, float], groups: Sequence[Group]) -> None:
                if state.gold is not None and recipe.sample is not None:
                    values = [state.gold(g.prompt.shown, t) for g in groups for t in g.texts]
                    metrics["gold"] = sum(values) / len(values)
                state.folder.record(f"{number}/policy", step, metrics)

            optimise(
                recipe,
                networks=state.networks,
                generator=state.generator,
                prompts=state.prompts.train,
                judged=_judged(state, recipe, number),
                on_step=watch,
                progress=state.progress,
                folder=state.folder.state / "unfinished",
                title=f"round {number}: {recipe.name}",
            )
            weights = checkpoint.trained_weights(policy)
            checkpoint.write(state.folder.state / f"{number}-policy", weights, {"version": policy.version})
        _forget(state)


def _measure(state: State, number: int) -> None:
    """Answer the held-out prompts; round 0 is the model before the run."""
    rounds = state.rounds
    prompts, decoding = state.prompts.held_out[: rounds.held_out], rounds.decoding
    generator = _deployed(state) if number else state.generator
    with (
        state.folder.stage(f"{number}/measure") as facts,
        state.progress.stage(f"round {number}: measure", len(prompts) * rounds.k * decoding.max_tokens) as bar,
    ):
        measured = measure_policy(
            generator,
            state.networks["policy"],
            state.start if number else state.networks["policy"],
            prompts,
            k=rounds.k,
            decoding=decoding,
            gold=state.gold,
            seed=seed_of(rounds.seed, "measure"),
            added_kl=best_of_n_kl(generator.n) if isinstance(generator, BestOf) else 0.0,
            progress=bar.advance,
        )
        facts["tokens_sampled"] = sum(map(sum, measured.lengths))
        state.folder.keep(f"{number}-measured", measured.to_json())


def _deployed(state: State) -> Generator:
    """What a user of the result would sample from: the policy, or the best of its answers where nothing was trained."""
    recipe = state.rounds.policy
    if recipe.objective or recipe.sample is None:
        return state.generator
    reward, how = recipe.score["reward"], replace(recipe.scoring, failed="stop")
    return BestOf(
        generator=state.generator, n=recipe.sample.k, score=lambda groups: score(reward, groups, state.networks, how)
    )


def measured_in(state: State, number: int) -> Measured:
    """The held-out answers after a round; round 0 is the model before the run."""
    return Measured.from_json(state.folder.kept(f"{number}-measured"))


STAGES: dict[str, Callable[[State, int], None]] = {
    "ask": _ask,
    "reward": _reward,
    "policy": _policy,
    "measure": _measure,
}
_WEIGHTS = ("reward", "policy")


def _reload(state: State, number: int, name: str) -> None:
    """The weights a finished stage left."""
    found = checkpoint.read(state.folder.state / f"{number}-{name}")
    if found is None:
        if name == "policy" and not state.rounds.policy.objective:
            return
        raise RunError(
            f"{state.folder.state} lists round {number}'s {name} as done and has not its weights: start anew."
        )
    tensors, facts = found
    checkpoint.load_weights(state.networks[name], tensors)
    if name == "reward":
        state.networks[name].base.config.prefloop_normalisation = facts
    else:
        state.networks[name].version = facts["version"]


def _forget(state: State) -> None:
    """Drop the state of a stage that is finished, and its memory."""
    shutil.rmtree(state.folder.state / "unfinished", ignore_errors=True)
    give_back()


def save_models(state: State) -> None:
    """The policy and the reward model in Hugging Face format, into the run folder."""
    save(state.networks["policy"], state.folder.path / "policy")
    save(state.networks["reward"], state.folder.path / "reward")
