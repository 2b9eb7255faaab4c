"""A paper's experiment as commands: how to train, how to evaluate, and the published result."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Check:
    """One evaluation of a trained run, with the published result and its protocol."""

    name: str
    """name of the evaluation, such as ``5w1s``"""
    flags: str = ""
    """flags for ``tokay evaluate``, in addition to ``--tasks``"""
    tasks: int = 1000
    """number of test tasks"""
    step: int | None = None
    """number of adaptation steps before scoring (default: all)"""
    measure: str = ""
    """name of the metric (default: accuracy or mse)"""
    instance: int | None = None
    """for ``ordered`` methods: accuracy at this presentation of a class (default: accuracy on the queries)"""
    published: str = ""
    """the published result, in per cent or as an error; empty if we could not verify one"""
    protocol: str = ""
    """how it was measured: split, rotations, transductive or not; [P] paper, [C] authors' code, [T] other table"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One published experiment. ``tokay reproduce NAME`` runs it; ``--fraction`` runs a part of its steps."""

    name: str
    """method, data and task, such as ``maml-omniglot-5w1s``"""
    source: str
    """name of the task source"""
    steps: int
    """number of outer steps of the full experiment"""
    flags: str = ""
    """flags for ``tokay train`` that differ from the defaults of the method"""
    checks: tuple[Check, ...] = ()
    note: str = ""
    """differences from the published protocol"""
