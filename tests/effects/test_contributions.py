"""Where a score comes from: what a token and what a sentence adds."""

import pytest
import torch

import tiny
from prefloop.models.decoder import Decoder
from prefloop.scoring.contributions import by_sentence, by_token, sentences
from prefloop.scoring.model import model_score, normalise
from prefloop.text import Group, Prompt, Response

GROUP = Group(
    prompt=Prompt(text="Rain"),
    responses=(Response(text=" fell. It stayed! And then?"), Response(text=" no"), Response(text="")),
)


@pytest.fixture
def reward():
    stock = tiny.network("llama", head="score", dtype=torch.float64)
    return Decoder(stock, tiny.tokenizer(), head="score", name="reward")


def faded(reward, group, by):
    """The score when the embeddings of the answer's tokens are this much smaller."""
    first = len(reward.tokenizer(group.prompt.text)["input_ids"])

    def fade(module, inputs, embedded):
        factors = torch.ones(embedded.shape[-2], 1, dtype=embedded.dtype)
        factors[first:] -= by
        return embedded * factors

    handle = reward.base.get_input_embeddings().register_forward_hook(fade)
    try:
        return model_score([group], model=reward)[0, 0].item()
    finally:
        handle.remove()


@pytest.mark.parametrize("trained", [True, False])
def test_the_tokens_add_up_to_how_fast_the_score_falls_when_they_fade(reward, trained):
    reward.model.requires_grad_(trained)
    one = Group(prompt=GROUP.prompt, responses=GROUP.responses[:1])
    [parts] = by_token(one, reward)
    step = 1e-3
    slope = (faded(reward, one, -step) - faded(reward, one, step)) / (2 * step)
    assert sum(p.adds for p in parts) == pytest.approx(slope, rel=2e-3)
    assert abs(slope) > 1e-2
    assert "".join(p.text for p in parts) == one.texts[0] + tiny.END


def test_tokens_add_to_the_score_as_it_is_normalised(reward):
    plain = by_token(GROUP, reward)
    normalise(reward, [GROUP])
    std = reward.base.config.prefloop_normalisation["std"]
    for before, after in zip(plain, by_token(GROUP, reward), strict=True):
        assert [p.adds / std for p in before] == pytest.approx([p.adds for p in after])


def test_asking_for_the_parts_leaves_the_model_as_it_was(reward):
    before = model_score([GROUP], model=reward)
    by_token(GROUP, reward)
    assert torch.equal(model_score([GROUP], model=reward), before)
    assert not reward.base.get_input_embeddings()._forward_hooks
    assert all(p.grad is None for p in reward.model.parameters())


@pytest.mark.parametrize("text", ["One. Two", "a\n\n- b\n- c\n", "3.5 m... (Yes!) No", "", " ", "..."])
def test_sentences_are_the_whole_text(text):
    assert "".join(sentences(text)) == text


def test_a_sentence_adds_what_the_score_loses_without_it():
    def words(groups):
        return torch.tensor([[float(len(t.split())) ** 2 for t in g.texts] for g in groups])

    [parts, [only], none] = by_sentence(GROUP, words)
    assert [(p.text, p.adds) for p in parts] == [(" fell. ", 25 - 16), ("It stayed! ", 25 - 9), ("And then?", 25 - 9)]
    assert (only.text, only.adds) == (" no", 1)
    assert none == []


def test_the_only_sentence_is_held_against_an_answer_that_says_nothing(reward):
    cut = Group(prompt=GROUP.prompt, responses=(Response(text=" no", finish="length"),))
    [[part]] = by_sentence(cut, lambda some: model_score(some, model=reward))
    nothing = Group(prompt=GROUP.prompt, responses=(Response(text=""),))
    scores = model_score([cut], model=reward) - model_score([nothing], model=reward)
    assert part.adds == pytest.approx(scores.item())
