"""TAML: task-agnostic meta-learning by entropy or inequality."""

from .taml import TAML as TAML
