r"""Formulas in markdown: $x$, $$x$$, \(x\) and \[x\], read in linear time and shown as MathML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

LONGEST = 2_000
"""Characters of a formula; a longer one is no formula."""

MATHML = frozenset(
    {"math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mprescripts"}
    | {"mroot", "mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr"}
    | {"munder", "munderover", "none"}
)
_CLOSED_BY = {"$$": "$$", "\\[": "\\]", "\\(": "\\)", "$": "$"}
_BLOCK = ("$$", "\\[")


def plugin(md: MarkdownIt) -> None:
    """Teach a markdown reader the four ways to write a formula."""
    md.inline.ruler.before("escape", "maths", _inline)
    md.block.ruler.before("fence", "maths", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    md.add_render_rule("maths", _render)


def mathml(latex: str, *, block: bool) -> str:
    r"""MathML that was read back and holds MathML only, or the formula in its own notation where it cannot be read.

    >>> mathml(r"\text{<b>}", block=False)
    '<code class="formula">\\text{&lt;b&gt;}</code>'
    """
    try:
        made = convert(latex, display="block" if block else "inline")
        if {e.tag.rpartition("}")[2] for e in ElementTree.fromstring(made).iter()} <= MATHML:
            return made
    except Exception:  # the converter meets what a model wrote and raises whatever comes of it
        pass
    return f'<code class="formula">{escape(latex.strip())}</code>'


def _opening(text: str, at: int) -> str:
    """The opening mark at this place, or nothing."""
    return next((mark for mark in _CLOSED_BY if text.startswith(mark, at)), "")


def _inline(state: StateInline, silent: bool) -> bool:
    mark = _opening(state.src, state.pos)
    if not mark:
        return False
    start = state.pos + len(mark)
    end = _end(state.src, mark, start, state.posMax)
    if end <= start or (mark == "$" and not _is_formula(state.src, start, end)):
        return False
    if not silent:
        token = state.push("maths", "math", 0)
        token.content, token.markup = state.src[start:end], mark
    state.pos = end + len(mark)
    return True


def _is_formula(text: str, start: int, end: int) -> bool:
    """Whether what stands between two dollars is a formula and not between two prices."""
    return not text[start].isspace() and not text[end - 1].isspace() and not text[end + 1 : end + 2].isdigit()


def _block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    begin = state.bMarks[first] + state.tShift[first]
    mark = next((m for m in _BLOCK if state.src.startswith(m, begin)), "")
    if not mark or state.is_code_block(first):
        return False
    start = begin + len(mark)
    end = _end(state.src, mark, start, state.eMarks[last - 1])
    if end <= start or "\n\n" in state.src[start:end]:
        return False
    line = first + state.src.count("\n", start, end)
    if line >= last or state.src[end + len(mark) : state.eMarks[line]].strip(" \t.,;"):
        return False  # it is part of a sentence
    if not silent:
        token = state.push("maths", "math", 0)
        token.content, token.markup, token.block = state.src[start:end], mark, True
        token.map = [first, line + 1]
    state.line = line + 1
    return True


def _end(text: str, mark: str, start: int, last: int) -> int:
    """Where the formula ends, or -1. No farther than a formula is read, so that a text of marks takes linear time."""
    return text.find(_CLOSED_BY[mark], start, min(last, start + LONGEST + len(mark)))


def _render(self: RendererHTML, tokens: Sequence[Token], index: int, *_: Any) -> str:
    token = tokens[index]
    shown = mathml(token.content, block=token.markup in _BLOCK)
    shown = f'<span class="formula block">{shown}</span>' if token.markup in _BLOCK else shown
    return f"<p>{shown}</p>\n" if token.block else shown
