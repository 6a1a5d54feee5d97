"""The folder of a run: what it is, what happened, and where to go on."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..recipe_file import dump


class RunFolder:
    """`recipe.yaml`, `metrics.jsonl`, `feedback.sqlite` and, under `state/`, what a resumed run needs.

    Finished stages are listed in `state/stages.json` with what they cost; a stage that is there is never run again.
    """

    def __init__(self, path: Path, recipe: Any, *, resume: bool = False) -> None:
        """Make the folder, or with `resume` go on in it.

        Raises:
            RunError: the folder belongs to another recipe, already holds a run, or cannot be written.
        """
        self.path, self.state = path, path / "state"
        text, said = dump(recipe), path / "recipe.yaml"
        try:
            inside = {p.name for p in path.iterdir()} if path.exists() else set()
            # A run that failed before it collected anything leaves its folder to the next try.
            failed = inside == {said.name, self.state.name} and not any(self.state.iterdir())
            if said.name in inside and not failed:
                if said.read_text(encoding="utf-8") != text:
                    raise RunError(
                        f"{path} belongs to a run with another recipe (see {said}): choose another --out, or repeat "
                        f"that one with `prefloop run {said} --out {path} --resume`."
                    )
                if not resume:
                    raise RunError(f"{path} already holds this run: go on with --resume, or choose another --out.")
            elif inside and not failed:
                raise RunError(f"{path} is not empty and holds no run: choose another --out.")
            self.state.mkdir(parents=True, exist_ok=True)
            write_text(said, text)
        except OSError as error:
            raise RunError(f"the run folder {path} cannot be used: {error.strerror or error}.") from error
        stages = self.state / "stages.json"
        self.stages: dict[str, dict[str, float]] = json.loads(stages.read_text()) if stages.is_file() else {}

    def done(self, stage: str) -> bool:
        """Whether a stage is finished."""
        return stage in self.stages

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[dict[str, float]]:
        """Run a stage: its facts and seconds are written down when it ends well; seconds of earlier tries count."""
        facts: dict[str, float] = {}
        spent = self.state / f"{name.replace('/', '-')}.seconds"
        before = float(spent.read_text()) if spent.is_file() else 0.0
        began = time.monotonic()
        try:
            yield facts
        except BaseException:
            with contextlib.suppress(OSError):
                write_text(spent, str(before + time.monotonic() - began))
            raise
        self.stages[name] = {"seconds": before + time.monotonic() - began, **facts}
        write_text(self.state / "stages.json", json.dumps(self.stages, indent=1))

    def record(self, stage: str, step: int, metrics: Mapping[str, float]) -> None:
        """Add a line to `metrics.jsonl`."""
        finite = {n: v if math.isfinite(v) else None for n, v in metrics.items()}  # JSON has no NaN
        line = json.dumps({"stage": stage, "step": step, **finite})
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(line + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """See `read_metrics`."""
        return read_metrics(self.path)

    def keep(self, name: str, value: Any) -> None:
        """Write plain values under `state/`."""
        write_text(self.state / f"{name}.json", json.dumps(value))

    def kept(self, name: str) -> Any:
        """What `keep` wrote."""
        return json.loads((self.state / f"{name}.json").read_text(encoding="utf-8"))


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    scratch = path.with_name(f".{path.name}.unfinished")
    try:
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, path)
    except OSError as error:
        raise RunError(
            f"{path} could not be written ({error.strerror or error}): make room and go on with --resume."
        ) from error


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Every recorded step of a run once: where a resumed run repeated one, the repetition, which counted."""
    path = run / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    latest = {}
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):  # the last line of a killed run may be cut short
            row = json.loads(line)
            latest[row["stage"], row["step"]] = row
    return list(latest.values())
