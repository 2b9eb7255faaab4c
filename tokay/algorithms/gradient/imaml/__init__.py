"""iMAML: meta-gradients from the solution of the inner problem, not from its steps."""

from .imaml import IMAML as IMAML
