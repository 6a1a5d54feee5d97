"""Many people at once at one queue, and each of them twice."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Leased, Submission


def work_at_once(
    queue: Queue, project: str, value: Callable[[Leased, str], Any], *, people: int = 8, patience: int = 1
) -> list[BaseException]:
    """Have people take items and send each answer twice at the same time; what failed.

    A person ends when there was nothing for them so often.
    """
    failed: list[BaseException] = []

    def kept(work: Callable[..., object], *given: object) -> None:
        try:
            work(*given)
        except BaseException as error:
            failed.append(error)

    def work(who: str) -> None:
        empty = 0
        while empty < patience:
            leased = queue.next_item(project, who)
            if leased is None:
                empty += 1
                continue
            said = Submission(
                id=f"{who}-{leased.question.id}", project=project, question=leased.question.id, who=who,
                value=value(leased, who), order=leased.order, revision=leased.revision,
            )  # fmt: skip
            together([threading.Thread(target=kept, args=(queue.submit, said)) for _ in range(2)])

    together([threading.Thread(target=kept, args=(work, f"w{n}")) for n in range(people)])
    return failed


def together(threads: Sequence[threading.Thread]) -> None:
    """Start them all, and wait for them all."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
