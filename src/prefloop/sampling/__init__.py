"""Sampling: text in, responses out."""
