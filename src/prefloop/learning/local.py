"""The learner in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..batch import Batch
from ..binding import Bound
from ..models.places import Comparison
from ..models.table import Table
from ..names import compared_role
from ..recipe import Model, Optimiser
from .following import Follower
from .learner import Loss
from .optimiser import MasterAdamW


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The trained weights after so many steps, by role, in the order of each network's parameters."""

    steps: int
    tensors: Mapping[str, Sequence[Tensor]]


class LocalLearner:
    """Trains the models of a plan on one machine.

    A batch within `settings.tokens` takes the direct way, one forward and one backward. A larger one goes in parts:
    all outputs are inferred without gradient, the loss is differentiated with respect to them, and that gradient is
    pushed through each part (GradCache, arXiv 2101.06983). Both give the same gradient, whatever the loss couples.
    """

    def __init__(
        self,
        networks: Mapping[str, Any],
        outputs: Mapping[str, tuple[str, ...]],
        settings: Optimiser,
        *,
        temperature: float = 1.0,
        compare: Sequence[Bound] = (),
        following: Mapping[str, Model] | None = None,
    ) -> None:
        """`networks` by role; `outputs` names what each is asked for (`Plan.outputs`).

        `compare` are the functions of the recipe that hold the policy's next-token distribution against frozen models'.
        `following` are the frozen models that follow a trained one, as the recipe declares them (`Plan.moving`).

        Raises:
            ModelError: a model cannot follow the other.
        """
        self.networks = {role: networks[role] for role in outputs}
        self.outputs, self.settings, self.temperature = dict(outputs), settings, temperature
        self.optimisers = {
            r: MasterAdamW(
                list(n.parameters()),
                settings,
                head=getattr(n, "new_head", list)(),
                rate=settings.tables if isinstance(n, Table) else None,
            )
            for r, n in self.networks.items()
        }
        self.compare = [(bound, _others(bound, networks)) for bound in compare]
        self.followers: dict[str, Follower] = {}
        for role, model in (following or {}).items():
            # two roles may be one model in memory, told different things: it moves once
            if model.follows and all(f.network is not networks[role] for f in self.followers.values()):
                leader, exact = networks[model.source], self.optimisers[model.source].exact()
                self.followers[role] = Follower(networks[role], leader, exact, model.follows, role=role)
        self.steps = 0

    def _outputs(self, batch: Batch) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for role, network in self.networks.items():
            want = self.outputs[role]
            if "logits" in want:
                plain = [name for name in want if name != "logits"]
                comparisons = self._comparisons(batch)
                found |= network.outputs(batch, plain, temperature=self.temperature, compare=comparisons)
            else:
                found |= network.outputs(batch, want, temperature=self.temperature)
        return found

    @torch.no_grad()
    def _comparisons(self, batch: Batch) -> list[Comparison]:
        return [
            Comparison(
                gives=bound.gives[0],
                function=bound,
                others={f"{role}_logits": other.places(batch.read_by(role)) for role, other in others.items()},
            )
            for bound, others in self.compare
        ]

    @torch.no_grad()
    def infer(self, batch: Batch) -> dict[str, Tensor]:
        """See `Learner.infer`."""
        parts = [self._outputs(batch.rows(a, b)) for a, b in batch.split(self.settings.tokens)]
        return {name: torch.cat([p[name] for p in parts]) for name in parts[0]}

    def push(self, batch: Batch, gradients: Mapping[str, Tensor]) -> None:
        """See `Learner.push`."""
        for a, b in batch.split(self.settings.tokens):
            given = {n: g[a:b] for n, g in gradients.items() if bool(g[a:b].any())}
            if given:
                outputs = self._outputs(batch.rows(a, b))
                moving = [n for n in given if outputs[n].requires_grad]  # a gate weighs channels that stay as they are
                if moving:
                    torch.autograd.backward([outputs[n] for n in moving], [given[n] for n in moving])

    def update(self, batch: Batch, loss: Loss) -> dict[str, Tensor]:
        """See `Learner.update`."""
        if len(list(batch.split(self.settings.tokens))) == 1:
            outputs = self._outputs(batch)
            loss(outputs).backward()  # type: ignore[no-untyped-call]
            return {n: o.detach() for n, o in outputs.items()}
        leaves = {n: o.requires_grad_() for n, o in self.infer(batch).items()}
        loss(leaves).backward()  # type: ignore[no-untyped-call]
        self.push(batch, {n: o.grad for n, o in leaves.items() if o.grad is not None})
        return {n: o.detach() for n, o in leaves.items()}

    @contextlib.contextmanager
    def ahead(self, rate: float) -> Iterator[None]:
        """See `Learner.ahead`."""
        for optimiser in self.optimisers.values():
            optimiser.lean(rate)
        try:
            yield
        finally:
            for optimiser in self.optimisers.values():
                optimiser.straighten()

    def step(self, lr: float) -> dict[str, float]:
        """See `Learner.step`."""
        norms = {role: optimiser.step(lr) for role, optimiser in self.optimisers.items()}
        for follower in self.followers.values():
            follower.after(self.steps + 1)
        self._after(self.steps + 1)
        return norms

    def _after(self, steps: int) -> None:
        self.steps = steps
        for network in (*self.networks.values(), *(f.network for f in self.followers.values())):
            network.version = f"{network.version.rpartition('@')[0]}@{steps}"

    def close(self) -> None:
        """Let go of the networks, so that another learner may train them."""
        for optimiser in self.optimisers.values():
            optimiser.close()

    def weights(self) -> Weights:
        """A copy of the trained weights as they are now."""
        kept = {r: [p.detach().to("cpu", copy=True) for p in n.parameters()] for r, n in self.networks.items()}
        return Weights(steps=self.steps, tensors=kept)

    def put_back(self, weights: Weights) -> None:
        """Return to weights that `weights` gave; what the optimiser remembers of its steps stays."""
        for role, optimiser in self.optimisers.items():
            optimiser.put_back(weights.tensors[role])
        self._after(weights.steps)

    def state(self) -> dict[str, Tensor]:
        """Everything a later `restore` needs, as named tensors."""
        return {f"{r}/{n}": t for r, held in self._kept().items() for n, t in held.state().items()}

    def _kept(self) -> dict[str, MasterAdamW | Follower]:
        """What has a state, by role."""
        return {**self.optimisers, **self.followers}

    def restore(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Go on from what `state` gave after `steps` steps."""
        for role, held in self._kept().items():
            held.restore({n.partition("/")[2]: t for n, t in tensors.items() if n.partition("/")[0] == role})
        self._after(steps)


def _others(bound: Bound, networks: Mapping[str, Any]) -> dict[str, Any]:
    """The frozen networks a function compares the policy with, by role."""
    return {role: networks[role] for name in bound.inputs if (role := compared_role(name)) is not None}
