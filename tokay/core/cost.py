"""A method's cost, named: what it minimises, and to which family of fast-adaptation costs that belongs."""

from typing import Literal, NamedTuple

Family = Literal["gradient-based", "performance-based", "information-theoretic", "feed-forward", "no adaptation"]


class Cost(NamedTuple):
    """How good is this start *after adapting*? One answer to it; ``tokay list costs`` shows them all.

    θ is the start (all meta-weights), S and Q are the support and query set of a task T, φ or θ_T is what adapting to
    S makes of θ, L is the task's loss, and E_T the mean over tasks. docs/costs.md derives the families.
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
