"""What is watched during a run: plain functions of named tensors, one number each.

A metric is computed whenever everything its signature names is there. None of them carries a gradient.
"""

from collections.abc import Mapping

from jaxtyping import Float, Int, Num
from torch import Tensor

from .binding import Bound, among_siblings, bind
from .ops import present, tsum
from .select import varied


def _mean(x: Tensor, where: Tensor) -> float:
    return float(x[where.bool()].mean()) if bool(where.any()) else float("nan")


def reward(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> float:
    """Mean reward of a response, before any penalty."""
    return _mean(reward, present(mask))


def paid(token_reward: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> float:
    """Mean of what a response was paid in all its tokens, with every penalty."""
    return _mean(tsum(token_reward, mask), present(mask))


def kl(old_logp: Float[Tensor, "P K T"], ref_logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> float:
    """KL(policy || reference) in nats per response: the mean of sum_t (old_logp - ref_logp), unbiased."""
    return _mean(tsum(old_logp - ref_logp, mask), present(mask))


def entropy(entropy: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> float:
    """Mean entropy of the next-token distribution, in nats per token."""
    return _mean(entropy, mask)


def length(mask: Num[Tensor, "P K T"]) -> float:
    """Mean number of tokens of a response."""
    return _mean(mask.float().sum(-1), present(mask))


def sampler_gap(
    old_logp: Float[Tensor, "P K T"], sampled_logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]
) -> float:
    """Mean absolute difference between the trainer's and the sampler's log-probability of a token, in nats."""
    return _mean((old_logp - sampled_logp).abs(), mask)


def idle_groups(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> float:
    """Share of groups whose rewards are all equal: a method that compares within groups learns nothing of them."""
    return float(1 - varied(reward, mask).any(-1).float().mean())


def effective_share(
    logp: Float[Tensor, "P K T"], sampled_logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]
) -> float:
    """Share of tokens that count in effect, each weighed by how much likelier the policy finds it than its sampler did.

    The normalised effective sample size (sum w)^2 / (n sum w^2): 1 where all samples are the policy's own of now.
    """
    weight = (logp - sampled_logp).detach()[mask.bool()].exp()
    return float(weight.sum().square() / (len(weight) * weight.square().sum()))


def ratio_far(logp: Float[Tensor, "P K T"], old_logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> float:
    """Share of tokens whose probability moved by more than a fifth since the update began."""
    return _mean(((logp - old_logp).exp() - 1).abs().gt(0.2).float(), mask)


@among_siblings
def accuracy(score: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> float:
    """Share of judged groups whose preferred response (index 0) the reward model puts first; nan of single ones."""
    if score.shape[1] < 2:
        return float("nan")
    others = score.masked_fill(~present(mask), float("-inf"))[:, 1:].amax(-1)
    return float((score[:, 0] > others).float().mean())


def preferred(old_logp: Float[Tensor, "P 2 T"], ref_logp: Float[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"]) -> float:
    """Share of pairs whose preferred answer (index 0) gained more log-probability over the reference than the other."""
    gained = tsum(old_logp - ref_logp, mask)
    return float((gained[:, 0] > gained[:, 1]).float().mean())


def preferred_gained(
    old_logp: Float[Tensor, "P 2 T"], ref_logp: Float[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"]
) -> float:
    """Log-probability the preferred answers gained over the reference, in nats; below 0 they are pushed away too."""
    return float(tsum(old_logp - ref_logp, mask)[:, 0].mean())


def liked_gained(
    old_logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
) -> float:
    """Log-probability the answers people liked gained over the reference, in nats; of nothing liked, nan."""
    return _mean(tsum(old_logp - ref_logp, mask), present(mask) & (label > 0))


def disliked_gained(
    old_logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
) -> float:
    """Log-probability the answers people did not like gained over the reference, in nats."""
    return _mean(tsum(old_logp - ref_logp, mask), present(mask) & (label <= 0))


def degrees_told(degree_logits: Float[Tensor, "P K D"], degree: Int[Tensor, "P K"]) -> float:
    """Share of the answers with a degree of which the policy tells the right one."""
    return _mean((degree_logits.argmax(-1) == degree).float(), degree >= 0)


def unexplained(value: Float[Tensor, "P K T"], returns: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> float:
    """Share of the variance of the returns that the critic does not explain; above 1 it is worse than a constant."""
    chosen = mask.bool()
    spread = returns[chosen].var(correction=0)
    return float((returns - value)[chosen].var(correction=0) / spread.clamp(min=1e-8))


OWN: tuple[Bound, ...] = tuple(bind(f) for f in (reward, paid, kl, entropy, length, sampler_gap, effective_share))
"""What is said of a policy by its own samples, and by no others that were drawn beside them."""

COMPARED: tuple[Bound, ...] = tuple(bind(f) for f in (idle_groups, unexplained))
"""What makes sense of all samples that are learnt from."""

JUDGED: tuple[Bound, ...] = tuple(
    bind(f) for f in (accuracy, preferred, preferred_gained, liked_gained, disliked_gained, degrees_told)
)
"""What makes sense of judged answers, whoever wrote them."""

ANY: tuple[Bound, ...] = (bind(ratio_far),)


def measure(tensors: Mapping[str, Tensor]) -> dict[str, float]:
    """Every metric whose tensors are all there, by name; only own samples have a `sampled_logp`.

    Answers that are labelled one by one are not pairs, also where there are two to a prompt, and one alone comes before
    nothing.
    """
    several = tensors["mask"].shape[1] > 1
    paired = tensors["mask"].shape[1] == 2 and "label" not in tensors
    found: dict[str, float] = {}
    if "sampled_logp" in tensors:
        mask = tensors["mask"]
        beside = tensors.get("calibrated", mask.new_zeros(mask.shape[:2]))
        own = {**tensors, "mask": mask * (1 - beside.to(mask)).unsqueeze(-1)}
        found |= {m.name: m(own) for m in OWN if all(n in own for n in m.inputs)}
    fitting = (*(COMPARED if "sampled_logp" in tensors else JUDGED), *ANY)
    fitting = tuple(m for m in fitting if (paired or not m.pairwise) and (several or not m.among_siblings))
    return found | {m.name: m(tensors) for m in fitting if all(n in tensors for n in m.inputs)}
