"""The conversation trees of a project, as they stand, and what a model learns from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..text import Group, Prompt, Response
from .convert import best_first
from .growing import grown
from .projects import Projects, project_of
from .queue import Queue
from .records import Item
from .store import Store
from .tree_settings import TreeSettings
from .tree_tasks import given
from .trees import Tree, Turn, living, prompt_of, turn_id, wanted_replies


def stored_trees(store: Store, project: str) -> list[Tree]:
    """Every conversation tree of a project, as it stands; none where it is another kind of project.

    Raises:
        DataError: there is no such project.

    >>> with Store.open("sqlite://") as store:
    ...     stored_trees(store, "tone")
    Traceback (most recent call last):
    prefloop.errors.DataError: there is no project `tone` in the feedback store.
    """
    with store.database.reading() as connection:
        found = project_of(connection, project)
        return [] if found.tree is None else grown(connection, project, found.tree)


def demonstrations(trees: Iterable[Tree]) -> Iterator[Group]:
    """Every accepted message of the assistant after its conversation, labelled 1, for supervised fine-tuning.

    >>> list(demonstrations([Tree(root="t-1", state="prompt", prompt=None)]))
    []
    """
    for turn in (turn for tree in trees if tree.prompt for turn in living(tree.prompt)):
        if turn.role == "assistant" and turn.verdict == "accepted":
            yield Group(prompt=prompt_of(turn.path), responses=(Response(text=turn.text),), labels=(1.0,))


def consensus(trees: Iterable[Tree]) -> Iterator[Group]:
    """The ranked replies to each message in the one order of ranked pairs, best first.

    The label is how many replies stand below, so that equals share one. The `rankings` of `Store.view` have what each
    person said instead.

    >>> list(consensus([Tree(root="t-1", state="prompt", prompt=None)]))
    []
    """
    for turn in (turn for tree in trees if tree.prompt for turn in living(tree.prompt)):
        ranks = {reply.text: reply.rank for reply in turn.accepted if reply.rank is not None}
        if len(ranks) > 1:
            labels = tuple(float(sum(other > rank for other in ranks.values())) for rank in ranks.values())
            responses = tuple(Response(text=text) for text in ranks)
            yield best_first(Group(prompt=prompt_of(turn.conversation), responses=responses, labels=labels))


def add_replies(queue: Queue, project: str, reply: Callable[[Prompt], str], *, model: str, each: int = 1) -> int:
    """Have a model write, too: up to `each` of the replies that the user's messages still wait for. Says how many.

    People label (with `review_given`) and rank them with their own, and are not told which is which. `model` is kept as
    the reply's model version.

    Raises:
        DataError: there is no such project.

    >>> from prefloop.feedback.records import Project
    >>> settings = TreeSettings()
    >>> with Store.open("sqlite://") as store:
    ...     made = Project(id="t", title="T", kinds=("demonstration", "rating", "ranking"), tree=settings)
    ...     _ = Projects(store).create(made, by="lee")
    ...     queue = Queue(store)
    ...     _ = queue.add_items("t", [Item(question=given("t-1", "Why is the sky blue?", settings))])
    ...     add_replies(queue, "t", lambda prompt: "Light is scattered.", model="m-1")
    1
    """
    settings = Projects(queue.store).get(project).tree or TreeSettings()
    items = []
    for tree in stored_trees(queue.store, project):
        if tree.prompt is None or tree.state != "growing":
            continue
        wanted = wanted_replies(tree.prompt, settings)
        for turn in living(tree.prompt):
            written = sum(r.given is not None for r in turn.replies)
            more = min(each - written, wanted.get(turn.id, 0)) if turn.role == "user" else 0
            texts = dict.fromkeys(reply(prompt_of(turn.conversation)) for _ in range(more))
            items += [_reply(turn, text, model, settings) for text in texts]
    return queue.add_items(project, items)


def _reply(turn: Turn, text: str, model: str, settings: TreeSettings) -> Item:
    response = Response(text=text, model_version=model)
    id = turn_id(f"{turn.id}-model", text)
    return Item(question=given(id, text, settings, path=turn.conversation, parent=turn.question, response=response))
