"""LEO: adapts a short code per class instead of the weights of its row."""

from .leo import LEO as LEO
