"""The inner-loop settings of the papers of the MAML family, for each kind of task. All defaults are in this one table.

A method that is a `PaperDefaults` has settings that may be None. ``for_task`` fills them for a task, and leaves those that
the user gave. Without ``for_task`` (``MAML()`` in Python, and runs of earlier versions) the settings are those of Omniglot
with 5 ways.

The code of MAML sums the loss over the classes; our loss is a mean. So our rates are `ways` times larger: on Omniglot
0.4 x 5 ways and 0.1 x 20 ways both give 2.0; on mini-ImageNet 0.01 x 5 ways gives 0.05.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from ..algorithm import Algorithm
from ..task import Kind, Sizes, TaskSpec
from .descent import Params

Setting = Literal["few ways", "many ways", "photographs", "real targets"]

MANY_WAYS = 11
"""number of ways from which the 20-way experiments of the papers are the nearer ones"""
PHOTOGRAPH_SIDE = 64
"""side in pixels from which a picture without colour counts as a photograph: drawings have 28, photographs 84"""


@dataclass(frozen=True, kw_only=True)
class InnerSettings:
    """Inner steps, their rate for a mean loss, and the training queries of one experiment."""

    inner_lr: float
    inner_steps: int
    test_steps: int
    queries: int | None = None
    """training queries per class (None: one per shot)"""
    rate_per_class: bool = False
    """whether ``inner_lr`` is for one class and grows with the ways"""


_MAML: dict[Setting, InnerSettings] = {
    "few ways": InnerSettings(inner_lr=2.0, inner_steps=1, test_steps=3),
    "many ways": InnerSettings(inner_lr=2.0, inner_steps=5, test_steps=5),
    "photographs": InnerSettings(inner_lr=0.01, inner_steps=5, test_steps=10, queries=15, rate_per_class=True),
    "real targets": InnerSettings(inner_lr=0.01, inner_steps=1, test_steps=3),
}
_MAMLPP = InnerSettings(inner_lr=0.1, inner_steps=5, test_steps=5)
_META_SGD = InnerSettings(inner_lr=0.5, inner_steps=1, test_steps=1)
_IMAML = InnerSettings(inner_lr=0.1, inner_steps=16, test_steps=16)

PAPER_SETTINGS: Mapping[str, Mapping[Setting, InnerSettings]] = {
    "maml": _MAML,
    "taml": _MAML,
    # On sinusoids the head tolerates a larger rate than the whole network does, and learns faster with it.
    "anil": {**_MAML, "real targets": replace(_MAML["real targets"], inner_lr=0.1)},
    "maml++": {
        "few ways": _MAMLPP,
        "many ways": _MAMLPP,
        "photographs": replace(_MAMLPP, inner_lr=0.01, queries=15),
        "real targets": replace(_MAMLPP, inner_lr=0.01),
    },
    # Its paper's initial rates could not be verified. Drawings and real targets: chosen by short runs with one seed, on
    # Omniglot (5 ways, 1 shot) and on sinusoids. Photographs: the rate and the queries of MAML.
    "meta-sgd": {
        "few ways": _META_SGD,
        "many ways": _META_SGD,
        "photographs": replace(_META_SGD, inner_lr=0.01, queries=15, rate_per_class=True),
        "real targets": replace(_META_SGD, inner_lr=0.01),
    },
    # Drawings: the rate of the authors' code and the paper's steps. Photographs: as few ways, because the paper's settings
    # could not be verified. Real targets: MAML's rate, because steps of 0.1 diverge on sinusoids.
    "imaml": {
        "few ways": _IMAML,
        "many ways": replace(_IMAML, inner_steps=25, test_steps=25),
        "photographs": _IMAML,
        "real targets": replace(_IMAML, inner_lr=0.01),
    },
}


def setting_of(spec: TaskSpec) -> Setting:
    """The experiment of the papers that is nearest to the tasks of ``spec``.

    >>> setting_of(TaskSpec(x_shape=(1, 28, 28), y_dim=5)), setting_of(TaskSpec(x_shape=(3, 84, 84), y_dim=20))
    ('few ways', 'photographs')
    """
    if spec.kind != "classification":
        return "real targets"
    is_picture = len(spec.x_shape) == 3
    if is_picture and (spec.x_shape[0] == 3 or min(spec.x_shape[1:]) >= PHOTOGRAPH_SIDE):
        return "photographs"
    return "many ways" if spec.y_dim >= MANY_WAYS else "few ways"


def settings_for(method: str, spec: TaskSpec) -> InnerSettings:
    """The settings of ``method`` for the tasks of ``spec``, with the rate for all of its classes.

    >>> settings_for("maml", TaskSpec(x_shape=(3, 84, 84), y_dim=5)).inner_lr
    0.05
    """
    row = PAPER_SETTINGS[method][setting_of(spec)]
    return replace(row, inner_lr=row.inner_lr * spec.y_dim, rate_per_class=False) if row.rate_per_class else row


class PaperDefaults(Algorithm[Params]):
    """A method whose settings ``inner_lr``, ``inner_steps`` and ``test_steps`` follow the task where they are None."""

    def for_task(self, spec: TaskSpec) -> Self:
        """The same method with the row of the table for ``spec`` in place of every setting that is None."""
        row = settings_for(self.name, spec)
        names = [name for name in ("inner_lr", "inner_steps", "test_steps") if getattr(self, name) is None]
        return replace(self, **{name: getattr(row, name) for name in names})

    def training_sizes(self, test: Sizes) -> Sizes:
        """One query per shot, as MAML on Omniglot."""
        return replace(test, queries=test.shots)

    def training_sizes_for(self, test: Sizes, spec: TaskSpec) -> Sizes:
        """The queries of the paper: 15 for photographs, else one per shot."""
        return replace(test, queries=settings_for(self.name, spec).queries or test.shots)

    def usual(self, kind: Kind) -> InnerSettings:
        """The settings without a task: those of Omniglot with 5 ways, or of real targets."""
        return PAPER_SETTINGS[self.name]["few ways" if kind == "classification" else "real targets"]
