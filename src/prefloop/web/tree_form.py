"""A project of conversation trees from the form of a new project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..errors import DataError
from ..feedback.records import Item
from ..feedback.tree_settings import FLAG, SCALE, TreeSettings, check_tree
from ..feedback.tree_tasks import first_prompt, given
from ..text import Prompt

CONVERSATION = "conversation"
"""What the form calls a project of trees: it is three kinds of question."""
Whole = Callable[[Mapping[str, str], str, str, int], int]
"""Reads a whole number: the form, the field, what it is called, and what it is where it is empty."""


def tree_settings(form: Mapping[str, str], whole: Whole) -> TreeSettings:
    """What the form says of trees. A label with a question mark is answered with no or yes, others with 1 to 5.

    Raises:
        DataError: the settings make no sense.
    """
    labels = _axes(form.get("message_labels") or "spam?, lang_mismatch?, quality")
    settings = TreeSettings(
        goal=whole(form, "goal", "the messages in a tree", 12),
        depth=whole(form, "depth", "the replies after each other", 3),
        assistant_replies=whole(form, "replies", "the replies to a message", 3),
        reviews=whole(form, "reviews", "the people who label a message", 3),
        rankings=whole(form, "rankings", "the people who rank the replies", 3),
        labels=labels,
        assistant_labels=_axes(form.get("reply_labels") or "fails_task?, helpfulness"),
        against=[name for name in TreeSettings().against if name in labels],
    )
    check_tree(settings)
    return settings


def _axes(named: str) -> dict[str, tuple[int, int]]:
    found = [name.strip() for name in named.split(",") if name.strip()]
    return {name.rstrip("? "): FLAG if name.endswith("?") else SCALE for name in found}


def planted(key: str, settings: TreeSettings, prompts: Iterable[Prompt]) -> list[Item]:
    """What trees begin with: these prompts.

    Raises:
        DataError: a prompt ends with what the assistant says.
    """
    items = []
    for number, prompt in enumerate(dict.fromkeys(prompts), 1):
        turns = prompt.messages
        if turns and turns[-1].role != "user":
            raise DataError(f"prompt {number} ends with what the {turns[-1].role} says: a prompt ends with the user.")
        text = turns[-1].content if turns else prompt.text or ""
        items.append(Item(question=given(f"{key}-{number}", text, settings, path=turns[:-1])))
    return items


def to_write(key: str, prompts: int) -> list[Item]:
    """What trees begin with where people write the prompts too: so many places for one."""
    return [Item(question=first_prompt(f"{key}-{n}")) for n in range(1, prompts + 1)]
