"""A run's metrics for TensorBoard."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import RunError
from .run_folder import read_metrics


def to_tensorboard(run: Path) -> Path:
    """Write `tensorboard/` inside a run folder from its `metrics.jsonl`, anew each time; works while the run goes on.

    Raises:
        RunError: there are no metrics, or TensorBoard is not installed.
    """
    rows = read_metrics(run)
    if not rows:
        raise RunError(
            f"{run} has no metrics.jsonl with steps in it: give the folder of a run that has begun to learn."
        )
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise RunError(f'TensorBoard is not installed: pip install "prefloop[track]" ({error}).') from error
    shutil.rmtree(run / "tensorboard", ignore_errors=True)
    with SummaryWriter(str(run / "tensorboard")) as writer:  # type: ignore[no-untyped-call]
        for row in rows:
            for name, value in row.items():
                if name not in ("stage", "step"):
                    writer.add_scalar(f"{row['stage']}/{name}", value, row["step"])  # type: ignore[no-untyped-call]
    return run / "tensorboard"
