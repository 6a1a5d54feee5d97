"""Where should a small reward model read its score? A linear probe of the untrained model answers before any training.

    python bench/reward_reading.py runs/demo

takes the answers of a demo's feedback store, reads SmolLM2's hidden state at several places, fits ridge regression of
the simulated people's taste on three quarters of the prompts, and prints the correlation on the rest.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from prefloop import Model, Store, load
from prefloop.batch import assemble
from prefloop.feedback.taste import sentiment
from prefloop.loops.demo import ENDING
from prefloop.models.attention import Packed
from prefloop.models.decoder import Decoder
from prefloop.models.encode import for_model
from prefloop.recipes import SMOLLM2
from prefloop.text import Group


@torch.no_grad()
def hidden_states(model: Decoder, groups: Sequence[Group], ending: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The hidden state at the last token of every answer, and the mean over the answer."""
    batch = assemble([for_model(g, model.tokenizer, ending=ending) for g in groups])
    last, mean = [], []
    for a, b in batch.split(4096):
        rows = batch.rows(a, b)
        tree = Packed(rows.trunks, rows.lengths)
        hidden = model.hidden(tree.pack(rows.trunks, rows["ids"]), tree.positions, tree).float()
        for slots, n in zip(tree.slot, rows.lengths.flatten().tolist(), strict=True):
            last.append(hidden[slots[n - 1]])
            mean.append(hidden[slots[:n]].mean(0))
    return torch.stack(last).numpy(), torch.stack(mean).numpy()


def held_out_correlation(features: np.ndarray, taste: np.ndarray, train: int, ridge: float = 1000.0) -> float:
    centre, scale = features[:train].mean(0), features[:train].std(0) + 1e-6
    x = (features - centre) / scale
    gram = x[:train].T @ x[:train] + ridge * np.eye(x.shape[1])
    weight = np.linalg.solve(gram, x[:train].T @ (taste[:train] - taste[:train].mean()))
    return float(np.corrcoef(x[train:] @ weight, taste[train:])[0, 1])


def main() -> None:
    with Store.open(Path(sys.argv[1]) / "feedback.sqlite") as store:
        groups = [q.group for q in store.questions(round=1) if len(q.group.responses) == 4]
    taste = np.array([sentiment(g.prompt.shown, t) for g in groups for t in g.texts])
    train = len(groups) * 3 // 4 * 4
    model = load(Model(source=SMOLLM2), name="model")
    end = (model.tokenizer.eos_token_id,)
    said = tuple(model.tokenizer(ENDING, add_special_tokens=False)["input_ids"])
    last, mean = hidden_states(model, groups, ())
    places = {
        "the last word": last,
        "an end token after it": hidden_states(model, groups, end)[0],
        f"after {ENDING!r}": hidden_states(model, groups, said)[0],
        "the mean over the answer": mean,
    }
    print(f"{train} answers to fit, {len(taste) - train} to test")
    for name, features in places.items():
        print(f"{held_out_correlation(features, taste, train):6.2f}  {name}")


if __name__ == "__main__":
    main()
