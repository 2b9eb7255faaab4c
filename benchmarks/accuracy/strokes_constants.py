"""Chooses the constants of `strokes` on background alphabets alone: python benchmarks/accuracy/strokes_constants.py

They were set by hand first, and no record says on which drawings. This script chooses them again. It reads only the archive
of the 30 background alphabets of Omniglot, never an evaluation alphabet or an official run. As in an official run, a trial
has 20 characters of one alphabet. One person drew the 20 support drawings, another person the 20 queries. 26 of the
alphabets have 20 characters. Half of them serve to choose, the others to check.

Choice: the 14 starting weights are varied one after the other, in two sweeps: the value set by hand times 1/2, 1/√2, 1, √2
and 2. The loss is the mean cross-entropy of the predictions. The value with the lowest loss replaces the current one if the
difference, paired by alphabet, exceeds its 95 % interval. All intervals are over alphabets.

Check: the other alphabets compare the new weights with those set by hand, once. The two differ beyond noise if the
difference in loss exceeds its interval.

Warp: nine constants are no weights, and saved runs depend on them. So each is only varied alone, times 1/2 and 2, with the
new weights, on one trial for each alphabet of the first half. By chance about one row of 18 lies beyond its interval.
"""

import argparse
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tokay import Strokes
from tokay.algorithms.generative.strokes.beads import Noise, Warp, beads_to_ink, log_likelihood, register, warp_basis
from tokay.algorithms.generative.strokes.programs import Programs, trace_programs
from tokay.algorithms.generative.strokes.strokes import StrokeModel
from tokay.files import write_json
from tokay.runs.machine import git_commit, hardware
from tokay.tasks.class_pool import ClassPool
from tokay.tasks.data_folders import data_dir
from tokay.tasks.omniglot_archive import read_archive

RESULT = Path(__file__).with_name("strokes_constants.json")
WAYS, SIZE, SEED = 20, 105, 0
METHOD = Strokes()
Constants = Mapping[str, float]
WARP_BY_HAND: Constants = {
    **{"warp.shift": 0.05, "warp.affine": 0.15, "warp.stroke": 0.02, "warp.smooth": 0.05, "warp.width": 0.18},
    **{"search.spread": 0.03, "search.concentration": 1.0, "search.stray": 0.05, "search.wide": 0.08},
}
WEIGHTS_BY_HAND: Constants = {
    **{"spread": 0.035, "concentration": 0.7408, "stray": 0.1192},
    **{"precision.shift": 0.01, "precision.affine": 0.1, "precision.stroke": 0.02, "precision.smooth": 0.02},
    **{"a": 8.0, "b": 4.0, "evidence.shape": 0.05, "evidence.strokes": -0.2, "evidence.length": -0.6},
    **dict.fromkeys(("evidence.height", "evidence.width"), -0.4),
}
FACTORS = (0.5, 0.5**0.5, 1.0, 2**0.5, 2.0)
STUDENT = 2.179  # 97.5 % quantile of Student's t with 12 degrees of freedom, for 13 alphabets


class Trial(NamedTuple):
    """The traced drawings of 20 characters by one person, and by another."""

    support: Programs
    query: Programs


def draw_trials(pool: ClassPool, alphabet: str, count: int, generator: torch.Generator) -> list[Trial]:
    """Trials of one alphabet, with random characters and people. Drawing k of a character is by person k."""
    members = [number for number, name in enumerate(pool.names) if name.split("/")[1] == alphabet]
    pictures = pool.stored().reshape(len(pool.names), -1, SIZE, SIZE)  # [characters, people, SIZE, SIZE]
    trials = []
    for _ in range(count):
        characters = torch.tensor(members)[torch.randperm(len(members), generator=generator)[:WAYS]]
        people = torch.randperm(pictures.shape[1], generator=generator)[:2]
        parts = (pictures[characters, person].float() / 255 for person in people)
        programs = [trace_programs(part, beads=METHOD.beads, most_strokes=METHOD.most_strokes) for part in parts]
        trials.append(Trial(*programs))
    return trials


def starting_model(weights: Constants) -> StrokeModel:
    """The untrained model with these starting weights. Its prior over strokes is random, always the same."""
    torch.manual_seed(SEED)
    net = StrokeModel(METHOD.components)
    spread, concentration, stray, *others = torch.tensor(list(weights.values()))
    precision, weight, evidence = map(torch.stack, (others[:4], others[4:6], others[6:]))
    values = (spread.log(), concentration.log(), stray.logit(), precision.log(), weight.log(), evidence)
    parameters = (net.log_spread, net.log_concentration, net.stray, net.log_precision, net.log_weight, net.evidence)
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(value)
    return net


class WarpedTrials:
    """Trials of 13 alphabets, with each program warped onto each drawing. The warps do not depend on the weights."""

    def __init__(self, trials: list[Trial], warp: Constants) -> None:
        self.pairs = [pair for trial in trials for pair in (trial, trial[::-1])]
        self.warps = [self._warp(*pair, list(warp.values())) for pair in self.pairs]
        self.fits: dict[tuple[float, ...], list[Tensor]] = {}  # by spread, concentration and stray ink

    def measure(self, weights: Constants) -> Tensor:
        """Loss and error of each alphabet: [13, 2]."""
        net = starting_model(weights)
        key = tuple(weights.values())[:3]
        if key not in self.fits:
            self.fits[key] = [
                log_likelihood(beads, programs.joined, _ink(drawings), net.noise())
                for (programs, drawings), (beads, _) in zip(self.pairs, self.warps, strict=True)
            ]
        precision = net.log_precision.exp()
        scores = [fit - z2 @ precision / 2 for fit, (_, z2) in zip(self.fits[key], self.warps, strict=True)]
        a, b = net.log_weight.exp()
        rows, y = [], torch.arange(WAYS)
        for (support, _), forward, backward in zip(self.pairs[::2], scores[::2], scores[1::2], strict=True):
            logits = a * forward + b * (backward.mT - net.log_evidence(support))
            rows.append(torch.stack([cross_entropy(logits, y), (logits.argmax(1) != y).float().mean()]))
        return torch.stack(rows).unflatten(0, (13, -1)).mean(1).double()

    @staticmethod
    def _warp(programs: Programs, drawings: Programs, warp: list[float]) -> tuple[Tensor, Tensor]:
        """The warped beads [m, n, N, 2], and |z|² of each group of coefficients [m, n, 4]."""
        points = programs.beads - programs.beads.mean(1, keepdim=True)
        basis, group = warp_basis(points, programs.stroke, Warp(*warp[:5]))
        search = Noise(*(points.new_tensor(number) for number in warp[5:8]))
        options: dict[str, Any] = {"steps": METHOD.register_steps, "noise": search, "wide": warp[8]}
        z = register(points, basis, programs.joined, _ink(drawings), **options)
        squares = z.square().sum(-1)
        return points + basis @ z, squares.new_zeros(*squares.shape[:2], 4).index_add_(2, group, squares)


def _ink(drawings: Programs) -> Any:
    return beads_to_ink(drawings.beads[:, None], drawings.joined[:, None])


def interval(values: Tensor) -> dict[str, float]:
    """The mean over alphabets [13] and the half-width of its 95 % interval."""
    numbers = {"mean": values.mean(), "ci95": STUDENT * values.std() / len(values) ** 0.5}
    return {name: round(float(number), 5) for name, number in numbers.items()}


def compare(name: str, value: float | None, table: Tensor, current: Tensor) -> dict[str, Any]:
    """One row of the result, also printed: loss and error, and both minus those of the current values."""
    row = {"constant": name, "value": value, "loss": interval(table[:, 0]), "error": interval(table[:, 1])}
    row |= {"loss_difference": interval((table - current)[:, 0]), "error_difference": interval((table - current)[:, 1])}
    cells = [f"{row[key]['mean']:9.4f} ± {row[key]['ci95']:.4f}" for key in list(row)[2:]]
    print(f"{name:22} {'' if value is None else f'{value:.4g}':>8} {' '.join(cells)}", flush=True)
    return row


def vary_warp(trials: list[Trial], weights: Constants, rows: list[dict[str, Any]]) -> None:
    """Each constant of the warp alone, compared with all of them as set by hand."""
    current = WarpedTrials(trials, WARP_BY_HAND).measure(weights)
    for name, value in ((name, factor * by_hand) for name, by_hand in WARP_BY_HAND.items() for factor in (0.5, 2)):
        table = WarpedTrials(trials, {**WARP_BY_HAND, name: value}).measure(weights)
        rows.append(compare(name, value, table, current))


def choose_weights(warped: WarpedTrials, rows: list[dict[str, Any]]) -> Constants:
    """Two sweeps over the starting weights."""
    weights, current = {**WEIGHTS_BY_HAND}, warped.measure(WEIGHTS_BY_HAND)
    for name, by_hand in [*WEIGHTS_BY_HAND.items()] * 2:
        grid = [by_hand * factor for factor in FACTORS if by_hand * factor != weights[name]]
        tables = [warped.measure({**weights, name: value}) for value in grid]
        rows += [compare(name, *pair, current) for pair in zip(grid, tables, strict=True)]
        best = min(range(len(grid)), key=lambda i: float(tables[i][:, 0].mean()))
        gain = interval((current - tables[best])[:, 0])
        if gain["mean"] > gain["ci95"]:
            weights[name], current = grid[best], tables[best]
    return weights


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4, help="trials per alphabet")
    args = parser.parse_args()
    started, generator = time.process_time(), torch.Generator().manual_seed(SEED)
    pool = read_archive(data_dir() / "omniglot/images_background.zip", size=SIZE, characters=964)
    sizes = Counter(name.split("/")[1] for name in pool.names)
    alphabets = sorted(name for name, size in sizes.items() if size >= WAYS)
    alphabets = [alphabets[i] for i in torch.randperm(len(alphabets), generator=generator)]
    trials = [trial for name in alphabets for trial in draw_trials(pool, name, args.trials, generator)]
    choice, check = trials[: len(trials) // 2], trials[len(trials) // 2 :]
    weights = choose_weights(WarpedTrials(choice, WARP_BY_HAND), choice_rows := [])
    warped = WarpedTrials(check, WARP_BY_HAND)
    tables = {"weights by hand": warped.measure(WEIGHTS_BY_HAND), "new weights": warped.measure(weights)}
    checks = [compare(name, None, table, tables["weights by hand"]) for name, table in tables.items()]
    vary_warp(choice[:: args.trials], weights, warp_rows := [])
    content = {
        **{"command": f"python benchmarks/accuracy/strokes_constants.py --trials {args.trials}", "seed": SEED},
        **{"processor_seconds": round(time.process_time() - started), "commit": git_commit()},
        **{"torch": torch.__version__, "hardware": hardware(), "threads": torch.get_num_threads()},
        **{"weights_by_hand": WEIGHTS_BY_HAND, "new_weights": weights, "factors": FACTORS, "warp": WARP_BY_HAND},
        **{"alphabets": {"choice": alphabets[:13], "check": alphabets[13:]}},
        **{"check": checks, "choice": choice_rows, "warp_alone": warp_rows},
    }
    write_json(RESULT, content)


if __name__ == "__main__":
    main()
