"""A paper's setting as commands: how its run is trained, how it is scored, and the figure that was published."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Check:
    """One evaluation of a trained run, beside the published figure and the protocol that figure was taken with."""

    name: str
    """such as ``5w1s``"""
    flags: str = ""
    """for ``tokay evaluate``, beside ``--tasks``"""
    tasks: int = 1000
    step: int | None = None
    """the figure after so many adaptation steps, where it is not the one after the last"""
    measure: str = ""
    """which of the measures, where it is not accuracy or mse"""
    instance: int | None = None
    """the accuracy at this presentation of a class, where it is not that of the queries (a method that is ``ordered``)"""
    published: str = ""
    """the figure, in per cent or as an error; empty where none could be verified"""
    protocol: str = ""
    """how it was taken: split, rotations, transductive or not, tasks, and [P] paper, [C] authors' code, [T] other table"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One published setting of a method; ``tokay reproduce NAME`` runs it, ``--fraction`` a part of its steps."""

    name: str
    """such as ``maml-omniglot-5w1s``: the method, the data, the task"""
    source: str
    steps: int
    """outer steps of the whole budget"""
    flags: str = ""
    """for ``tokay train``, where the method's own defaults are not this setting's"""
    checks: tuple[Check, ...] = ()
    note: str = ""
    """what is done differently from the published protocol"""
