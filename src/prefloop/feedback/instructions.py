"""Comparisons of prompts, made of pairs of answers and of instructions that can be checked in a text.

What an answer follows, and what it does not, is known without asking anybody. So of one answer and two prompts, the
prompt it follows is the better one; and two answers are further apart after a prompt that only the better follows than
after one that only the worse does.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..text import Group, Message, OwnPrompt, Prompt

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Something an answer can be asked for, and whether a text follows it.

    >>> Instruction(text="Ask something.", followed=lambda text: "?" in text).followed("And you?")
    True
    """

    text: str
    followed: Callable[[str], bool]


Drawn = Callable[[str, random.Random], tuple[Instruction, Instruction]]
"""Of an answer: an instruction that it follows, and one that it does not."""


def in_words(text: str, draw: random.Random) -> tuple[Instruction, Instruction]:
    """How many words, at most and at least; the bound is a little off what the text has.

    >>> [i.text for i in in_words("one two three", random.Random(0))]
    ['Use at most 4 words.', 'Use at least 5 words.']
    """
    count = len(_WORD.findall(text))
    bound = count + draw.randint(0, 1 + count // 4)

    def fits(text: str) -> bool:
        return len(_WORD.findall(text)) <= bound

    return (
        Instruction(text=f"Use at most {bound} words.", followed=fits),
        Instruction(text=f"Use at least {bound + 1} words.", followed=lambda text: not fits(text)),
    )


def with_word(text: str, draw: random.Random) -> tuple[Instruction, Instruction]:
    """A word of the text, the longer the likelier: with it, and without it.

    >>> [i.text for i in with_word("Rain.", random.Random(0))]
    ['Use the word "rain".', 'Do not use the word "rain".']
    """
    words = sorted({w.lower() for w in _WORD.findall(text)}) or ["nothing"]
    [word] = draw.choices(words, [len(w) for w in words])

    def has(text: str) -> bool:
        return word in (w.lower() for w in _WORD.findall(text))

    with_it = Instruction(text=f'Use the word "{word}".', followed=has)
    without = Instruction(text=f'Do not use the word "{word}".', followed=lambda text: not has(text))
    return (with_it, without) if has(text) else (without, with_it)


def in_one_line(text: str, draw: random.Random) -> tuple[Instruction, Instruction]:
    r"""One line, or several.

    >>> [i.text for i in in_one_line("a\nb", random.Random(0))]
    ['Write several lines.', 'Write one line.']
    """

    def is_one(text: str) -> bool:
        return "\n" not in text.strip()

    one = Instruction(text="Write one line.", followed=is_one)
    several = Instruction(text="Write several lines.", followed=lambda text: not is_one(text))
    return (one, several) if is_one(text) else (several, one)


USUAL: tuple[Drawn, ...] = (in_words, with_word, in_one_line)
"""Instructions that any text can be checked for."""


def asking(prompt: Prompt, instructions: Sequence[Instruction]) -> Prompt:
    r"""The prompt with instructions after it: in the last message of the user, or after an empty line.

    >>> asking(Prompt(text="Tell a joke."), [Instruction(text="Be brief.", followed=bool)]).text
    'Tell a joke.\n\nBe brief.'
    """
    said = " ".join(i.text for i in instructions)
    if prompt.text is not None:
        return Prompt(text=f"{prompt.text}\n\n{said}")
    *before, last = prompt.messages
    if last.role == "user":
        return Prompt(messages=(*before, replace(last, content=f"{last.content}\n\n{said}")))
    return Prompt(messages=(*prompt.messages, Message(role="user", content=said)))


def compliance(text: str, instructions: Sequence[Instruction]) -> float:
    """The share of instructions that a text follows.

    >>> compliance("one two", in_words("one two", random.Random(0)))
    0.5
    """
    return sum(i.followed(text) for i in instructions) / len(instructions)


def prompts_apart(group: Group, draw: random.Random, *, kinds: Sequence[Drawn] = USUAL, broken: int = 1) -> Group:
    r"""The preferred answer of a group under two prompts: one that it follows, and one of which it breaks some.

    Both prompts hold as many instructions; `broken` of them, at least one, are turned into ones it does not follow.
    Intra-sample pairs of MAPL (Sun et al. 2025, arXiv 2505.12845), for `mapl` and every other method on pairs.

    >>> from prefloop.text import Response
    >>> group = Group(prompt=Prompt(text="Weather?"), responses=(Response(text=" Rain."),))
    >>> pair = prompts_apart(group, random.Random(0), kinds=[with_word])
    >>> [pair.prompt_of(k).text for k in range(2)]
    ['Weather?\n\nUse the word "rain".', 'Weather?\n\nDo not use the word "rain".']
    """
    answer = replace(group.responses[0], ids=(), mask=(), logp=())
    drawn = [kind(answer.text, draw) for kind in kinds]
    turned = set(draw.sample(range(len(drawn)), min(max(1, broken), len(drawn))))
    followed = asking(group.prompt, [yes for yes, _ in drawn])
    other = asking(group.prompt, [no if i in turned else yes for i, (yes, no) in enumerate(drawn)])
    return Group(
        prompt=followed,
        responses=(answer, replace(answer, asked=OwnPrompt(prompt=other))),
        labels=(1.0, 0.0),
        who=group.who,
    )


def gaps_apart(pair: Group, draw: random.Random, *, kinds: Sequence[Drawn] = USUAL) -> Group | None:
    """Both answers of a pair after two prompts: one that only the better follows, one that only the worse does.

    The inter-sample pairs of MAPL (Sun et al. 2025, arXiv 2505.12845), for `mapl`: four responses, both answers after
    the prompt under which they are further apart, then both after the other. `None` where no instruction of these
    `kinds` tells the two answers apart both ways.
    """
    better, worse = (replace(r, ids=(), mask=(), logp=()) for r in pair.responses[:2])
    wide = _telling(better.text, worse.text, kinds, draw)
    narrow = _telling(worse.text, better.text, kinds, draw)
    count = min(len(wide), len(narrow))
    if not count:
        return None
    asked = OwnPrompt(prompt=asking(pair.prompt, narrow[:count]))
    return Group(
        prompt=asking(pair.prompt, wide[:count]),
        responses=(better, worse, replace(better, asked=asked), replace(worse, asked=asked)),
        labels=(1.0, 0.0, 0.0, 0.0),
        who=pair.who,
    )


def _telling(mine: str, other: str, kinds: Sequence[Drawn], draw: random.Random) -> list[Instruction]:
    """Instructions that the one text follows and the other does not."""
    drawn = (kind(mine, draw)[0] for kind in kinds)
    return [i for i in drawn if not i.followed(other)]
