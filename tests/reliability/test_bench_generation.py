"""The comparison of samplers reads each figure from the turn it was measured in."""

from bench import generation


class Side:
    """A side that has said these seconds, a turn each: a first token, a few at every size, then the rounds."""

    def __init__(self, *seconds):
        self.said = [{"seconds": s} for s in (None, *seconds)]


def test_speeds_and_ratios_are_those_of_the_rounds_by_batch_size():
    ours = Side(90, 90, 1.0, 4.0, 2.0, 8.0)  # two sizes, two rounds
    theirs = Side(80, 80, 2.0, 4.0, 2.0, 24.0)
    measured = generation.found({"prefloop": ours, "vllm": theirs}, (1, 8), 2)
    assert measured["1"]["tokens_per_second"]["prefloop"] == {"median": 96.0, "least": 64.0, "most": 128.0}
    assert measured["1"]["prefloop_times"] == {"vllm": {"median": 1.5, "least": 1.0, "most": 2.0}}
    assert measured["8"]["seconds"] == {"prefloop": [4.0, 8.0], "vllm": [4.0, 24.0]}
    assert measured["8"]["tokens_per_second"]["vllm"]["most"] == 256.0
    assert "batch  8: prefloop 192 (128-256)" in generation.table(measured)
    assert "/ vllm 2.00 (1.00-3.00)" in generation.table(measured)
