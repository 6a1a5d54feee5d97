"""Converters: the rows of a file, in one format each, as questions and what people said of them."""
