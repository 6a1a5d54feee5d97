"""Objectives: what is minimised. Pure functions of named tensors that return unreduced terms and never divide."""
