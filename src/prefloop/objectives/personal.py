"""Objectives of reward models with numbers for everybody who judged: a shared reward, and what each adds to it."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..errors import RecipeError
from ..ops import over_normal


def personal_preference(scores: Float[Tensor, "P 2 D"], traits: Float[Tensor, "P E"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison by the reward of whoever judged it, the preferred response at index 0.

        r_i  = s_i0 + sum_d t_d s_i,1+d        t the D - 1 numbers of who judged
        loss = -log sigmoid(r_0 - r_1)

    Annotator embeddings in the form of a bilinear model: channel 0 is everybody's, the others are what people differ
    about, and the numbers how much each cares. Somebody whom the model does not know has the first row of the table. Of
    the numbers and their channels only the products are fixed.

    Raises:
        RecipeError: a person has not one number fewer than there are channels.

    >>> import torch
    >>> personal_preference(torch.tensor([[[1.0, 2.0], [0.0, 1.0]]] * 2), torch.tensor([[0.0], [-1.0]]))
    tensor([0.3133, 0.6931])
    """
    _must_match(scores, traits)
    apart = scores[:, 0] - scores[:, 1]
    return -logsigmoid(apart[:, 0] + (apart[:, 1:] * traits).sum(1))


def latent_preference(
    scores: Float[Tensor, "P 2 D"], traits: Float[Tensor, "P E"], *, price: float = 0.01
) -> Float[Tensor, "P"]:
    """Minus the evidence lower bound of a comparison by somebody of whom a latent vector is known roughly.

        loss = -E[ log sigmoid(r_0 - r_1) ] + price KL( N(m, v) || N(0, I) )        r_i = s_i0 + sum_d z_d s_i,1+d
        z ~ N(m, v),  m the first half of the 2 (D - 1) traits, v the exponentials of the second

    Variational preference learning (VPL, Poddar et al. 2024, arXiv 2408.10075): a prior N(0, I), and q(z) of whoever
    judged. The paper's decoder is any network of answer and z; here it is linear in z, so that r_0 - r_1 is normal and
    the expectation is one integral, taken by quadrature without drawing z. Who gives the traits is left open: an
    encoder of a person's judgements (`learning.latent_people`), or a table with a row for everybody. The divergence is
    counted with every comparison: with a `price` of 1 / n, where everybody made n, the mean is the bound over n.

    Raises:
        RecipeError: a person has not two numbers for each channel but the first.

    >>> import torch
    >>> sure, unsure = torch.tensor([[1.0, -60.0]]), torch.tensor([[1.0, 0.0]])
    >>> scores = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]])
    >>> latent_preference(scores, sure, price=0.0), latent_preference(scores, unsure)
    (tensor([0.3133]), tensor([0.4119]))
    """
    *_, numbers = traits.shape
    if numbers % 2:
        raise RecipeError(f"people have {numbers} numbers: give two for each dimension, a mean and a spread.")
    mean, log_variance = traits.tensor_split(2, 1)
    _must_match(scores, mean)
    apart = scores[:, 0] - scores[:, 1]
    middle = apart[:, 0] + (apart[:, 1:] * mean).sum(1)
    deviation = torch.linalg.vector_norm(apart[:, 1:] * (log_variance / 2).exp(), dim=1)
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
    return -over_normal(logsigmoid, middle, deviation) + price * divergence


def _must_match(scores: Tensor, ways: Tensor) -> None:
    (*_, channels), (*_, dimensions) = scores.shape, ways.shape
    if channels - dimensions != 1:
        raise RecipeError(
            f"there are {channels} channels, and people differ in {dimensions} ways: give the reward model one channel "
            "for everybody and one more for each way."
        )
