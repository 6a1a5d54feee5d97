"""Scoring: what a response is paid, by functions or models."""
