"""Methods that adapt to a distribution over weights, or over codes of weights."""
