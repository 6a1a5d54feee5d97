"""Evaluation: what was gained on held-out prompts, what it cost, and the page that says so honestly."""
