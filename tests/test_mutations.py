"""The oracles can fail: every pure function is broken in every small way, and each break is noticed.

A mutation drops a sign, swaps an operator or a name for its opposite, or adds one to a number. The mutated module is
compiled as it stands and the function's oracle is run on it; a private function is left to the oracles of its module.
"""

import ast
import inspect
import sys

import pytest

import oracles

SWAPPED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Eq: ast.NotEq,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
}
RENAMED = {"minimum": "maximum", "maximum": "minimum", "exp": "expm1", "expm1": "exp", "all": "any", "min": "max"}

_DUAL = "torch.minimum(once, -most * advantage), once)"
_CISPO = "logp: Float[Tensor, 'P K T'], old_logp: Float[Tensor, 'P K T'], advantage: Float[Tensor, 'P K #T'], *, "

_SPREAD = "torch.where(spread > 0, spread, 1.0)"

EQUIVALENT = {
    # The second of the two axes of a P K tensor is its last.
    "_at_each_level": {"there.sum(-1) -> there.sum(1)"},
    "grpo": {"centred.square().sum(-1, keepdim=True) -> centred.square().sum(1, keepdim=True)"},
    "_centred": {
        "there.sum(-1, keepdim=True) -> there.sum(1, keepdim=True)",
        "torch.where(there, reward, 0.0).sum(-1, keepdim=True) -> torch.where(there, reward, 0.0).sum(1, keepdim=True)",
    },
    "kway_choice": {"log_softmax(standing, -1) -> log_softmax(standing, 1)"},
    # A gap loses the constant that the two differ by.
    "_link": {"(-power * ratio).expm1() -> (-power * ratio).exp()"},
    # A tensor P has no axis after which the new one could stand but its only one.
    "kto": {"reference_point.detach().unsqueeze(-1) -> reference_point.detach().unsqueeze(1)"},
    # Where all or none are right any share will do: it is weighed by 0.
    "nft": {"torch.where(telling, rate, 0.5) -> torch.where(telling, rate, 1.5)"},
    # Any number that is no token's stands for a hole.
    "beyond_prefix": {"-1 -> -2"},
    # No ratio is below 0, so that 1 - 1 bounds it as little as 1 - 2.
    "cispo": {f"{_CISPO}low: float=1.0, high: float=4.0 -> {_CISPO}low: float=2.0, high: float=4.0"},
    # An advantage of 0 is charged nothing either way.
    "dual_clip": {f"torch.where(advantage < 0, {_DUAL} -> torch.where(advantage <= 0, {_DUAL}"},
    "drawn_baseline": {"drawn.sum(-1) -> drawn.sum(1)"},
    "diverse_win": {"chosen.any(-1) -> chosen.any(1)"},
    "varied": {
        f"reward.masked_fill(~there, {end}(-1, keepdim=True) -> reward.masked_fill(~there, {end}(1, keepdim=True)"
        for end in ("-torch.inf).amax", "torch.inf).amin")
    },
    "best_and_worst": {
        "there.sum(-1) -> there.sum(1)",
        "paid.shape[-1] -> paid.shape[1]",
        "paid.masked_fill(~there, -torch.inf).argmax(-1) -> paid.masked_fill(~there, -torch.inf).argmax(1)",
        "paid.masked_fill(~there, torch.inf).flip(-1) -> paid.masked_fill(~there, torch.inf).flip(1)",
        "paid.masked_fill(~there, torch.inf).flip(-1).argmin(-1) -> "
        "paid.masked_fill(~there, torch.inf).flip(-1).argmin(1)",
        "torch.stack([best, worst], -1) -> torch.stack([best, worst], 1)",
    },
    "accepted": {
        "reward.masked_fill(~there, -torch.inf).amax(-1, keepdim=True) -> "
        "reward.masked_fill(~there, -torch.inf).amax(1, keepdim=True)",
        "torch.argsort(ahead, dim=-1, descending=True, stable=True).argsort(-1) -> "
        "torch.argsort(ahead, dim=-1, descending=True, stable=True).argsort(1)",
        "dim=-1 -> dim=1",
    },
    "each_member": {"(resampled * logsigmoid(ahead)).mean(-1) -> (resampled * logsigmoid(ahead)).mean(1)"},
    # A grid is as wide to the left as to the right.
    "gaussian_comparison": {
        "(found + _LOG_SHARES.to(scores)).logsumexp(-1).mean(-1) -> "
        "(found + _LOG_SHARES.to(scores)).logsumexp(-1).mean(1)",
        "logsigmoid(ahead.unsqueeze(-1) + spread.unsqueeze(-1) * _AT.to(scores)) -> "
        "logsigmoid(ahead.unsqueeze(-1) - spread.unsqueeze(-1) * _AT.to(scores))",
    },
    "votes": {"leads.mean(-1) -> leads.mean(1)", "leads.std(-1, correction=0) -> leads.std(1, correction=0)"},
    "turned_by_vote": {
        "(reward[:, 0] - reward[:, 1]).mean(-1) -> (reward[:, 0] - reward[:, 1]).mean(1)",
        "torch.stack([turned, ~turned], -1) -> torch.stack([turned, ~turned], 1)",
    },
    # A set of more responses than there are is none.
    "ranking": {"responses + 1 -> responses + 2"},
    # Above the highest grade nothing is read.
    "ordinal": {"(0, 1) -> (0, 2)"},
    # The two channels are the last axis of what is there.
    "length_correlation": {"scores[there].unbind(-1) -> scores[there].unbind(1)"},
    # A channel that says the same of all is no part of the oracles; `identities/test_lengths.py` has one.
    "_correlation": {
        "spread > 0 -> spread > 1",
        f"{_SPREAD} -> torch.where(spread > 0, spread, 2.0)",
        f"torch.where(spread > 0, (x * y).sum() / {_SPREAD}.sqrt(), 0.0) -> "
        f"torch.where(spread > 0, (x * y).sum() / {_SPREAD}.sqrt(), 1.0)",
    },
    # One draw alone is told apart from nothing, whatever 0 is divided by.
    "told_apart": {"drawn.sum(-1) -> drawn.sum(1)", "min=1 -> min=2"},
    "best_alone": {"present(mask).sum(-1, keepdim=True) -> present(mask).sum(1, keepdim=True)"},
    "preferred": {"there.shape[-1] -> there.shape[1]"},
}
"""By function, the mutations that change nothing, with the reason."""

KNOBS = {function.__name__: knobs for function, knobs in oracles.PURE_FUNCTIONS.items()}
MODULES = sorted({function.__module__ for function in oracles.PURE_FUNCTIONS})


def definitions(module):
    """The functions at the top level of a module, as syntax trees."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return tree, [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def mutations(tree):
    """Break the tree in one place, say how, and mend it before the next."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            for index, child in enumerate(value if isinstance(value, list) else [value]):
                for broken in replacements(child):
                    whole = ast.unparse(parent)
                    put(parent, field, index, broken)
                    yield f"{whole} -> {ast.unparse(parent)}"
                    put(parent, field, index, child)


def put(parent, field, index, node):
    if isinstance(getattr(parent, field), list):
        getattr(parent, field)[index] = node
    else:
        setattr(parent, field, node)


def replacements(node):
    match node:
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in SWAPPED:
            yield ast.BinOp(left, SWAPPED[type(op)](), right)
        case ast.Compare(left=left, ops=[op], comparators=right) if type(op) in SWAPPED:
            yield ast.Compare(left, [SWAPPED[type(op)]()], right)
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            yield ast.Constant(number + 1)
        case ast.Attribute(value=owner, attr=name) if name in RENAMED:
            yield ast.Attribute(owner, RENAMED[name], ast.Load())
        case ast.keyword(arg=name, value=value) if name in RENAMED:
            yield ast.keyword(RENAMED[name], value)


def compiled(tree, module):
    """The public functions of a module compiled from this tree, by name."""
    names = {"__name__": module, "__package__": sys.modules[module].__package__}
    exec(compile(ast.fix_missing_locations(tree), module, "exec"), names)
    return {name: function for name, function in names.items() if name in KNOBS and function.__module__ == module}


def unnoticed(tree, module, name):
    """Whether the oracles that judge the function `name` find nothing wrong with its module."""
    functions = compiled(tree, module)
    judged = [functions[name]] if name in functions else functions.values()
    try:
        for function in judged:
            oracles.check(function, KNOBS[function.__name__])
    except (Exception, pytest.fail.Exception):
        return False
    return True


@pytest.mark.parametrize("module", MODULES)
def test_the_oracles_find_nothing_wrong_with_a_module_that_is_not_broken(module):
    tree, functions = definitions(module)
    assert all(unnoticed(tree, module, function.name) for function in functions)


@pytest.mark.parametrize(
    ("module", "name"), [pytest.param(m, f.name, id=f.name) for m in MODULES for f in definitions(m)[1]]
)
def test_every_mutation_of_a_function_is_noticed(module, name):
    tree, functions = definitions(module)
    [function] = [f for f in functions if f.name == name]
    survivors = {how for how in mutations(function) if unnoticed(tree, module, name)}
    assert survivors == EQUIVALENT.get(name, set())
