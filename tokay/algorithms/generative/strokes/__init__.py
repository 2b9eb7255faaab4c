"""Strokes: drawings traced to programs of pen strokes."""

from .strokes import Strokes as Strokes
