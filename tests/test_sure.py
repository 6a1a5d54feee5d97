"""How sure reward models are: features, Laplace approximations, ensembles and their members."""

import math
from dataclasses import replace

import pytest
import torch
import transformers
from peft import PeftModel

import tiny
from prefloop.binding import bind
from prefloop.errors import DataError, ModelError, RewardError
from prefloop.loops.optimise import optimise
from prefloop.models.encode import for_model
from prefloop.models.load import load, save
from prefloop.models.members import adapter_names, add_members
from prefloop.objectives.rewards import bradley_terry
from prefloop.recipe import Model
from prefloop.recipes import method
from prefloop.reduce import weights
from prefloop.scoring.laplace import Laplace, features_of, laplace_of, laplace_score, read_laplace
from prefloop.scoring.model import model_score, normalise
from prefloop.text import Group, Prompt, Response

TEXTS = (
    " lay quiet in the rain.",
    " slept.",
    " and the boats were out",
    " rain rain rain",
    " morning",
    " back yet not",
)


def pair(first, second, prompt="The old harbour"):
    return Group(prompt=Prompt(text=prompt), responses=(Response(text=first), Response(text=second)))


PAIRS = [pair(a, b) for a in TEXTS for b in TEXTS if len(a) > len(b)]


def loaded(folder, *channels, name="reward", seed=0, **said):
    torch.manual_seed(seed)
    said = {"start": "random", "train": True, **said}
    return load(Model(source=str(folder), head="score", dtype="float32", channels=channels, **said), name=name)


def simulated(n, d=4, seed=0, scale=1.0):
    """Differences of features, and how far the first leads by some weights."""
    source = torch.Generator().manual_seed(seed)
    apart = torch.randn(n, d, generator=source, dtype=torch.float64)
    return apart, scale * apart @ torch.tensor([1.0, -0.5, 0.25, 0.0], dtype=torch.float64)


def test_a_score_is_the_heads_reading_of_its_features(folder):
    reward = loaded(folder, "a", "b")
    scores, features = model_score(PAIRS, model=reward), features_of(PAIRS, reward)
    torch.testing.assert_close(features @ reward._score_layer().weight.detach().T, scores, rtol=0, atol=1e-5)


def test_the_covariance_is_the_inverse_of_the_losss_second_derivative():
    apart, leads = simulated(300)
    at = torch.linalg.lstsq(apart, leads).solution

    def loss(w):
        score = torch.stack([apart @ w, torch.zeros(len(apart), dtype=w.dtype)], -1)
        mask = torch.ones(len(apart), 2, 1)
        terms = bind(bradley_terry)({"score": score})
        return (weights(terms.shape, mask).to(terms) * terms).sum() * len(apart) + w.square().sum() * 0.35

    step = 1e-4
    eye = torch.eye(len(at), dtype=at.dtype) * step
    second = torch.stack(
        [
            torch.stack([(loss(at + i + j) - loss(at + i - j) - loss(at - i + j) + loss(at - i - j)) for j in eye])
            for i in eye
        ]
    ) / (4 * step**2)
    found = Laplace.of(apart, leads, prior=0.7).covariance
    torch.testing.assert_close(found, torch.linalg.inv(second), rtol=1e-4, atol=1e-6)


def test_of_few_sure_choices_it_is_the_posterior_of_a_bayesian_linear_model():
    """Where every lead is 0, choices are as informative as numbers with a noise of variance 4."""
    apart, leads = simulated(50, scale=0.0)
    noise, prior = 4.0, 0.5
    by_rule = torch.zeros(4, 4, dtype=torch.float64) + torch.eye(4, dtype=torch.float64) / prior
    for x in apart:  # one observation after the other, by the rule of Bayes for Gaussians
        gain = by_rule @ x / (noise + x @ by_rule @ x)
        by_rule = by_rule - torch.outer(gain, x @ by_rule)
    torch.testing.assert_close(Laplace.of(apart, leads, prior=prior).covariance, by_rule, rtol=1e-9, atol=1e-12)


def test_the_variance_falls_as_one_over_the_number_of_pairs():
    variances = [
        float(Laplace.of(*simulated(n), prior=1e-3).variance(torch.eye(4)).mean()) for n in (500, 1000, 2000, 4000)
    ]
    slope = math.log(variances[-1] / variances[0]) / math.log(8)
    assert slope == pytest.approx(-1, abs=0.1)


def test_it_grows_off_the_data():
    apart, leads = simulated(500)
    apart[:, 3] = 0.0
    known = Laplace.of(apart, leads, prior=1.0)
    seen, unseen = known.variance(torch.eye(4))[:3], known.variance(torch.eye(4))[3]
    assert unseen == pytest.approx(1.0)
    assert float(seen.max()) < unseen / 20
    assert known.variance(3 * torch.eye(4))[0] == pytest.approx(9 * float(seen[0]))


def test_the_probability_of_a_preference_is_that_of_draws_of_the_weights():
    apart, leads = simulated(12)
    known, at = Laplace.of(apart, leads, prior=1.0), torch.tensor([1.0, -0.5, 0.25, 0.0], dtype=torch.float64)
    new = torch.tensor([[2.0, -1.0, 0.0, 1.0]], dtype=torch.float64)
    draws = torch.randn(200_000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    drawn = at + draws @ torch.linalg.cholesky(known.covariance).T
    exact = (drawn @ new[0]).sigmoid().mean()
    found = known.preferred(new @ at, new)[0]
    assert abs(float(found - exact)) < 0.01 < abs(float((new @ at).sigmoid()[0] - exact))


def test_no_pairs_or_a_prior_that_says_nothing_are_refused():
    for apart, prior in ((torch.zeros(0, 2), 1.0), (torch.zeros(1, 2), 0.0)):
        with pytest.raises(DataError, match="a precision above 0"):
            Laplace.of(apart, apart.sum(-1), prior=prior)


def test_a_reward_model_is_paid_out_below_its_score_where_it_is_unsure(folder, tmp_path):
    reward = loaded(folder)
    laplace_of(PAIRS, model=reward, prior=0.5).save(tmp_path)
    near, far = pair(*TEXTS[:2]), pair(" qqzz ##!!", " 9182 //", prompt="@@")
    score = model_score([near, far], model=reward)
    torch.testing.assert_close(laplace_score([near, far], model=reward, folder=str(tmp_path), deviations=0.0), score)
    taken = score - laplace_score([near, far], model=reward, folder=str(tmp_path))
    spread = read_laplace(tmp_path).variance(features_of([near, far], reward)).sqrt().float()
    torch.testing.assert_close(taken, spread, rtol=1e-4, atol=1e-5)
    leads = read_laplace(tmp_path).variance(features_of([near, far], reward).diff(dim=1).squeeze(1))
    assert leads[1] > 3 * leads[0], "it was told about the one pair, and of the other it knows nothing"
    normalise(reward, PAIRS)
    std = torch.tensor(reward.base.config.prefloop_normalisation["std"])
    taken = model_score([near], model=reward) - laplace_score([near], model=reward, folder=str(tmp_path))
    torch.testing.assert_close(taken, spread[:1] / std, rtol=1e-4, atol=1e-5)


def test_a_laplace_approximation_that_is_not_there_or_of_several_channels_is_refused(folder, tmp_path):
    with pytest.raises(ModelError, match="has no Laplace approximation"):
        laplace_score(PAIRS, model=loaded(folder), folder=str(tmp_path))
    with pytest.raises(ModelError, match="gives 2 channels"):
        laplace_of(PAIRS, model=loaded(folder, "a", "b"))


def test_members_that_are_copies_are_named(folder, tmp_path):
    first, second = loaded(folder, name="vote1"), loaded(folder, name="vote2", seed=1)
    assert model_score(PAIRS, model=(first, second)).shape == (len(PAIRS), 2, 2)
    save(first, tmp_path / "copy")
    copy = loaded(tmp_path / "copy", name="vote3")
    with pytest.raises(RewardError, match="vote1 and vote3 have the same weights"):
        model_score(PAIRS, model=(first, second, copy))


def test_heads_that_are_copies_are_named(folder):
    reward = loaded(folder, "member 1", "member 2", "member 3")
    model_score(PAIRS, model=reward)
    with torch.no_grad():
        reward._score_layer().weight[2] = reward._score_layer().weight[0]
    with pytest.raises(RewardError, match="reward's member 1 and reward's member 3 have the same weights"):
        model_score(PAIRS, model=reward)


def test_the_heads_of_an_ensemble_begin_and_stay_apart(folder):
    recipe = method("head-ensemble")(members=3, lr=1e-2, batch=4, epochs=2)
    reward = loaded(folder, *recipe.models["reward"].channels, start=recipe.models["reward"].start)
    before = model_score(PAIRS, model=reward)
    assert float(before.std(-1).min()) > 0
    optimise(recipe, networks={"reward": reward}, judged=[for_model(g, tiny.tokenizer()) for g in PAIRS])
    after = model_score(PAIRS, model=reward)
    assert bool(((after[:, 0] - after[:, 1]).mean(0) > (before[:, 0] - before[:, 1]).mean(0)).all())


def test_a_deviation_follows_the_unit_of_its_mean_when_a_model_is_normalised(folder):
    reward = loaded(folder, *method("gaussian-reward")(heads=2).models["reward"].channels)
    with torch.no_grad():
        reward._score_layer().weight.mul_(20)
    raw = model_score(PAIRS, model=reward)
    normalise(reward, PAIRS)
    scaled = model_score(PAIRS, model=reward)
    for h in (0, 2):
        factor = raw[..., h].std(correction=0)
        torch.testing.assert_close(scaled[..., h + 1].exp(), raw[..., h + 1].exp() / factor, rtol=1e-3, atol=1e-6)


def adapters(folder, members=3, rank=2, seed=0, **said):
    recipe = method("lora-ensemble")(members=members, rank=rank, lr=1e-2, batch=4, epochs=2)
    torch.manual_seed(seed)
    asked = replace(recipe.models["reward"], source=str(folder), dtype="float32", **said)
    return recipe, load(asked, name="reward")


def test_every_adapter_says_what_a_stock_model_with_it_alone_says(folder, tmp_path):
    _, reward = adapters(folder)
    for n, name in enumerate(adapter_names(3)):
        with torch.no_grad():
            for key, p in reward.model.named_parameters():
                if f".{name}." in key:
                    p.add_(torch.randn(p.shape) / (5 + n))
    scores = model_score(PAIRS[:2], model=reward)
    save(reward, tmp_path / "members")
    group = for_model(PAIRS[0], tiny.tokenizer())
    for n, name in enumerate(adapter_names(3)):
        said = {"num_labels": 1, "dtype": torch.float32, "pad_token_id": reward.base.config.pad_token_id}
        base = transformers.AutoModelForSequenceClassification.from_pretrained(folder, **said)
        place = tmp_path / "members" / ("" if name == "default" else name)
        alone = PeftModel.from_pretrained(base, place).eval()
        for k, answer in enumerate(group.responses):
            ids = torch.tensor([[*group.prompt_ids, *answer.ids]])
            torch.testing.assert_close(alone(ids).logits[0, 0], scores[0, k, n], rtol=1e-3, atol=1e-5)
    again = load(Model(source=str(tmp_path / "members"), head="score", dtype="float32"), name="reward")
    assert again.channels == reward.channels
    torch.testing.assert_close(model_score(PAIRS[:2], model=again), scores, rtol=0, atol=1e-6)
    assert not any(p.requires_grad for p in again.model.parameters())


def test_all_adapters_learn_and_nothing_else_does(folder):
    recipe, reward = adapters(folder)
    before = {n: p.detach().clone() for n, p in reward.model.named_parameters()}
    optimise(recipe, networks={"reward": reward}, judged=[for_model(g, tiny.tokenizer()) for g in PAIRS])
    moved = {n for n, p in reward.model.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {n for n in before if any(f".{a}." in n for a in adapter_names(3))}
    leads = model_score(PAIRS, model=reward)
    assert bool(((leads[:, 0] - leads[:, 1]).mean(0) > 0).all())


def test_an_ensemble_of_adapters_has_no_features_of_its_own(folder):
    _, reward = adapters(folder)
    with pytest.raises(ModelError, match="cannot give features"):
        features_of(PAIRS, reward)


def test_copies_of_an_adapter_are_named(folder):
    _, reward = adapters(folder)
    of = dict(reward.model.named_parameters())
    with torch.no_grad():
        for key in of:
            if ".member-3." in key:
                of[key].copy_(of[key.replace(".member-3.", ".default.")])
    with pytest.raises(RewardError, match="reward's member 1 and reward's member 3 have the same weights"):
        model_score(PAIRS, model=reward)


def test_five_adapters_take_less_than_a_fifth_more_memory_than_one_model():
    """SmolLM2-135M's own shape, without its weights."""
    config = transformers.LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
        num_labels=1,
    )
    with torch.device("meta"):
        stock = transformers.AutoModelForSequenceClassification.from_config(config, dtype=torch.bfloat16)
        one = sum(p.nbytes for p in stock.parameters())
        several = add_members(stock, method("lora-ensemble")(members=4).models["reward"].adapter, apart=True)
    assert one < sum(p.nbytes for p in several.parameters()) < 1.2 * one


def test_diversity_is_the_nuclear_norm_of_the_down_projections(folder):
    _, reward = adapters(folder, members=2)
    sides = {}
    for name, p in reward.model.named_parameters():
        if "lora_A" in name:
            sides.setdefault(name.replace("default", "member-2"), []).append(p.detach().double())
    below = [torch.cat(s) for s in sides.values()]
    norms = [float(torch.linalg.eigvalsh(x @ x.T).sqrt().sum()) for x in below]
    assert float(reward.diversity().detach()) == pytest.approx(sum(norms) / len(norms), rel=1e-4)
