"""SNAIL: causal convolutions and attention over a task."""

from .snail import SNAIL as SNAIL
