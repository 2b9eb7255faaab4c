"""SNAIL: causal convolutions and attention over the examples of a task."""

from .snail import SNAIL as SNAIL
