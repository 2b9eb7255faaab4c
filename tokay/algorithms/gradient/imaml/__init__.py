"""iMAML: meta-gradients from where the inner problem is solved."""

from .imaml import IMAML as IMAML
