"""Loops: plain functions that sample, score, learn, ask and measure, in the order a reader expects."""
