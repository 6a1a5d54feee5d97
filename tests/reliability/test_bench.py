"""The comparison measures what it says: turns that never overlap, the same tokens on both sides, ratios by round."""

import itertools
import sys
import time
from types import SimpleNamespace

import pytest
from bench import compare, data, profile

# A side that notes when it works: each step takes a tenth of a second.
SIDE = """
import sys, time
from bench.turns import Turns
turns = Turns()
print("what a library says of itself")
for step in range(4):
    began = time.monotonic()
    time.sleep(0.1)
    with open(sys.argv[1], "a") as log:
        print(began, time.monotonic(), file=log)
    turns.ended(7)
"""


class Words:
    """A tokenizer of whole words, of which it knows a few."""

    def __init__(self, known="the old harbour lay quiet in rain"):
        self.known = known.split()

    def get_vocab(self):
        return {f"Ġ{word}": i for i, word in enumerate(self.known)} | {"Ġ": 90, "ing": 91, "ĠThe": 92}

    def __call__(self, text, add_special_tokens=True):
        return {"input_ids": [self.known.index(w) for w in text.split()]}


def test_only_one_side_works_at_a_time(tmp_path):
    log = tmp_path / "log"
    sides = [compare.Side(str(i), [sys.executable, "-c", SIDE, str(log)], {}) for i in range(2)]
    for _ in range(3):
        for side in sides:
            time.sleep(0.2)  # between the turns nobody works, and nobody's clock runs
            side.step()
    for side in sides:
        side.close()
    spans = [tuple(map(float, line.split())) for line in log.read_text().splitlines()]
    assert len(spans) == 8
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))
    for side in sides:
        found = side.result(rounds=2)
        assert len(found["seconds"]) == 2
        assert all(0.1 <= s < 0.4 for s in found["seconds"])
        assert 7 / 0.4 < found["tokens_per_second"] <= 7 / 0.1
        assert found["peak_bytes"] > 2**20
        assert found["first_step_seconds"] > 0.1


def test_a_side_that_fails_says_why():
    with pytest.raises(SystemExit, match=r"(?s)theirs ended early.*no room"):
        compare.Side("theirs", [sys.executable, "-c", "raise MemoryError('no room')"], {})


def test_ratios_are_those_of_one_round():
    found = compare.ratios([1.0, 2.0, 4.0], [2.0, 6.0, 4.0])
    assert found == {"median": 2.0, "least": 1.0, "most": 3.0}


def test_texts_have_exactly_the_tokens_asked_for():
    tokenizer = Words()
    made = data.pairs(tokenizer, 3)
    sizes = [tuple(len(tokenizer(text)["input_ids"]) for text in pair) for pair in made]
    assert sizes == 3 * [(p, a - 1, b - 1) for p, (a, b) in zip(data.PROMPTS, data.ANSWERS, strict=True)]
    assert len({p.prompt for p in made}) == 12
    assert made == data.pairs(tokenizer, 3)


def test_a_tokenizer_that_splits_its_words_is_refused():
    class Splits(Words):
        def __call__(self, text, add_special_tokens=True):
            return {"input_ids": list(text)}

    with pytest.raises(ValueError, match="90 words became"):
        data.pairs(Splits(), 1)


def test_tokens_count_the_prompt_once_for_each_answer():
    assert data.tokens("sft") == sum(data.PROMPTS) + 112 + 60 + 128 + 108
    assert data.tokens("dpo") == data.tokens("sft") + sum(data.PROMPTS) + 70 + 105 + 64 + 92
    assert data.tokens("ppo") == 16 * 48


def test_a_profile_counts_every_second_once_and_by_its_kind():
    def event(key, seconds, flops=0):
        return SimpleNamespace(key=key, self_cpu_time_total=1e6 * seconds, flops=flops)

    events = [event("aten::mm", 2.0, 1e12), event("aten::bmm", 0.5), event("aten::mul", 0.25, 1e6), event("_Norm", 0.1)]
    lines = [line.split() for line in profile.table(events, 4.0).splitlines()]
    assert [line[line.index("s") - 1] for line in lines] == [
        "2.00",
        "0.50",
        "0.00",
        "0.00",
        "0.00",
        "0.25",
        "1.25",
        "4.00",
    ]
    assert lines[0][-5:] == ["1.00", "TFLOP", "at", "0.50", "TFLOP/s"]
    assert "TFLOP" not in lines[5]
