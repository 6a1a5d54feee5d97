"""Learning: gradients in, weights out."""
