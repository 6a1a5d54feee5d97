"""Names of models and of who makes them, in what a model wrote: a vote is not blind where an answer says whose it is.

A name that belongs to nothing else is found wherever it stands; one that is also a word or a person's name only where
a model speaks of itself, or with a version behind it. What the prompt itself names is the subject and no give-away.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

Span = tuple[int, int]
"""The first character of a name, and the one after its last."""

DISTINCT = (
    *("ChatGPT", "InstructGPT", "GPT", "OpenAI", "Anthropic", "DeepMind", "DeepSeek", "Qwen", "Mixtral", "Mistral AI"),
    *(
        "Meta AI",
        "Google AI",
        "xAI",
        "Stability AI",
        "Moonshot AI",
        "Zhipu",
        "ChatGLM",
        "InternLM",
        "Baichuan",
        "Cohere",
    ),
    *("Hugging Face", "EleutherAI", "LMSYS", "Vicuna", "WizardLM", "StableLM", "TinyLlama", "SmolLM", "OpenAssistant"),
    *(
        "BigScience",
        "Nous Research",
        "MosaicML",
        "AI21",
        "Tongyi Qianwen",
        "Ernie Bot",
        "PaLM",
        "LaMDA",
        "Tulu",
        "OLMo",
    ),
)
"""Names that mean a model or its maker wherever they stand."""
AMBIGUOUS = (
    *("Claude", "Gemini", "Gemma", "Bard", "Llama", "Mistral", "Falcon", "Phi", "Copilot", "Grok", "Kimi", "Command R"),
    *("Alpaca", "Koala", "Dolly", "Orca", "Zephyr", "Yi", "Nova", "Titan", "Sydney", "Bing"),
    *("Google", "Microsoft", "Meta", "Facebook", "Amazon", "Apple", "Nvidia", "Alibaba", "Baidu", "Tencent", "IBM"),
)
"""Names that mean other things as well."""
VERSION = r"(?:[- ]?v?\d+(?:\.\d+)*(?:[- ]?(?:b|turbo|mini|instruct|chat|pro|flash|opus|sonnet|haiku))*)"
_ITSELF = r"(?:\bI am|\bI'm|\bI\u2019m|\bmy name is|\bcall me|\bas|\bthis is|\bknown as|\bcalled)(?: an?| the)?\s+"
_BY = r"\b(?:trained|developed|made|created|built|designed|released|owned)\s+by\s+(?:the\s+team\s+at\s+)?"
_PROPER = r"[A-Z][\w.-]*(?:\s[A-Z0-9][\w.-]*){0,2}"
_A_MACHINE = r"(?=,?\s+(?:an?|the|your)\b[^.\n]{0,60}\b(?:AI|assistant|language model|chatbot|LLM)\b)"


def names_in(text: str, *, asked: str = "", names: Collection[str] = ()) -> list[Span]:
    """Where a text names a model or its maker, in order and without overlaps.

    `asked` is the prompt: a name in it is left where it is. `names` are further names that mean a model wherever they
    stand, such as a project's own.

    >>> text = "I am Claude, made by Anthropic. Claude Monet painted."
    >>> [text[a:b] for a, b in names_in(text)]
    ['Claude', 'Anthropic']
    >>> names_in("OpenAI was founded in 2015.", asked="When was OpenAI founded?")
    []
    """
    found: list[Span] = []
    for pattern in _patterns(tuple(sorted(names))):
        found += [m.span("name") for m in pattern.finditer(text)]
    subject = asked.casefold()
    found = [(a, b) for a, b in found if text[a:b].casefold() not in subject]
    return _without_overlaps(found)


def masked(text: str, spans: Sequence[Span], *, same_length: bool = False) -> str:
    """The text with each name hidden; `same_length` keeps every other character at its place.

    >>> masked("I am GPT-4.", [(5, 10)]), masked("I am GPT-4.", [(5, 10)], same_length=True)
    ('I am [name hidden].', 'I am █████.')
    """
    pieces, last = [], 0
    for start, end in spans:
        pieces += [text[last:start], "█" * (end - start) if same_length else "[name hidden]"]
        last = end
    return "".join([*pieces, text[last:]])


def _without_overlaps(spans: Collection[Span]) -> list[Span]:
    kept: list[Span] = []
    for start, end in sorted(spans, key=lambda s: (s[0], -s[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


@lru_cache(maxsize=64)
def _patterns(names: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    always, perhaps = _any_of((*DISTINCT, *names)), _any_of(AMBIGUOUS)
    return (
        re.compile(rf"(?<!\w)(?P<name>{always}{VERSION}?)(?!\w)", re.IGNORECASE),
        re.compile(rf"(?<!\w)(?P<name>{perhaps}{VERSION})(?!\w)"),
        re.compile(rf"(?:{_ITSELF}|{_BY})(?P<name>{perhaps}{VERSION}?)(?!\w)", re.IGNORECASE),
        re.compile(rf"(?:\bI am|\bI'm|\bI\u2019m|\b[Mm]y name is)\s+(?P<name>{_PROPER}){_A_MACHINE}"),
    )


def _any_of(names: Collection[str]) -> str:
    longest_first = sorted((n for n in names if n.strip()), key=len, reverse=True)
    return "(?:" + "|".join(re.escape(n).replace(r"\ ", r"\s") for n in longest_first) + ")"
