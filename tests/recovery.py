"""Is the reward that people had in mind found again? A likelihood is fitted to what simulated people said.

The reward is a linear head on features of the answers, without a language model. What a model gives is a function of
one flat vector of parameters; the objective is reduced as in training (`reduce.weights`) and minimised by LBFGS in
float64. Standard errors are those of the inverse Hessian, or of the sandwich where the objective is no likelihood, so
that what is found is compared with the truth in units of what chance allows.

A likelihood leaves some things open, such as a rotation of an embedding. `read` makes of the parameters what it does
fix, and the errors follow it. A test of a likelihood looks like this:

    fit = fitted(bind(bradley_terry), lambda w: {"score": x @ w}, judged={}, start=torch.zeros(5))
    assert found_again(fit, truth)

and beside it stands one where the people are of another kind, for which `found_again` has to be false.
"""

from dataclasses import dataclass

import torch

from prefloop.reduce import weights

N = 5_000
"""Judgements in a simulation."""
FAR = 3.0
"""Standard errors beyond which a parameter counts as missed."""
SEEDS = range(5)


@dataclass(frozen=True)
class Fit:
    """The parameters at which an objective is lowest, and the covariance of their error."""

    parameters: torch.Tensor
    covariance: torch.Tensor


def source(seed):
    return torch.Generator().manual_seed(seed)


def features(draw, *shape):
    """Random features of answers, in float64."""
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


def happens(probability, draw):
    """True as often as it is probable."""
    return torch.rand(probability.shape, generator=draw, dtype=torch.float64) < probability


def one_of(probability, draw):
    """The place of one of the last axis, each as often as it is probable."""
    rows = probability.reshape(-1, probability.shape[-1])
    return torch.multinomial(rows, 1, generator=draw).view(probability.shape[:-1])


def chosen_first(x, first):
    """Features of pairs (P 2 d), the answer that was chosen put first."""
    return torch.where(first[:, None, None], x, x.flip(1))


def fitted(objective, gives, judged, start, *, mask=None, answers=2, sandwich=False, each=1):
    """Minimise an objective over what a model `gives` of its parameters.

    gives: from the parameters to the tensors of the models by name. judged: the other tensors. mask: of the answers
    (P K T); all of `answers` to each prompt without it. sandwich: for an objective that is no likelihood. each: how
    many people's judgements stand behind one term.
    """
    parameters = start.clone().to(torch.float64).requires_grad_()

    def terms(at):
        tensors = gives(at)
        there = mask if mask is not None else torch.ones(len(next(iter(tensors.values()))), answers, 1)
        values = objective({"mask": there, **judged, **tensors})
        share = weights(values.shape, there).to(values)
        return share, values

    def loss(at):
        share, values = terms(at)
        return (share * values).sum()

    def step():
        total = loss(parameters)
        (parameters.grad,) = torch.autograd.grad(total, parameters)
        return total

    optimiser = torch.optim.LBFGS([parameters], max_iter=500, tolerance_grad=1e-9, line_search_fn="strong_wolfe")
    optimiser.step(step)
    at = parameters.detach()
    for _ in range(2):  # LBFGS stops where the loss no longer moves, short of where its slope is 0
        at = at - _inverse(loss, at) @ torch.autograd.functional.jacobian(loss, at)
    assert torch.autograd.functional.jacobian(loss, at).abs().max() < 1e-7, "the fit has not come to rest"
    inverse = _inverse(loss, at)
    share, _ = terms(at)
    factor = share[share > 0].unique()
    assert len(factor) == 1, "every judgement counts the same"
    if not sandwich:
        return Fit(at, inverse * factor / each)

    def each_row(x):
        share, values = terms(x)
        return (share * values).flatten(1).sum(1) if values.dim() > 1 else share * values

    slopes = torch.autograd.functional.jacobian(each_row, at)
    return Fit(at, inverse @ slopes.T @ slopes @ inverse)


def _inverse(loss, at):
    """The inverse Hessian; along directions that the likelihood leaves free, such as rotations, it is 0."""
    return torch.linalg.pinv(torch.autograd.functional.hessian(loss, at), rtol=1e-7, hermitian=True)


def deviations(fit, truth, read=lambda parameters: parameters):
    """How many standard errors each of what `read` makes of the parameters is from that of the truth."""
    slope = torch.autograd.functional.jacobian(read, fit.parameters)
    errors = (slope @ fit.covariance @ slope.T).diagonal().sqrt()
    return (read(fit.parameters) - read(truth.to(torch.float64))) / errors


def found_again(fit, truth, read=lambda parameters: parameters):
    """Whether everything that is read of the parameters is within `FAR` standard errors of the truth."""
    return bool((deviations(fit, truth, read).abs() < FAR).all())
