"""A store with one project for each kind of question, and somebody to answer."""

from prefloop.feedback.kinds import KINDS
from prefloop.feedback.members import Members
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item, Project
from prefloop.text import Group, Message, Prompt, Question, Response

TEXTS = (
    "The tide follows the **moon**:\n\n1. The moon pulls the water that is nearer to it.\n2. The earth turns below.\n\n"
    "The pull falls off as $1/r^3$.",
    "The tide is made by the wind, which pushes the sea to the shore twice a day.\n\n"
    "```python\nprint('high tide')\n```",
    "Nobody knows what makes the tide.",
)
OPTIONS = {
    "rating": {"axes": {"helpful": [1, 5], "true": [0, 1]}},
    "spans": {"types": ["untrue", "unclear"]},
}
SIZES = {"comparison": 2, "choice": 3, "ranking": 3, "rating": 2, "thumbs": 2, "demonstration": 0}
GUIDELINES = "Prefer the answer that is **true**, then the one that is easier to follow.\n\n- A tie is an answer, too."


def question(kind, number, texts=TEXTS):
    responses = tuple(Response(text=t, model_version=f"secret-{n}") for n, t in enumerate(texts[: SIZES.get(kind, 1)]))
    prompt = Prompt(messages=(Message(role="user", content=f"What makes the tide? ({number})"),))
    group = Group(prompt=prompt, responses=responses)
    return Question(id=f"{kind}-{number}", kind=kind, group=group, options=OPTIONS.get(kind, {}))


def project(store, kind, *, items=4, overlap=1, texts=TEXTS, **settings):
    Projects(store).create(
        Project(id=kind, title=f"Tides: {kind}", kinds=(kind,), overlap=overlap, **settings),
        by="lee",
        guidelines=GUIDELINES,
    )
    Queue(store).add_items(kind, [Item(question=question(kind, n, texts)) for n in range(items)])


def invite(store, kind, who="ada", role="annotator"):
    return Members(store).invite(kind, who, role, by="lee")


ALL = tuple(KINDS)
