"""The average of models: what it is, that it is written and read, and what is refused."""

import pytest
import torch

import tiny
from prefloop.errors import ModelError
from prefloop.models.decoder import Decoder
from prefloop.models.load import load, save
from prefloop.models.soup import averaged, soup
from prefloop.recipe import Model


def test_the_average_of_a_model_with_itself_is_the_model():
    weights = tiny.network("llama", seed=1).state_dict()
    mean = averaged([weights, weights], shares=(0.3, 0.9))
    assert mean.keys() == weights.keys()
    assert all(torch.allclose(mean[n], w, rtol=0, atol=1e-7) and mean[n].dtype == w.dtype for n, w in weights.items())


def test_a_soup_is_written_as_a_model_that_lies_between(tmp_path):
    for n in (1, 2):
        model = tiny.network("llama-tied", seed=n, dtype=torch.float32)
        save(Decoder(model, tiny.tokenizer(), head="lm", name="x"), tmp_path / str(n))
    soup([tmp_path / "1", tmp_path / "2"], tmp_path / "soup", shares=(1.0, 3.0))
    one, other, between = (
        load(Model(source=str(tmp_path / n), dtype="float32"), name=n).base.state_dict() for n in ("1", "2", "soup")
    )
    assert all(torch.allclose(w, 0.25 * one[n] + 0.75 * other[n], rtol=0, atol=1e-6) for n, w in between.items())
    assert not all(torch.allclose(w, one[n], rtol=0, atol=1e-3) for n, w in between.items())


@pytest.mark.parametrize("other", [{"v": torch.zeros(2)}, {"w": torch.zeros(3)}], ids=["name", "shape"])
def test_models_of_different_kinds_are_refused(other):
    with pytest.raises(ModelError, match="only models of one kind"):
        averaged([{"w": torch.zeros(2)}, other])


def test_shares_that_are_not_one_for_each_are_refused():
    with pytest.raises(ModelError, match="2 models and 1 shares"):
        averaged([{"w": torch.zeros(2)}] * 2, shares=(1.0,))
