"""Reptile: moves the initial weights towards the trained weights of each task."""

from .reptile import Reptile as Reptile
