"""Training speed of vmap and of a loop over the same code, on random tasks of Omniglot's size: writes JSON.

python benchmarks/speed/tasks_per_second.py [--rounds 5] [--device cpu]

On a CUDA device it also times the mapped step as a recorded CUDA graph.

The loop takes one task after another and sums the gradients, as other libraries do. Its results are those of vmap. Rounds
of the two alternate, so a change in the machine's speed affects both. The report has the median of each.
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import tokay
from tokay import Examples, FitConfig, Sizes, Task, TaskSpec
from tokay.networks import list_networks
from tokay.runs.machine import git_commit, hardware

sys.path.insert(0, str(Path(__file__).parents[1]))


@dataclass(frozen=True)
class Noise:
    """Random pictures instead of data: sampling is almost free, so only the method is timed."""

    sizes: Sizes
    device: torch.device

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(x_shape=(1, 28, 28), y_dim=self.sizes.ways)

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        def examples(per_class: int) -> Examples:
            y = tokay.one_hot(torch.arange(self.sizes.ways).repeat(per_class), self.sizes.ways)
            x = torch.rand(tasks, len(y), *self.spec.x_shape, generator=generator)
            return Examples(x.to(self.device), y.expand(tasks, -1, -1).to(self.device))

        return Task(examples(self.sizes.shots), examples(self.sizes.queries))


# Modes of computing a step, with their options in FitConfig. "cuda_graph" needs a CUDA device.
MODES = {"vmap": {}, "loop": {"mode": "loop"}, "cuda_graph": {"cuda_graph": True}}


def seconds_per_step(method: Any, options: dict[str, Any], device: torch.device, steps: int) -> float:
    source = Noise(method.training_sizes(Sizes()), device)
    torch.manual_seed(0)
    net = method.build(list_networks()[method.network]().build((1, 28, 28)), source.spec).to(device)
    config = FitConfig(steps=steps + 2, validate_every=0, **options)
    seconds = []
    for step in tokay.fit(method, net, source, config):
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(step.seconds)
    return statistics.median(seconds[2:])  # the first step warms up, the second may record the graph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    device = torch.device(args.device)
    tokay.keep_freed_memory()
    methods = {
        "maml": tokay.MAML(),
        "maml, 5 steps": tokay.MAML(inner_steps=5),
        "fomaml": tokay.MAML(order=1),
        "reptile": tokay.Reptile(),
        "protonet": tokay.ProtoNet(),
    }
    rows = []
    for name, method in methods.items():
        modes = {mode: options for mode, options in MODES.items() if mode != "cuda_graph" or device.type == "cuda"}
        times: dict[str, list[float]] = {mode: [] for mode in modes}
        for _ in range(args.rounds):
            for mode, seconds in times.items():
                seconds.append(seconds_per_step(method, modes[mode], device, args.steps))
        sizes = method.training_sizes(Sizes())
        row: dict[str, Any] = {
            "method": name,
            "network": method.network,
            "episode": f"{sizes.ways} ways {sizes.shots} shots {sizes.queries} queries",
            "meta_batch": method.meta_batch,
        }
        for mode, seconds in times.items():
            row[mode] = {
                "tasks_per_second": round(method.meta_batch / statistics.median(seconds), 1),
                "step_ms": {"min": round(1e3 * min(seconds), 1), "median": round(1e3 * statistics.median(seconds), 1)},
            }
        row["vmap_over_loop"] = round(statistics.median(times["loop"]) / statistics.median(times["vmap"]), 2)
        rows.append(row)
        print(
            f"{name}: vmap {row['vmap']['tasks_per_second']} tasks/s, {row['vmap_over_loop']} times the loop",
            flush=True,
        )
    report = {
        "commit": git_commit(),
        "torch": torch.__version__,
        "hardware": hardware(),
        "threads": torch.get_num_threads(),
        "device": str(device),
        "rounds": args.rounds,
        "taken": time.strftime("%Y-%m-%d"),
        "results": rows,
    }
    path = Path(__file__).parent / "results" / f"tasks_per_second-{device.type}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
