"""What a recipe needs, read from its signatures, and what is refused before anything is loaded."""

import re
from dataclasses import replace

import pytest
import torch

from prefloop import Model, Recipe, Sample, Term, bind, gives, method, methods, plan
from prefloop.credit import group_mean
from prefloop.errors import RecipeError
from prefloop.objectives.critic import value_clip
from prefloop.objectives.imitation import nll
from prefloop.objectives.pairs import dpo
from prefloop.objectives.policy import reinforce
from prefloop.roles import model_of
from prefloop.scoring.model import model_score

POLICY = Model(source="somewhere", train=True)


def recipe(*objectives, models=None, **more):
    return Recipe(
        name="mine",
        family="online",
        paper="none",
        models={"policy": POLICY} if models is None else models,
        objective=tuple(Term(objective=o) for o in objectives),
        **more,
    )


def refused(value):
    with pytest.raises(RecipeError) as error:
        plan(value)
    return str(error.value)


def test_a_frozen_reference_that_is_not_declared_is_named_with_the_line_to_add():
    said = refused(recipe(bind(dpo), models={"policy": POLICY, "teacher": Model(source="elsewhere")}))
    assert "`dpo` asks for `ref_logp`" in said
    assert "no frozen model named `ref` (frozen language models declared: teacher)" in said
    assert 'Add models={..., "ref": Model(source="policy")}' in said


def test_a_name_that_is_not_in_the_vocabulary_is_answered_with_the_nearest():
    def typo(logp, rewards): ...

    said = refused(recipe(bind(typo), sample=Sample()))
    assert "`typo` speaks of `rewards`, which is not in the vocabulary" in said
    assert "Did you mean `reward`?" in said


def test_a_derived_name_that_is_not_in_the_vocabulary_is_refused():
    @gives("advantages")
    def credit(reward): ...

    said = refused(recipe(bind(reinforce), sample=Sample(), score={"reward": bind(paid)}, derive=(bind(credit),)))
    assert "`credit` speaks of `advantages`" in said


def paid(prompt, response):
    return 1.0


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (recipe(), "has no objective: give it at least one Term"),
        (recipe(bind(reinforce)), "`advantage`, and nobody provides it. Add a function to `derive`"),
        (
            recipe(bind(reinforce), sample=Sample(), derive=(bind(group_mean),)),
            '`reward`, and nobody provides it. Add score={"reward": bind(my_reward)}',
        ),
        (recipe(bind(nll), models={}), 'Add models={..., "policy": Model(source="...", train=True)}'),
        (
            recipe(bind(nll), bind(value_clip)),
            '`value`, and nobody provides it. Add models={..., "critic": Model(source="...", head="value", train=',
        ),
        (
            recipe(bind(nll), models={"policy": POLICY, "other": POLICY}),
            "two trained models of `mine` give `logp`: policy and other",
        ),
        (
            recipe(bind(nll), models={"policy": POLICY, "critic": replace(POLICY, head="value")}),
            "trains the model `critic` and no objective reads what it gives (value): drop the model or add a Term",
        ),
        (
            recipe(bind(nll), models={"policy": replace(POLICY, train=False)}),
            "`nll` asks for `logp`, and nobody provides it",
        ),
    ],
)
def test_a_recipe_that_cannot_mean_anything_is_refused_with_the_line_to_add(value, says):
    assert says in refused(value)


def test_what_a_frozen_model_is_told_is_in_the_plan_and_elsewhere_refused():
    t_reg = method("t-reg")(better="Well.", worse="Badly.")
    needs = plan(t_reg)
    assert needs.instructions == {"better": "Well.", "worse": "Badly."}
    assert needs.frozen == ("better", "worse", "ref")
    trained = {**t_reg.models, "policy": replace(t_reg.models["policy"], instruction="Well.")}
    assert "`policy` of `t-reg` is trained and has an instruction" in refused(replace(t_reg, models=trained))
    unread = {**t_reg.models, "other": Model(source="policy", instruction="Well.")}
    assert "no function asks for `other_logp`" in refused(replace(t_reg, models=unread))
    rloo = method("rloo")()
    scorer = {**rloo.models, "reward": replace(rloo.models["reward"], instruction="Well.")}
    assert "no function asks for `reward_logp`" in refused(replace(rloo, models=scorer))


def test_a_reward_model_that_is_not_declared_is_named():
    rloo = method("rloo")()
    models = {role: m for role, m in rloo.models.items() if role != "reward"}
    assert "`score.reward` (model_score) reads the model `reward`, which the recipe does not declare" in refused(
        replace(rloo, models=models)
    )


def test_the_plan_of_ppo_names_every_tensor_with_giver_and_readers():
    needs = plan(method("ppo")())
    assert needs.outputs == {"policy": ("logp",), "critic": ("value",)}
    assert needs.frozen == ("ref",)
    assert needs.scorers == ("reward",)
    assert set(needs.old) == {"old_logp", "old_value"}
    rows = {row.tensor: row for row in needs.rows if row.tensor in ("token_reward", "returns", "ref_logp")}
    assert rows["ref_logp"].producer == "ref"
    assert rows["token_reward"].producer == "kl_in_reward"
    assert rows["returns"].consumers == ("value_clip",)


def test_the_plan_of_kto_asks_two_models_about_mismatched_prompts_and_reads_labels():
    needs = plan(method("kto")())
    assert needs.judged == ("label",)
    assert not needs.pairwise
    assert needs.frozen == ("ref",)
    assert needs.mismatched == {"mismatched_logp": "policy", "ref_mismatched_logp": "ref"}
    assert [name for name in methods() if plan(methods()[name]()).mismatched] == ["kto"]
    assert plan(method("dpo")()).judged == ()


def test_only_judged_data_has_labels_and_mismatched_prompts():
    def labelled(logp, label): ...

    def mismatched(logp, mismatched_logp): ...

    assert "`label`, and nobody provides it. Judged data carries" in refused(recipe(bind(labelled), sample=Sample()))
    assert "`mismatched_logp`, and only judged data has it" in refused(recipe(bind(mismatched), sample=Sample()))


def test_a_name_given_twice_is_read_from_the_latest_giver():
    needs = plan(method("rloo")())
    shaped, paid_by = (row for row in reversed(needs.rows) if row.tensor == "reward")
    assert (paid_by.producer, paid_by.consumers) == ("model_score", ("kl_in_reward",))
    assert (shaped.producer, shaped.consumers) == ("total_reward", ("rloo",))


@pytest.mark.parametrize("name", list(methods()))
def test_every_published_method_has_a_plan_that_loads_nothing(name, monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "__init__", None)
    assert plan(methods()[name]()).rows


def test_models_that_copy_each_other_are_refused():
    circle = recipe(bind(nll), models={"policy": Model(source="ref", train=True), "ref": Model(source="policy")})
    with pytest.raises(RecipeError, match="policy, ref copy each other"):
        model_of(circle, "policy")


def test_a_reward_model_from_outside_is_asked_for_by_the_option_that_gives_it():
    with pytest.raises(RecipeError, match=re.escape("--set models.reward.source=")) as error:
        model_of(method("rloo")(), "reward")
    assert "--set score.reward=" in str(error.value)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: recipe(bind(nll), batch=0), "`batch` is 0: it is at least 1"),
        (lambda: recipe(bind(nll), steps=-1), "`steps` is -1"),
        (lambda: Sample(k=0), "`k` is 0"),
    ],
)
def test_numbers_that_no_run_can_use_are_refused(make, says):
    with pytest.raises(RecipeError, match=says):
        make()


def test_an_ensemble_needs_all_its_reward_models_and_says_which_is_not_there():
    several = {"reward": bind(model_score, model=("reward", "other"))}
    recipe = replace(method("rloo")(), score=several)
    with pytest.raises(RecipeError, match="reads the model `other`, which the recipe does not declare"):
        plan(recipe)
    other = {**recipe.models, "other": Model(source="other", head="score")}
    assert plan(replace(recipe, models=other)).scorers == ("reward", "other")


def test_a_role_that_draws_answers_is_told_nothing():
    recipe = method("xpo")(reward=bind(paid_by_length))
    told = replace(recipe.models["ref"], instruction="Be brief.")
    with pytest.raises(RecipeError, match="`ref` of `xpo` has an instruction and draws answers"):
        plan(replace(recipe, models={**recipe.models, "ref": told}))


def paid_by_length(prompt, response):
    return float(len(response))
