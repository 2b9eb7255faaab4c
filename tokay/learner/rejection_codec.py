"""The threshold of a learner in a file: the scores that it was chosen on, so that another rate needs no new tasks."""

from typing import Any

from torch import Tensor

from ..evaluation.open_set_scores import OpenSetScores
from ..evaluation.rejection import Rejection
from ..runs.typed_json import read_value

_PREFIX = "rejection."


def encode_rejection(rejection: Rejection | None, tensors: dict[str, Tensor]) -> dict[str, Any] | None:
    """JSON for ``rejection``; its scores are added to ``tensors``. None for None."""
    if rejection is None:
        return None
    scores = rejection.scores
    tensors |= {f"{_PREFIX}known": scores.known_scores, f"{_PREFIX}unknown": scores.unknown_scores}
    return {
        "rate": rejection.rate,
        "known_ways": scores.known_ways,
        "unknown_ways": scores.unknown_ways,
        "shots": scores.shots,
    }


def decode_rejection(data: Any, tensors: dict[str, Tensor], where: str) -> Rejection | None:
    """What ``encode_rejection`` wrote. Raises ``DataError`` for numbers of another type, ``KeyError`` if some are missing."""
    if data is None:
        return None
    ways = {name: read_value(int, data[name], f"rejection.{name}", where) for name in ("known_ways", "unknown_ways")}
    scores = OpenSetScores(
        known_scores=tensors[f"{_PREFIX}known"],
        unknown_scores=tensors[f"{_PREFIX}unknown"],
        shots=read_value(int, data["shots"], "rejection.shots", where),
        **ways,
    )
    return Rejection(rate=read_value(float, data["rate"], "rejection.rate", where), scores=scores)
