"""Sources of tasks. Importing a source here registers it for the command line."""

from .arrays import Arrays as Arrays
from .class_pool import ClassPool as ClassPool, Episodes as Episodes
from .completion import Completion as Completion
from .fixed_tasks import FixedTasks as FixedTasks
from .gaussian_process import GaussianProcess as GaussianProcess
from .glyphs import Glyphs as Glyphs
from .images import Images as Images
from .linear import Linear as Linear
from .ntm_associative_recall import NTMAssociativeRecall as NTMAssociativeRecall
from .ntm_copy import NTMCopy as NTMCopy
from .ntm_priority_sort import NTMPrioritySort as NTMPrioritySort
from .ntm_repeat_copy import NTMRepeatCopy as NTMRepeatCopy
from .omniglot import Omniglot as Omniglot
from .omniglot_runs import OmniglotRuns as OmniglotRuns
from .quadratic import Quadratic as Quadratic
from .ratings import Ratings as Ratings
from .sinusoid import Sinusoid as Sinusoid
from .source import Source as Source, list_sources as list_sources
from .table import Table as Table
from .text import Text as Text
from .varying_sizes import GrowingWays as GrowingWays, VaryingShots as VaryingShots
