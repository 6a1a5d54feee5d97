"""Projects with their guidelines: every change is a new revision, and answers say which guidelines they followed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from ..errors import DataError, nearest
from .database import insert_rows, one_at_a_time
from .kinds import KINDS, json_text
from .records import Guidelines, Project, Stop
from .store import Store
from .tables import GUIDELINES, PROJECTS
from .tree_settings import TreeSettings, check_tree
from .trees import KINDS as TREE_KINDS

_OWN_COLUMNS = ("id", "title", "revision", "guideline")


@dataclass(frozen=True, slots=True)
class Projects:
    """The projects of a store.

    >>> with Store.open("sqlite://") as store:
    ...     made = Projects(store).create(Project(id="tone", title="Tone", kinds=("comparison",)), by="lee")
    ...     Projects(store).add_guidelines("tone", "Prefer the kinder answer.", by="lee")
    ...     Projects(store).get("tone").guideline
    1
    1
    """

    store: Store
    clock: Callable[[], float] = time.time

    def create(self, project: Project, *, by: str, guidelines: str = "") -> Project:
        """Add a project, with its first guidelines where there are some.

        Raises:
            DataError: there is one of this id, or its values do not make sense.
        """
        check_project(project)
        with self.store.database.writing() as connection:
            one_at_a_time(connection, "project", project.id)
            if stored_project(connection, project.id) is not None:
                raise DataError(f"there is a project `{project.id}` already: give the new one another id.")
            self._put(connection, replace(project, revision=1), by)
            if guidelines:
                self._put_guidelines(connection, project.id, 1, guidelines, by)
        return self.get(project.id)

    def change(self, project: Project, *, by: str) -> Project:
        """Keep other values of a project that was read before; `Queue.settle` follows where the overlap changed.

        Raises:
            DataError: somebody else changed it meanwhile, there is none, or the values do not make sense.
        """
        check_project(project)
        with self.store.database.writing() as connection:
            one_at_a_time(connection, "project", project.id)
            stored = project_of(connection, project.id)
            if stored.revision != project.revision:
                raise DataError(
                    f"project `{project.id}` was changed meanwhile (revision {stored.revision}, and you read "
                    f"{project.revision}): read it again, and change that."
                )
            self._put(connection, replace(project, revision=stored.revision + 1), by)
        return self.get(project.id)

    def get(self, project: str) -> Project:
        """The project as it is now.

        Raises:
            DataError: there is none of this id.
        """
        with self.store.database.reading() as connection:
            return project_of(connection, project)

    def all(self) -> list[Project]:
        """Every project, by id."""
        with self.store.database.reading() as connection:
            ids = connection.execute(select(PROJECTS.c.id).distinct().order_by(PROJECTS.c.id)).scalars().all()
            return [project_of(connection, key) for key in ids]

    def add_guidelines(self, project: str, text: str, *, by: str) -> int:
        """Add the next version of the guidelines, which is shown from now on, and give its number."""
        with self.store.database.writing() as connection:
            one_at_a_time(connection, "project", project)
            version = project_of(connection, project).guideline + 1
            self._put_guidelines(connection, project, version, text, by)
        return version

    def guidelines(self, project: str, version: int | None = None) -> Guidelines | None:
        """One version of the guidelines, the last where none is named; `None` where there is none."""
        query = select(GUIDELINES.c.version, GUIDELINES.c.text, GUIDELINES.c.by, GUIDELINES.c.at).where(
            GUIDELINES.c.project == project
        )
        if version is not None:
            query = query.where(GUIDELINES.c.version == version)
        with self.store.database.reading() as connection:
            row = connection.execute(query.order_by(GUIDELINES.c.version.desc()).limit(1)).mappings().first()
        return None if row is None else Guidelines(**row)

    def _put(self, connection: Connection, project: Project, by: str) -> None:
        settings = {k: v for k, v in asdict(project).items() if k not in _OWN_COLUMNS}
        json_text(settings, f"the settings of project `{project.id}`")
        row = {"id": project.id, "revision": project.revision, "title": project.title, "settings": settings}
        insert_rows(connection, PROJECTS, [row | {"by": by, "at": self.clock()}])

    def _put_guidelines(self, connection: Connection, project: str, version: int, text: str, by: str) -> None:
        row = {"project": project, "version": version, "text": text, "by": by, "at": self.clock()}
        insert_rows(connection, GUIDELINES, [row])


def project_of(connection: Connection, project: str) -> Project:
    """The project as it is now.

    Raises:
        DataError: there is none of this id.
    """
    found = stored_project(connection, project)
    if found is None:
        known = connection.execute(select(PROJECTS.c.id).distinct()).scalars().all()
        raise DataError(f"there is no project `{project}` in the feedback store.{nearest(project, known)}")
    return found


def stored_project(connection: Connection, project: str) -> Project | None:
    """The project as it is now, `None` where there is none."""
    guideline = (
        select(func.coalesce(func.max(GUIDELINES.c.version), 0))
        .where(GUIDELINES.c.project == project)
        .scalar_subquery()
    )
    query = select(PROJECTS, guideline.label("guideline")).where(PROJECTS.c.id == project)
    row = connection.execute(query.order_by(PROJECTS.c.revision.desc()).limit(1)).mappings().first()
    return None if row is None else _project(row)


def _project(row: RowMapping) -> Project:
    settings: dict[str, Any] = dict(row["settings"])
    tree = settings.get("tree")
    settings |= {"kinds": tuple(settings["kinds"]), "stop": Stop(**settings["stop"])}
    settings["tree"] = None if tree is None else TreeSettings(**tree)
    return Project(**{name: row[name] for name in _OWN_COLUMNS}, **settings)


def check_project(project: Project) -> None:
    """Refuse values that make no sense.

    Raises:
        DataError: names the value, and what it takes.
    """
    stop = project.stop
    wrong = {
        f"`id` is {project.id!r}: it takes letters, digits, `-`, `_` and `.`, 64 at most": not re.fullmatch(
            r"[\w.-]{1,64}", project.id
        ),
        f"`kinds` is {project.kinds}: it takes some of {', '.join(KINDS)}": not project.kinds
        or not set(project.kinds) <= set(KINDS),
        f"`overlap` is {project.overlap}: it is 1 or more": project.overlap < 1,
        f"`gold_share` is {project.gold_share}: it is from 0 to below 1": not 0 <= project.gold_share < 1,
        f"`retire_after` is {project.retire_after}: it is 0 or more": project.retire_after < 0,
        f"`lease_seconds` is {project.lease_seconds}: it is above 0": not project.lease_seconds > 0,
        f"`stop.labels` is {stop.labels}: it is 1 or more": stop.labels is not None and stop.labels < 1,
        f"`kinds` is {project.kinds}: a project of trees asks {', '.join(TREE_KINDS)}": project.tree is not None
        and set(project.kinds) != set(TREE_KINDS),
        f"`stop.width` is {stop.width}: it is above 0 and below 1": stop.width is not None and not 0 < stop.width < 1,
    }
    for said, is_wrong in wrong.items():
        if is_wrong:
            raise DataError(f"project `{project.id}` cannot be: {said}.")
    if project.tree is not None:
        check_tree(project.tree)
