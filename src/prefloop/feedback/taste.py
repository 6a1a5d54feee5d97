"""The taste that the simulated people share."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..errors import RunError


def sentiment(prompt: str, response: str) -> float:
    """How positive the response reads, from -1 to 1, whatever the prompt.

    The compound score of VADER (Hutto and Gilbert 2014): the summed valence s of the words it knows, adjusted for
    negation, emphasis and punctuation, as s / sqrt(s^2 + 15).

    Raises:
        RunError: the vaderSentiment package is not installed.

    >>> sentiment("The day was", " wonderful.") > 0 > sentiment("The day was", " horrible.")
    True
    """
    return float(_analyser().polarity_scores(response)["compound"])


@cache
def _analyser() -> Any:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError as error:
        raise RunError(
            "the taste `sentiment` is scored by the package vaderSentiment, which cannot be imported here. Install it "
            'with: pip install "prefloop[demo]", or give the people a taste of your own, (prompt, response) -> float.'
        ) from error
    return SentimentIntensityAnalyzer()
