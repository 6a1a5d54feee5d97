"""Models: tensors in, tensors and weights out."""
