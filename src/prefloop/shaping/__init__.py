"""Shaping: what the policy is paid, made from other rewards. Pure functions that say what they give.

Those that most methods use are named here; the others are in the files of their idea.
"""

from .advantages import truncated_importance, whiten_advantage
from .endings import overlong
from .kl import kl_in_reward
from .tokens import total_reward

__all__ = ["kl_in_reward", "overlong", "total_reward", "truncated_importance", "whiten_advantage"]
