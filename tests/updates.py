"""One update of any method on decoders small enough to be made on the fly, in float64, and its gradient."""

import contextlib
import inspect
from dataclasses import replace
from functools import cache

import torch

import tiny
from prefloop.dials import After
from prefloop.learning.local import LocalLearner
from prefloop.learning.update import Dials, derived, loss, with_frozen
from prefloop.models.beside import Gate
from prefloop.models.decoder import Decoder
from prefloop.models.members import Members, add_members
from prefloop.models.table import Table
from prefloop.ops import present
from prefloop.planning import plan
from prefloop.recipe_models import TABLES
from prefloop.shaping.channels import weighted_spans, worst_group
from prefloop.shaping.references import drawn_baseline
from prefloop.shaping.spread import spread_reward

LISTS, PAIRS = [[5, 1, 0, 8], [11, 3, 0, 1], [2, 3, 7, 4], [6, 6, 2, 9]], [[5, 8], [3, 11], [7, 4], [1, 2]]
"""Tokens of each answer; 0 where it is missing."""
TRUNKS = (9, 3, 14, 5)
"""Tokens of each prompt."""

SHARED = {
    "token": lambda mask: mask.sum(),
    "response": lambda mask: present(mask).sum(),
    "constant": lambda mask: present(mask).sum(),
    "prompt": lambda mask: present(mask).any(1).sum(),
}
"""How many there are of what a loss is divided by."""


def decoder(role, head, seed, dtype=torch.float64, degrees=None, channels=(), adapter=None, gate=None):
    """A random decoder with this head, and small ones that tell so many degrees apart, or weigh channels.

    Or a table of these channels.
    """
    if head in TABLES:
        table = Table(channels, apart=head == "traits").to(dtype)
        table.know(["ada", "ben"])
        return table
    if adapter is not None and adapter.members > 1:
        stock = add_members(tiny.network("llama", head=head, dtype=dtype, seed=seed), adapter, apart=True)
        with torch.no_grad():
            for name, p in stock.named_parameters():
                if "lora_" in name:
                    p.add_(torch.randn(p.shape) / 10)
        return Members(stock.to(dtype), tiny.tokenizer(), channels=channels, train=True, name=role)
    model = tiny.network("llama", head=head, dtype=dtype, seed=seed, labels=len(channels) or 1)
    model.config.prefloop_channels = list(channels)
    beside = torch.nn.Linear(model.config.hidden_size, degrees, dtype=dtype) if degrees else None
    weighing = None
    if gate:
        model.requires_grad_(False)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            weighing = Gate(hidden=model.config.hidden_size, width=gate, channels=len(channels)).to(dtype)
            torch.nn.init.normal_(weighing.last.weight)
    return Decoder(model, tiny.tokenizer(), head=head, name=role, degree_head=beside, gate=weighing)


lasting = cache(decoder)
"""The same, made once: for tests that leave its weights as they are."""


def networks(recipe, of=decoder):
    """A decoder for every role that is trained or asked for log-probabilities."""
    needs = plan(recipe)
    roles = (*needs.outputs, *needs.frozen, *needs.beside)
    declared = [(seed, r, model) for seed, (r, model) in enumerate(recipe.models.items()) if r in roles]
    several = {
        seed: {"channels": model.channels, "adapter": model.adapter, "gate": model.gate} if model.channels else {}
        for seed, _, model in declared
    }
    return {r: of(r, model.head, seed, degrees=model.degrees, **several[seed]) for seed, r, model in declared}


def voted(recipe):
    """Whether several reward models pay it."""
    scorer = recipe.score.get("reward")
    return scorer is not None and isinstance(scorer.knobs.get("model"), tuple)


def make(recipe):
    """Prompts and answers of several lengths with holes, an answer missing where there may be one, and all opinions."""
    needs = plan(recipe)
    of_pairs = all(bound.pairwise for bound in recipe.select)
    pairs = needs.pairwise and of_pairs and not recipe.draws and not needs.degrees
    batch = tiny.batch(TRUNKS, PAIRS if pairs else LISTS, seed=3)
    source, width = torch.Generator().manual_seed(4), batch.lengths.shape[1]
    reward = torch.randn(batch.lengths.shape, generator=source, dtype=torch.float64)
    likelier = reward.abs()[..., None].expand(batch["ids"].shape)
    of_groups = any(b.function is worst_group for b in recipe.derive)
    members = max(len(m.channels) for m in recipe.models.values())
    channels = next((b.knobs["weights"] for b in recipe.derive if b.function in (weighted_spans, spread_reward)), ())
    paid = torch.randn(*likelier.shape, *([len(channels)] if channels else []), generator=source, dtype=torch.float64)
    several = [reward, -reward] if of_groups else [reward, reward.flip(1), reward.abs()] if voted(recipe) else []
    given = {**batch.tensors, **said_of(batch, source)}
    return replace(batch, tensors=given).having(
        reward=torch.stack(several, -1) if several else reward,
        **({"token_reward": paid} if "token_reward" in recipe.score else {}),
        baseline=reward.mean(1),
        label=torch.tensor([2.0, 0.0, 1.0, 2.0], dtype=torch.float64)[:width].expand(len(batch), width),
        target=torch.rand(len(batch), generator=source, dtype=torch.float64),
        tied=torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=torch.float64),
        who=torch.tensor([1, 2, 2, 0]),
        resampled=torch.randint(0, 3, (len(batch), max(members, 1)), generator=source).double(),
        liked_share=torch.full((len(batch),), 0.6, dtype=torch.float64),
        chance=torch.rand(batch.lengths.shape, generator=source, dtype=torch.float64),
        prior=reward.double() - 2.0,
        degree=torch.where(batch.lengths > 0, torch.tensor([0, -1, 1, 2])[:width], -1),
        calibrated=torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)[:width].expand(len(batch), width),
        mismatched_logp=likelier,
        ref_mismatched_logp=torch.zeros_like(likelier),
    )


def said_of(batch, source):
    """Ratings of some attributes of some answers, and judgements of some of the chosen tokens."""
    there = (batch.lengths > 0)[..., None] & (torch.rand(*batch.lengths.shape, 5, generator=source) < 0.7)
    aspect = torch.randn(there.shape, generator=source, dtype=torch.float64)
    chosen = batch["mask"].bool() & (torch.rand(batch["mask"].shape, generator=source) < 0.6)
    label = torch.randint(0, 3, chosen.shape, generator=source).double() / 2
    return {"aspect": torch.where(there, aspect, torch.nan), "token_label": torch.where(chosen, label, torch.nan)}


def learner_for(recipe, models, tokens):
    settings = replace(recipe.optimiser, tokens=tokens)
    return LocalLearner(models, plan(recipe).outputs, settings, compare=recipe.compare)


def selected(recipe, batch):
    """What the recipe's selections let go on."""
    for select in recipe.select:
        batch = batch.selected(select(batch.tensors))
    return batch


def awake(recipe):
    """The recipe with the terms that wait for their turn at their weights."""
    terms = (replace(t, weight=t.weight.value) if isinstance(t.weight, After) else t for t in recipe.objective)
    return replace(recipe, objective=tuple(terms))


def gradients(recipe, batch, tokens=10**6):
    """The gradient of every trained weight, by role and name, with this many tokens in a pass."""
    recipe = awake(recipe)
    models, dials = networks(recipe, lasting), Dials(recipe)
    batch = with_frozen(selected(recipe, batch), plan(recipe), models, tokens=tokens, temperature=1.0)
    with contextlib.closing(learner_for(recipe, models, tokens)) as learner:
        tensors = derived(recipe, batch, learner.infer(batch), dials)
        learner.update(batch, lambda outputs: loss(recipe, outputs, tensors, dials))
    trained = {f"{r}/{n}": p for r in learner.networks for n, p in enumerate(models[r].parameters())}
    found = {name: p.grad for name, p in trained.items()}
    for p in trained.values():
        p.grad = None
    return found


def shares(recipe, batch):
    """How much of the whole each prompt is, by what the recipe's terms are averaged over."""
    counts = {SHARED[averaged_over(term)] for term in recipe.objective}
    [count] = counts
    held = selected(recipe, batch)
    compared = any(bound.function is drawn_baseline for bound in recipe.derive)
    mask = held.keep(held["calibrated"] == 0)["mask"] if compared else held["mask"]
    return [float(count(row) / count(mask)) for row in mask.split(1)]


def averaged_over(term):
    """The axis a term is averaged over: the finest of what its objective returns, unless the term names another."""
    shape = inspect.signature(term.objective.function).return_annotation.dim_str.split()
    return term.per or ("prompt", "response", "token")[len(shape) - 1]


def furthest(got, want):
    """How far two gradients are apart at most, in units of the largest element of each weight's."""
    assert got.keys() == want.keys()
    assert all(bool(g.count_nonzero()) for g in want.values())
    return max(float((got[n] - g).abs().max() / g.abs().max()) for n, g in want.items())
