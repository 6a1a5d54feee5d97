"""prefloop closes the loop of learning from human feedback: ask people, learn a reward, align, measure, ask again.

Everything public is here, imported when it is first used: `import prefloop` itself loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "binding": ("Bound", "bind", "gives"),
    "recipe": ("Data", "Decoding", "Lora", "Model", "Optimiser", "Recipe", "Sample", "Term"),
    "dials": ("AdaptiveKL", "After", "Linear"),
    "text": ("Answer", "Group", "Message", "Prompt", "Question", "Response"),
    "errors": ("DataError", "ModelError", "PrefloopError", "RecipeError", "RewardError", "RunError"),
    "planning": ("Plan", "plan"),
    "prompts": ("Prompts", "load_prompts"),
    "recipes": ("method", "methods"),
    "models.load": ("load",),
    "sampling.local": ("LocalGenerator",),
    "sampling.vllm": ("VllmGenerator",),
    "loops.align": ("Align",),
    "loops.reward": ("FitReward",),
    "loops.run": ("Result", "run"),
    "loops.rounds": ("Rounds",),
    "loops.demo": ("demo",),
    "feedback.store": ("Store",),
    "feedback.people": ("Person", "Pool"),
    "statistics": ("Interval",),
}
_PUBLIC = {name: module for module, names in _WHERE.items() for name in names}

__all__ = sorted((*_PUBLIC, "__version__"))


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'prefloop' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
