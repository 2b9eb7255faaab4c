"""Learned optimizer: an LSTM, applied to every weight alike, takes the place of gradient descent."""

from .learned_optimizer import LearnedOptimizer as LearnedOptimizer
