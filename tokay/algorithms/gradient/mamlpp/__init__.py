"""MAML++: MAML with changes that make its training stable."""

from .mamlpp import MAMLPlusPlus as MAMLPlusPlus
