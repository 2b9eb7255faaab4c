"""Baseline++: a cosine classifier on features trained jointly."""

from .baselinepp import BaselinePlusPlus as BaselinePlusPlus
