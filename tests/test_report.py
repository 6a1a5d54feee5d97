"""The report: honest in words, safe with what models write, whole without a network."""

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from prefloop.errors import RunError
from prefloop.evaluation.report import render, write_report
from prefloop.evaluation.summary import (
    Annotator,
    BestOf,
    Change,
    Costs,
    HeldOut,
    KLPoint,
    Point,
    Round,
    Sample,
    Side,
    Summary,
)
from prefloop.evaluation.wording import headline
from prefloop.statistics import Interval

HOSTILE = '"><script>alert(\'x\')</script><img src=https://example.org/x.png onerror=alert(1)> "quoted" & {{ 7 * 7 }}'


def interval(estimate, low, high, n=96, method="paired bootstrap"):
    return Interval(estimate=estimate, low=low, high=high, n=n, method=method)


@pytest.fixture
def summary():
    def rate(estimate):
        return interval(estimate, estimate - 0.08, estimate + 0.08, 123, "Wilson")

    return Summary(
        title="Cheerful openings",
        task="A small model continues openings.",
        method="ppo",
        paper="Schulman et al. 2017",
        model="SmolLM2-135M-Instruct",
        model_source="a wheel",
        people="4 simulated annotators",
        gold_scale="sentiment, from -1 to 1",
        seed=17,
        date="2026-11-21",
        versions={"torch": "2.13.0"},
        held_out=HeldOut(
            gold=Change(
                before=interval(0.08, 0.01, 0.15),
                after=interval(0.49, 0.43, 0.55),
                difference=interval(0.41, 0.33, 0.49),
            ),
            win_rate=interval(0.78, 0.7, 0.85, 96, "Wilson"),
            reward=Change(
                before=interval(0.0, -0.2, 0.2), after=interval(1.9, 1.7, 2.1), difference=interval(1.9, 1.6, 2.2)
            ),
            kl=interval(11.2, 10.3, 12.1),
            length=Change(
                before=interval(27.1, 26.6, 27.6),
                after=interval(25.9, 25.2, 26.6),
                difference=interval(-1.2, -2.0, -0.4),
            ),
        ),
        rounds=(
            Round(number=1, labels=240, accuracy=rate(0.53), agreement=rate(0.63), longest=rate(0.31), chance=0.25),
            Round(number=2, labels=241, accuracy=rate(0.59), agreement=rate(0.64), longest=rate(0.34), chance=0.25),
        ),
        annotators=(
            Annotator(
                name="ada", answers=119, agreement=rate(0.68), first=rate(0.27), longest=rate(0.29), median_seconds=6.1
            ),
        ),
        curves={
            "gold": (Point(step=0, value=0.08, round=1, low=0.0, high=0.2), Point(step=70, value=0.5, round=2)),
            "paid $x$ & y": tuple(Point(step=i, value=i / 9, round=1) for i in range(40)),
            "empty": (),
        },
        over_kl=tuple(
            KLPoint(kl=kl, reward=interval(kl, kl - 1, kl + 1), gold=interval(0.1, 0.0, 0.2), round=1)
            for kl in (0.0, 4.0)
        ),
        best_of=(BestOf(n=1, kl=0.0, reward=0.0, gold=0.1), BestOf(n=4, kl=0.636, reward=1.0, gold=0.2)),
        samples=(
            Sample(
                prompt="The harbour",
                before=Side(text=HOSTILE, length=28, gold=-0.37, reward=-1.46),
                after=Side(text=" ", length=1),
            ),
        ),
        warnings=("Two people hardly agree.",),
        costs=Costs(
            labels=481,
            people_seconds=2885.0,
            stages={"sample": 88.0, "optimise": 268.0},
            tokens_sampled=131440,
            tokens_trained=486200,
            peak_memory_bytes=int(4.3 * 2**30),
        ),
        command="prefloop demo --seed 17",
        files={"policy/": "the aligned model"},
    )


@pytest.fixture
def bare(summary):
    """A person alone at the keyboard: no gold score, no agreement, nothing measured along the way."""
    alone = Round(number=1, labels=1, chance=0.5)
    held_out = replace(summary.held_out, gold=None, win_rate=None, reward=None)
    return replace(
        summary,
        held_out=held_out,
        rounds=(alone,),
        annotators=(),
        curves={},
        over_kl=(),
        best_of=(),
        samples=(),
        warnings=(),
        files={},
        costs=replace(summary.costs, labels=1, stages={}),
    )


class Page(HTMLParser):
    """A page as a browser meets it: its elements with their attributes, and the text outside them."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(html)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        """The words, with every kind of white space as one blank."""
        return re.sub(r"\s+", " ", " ".join(self.texts))


def test_text_that_a_model_wrote_stays_text(summary):
    hostile = replace(summary, title=HOSTILE, warnings=(HOSTILE,), curves={HOSTILE: summary.curves["gold"]})
    page = Page(render(hostile))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img"}
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.text.count(re.sub(r"\s+", " ", HOSTILE)) == 5, "title twice, warning, sample, chart"


def test_the_page_loads_nothing_from_outside(summary):
    html = render(summary)
    page = Page(html)
    assert not {tag for tag, _ in page.elements} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "video",
    }
    targets = [
        value for _, attributes in page.elements for name, value in attributes.items() if name in ("href", "xlink:href")
    ]
    assert targets
    assert all(target.startswith("#") for target in targets)
    assert not any(name in ("src", "srcset", "data") for _, attributes in page.elements for name in attributes)
    assert re.findall(r"url\((?!#)|@import", html) == []
    policy = [
        a["content"] for tag, a in page.elements if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_the_page_states_every_figure_of_the_run(summary):
    text = Page(render(summary)).text
    figures = """
    +0.41 | from 0.08 to 0.49 | 0.33 to 0.49 | n = 96, paired bootstrap | 78 % | 70 to 85 % | n = 96, Wilson
    +1.90 | from 0.00 to 1.90 | 1.60 to 2.20 | 11.2 | 10.3 to 12.1 | \N{MINUS SIGN}1.2 | from 27.1 to 25.9
    53 % 45 to 61 %, n = 123 | 59 % 51 to 67 % | 63 % | 64 % | 31 % | 34 % | 25 % | 240 | 241
    ada | 119 | 68 % 60 to 76 % | 27 % | 29 % | 6.1 | 481 | 48 min 5 s | 5 min 56 s | 1 min 28 s | 4 min 28 s
    131 440 | 486 200 | 4.3 GiB | gold \N{MINUS SIGN}0.37 | reward \N{MINUS SIGN}1.46 | 28 tokens | 1 token
    seed 17 | 2.13.0 | prefloop demo --seed 17 | policy/ | Two people hardly agree. | (an empty answer)
    """
    shown = re.sub(r"\s+([·])", r" \1", text)
    missing = [figure for figure in re.split(r"\s*[|\n]\s*", figures.strip()) if figure not in shown]
    assert missing == []


def test_every_chart_is_there_and_named_for_those_who_cannot_see_it(summary):
    html = render(summary)
    page = Page(html)
    labels = [attributes["aria-label"] for tag, attributes in page.elements if tag == "svg"]
    assert len(labels) == 2 + 1 + 2 + 1, "two intervals, accuracy, the curves that have points, both scores over KL"
    assert "Gold score, training samples: 0.08 at step 0, 0.5 at step 70." in labels
    assert "paid $x$ & y" in page.texts, "a chart's words are words, not formulas"
    assert not re.search("#0[1-4]0[1-4]0[1-4]", html), "a stand-in colour was left unpainted"


def test_no_two_elements_share_an_id_and_every_link_has_its_target(summary):
    elements = Page(render(summary)).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {a.get("href", a.get("xlink:href", "#"))[1:] for _, a in elements} | {
        a["aria-labelledby"] for _, a in elements if "aria-labelledby" in a
    }
    assert links - {""} <= set(ids)


def test_words_stand_out_from_their_background_in_light_and_dark(summary):
    def luminance(colour):
        colour = "#" + "".join(2 * c for c in colour[1:]) if len(colour) == 4 else colour
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    def contrast(one, other):
        light, dark = sorted((luminance(one), luminance(other)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#\w+);", block))
        for block in re.findall(r":root \{(.*?)\}", render(summary), re.S)[:2]
    )
    for colours in (light, dark):
        for ground in ("paper", "raised"):
            assert all(contrast(colours[ink], colours[ground]) >= 4.5 for ink in ("ink", "quiet", "first"))
            assert all(contrast(colours[line], colours[ground]) >= 3 for line in ("faint", "second"))
        assert contrast(colours["ink"], colours["warn"]) >= 4.5


def test_the_headline_claims_a_gain_when_the_interval_excludes_zero(summary):
    assert headline(summary).replace("\N{NO-BREAK SPACE}", " ") == (
        "After 2 rounds and 481 labels the model's held-out gold score rose by 0.41 (95 % interval 0.33 to 0.49); "
        "its answers beat the reference model's on 78 % of prompts (70 to 85 %)."
    )


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(-0.01, 0.05, "no gain can be claimed"), (0.0, 0.05, "no gain can be claimed"), (-0.3, -0.1, "got worse")],
)
def test_the_headline_claims_no_gain_when_the_interval_reaches_zero_or_below(summary, low, high, says):
    gold = replace(summary.held_out.gold, difference=interval((low + high) / 2, low, high))
    even = interval(0.52, 0.42, 0.62)
    said = headline(replace(summary, held_out=replace(summary.held_out, gold=gold, win_rate=even)))
    assert says in said
    assert "rose" not in said
    assert "(42 to 62\N{NO-BREAK SPACE}%, too close to even to tell)" in said


def test_a_run_with_a_person_alone_has_a_page_that_claims_nothing(bare):
    text = Page(render(bare)).text
    assert "After 1 round and 1 label no gain can be claimed" in text
    assert "not measured" in text
    assert "nan" not in text.lower().split()


def test_the_same_summary_gives_the_same_bytes(summary):
    assert render(summary) == render(summary)


def test_a_summary_comes_back_from_its_file_as_it_was(summary, bare, tmp_path):
    for run in (summary, bare):
        write_report(run, tmp_path)
        assert Summary.from_json(json.loads((tmp_path / "summary.json").read_text())) == run


def test_a_number_that_is_none_is_null_in_the_file_and_a_dash_on_the_page(summary, tmp_path):
    lost = Side(text="x", length=1, gold=float("nan"))
    diverged = replace(
        summary,
        samples=(Sample(prompt="p", before=lost, after=lost),),
        curves={"reward": (Point(step=0, value=1.0, round=1), Point(step=1, value=float("inf"), round=1))},
    )
    page = write_report(diverged, tmp_path).read_text(encoding="utf-8")
    plain = json.loads((tmp_path / "summary.json").read_text(), parse_constant=pytest.fail)
    assert plain["samples"][0]["before"]["gold"] is None
    assert plain["curves"]["reward"][1]["value"] is None
    assert "gold <b>\N{EN DASH}</b>" in page


def test_text_that_is_not_unicode_does_not_cost_the_report(summary, tmp_path):
    half = Side(text="half a pair \ud83d", length=1)
    page = write_report(replace(summary, samples=(Sample(prompt="p", before=half, after=half),)), tmp_path)
    assert "half a pair ?" in page.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_names_the_file_and_leaves_nothing_behind(summary, tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(RunError, match=r"report\.html cannot be written \(Is a directory\)"):
        write_report(summary, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "summary.json"]


def test_a_missing_library_is_named_with_the_command_that_installs_it(summary, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(RunError, match=r"jinja2 is not installed.*pip install"):
        write_report(summary, tmp_path)
    assert (tmp_path / "summary.json").exists()
