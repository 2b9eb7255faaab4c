"""LEO: adapt a short code of each class instead of its weights."""

from .leo import LEO as LEO
