"""What a run must beat, on the same tasks: the mean of the support targets, a random order of the queries."""

from typing import Any

from ..core.source_abilities import RankedQueries
from ..core.task import Split
from ..evaluation.ranking import Ranking, random_ranking_score, ranking_of
from ..evaluation.scores import Score
from ..evaluation.support_mean import support_mean_error
from ..runs.run import Run
from .formats import format_score, score_json
from .output import stderr, stdout


class ReferenceScores:
    """The scores of answers that need no training. None of them for a source without units and rankings."""

    def __init__(self, run: Run, split: Split, *, tasks: int, seed: int) -> None:
        source = run.source.tasks(split, run.test)
        self.name, self.support_mean = run.source.name, support_mean_error(source, tasks=tasks, seed=seed)
        self.ranking: Ranking | None = ranking_of(source)
        self.random_ranking: Score | None = random_ranking_score(source, tasks=tasks, seed=seed)
        self.is_too_small = isinstance(source, RankedQueries) and self.ranking is None

    def as_json(self) -> dict[str, Any]:
        """Those that there are, for ``--json``."""
        scores = {"support_mean_mae": self.support_mean}
        if self.ranking is not None:
            scores[f"random_{self.ranking.name}"] = self.random_ranking
        return {name: score_json(score) for name, score in scores.items() if score is not None}

    def print(self, unit: str | None) -> None:
        """One line for each. ``unit`` is that of the errors."""
        if self.support_mean is not None:
            error = f"mae in {unit} {format_score('mae', self.support_mean)}"
            stdout.print(f"To beat: the mean of the support targets of each task, {error}", markup=False)
        if self.random_ranking is not None and self.ranking is not None:
            score = f"{self.ranking.name} {format_score(self.ranking.name, self.random_ranking)}"
            stdout.print(f"To beat: the queries of each task in random order, {score}", markup=False)
        if self.is_too_small:
            stderr.print(
                f"{self.name}: a task has too few queries to rank, so there is no NDCG. Ask for more with --queries.",
                markup=False,
            )
