"""Credit: from what was paid to the advantage of each choice, to what it is held against, or to what of it counts.

Pure functions that say what they give.
"""

from difflib import SequenceMatcher
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from .binding import among_siblings, gives
from .errors import RecipeError
from .ops import present, tsum

Deviation = Literal["population", "sample"]


@gives("advantage", "returns")
def gae(
    token_reward: Float[Tensor, "P K T"],
    old_value: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
) -> tuple[Float[Tensor, "P K T"], Float[Tensor, "P K T"]]:
    """Generalised advantage estimation, and the returns the critic learns from.

        delta_t     = token_reward_t + gamma old_value_{t+1} - old_value_t
        advantage_t = sum_l (gamma lam)^l delta_{t+l}
        returns_t   = advantage_t + old_value_t

    Schulman et al. 2015 (arXiv 1506.02438), equation 16, without whitening. `t + 1` is the next token that the model
    chose: holes in the mask are stepped over, and rewards lying in them are not seen. The response ends after its last
    chosen token, where the value is 0, also when it was cut for length. Both are 0 at tokens the model did not choose.

    >>> import torch
    >>> paid, old_value = torch.tensor([[[0.0, 9.0, 1.0]]]), torch.tensor([[[0.5, 9.0, 0.5]]])
    >>> gae(paid, old_value, torch.tensor([[[1, 0, 1]]]), lam=0.5)
    (tensor([[[0.2500, 0.0000, 0.5000]]]), tensor([[[0.7500, 0.0000, 1.0000]]]))
    """
    chosen = mask.bool()
    advantage = torch.zeros_like(token_reward)
    later = next_value = token_reward.new_zeros(mask.shape[:-1])
    for t in reversed(range(mask.shape[-1])):
        delta = token_reward[..., t] + gamma * next_value - old_value[..., t]
        later = torch.where(chosen[..., t], delta + gamma * lam * later, later)
        next_value = torch.where(chosen[..., t], old_value[..., t], next_value)
        advantage[..., t] = torch.where(chosen[..., t], later, 0.0)
    return advantage, torch.where(chosen, advantage + old_value, 0.0)


@gives("advantage")
def return_to_go(
    token_reward: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"], *, gamma: float = 1.0
) -> Float[Tensor, "P K T"]:
    """What each token and all that follow it are paid, the later the less.

        advantage_t = sum_{s >= t} gamma^(s - t) token_reward_s

    The return of REINFORCE (Williams 1992), and the advantage of REINFORCE++ (Hu et al. 2025, arXiv 2501.03262) before
    it is normalised. A choice is credited with nothing that was paid before it. It is `gae` with a critic that says 0
    and `lam` 1: holes in the mask are stepped over, and rewards lying in them are not seen.

    >>> import torch
    >>> return_to_go(torch.tensor([[[1.0, 9.0, 4.0]]]), torch.tensor([[[1, 0, 1]]]), gamma=0.5)
    tensor([[[3., 0., 4.]]])
    """
    advantage, _ = gae(token_reward, torch.zeros_like(token_reward), mask, gamma=gamma, lam=1.0)
    return advantage


@among_siblings
@gives("advantage")
def rloo(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K 1"]:
    """Reward minus the mean reward of the other responses to the same prompt.

        advantage_i = reward_i - 1/(K - 1) sum_{j != i} reward_j

    REINFORCE leave-one-out: Kool et al. 2019; for language models Ahmadian et al. 2024 (arXiv 2402.14740). The baseline
    does not depend on the response itself, so the policy gradient stays unbiased. K counts the responses that are
    there; one without siblings gets 0.

    Raises:
        RecipeError: no prompt has two responses.

    >>> import torch
    >>> rloo(torch.tensor([[1.0, 0.0, 2.0]]), torch.ones(1, 3, 1))
    tensor([[[ 0.0000],
             [-1.5000],
             [ 1.5000]]])
    """
    centred, count = _centred(reward, mask)
    # The mean of the others lies K / (K - 1) times as far away as the mean of all.
    return (centred * count / (count - 1).clamp(min=1)).unsqueeze(-1)


@among_siblings
@gives("advantage")
def group_mean(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K 1"]:
    """Reward minus the mean reward of all responses to the same prompt.

        advantage_i = reward_i - 1/K sum_j reward_j

    The advantage of Dr. GRPO (Liu et al. 2025, arXiv 2503.20783, section 3.2): GRPO's without the deviation, which
    would give questions that are nearly always or never solved more weight. `rloo` is K / (K - 1) times this. K counts
    the responses that are there; one without siblings gets 0.

    Raises:
        RecipeError: no prompt has two responses.

    >>> import torch
    >>> group_mean(torch.tensor([[1.0, 0.0, 2.0]]), torch.ones(1, 3, 1))
    tensor([[[ 0.],
             [-1.],
             [ 1.]]])
    """
    return _centred(reward, mask)[0].unsqueeze(-1)


@among_siblings
@gives("advantage")
def grpo(
    reward: Float[Tensor, "P K"],
    mask: Num[Tensor, "P K T"],
    *,
    deviation: Deviation = "population",
    eps: float = 1e-4,
) -> Float[Tensor, "P K 1"]:
    """Reward in standard deviations from the mean of all responses to the same prompt.

        advantage_i = (reward_i - mean_j reward_j) / (std_j reward_j + eps)

    DeepSeekMath (Shao et al. 2024, arXiv 2402.03300), section 4.1.2, outcome supervision. The paper has no `eps` and
    does not say which deviation: "population" divides the squares by K, "sample" by K - 1 (as verl, OpenRLHF and TRL
    do). K counts the responses that are there; one without siblings gets 0, and so does a group paid alike.

    Raises:
        RecipeError: no prompt has two responses, or `deviation` is neither of the two.

    >>> import torch
    >>> grpo(torch.tensor([[1.0, 0.0, 2.0]]), torch.ones(1, 3, 1), eps=0.0)
    tensor([[[ 0.0000],
             [-1.2247],
             [ 1.2247]]])
    """
    if deviation not in get_args(Deviation):
        raise RecipeError(f"`deviation` of `grpo` is {deviation!r}: it is one of 'population' and 'sample'.")
    centred, count = _centred(reward, mask)
    divisor = count if deviation == "population" else (count - 1).clamp(min=1)
    spread = (centred.square().sum(-1, keepdim=True) / divisor).sqrt()
    return (centred / (spread + eps)).unsqueeze(-1)


@among_siblings
@gives("advantage")
def maxrl(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K 1"]:
    """Reward minus the mean reward of all responses to the same prompt, in units of that mean.

        advantage_i = (reward_i - mean_j reward_j) / mean_j reward_j        0 where the mean is not above 0

    Maximum likelihood reinforcement learning (2026, arXiv 2602.02710), in the form with the group's mean
    taken away. For rewards of 0 and 1, and p the probability of 1, its mean gradient is

        sum_{k=1}^{K-1} 1/k grad pass@k = (1 - (1 - p)^(K - 1)) / p grad p

    which is that of log p as K grows: a prompt that is seldom solved counts 1/p times. Other rewards must not be
    negative, or the mean is no measure of them. K counts the responses that are there; one without siblings gets 0.

    Raises:
        RecipeError: no prompt has two responses.

    >>> import torch
    >>> maxrl(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.ones(1, 4, 1)).flatten()
    tensor([ 3., -1., -1., -1.])
    """
    centred, _ = _centred(reward, mask)
    mean = reward - centred
    return torch.where(mean > 0, centred / mean, 0.0).unsqueeze(-1)


@among_siblings
@gives("advantage")
def gigpo(
    token_reward: Float[Tensor, "P K T"],
    ids: Int[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    omega: float = 1.0,
    gamma: float = 1.0,
) -> Float[Tensor, "P K T"]:
    """A response against the others to its prompt, and each choice against the others made in the same state.

        advantage_it = R_i - mean_j R_j + omega (G_it - mean_{(j, s): state_js = state_it} G_js)
        where    R_i = sum_t token_reward_it        G_it = sum_{s >= t} gamma^(s - t) token_reward_is

    Group-in-group policy optimisation, GiGPO (Feng et al. 2025, arXiv 2505.10978), with its factor F_norm = 1 and with
    tokens for steps. The state is all that was said before, by others too, so that responses share states until they
    part: without an environment nothing else can return. A choice that no other response faced is credited by the
    first part alone. 0 at tokens the model did not choose.

    Raises:
        RecipeError: no prompt has two responses.

    >>> import torch
    >>> ids, paid = torch.tensor([[[5, 7], [5, 8]]]), torch.tensor([[[0.0, 1.0], [0.0, 0.0]]])
    >>> gigpo(paid, ids, torch.ones(1, 2, 2), omega=2.0)
    tensor([[[ 1.5000,  1.5000],
             [-1.5000, -1.5000]]])
    """
    to_go, step = return_to_go(token_reward, mask, gamma=gamma), torch.zeros_like(token_reward)
    for said, chosen, paid, credit in zip(ids.tolist(), mask.bool(), to_go, step, strict=True):
        states: dict[tuple[int, ...], list[list[int]]] = {}
        for k, t in chosen.nonzero().tolist():
            states.setdefault(tuple(said[k][:t]), []).append([k, t])
        for places in states.values():
            responses, tokens = torch.tensor(places).T
            credit[responses, tokens] = paid[responses, tokens] - paid[responses, tokens].mean()
    episode, _ = _centred(tsum(token_reward, mask), mask)
    return torch.where(mask.bool(), episode[..., None] + omega * step, 0.0)


@gives("advantage")
def batch_mean(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K 1"]:
    """Reward minus the mean reward of all responses in the batch.

        advantage_pk = reward_pk - mean_{p'k'} reward_p'k'

    The plainest baseline of REINFORCE (Williams 1992), with the batch mean in place of a running one. A response is
    part of its own baseline, which shrinks the expected gradient by (N - 1) / N for N responses and does not turn it.
    Responses that are missing get 0.

    >>> import torch
    >>> batch_mean(torch.tensor([[1.0], [3.0]]), torch.ones(2, 1, 1)).flatten()
    tensor([-1.,  1.])
    """
    there = present(mask)
    mean = torch.where(there, reward, 0.0).sum() / there.sum()
    return torch.where(there, reward - mean, 0.0).unsqueeze(-1)


@gives("reference_point")
def mismatched_kl(
    mismatched_logp: Float[Tensor, "P K T"], ref_mismatched_logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]
) -> Float[Tensor, "P"]:
    """The mean log-ratio of answers to prompts that are not theirs, and never less than 0.

        z_0 = max(0, mean_i sum_t (mismatched_logp_it - ref_mismatched_logp_it))

    KTO's estimate of KL(pi || pi_ref) (Ethayarajh et al. 2024, arXiv 2402.01306, section 4): one number for the whole
    batch, without gradient. It is biased, since the answers are not the policy's own; it only says how much likelier
    the policy has become to say anything of the kind. Missing responses are not counted.

    >>> import torch
    >>> mismatched_logp = torch.tensor([[[-1.0, -2.0]], [[-3.0, -3.0]]])
    >>> mismatched_kl(mismatched_logp, torch.full((2, 1, 2), -3.0), torch.ones(2, 1, 2))
    tensor([1.5000, 1.5000])
    """
    ratio = tsum(mismatched_logp - ref_mismatched_logp, mask)
    return (ratio.sum() / present(mask).sum()).clamp(min=0).expand(len(mask))


@gives("reference_point")
def midpoint(
    old_logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
) -> Float[Tensor, "P"]:
    """Half-way between the mean log-ratio of what people liked and that of what they did not.

        r_i = sum_t (old_logp_it - ref_logp_it)
        z   = 1/2 (mean_{label > 0} r_i + mean_{label <= 0} r_i)

    The reward shift of BCO (Jung et al. 2024, arXiv 2404.04656) by beta: delta = beta z, one number for the whole
    batch, and of this batch alone where the paper keeps a running mean. Where one kind is missing it is the mean of the
    other. Missing responses are not counted.

    >>> import torch
    >>> old_logp, label = torch.tensor([[[4.0]], [[1.0]], [[-1.0]]]), torch.tensor([[1.0], [0.0], [0.0]])
    >>> midpoint(old_logp, torch.zeros(3, 1, 1), torch.ones(3, 1, 1), label)
    tensor([2., 2., 2.])
    """
    ratio, there = tsum(old_logp - ref_logp, mask), present(mask)
    kinds = [ratio[there & kind] for kind in (label > 0, label <= 0)]
    return torch.stack([r.mean() for r in kinds if len(r)]).mean().expand(len(mask))


@among_siblings
@gives("win_rate")
def group_win_rate(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K"]:
    """How often each response beats a response to the same prompt, by Bradley-Terry on what they are paid.

        win_rate_i = 1/K sum_j sigmoid(reward_i - reward_j)

    The estimate of P(y > pi) by the K samples themselves in SPPO (Wu et al. 2024, arXiv 2405.00675, algorithm 1), with
    Bradley-Terry in place of a pairwise preference model. A response meets itself as well, which it beats half the
    time, so that the mean of a group is 1/2. K counts the responses that are there; those that are not get 0.

    Raises:
        RecipeError: no prompt has two responses.

    >>> import torch
    >>> group_win_rate(torch.tensor([[1.0, 0.0]]), torch.ones(1, 2, 1))
    tensor([[0.6155, 0.3845]])
    """
    there = present(mask)
    _must_have_siblings(there)
    wins = (reward.unsqueeze(2) - reward.unsqueeze(1)).sigmoid() * there.unsqueeze(1)
    return torch.where(there, wins.sum(2) / there.sum(1, keepdim=True).clamp(min=1), 0.0)


@gives("calibrated")
def preferred_calibrate(mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K"]:
    """The preferred response, which is at index 0, stands for the calibration policy.

        calibrated_i = [i = 0]

    The offline choice of VPO (Cen et al. 2024, arXiv 2405.19320), whose calibration policy may be any that is fixed:
    here the one that wrote the preferred answers of the data. A missing response is none.

    >>> import torch
    >>> preferred_calibrate(torch.ones(1, 2, 3))
    tensor([[1., 0.]])
    """
    there = present(mask)
    first = torch.arange(there.shape[1], device=mask.device) == 0
    return (there & first).to(torch.get_default_dtype())


@gives("token_weight")
def corrected(ids: Int[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"], *, gamma: float = 5.0) -> Float[Tensor, "P 2 T"]:
    """The weight of every token of an answer and of what it was corrected from: `gamma` where they differ, 1 elsewhere.

        token_weight_it = gamma    where token t of response i has no counterpart in the other response
                          1        where it was kept

    For the dense DPO of RLHF-V (Yu et al. 2023, arXiv 2312.00849), whose people rewrite only the segments that are
    wrong; `gamma` is above 1 there. What was kept is told from the tokens: the longest run that both responses have in
    common, and again to its left and to its right. What was added or taken away counts as corrected too, however short.
    Holes in the mask are stepped over and weigh 0.

    >>> import torch
    >>> corrected(torch.tensor([[[7, 4, 9], [7, 2, 9]]]), torch.ones(1, 2, 3))
    tensor([[[1., 5., 1.],
             [1., 5., 1.]]])
    """
    weight = gamma * mask.to(torch.get_default_dtype())
    for tokens, chosen, heavy in zip(ids, mask.bool(), weight, strict=True):
        better, worse = (row[there].tolist() for row, there in zip(tokens, chosen, strict=True))
        at = [there.nonzero().flatten() for there in chosen]
        # Without autojunk=False the common tokens of an answer longer than 200 would never count as kept.
        for block in SequenceMatcher(None, better, worse, autojunk=False).get_matching_blocks():
            heavy[0, at[0][block.a : block.a + block.size]] = 1.0
            heavy[1, at[1][block.b : block.b + block.size]] = 1.0
    return weight


@gives("mask")
def beyond_prefix(ids: Int[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"]) -> Num[Tensor, "P 2 T"]:
    """The mask without the tokens that both responses begin with: what is learnt is where they go different ways.

        mask_it = 0    where the tokens up to t, and what was chosen of them, are the same in both responses
                  as it was from the first difference on

    For pairs of steps that go on from one prefix, as in Step-DPO (Lai et al. 2024, arXiv 2406.18629) and LongDPO (Ping
    et al. 2025, arXiv 2502.02095), where the prefix is part of the prompt. A loss of the difference of two sums, as
    `dpo`, is the same with it and without; one that divides by lengths is not. What stands in the holes of the mask is
    not looked at. Of two equal responses nothing is left.

    >>> import torch
    >>> beyond_prefix(torch.tensor([[[7, 4, 9], [7, 2, 9]]]), torch.ones(1, 2, 3, dtype=torch.long))
    tensor([[[0, 1, 1],
             [0, 1, 1]]])
    """
    chosen = torch.where(mask.bool(), ids, -1)
    differences = (chosen[:, :1] != chosen[:, 1:]).cumsum(-1)
    return mask * (differences > 0)


def _centred(
    reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]
) -> tuple[Float[Tensor, "P K"], Int[Tensor, "P 1"]]:
    """Rewards minus the mean of their group, 0 where missing; and how many responses each group has (at least 1)."""
    there = present(mask)
    _must_have_siblings(there)
    count = there.sum(-1, keepdim=True).clamp(min=1)
    mean = torch.where(there, reward, 0.0).sum(-1, keepdim=True) / count
    return torch.where(there, reward - mean, 0.0), count


def _must_have_siblings(there: Bool[Tensor, "P K"]) -> None:
    if (there.sum(1) < 2).all():
        raise RecipeError(
            "no prompt has two responses, so there is nothing to compare a response with and every advantage would be "
            "0. Sample at least 2 responses to each prompt, or take credit from a critic (`gae`)."
        )
