"""MAML++: MAML with what makes it train well."""

from .mamlpp import MAMLPlusPlus as MAMLPlusPlus
