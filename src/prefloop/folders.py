"""Folders that are written whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from .errors import RunError


@contextlib.contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """An empty folder to write to, which takes the place of `folder` when all went well.

    What was there stands until then, under this name or, for a process killed at the worst moment, the one that
    `recover` knows.

    Raises:
        RunError: the disk is full or cannot be written; what was there before is untouched.
    """
    scratch: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        scratch.chmod(0o755)
        yield scratch
        if folder.exists():
            shutil.rmtree(_aside(folder), ignore_errors=True)
            folder.rename(_aside(folder))
        scratch.rename(folder)
        shutil.rmtree(_aside(folder), ignore_errors=True)
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{folder} could not be written ({getattr(error, 'strerror', None) or error}). What was there before is "
            "kept: make room and go on with --resume."
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def recover(folder: Path) -> None:
    """Put back a folder whose writer was killed between taking the old one away and putting the new one there."""
    if not folder.exists() and _aside(folder).exists():
        _aside(folder).rename(folder)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.before")
