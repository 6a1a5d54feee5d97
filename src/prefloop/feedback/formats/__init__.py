"""Files of judged answers, in and out: one module a format."""
