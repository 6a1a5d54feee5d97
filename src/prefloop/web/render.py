"""Model text as HTML. It is untrusted: whatever it holds, what comes out is text, structure and maths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from . import maths

LONGEST = 30_000
"""Characters that are read as markdown; a longer text is shown as it is."""
MOST_WORDS = 4_000
"""Words of each of two texts that are compared."""

_TAGS = (
    maths.MATHML
    | {"a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s"}
    | {"span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}
)
_ATTRIBUTES = {
    "a": {"href", "target"},
    "ol": {"start"},
    "math": {"display"},
    "mo": {"stretchy", "fence", "form", "separator", "lspace", "rspace", "minsize", "maxsize", "movablelimits"},
    "mi": {"mathvariant"},
    "mfrac": {"linethickness"},
    "mspace": {"width", "linebreak"},
    "mtable": {"columnalign", "rowspacing", "columnspacing", "displaystyle"},
    "mtd": {"columnalign", "columnspan"},
    "menclose": {"notation"},
    "mover": {"accent"},
    "munder": {"accentunder"},
}
_CLASSES = {"span": {"image", "formula", "block"}, "code": {"formula"}}
_CLEANER = nh3.Cleaner(
    tags=set(_TAGS),
    clean_content_tags={"script", "style"},
    attributes=_ATTRIBUTES,
    allowed_classes=_CLASSES,
    url_schemes={"http", "https"},
    link_rel="noopener noreferrer nofollow",
)


def html(text: str, top: int = 4) -> Markup:
    r"""Markdown with code and maths as sanitised HTML; a text beyond `LONGEST` as it is.

    Headings go from the level `top` down to h6 without gaps, below those of the page. Pictures are named and never
    fetched. A formula that cannot be read stays in its own notation.

    >>> html("**Two** <script>alert(1)</script>")
    Markup('<p><strong>Two</strong> &lt;script&gt;alert(1)&lt;/script&gt;</p>\n')
    """
    return raw(text) if len(text) > LONGEST else _html(sendable(text), top)


def raw(text: str) -> Markup:
    """The text as it is, each character of it.

    >>> raw("**Two**")
    Markup('<pre class="raw">**Two**</pre>')
    """
    return _boxed([escape(sendable(text))])


def sendable(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair, which no page can hold.

    >>> sendable("a" + chr(0xD800))
    'a?'
    """
    return text.encode(errors="replace").decode()


def differences(first: str, second: str) -> tuple[Markup, Markup]:
    """Two texts with the words that only one of them has marked, by an underline and words for screen readers.

    Nothing is marked, and a line says so, where either text has more than `MOST_WORDS` words.

    >>> differences("one two", "one three")[1]
    Markup('<pre class="raw">one <mark>three</mark></pre>')
    """
    a, b = _words(sendable(first)), _words(sendable(second))
    if max(len(a), len(b)) > MOST_WORDS:
        note = Markup('<p class="quiet">Too long to compare word by word.</p>')
        return note + raw(first), note + raw(second)
    steps = SequenceMatcher(a=[w.strip() for w in a], b=[w.strip() for w in b], autojunk=False).get_opcodes()
    left = [_marked(a[i:j], kind != "equal") for kind, i, j, _, _ in steps]
    right = [_marked(b[i:j], kind != "equal") for kind, _, _, i, j in steps]
    return _boxed(left), _boxed(right)


def _words(text: str) -> list[str]:
    """Words and signs with the blanks before them."""
    return re.findall(r"\s*(?:\w+|[^\w\s])|\s+$", text)


def _marked(words: Sequence[str], differs: bool) -> str:
    text = "".join(words)
    bare = text.lstrip()
    blank = text[: len(text) - len(bare)]
    return f"{blank}<mark>{escape(bare)}</mark>" if differs and bare else escape(text)


def _boxed(pieces: Sequence[str]) -> Markup:
    return Markup(f'<pre class="raw">{"".join(pieces)}</pre>')


@lru_cache(maxsize=512)
def _html(text: str, top: int) -> Markup:
    tokens = _MARKDOWN.parse(text)
    _level(tokens, top)
    return Markup(_CLEANER.clean(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})))


def _level(tokens: Sequence[Token], top: int) -> None:
    """Headings that start below the page's own and never skip a level."""
    open_levels: list[int] = []
    for token in _all(tokens):
        if token.type == "heading_open":
            level = int(token.tag[1])
            while open_levels and open_levels[-1] >= level:
                open_levels.pop()
            open_levels.append(level)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(top - 1 + len(open_levels), 6)}"


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or [])


def _picture(self: RendererHTML, tokens: Sequence[Token], index: int, *_: Any) -> str:
    named = "".join(t.content for t in tokens[index].children or [])
    return f'<span class="image">[picture: {escape(named) or "without a name"}]</span>'


def _link(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    tokens[index].attrs = {"href": tokens[index].attrs.get("href", ""), "target": "_blank"}
    return self.renderToken(tokens, index, options, env)


def _markdown() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    md.use(maths.plugin)
    md.add_render_rule("image", _picture)
    md.add_render_rule("link_open", _link)
    return md


_MARKDOWN = _markdown()
