"""Drawings as strokes: from a picture to curves, and how well the curves of one drawing explain another."""
