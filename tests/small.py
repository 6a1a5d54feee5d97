"""The whole loop at the size of a test: a tiny model, short prompts, and people who like one letter."""

import json
from dataclasses import replace

from prefloop.feedback.people import Pool
from prefloop.loops.demo import demo
from prefloop.recipe import Decoding

THINGS = ["harbour", "boat", "rain", "house", "road", "garden", "letter", "lamp", "river", "bridge", "window", "field"]
PROMPTS = "\n".join(
    json.dumps({"text": f"The {adjective} {thing}", "split": split})
    for adjective, split in (("old", "train"), ("quiet", "train"), ("first", "held_out"))
    for thing in THINGS
)
DECODING = Decoding(max_tokens=6)


def letters(prompt, response):
    """The gold score: how much of a response is in the first half of the alphabet."""
    read = [c for c in response.lower() if c.isascii() and c.isalpha()]
    return sum(c < "n" for c in read) / (1 + len(read))


def cheerful(prompt, response):
    """A reward of the user's own."""
    return float(response.count("e"))


def small(folder, prompts, method="rloo", *, seed=0):
    """The demo with the same pieces and numbers of one digit."""
    rounds = demo(method_name=method, model=str(folder), seed=seed)
    policy = replace(rounds.policy, batch=3, optimiser=replace(rounds.policy.optimiser, lr=3e-3))
    if policy.steps:
        policy = replace(policy, steps=3, checkpoint=2)
    if policy.sample:
        policy = replace(policy, sample=replace(policy.sample, k=min(policy.sample.k, 4), decoding=DECODING))
    return replace(
        rounds,
        policy=policy,
        reward=replace(
            rounds.reward, batch=6, epochs=2, checkpoint=2, optimiser=replace(rounds.reward.optimiser, lr=1e-2)
        ),
        people=Pool(taste=letters, seed=seed, clock=never),
        gold=letters,
        prompts=str(prompts),
        candidates=10,
        questions=8,
        held_out=6,
        judged=4,
        decoding=DECODING,
    )


def never():
    """A clock for runs that are compared."""
    return 0.0
