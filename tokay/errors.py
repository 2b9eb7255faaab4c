"""The errors that Tokay raises. Each is also a subclass of the matching built-in error.

A message is one line. It says where the error is, what must hold, what was given, and what to do:
``ProtoNet: the support set has no example of class 3 (counts 5 5 5 0 5). Give at least one shot per class.``
The command line prints the line and exits with code 2.
"""


class TokayError(Exception):
    """The base class of all errors of Tokay."""


class ConfigError(TokayError, ValueError):
    """A setting is out of range, or two settings contradict each other."""


class TaskError(TokayError, ValueError):
    """The examples of a task have wrong shapes, counts, labels or values."""


class NetworkError(TokayError, RuntimeError):
    """The network does not work here, because of its outputs, statistics, gradients or operations."""


class DataError(TokayError, OSError):
    """A file or folder is missing, damaged or of another kind, or Tokay cannot write it."""


class DivergenceError(TokayError, ArithmeticError):
    """Training diverged: a loss or weight is not finite. The network has the weights of the last good step."""
