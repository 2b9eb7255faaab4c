"""Strokes: compares drawings by the pen strokes traced from them."""

from .strokes import Strokes as Strokes
