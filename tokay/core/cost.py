"""The cost that a method minimises, and its family among the costs for fast adaptation."""

from typing import Literal, NamedTuple

Family = Literal["gradient-based", "performance-based", "information-theoretic", "feed-forward", "no adaptation"]


class Cost(NamedTuple):
    """How good the meta-weights are *after adapting*, as a formula. ``tokay list costs`` shows it for every method.

    Symbols: θ are the meta-weights, S and Q are the support and query set of a task T, φ or θ_T are the weights after
    adapting to S, L is the loss of the task, and E_T is the mean over tasks. docs/costs.md derives the families.
    """

    family: Family
    formula: str


FAMILIES: dict[Family, str] = {
    "gradient-based": "the query loss after gradient steps on the support set",
    "performance-based": "how far the start is from where ordinary training on the task ends",
    "information-theoretic": "what is known about the task: divergence from a prior, or entropy before and after",
    "feed-forward": "the query loss where adapting is one forward pass over the support set",
    "no adaptation": "a cost that knows nothing of adapting: the baselines",
}
