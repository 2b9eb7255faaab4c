"""Methods whose state is a distribution over weights, or over codes of weights."""
