"""What may be wrong with a support set in files, beside the training tasks of a run."""

from collections import Counter

import torch
from torch import Tensor

from ..core.task import Kind
from ..evaluation.diagnosis import Finding
from .file_rows import LabelledRows

_FAR = 4.0  # standard deviations


def diagnose_support(
    rows: LabelledRows, training: Tensor, *, kind: Kind, shots: int, queries: Tensor | None = None
) -> list[Finding]:
    """Findings about the support set ``rows``. ``training`` are inputs of the run ``[n, *x_shape]``, ``shots`` its shots.

    ``queries`` are inputs that will be answered: those that are in the support set, too, say nothing about quality.
    """
    inputs = _flat(rows.inputs)
    findings = [] if kind == "regression" else [*_find_few(rows, shots), *_find_two_labels(inputs, rows)]
    if queries is not None:
        support = {row.numpy().tobytes() for row in inputs}
        both = sum(row.numpy().tobytes() in support for row in _flat(queries))
        if both:
            text = f"{both} of {len(queries)} queries are in the support set, too. Leave them out of one."
            findings.append(Finding("overlap", text))
    return [*findings, *_find_other_inputs(inputs, _flat(training))]


def _find_few(rows: LabelledRows, shots: int) -> list[Finding]:
    """Classes with far fewer examples than others, or than in training."""
    counts = Counter(rows.targets.tolist())
    name, fewest = min(counts.items(), key=lambda item: item[1])
    most = max(counts.values())
    if fewest < shots:
        text = f"class {name} has {fewest} examples, the run was trained with {shots} shots. Add some to such classes."
        return [Finding("class counts", text)]
    if most >= 10 * fewest:
        text = f"class {name} has {fewest} examples, another one {most}. Add some, or leave some of the others out."
        return [Finding("class counts", text)]
    return []


def _find_two_labels(inputs: Tensor, rows: LabelledRows) -> list[Finding]:
    """The same input under two labels."""
    labels: dict[bytes, set[str]] = {}
    for row, label in zip(inputs, rows.targets.tolist(), strict=True):
        labels.setdefault(row.numpy().tobytes(), set()).add(str(label))
    twice = next((sorted(names) for names in labels.values() if len(names) > 1), None)
    if twice is None:
        return []
    return [Finding("two labels", f"one example is in {' and '.join(twice)}, both. Leave it in one of them.")]


def _find_other_inputs(inputs: Tensor, training: Tensor) -> list[Finding]:
    """Inputs whose mean or spread lies far from those of the training examples."""
    for what, measure in (("mean", torch.mean), ("spread", torch.std)):
        own, usual = measure(inputs, 1), measure(training, 1)
        distance = float((own.mean() - usual.mean()).abs() / usual.std().clamp_min(1e-3))
        if distance > _FAR:
            text = (
                f"the {what} of the examples is {float(own.mean()):.3g}, in training {float(usual.mean()):.3g}. Check how "
                "they were made: light and dark (--invert), size, crop, units."
            )
            return [Finding("unlike training", text)]
    return []


def _flat(x: Tensor) -> Tensor:
    """Inputs ``[n, features]`` as floats; bytes of pictures are scaled to [0, 1]."""
    return x.float().flatten(1) / (255 if x.dtype == torch.uint8 else 1)
