"""The demo's outputs, looked at from outside: what it wrote loads without prefloop, the report has its figures."""

import json
import sys
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

run = Path(sys.argv[1])
summary = json.loads((run / "summary.json").read_text())
gain = summary["held_out"]["gold"]["difference"]
print(f"gold gain {gain['estimate']:.3f} [{gain['low']:.3f}, {gain['high']:.3f}]")
costs = summary["costs"]
print(f"{sum(costs['stages'].values()):.0f} s in stages, {costs['peak_memory_bytes'] / 2**30:.2f} GiB at the peak")

page = (run / "report.html").read_text()
for words in ("Gold score", "Wins against the reference", "KL", "Agree with each other", "<svg"):
    assert words.lower() in page.lower(), f"the report does not speak of {words}"
tokenizer = AutoTokenizer.from_pretrained(run / "policy")
assert tokenizer.chat_template, "the policy was saved without its chat template"
AutoModelForCausalLM.from_pretrained(run / "policy")
AutoModelForSequenceClassification.from_pretrained(run / "reward")
assert len((run / "metrics.jsonl").read_text().splitlines()) > 10
assert (run / "recipe.yaml").stat().st_size
assert (run / "feedback.sqlite").stat().st_size
assert gain["low"] > 0, "the interval of the gold gain includes 0"
