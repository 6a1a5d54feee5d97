"""A tiny reward model behind HTTP, for tests of its server and of those who call it."""

import threading

import torch

import tiny
from prefloop.models.decoder import Decoder
from prefloop.scoring.model import normalise
from prefloop.text import Group, Message, Prompt, Response

GROUPS = [
    Group(prompt=Prompt(text="Rain"), responses=(Response(text=" fell."), Response(text=" came and went."))),
    Group(
        prompt=Prompt(messages=(Message(role="user", content="How?"),)),
        responses=(Response(text="So."), Response(text="As the old harbour lay", finish="length"), Response(text="")),
    ),
]
TEXT = [
    {"prompt": "Rain", "responses": [" fell.", {"text": " came and went."}]},
    {
        "prompt": [{"role": "user", "content": "How?"}],
        "responses": ["So.", {"text": "As the old harbour lay", "finish": "length"}, ""],
    },
]


def reward_model(*channels):
    """A reward model in fp32, normalised."""
    stock = tiny.network("llama", head="score", labels=len(channels) or 1)
    if channels:
        stock.config.prefloop_channels = list(channels)
    model = Decoder(stock.requires_grad_(False), tiny.tokenizer(), head="score", name="reward")
    normalise(model, GROUPS[:1])
    return model


class Gate:
    """Holds a model's forwards until they may go on."""

    def __init__(self, model):
        self.begun, self.goes, self.forwards = threading.Event(), threading.Event(), 0
        hidden = model.hidden

        def held(*given):
            self.forwards += 1
            self.begun.set()
            assert self.goes.wait(30)
            return hidden(*given)

        model.hidden = held


def padded(rows):
    """Scores of unequal length as `model_score` gives them, 0 where there is no response."""
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
