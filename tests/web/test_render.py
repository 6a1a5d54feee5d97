"""What a model wrote is shown and never acts."""

import re
from html.parser import HTMLParser

import pytest

pytest.importorskip("nh3", reason="the page needs the extra `web`")

from prefloop.web import maths, render

ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><style>*{}</style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "[a](javascript:alert(1)) [b](data:text/html,<script>1</script>) <javascript:alert(1)>",
    '![x](https://example.org/a.png) ![y"onerror=alert(1)](z)',
    '[a](https://x.org "x\\" onmouseover=alert(1)")',
    '```"><script>alert(1)</script>\nx\n```',
    r"$\text{<img src=x onerror=alert(1)>}$",
    r"\[\href{javascript:alert(1)}{x}\]",
    "$$\\style{position:fixed}{x}$$",
    "a\0b \ud800 \u202e <iframe src=//x>",
    "<a href=x style=position:fixed>",
    "| <b onclick=a> | b |\n|---|---|\n| <script> | 2 |",
)


class Read(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += [(tag, *one) for one in attributes]


@pytest.mark.parametrize("text", ATTACKS)
@pytest.mark.parametrize("show", [render.html, render.raw, lambda t: render.differences(t, "other")[0]])
def test_nothing_that_a_model_writes_can_act(text, show):
    read = Read(show(text))
    assert not read.tags & {"script", "img", "svg", "style", "iframe", "object", "form"}
    for tag, name, value in read.attributes:
        assert name in {"href", "rel", "target", "class", "start", "display"} | set(render._ATTRIBUTES.get(tag, ())), (
            name
        )
        if name == "href":
            assert re.match(r"https?://", value)


def test_links_open_elsewhere_and_take_nothing_along():
    assert render.html("[a](https://x.org)") == (
        '<p><a href="https://x.org" target="_blank" rel="noopener noreferrer nofollow">a</a></p>\n'
    )


def test_pictures_are_named_and_not_fetched():
    assert render.html("![a cat](https://x.org/cat.png)") == '<p><span class="image">[picture: a cat]</span></p>\n'


@pytest.mark.parametrize("text", ["$x^2$", r"\(x^2\)", "$$x^2$$", r"\[x^2\]", "\\[\nx^2\n= y\n- z\n\\]"])
def test_the_four_ways_to_write_a_formula(text):
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in render.html(text)
    assert Read(render.html(text)).tags & {"ul", "h4"} == set()


@pytest.mark.parametrize("text", ["$5 and $10", r"\$x\$", "`$x$`", "```\n$$x$$\n```", "$ x $", "$$ x", "$$"])
def test_what_is_no_formula_stays_as_it_was(text):
    assert "<math" not in render.html(text)


def test_a_formula_that_cannot_be_read_stays_in_its_own_notation():
    for latex in ("{" * 900, r"\left(" * 300, r"\begin{matrix}"):
        assert maths.mathml(latex, block=False) == f'<code class="formula">{latex}</code>'


def test_headings_start_below_the_pages_own_and_skip_no_level():
    levels = [int(n) for n in re.findall(r"<h(\d)", render.html("### A\n# B\n###### C\n# D"))]
    assert levels == [4, 4, 5, 4]


@pytest.mark.parametrize(
    "mark", ["[", "![", "$x ", "\\[\n", "\\(", "*a_ ", "> ", "- ", "`a", "$$\n", "|a", "<", "[a](b", "# a\n"]
)
def test_any_amount_of_anything_is_shown(mark):
    assert render.html((mark * 3_000)[:3_000])


def test_a_text_longer_than_is_read_is_shown_as_it_is():
    text = "*" * (render.LONGEST + 1)
    assert render.html(text) == render.raw(text)


def test_raw_text_is_whole():
    assert render.raw("  <b>**x**\n") == '<pre class="raw">  &lt;b&gt;**x**\n</pre>'


def test_differences_mark_the_words_of_one_side_only():
    left, right = render.differences("The <b>cat</b> sat\n down", "The dog sat down")
    marked = "".join(re.findall(r"<mark>(.*?)</mark>", left))
    assert "cat" in marked
    assert "sat" not in marked
    assert re.findall(r"<mark>(.*?)</mark>", right) == ["dog"]
    assert re.sub(r"</?(mark|pre)[^>]*>", "", left) == "The &lt;b&gt;cat&lt;/b&gt; sat\n down"


def test_texts_too_long_to_compare_say_so():
    left, _ = render.differences("a " * (render.MOST_WORDS + 1), "b")
    assert "Too long" in left
    assert "<mark>" not in left
