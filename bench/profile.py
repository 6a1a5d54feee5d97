"""Where the time of one step of prefloop goes, by torch's profiler: a row for each kind of work.

    python -m bench.profile --task dpo

See bench/README.md.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from bench import data
from bench.compare import ENDLESS, TASKS

STEPS = 4  # the last is profiled: compilers and allocators have settled
KINDS = {
    "matrix products of layers and head": ("aten::mm", "aten::addmm", "mkldnn::_linear_pointwise"),
    "matrix products of attention": ("aten::bmm", "aten::baddbmm", "aten::_scaled_dot_product_flash_attention_for_cpu"),
    "softmax of attention": ("aten::_softmax", "aten::_softmax_backward_data"),
    "compiled formulas: norms, gates, head, AdamW": ("## Call CompiledFxGraph", "Torch-Compiled Region"),
    "compiled formulas: finding and calling them": ("TorchDynamo", "Pregraph bytecode", "AOTDispatcher"),
    "copies, additions, other small operations": ("aten::",),
}
REST = "autograd's bookkeeping and Python"


def kind(name: str) -> str:
    """The kind of work an operation is.

    >>> kind("aten::mm"), kind("aten::copy_")
    ('matrix products of layers and head', 'copies, additions, other small operations')
    """
    for said, names in KINDS.items():
        if any(name == n or ((not n.startswith("aten::") or n == "aten::") and name.startswith(n)) for n in names):
            return said
    return REST


def table(events: Iterable[Any], seconds: float) -> str:
    """Seconds, share and, of the matrix products, arithmetic a second."""
    spent: dict[str, float] = defaultdict(float)
    flops: dict[str, float] = defaultdict(float)
    for event in events:
        spent[kind(event.key)] += event.self_cpu_time_total / 1e6
        flops[kind(event.key)] += event.flops
    spent[REST] += seconds - sum(spent.values())
    lines = []
    for name in (*KINDS, REST):
        done = flops[name] / 1e12
        rate = f"{done:5.2f} TFLOP at {done / spent[name]:.2f} TFLOP/s" if done > 0.01 else ""
        lines.append(f"{name:46} {spent[name]:6.2f} s {spent[name] / seconds:5.0%}  {rate}".rstrip())
    return "\n".join([*lines, f"{'in all':46} {seconds:6.2f} s"])


def main() -> None:
    from bench import ours
    from torch.profiler import ProfilerActivity, profile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, required=True)
    asked = parser.parse_args()
    watched = profile(activities=[ProfilerActivity.CPU], with_flops=True)
    began, steps = 0.0, 0

    def ended(_: int) -> None:
        nonlocal began, steps
        steps += 1
        if steps == STEPS:
            seconds = time.perf_counter() - began
            watched.stop()
            print(table(watched.key_averages(), seconds))
        elif steps == STEPS - 1:
            watched.start()
            began = time.perf_counter()

    ours.main(asked.task, str(data.model(endless=asked.task in ENDLESS)), STEPS, ended=ended)


if __name__ == "__main__":
    main()
