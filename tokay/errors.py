"""What Tokay raises. Each error is also the builtin a caller would expect.

A message says where, what must hold, what was given and what to do, in one line:
``ProtoNet: the support set has no example of class 3 (counts 5 5 5 0 5). Give at least one shot per class.``
The command line prints that line and exits with code 2.
"""


class TokayError(Exception):
    """The base of all of them: catch this one to catch everything Tokay objects to."""


class ConfigError(TokayError, ValueError):
    """A setting is out of range, or two settings contradict each other."""


class TaskError(TokayError, ValueError):
    """The examples of a task do not fit: shapes, counts, labels or values."""


class NetworkError(TokayError, RuntimeError):
    """The network cannot be used like this: outputs, statistics, gradients or operations."""


class DataError(TokayError, OSError):
    """A file or folder is missing, damaged, of another kind, or cannot be written."""


class DivergenceError(TokayError, ArithmeticError):
    """Training stopped being finite. The weights are those of the last good step."""
