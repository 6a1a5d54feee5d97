"""Shape annotations of the pure layer are enforced in every test."""

from jaxtyping import install_import_hook

PURE = ("objectives", "shaping", "credit", "select", "ops", "reduce")

install_import_hook([f"prefloop.{module}" for module in PURE], "beartype.beartype")
