"""The files of a run folder. No other module writes these names."""

SETTINGS = "run.json"
"""every setting, the id of the run, the format number, the versions and the git commit"""
DATA = "data.json"
"""the classes of each split, with a hash of their examples"""
MODEL = "model.safetensors"
"""the weights to use: the best validated step, or the last"""
STATE = "state.safetensors"
"""the weights to go on from, the outer optimizer's moments and the best weights"""
LOG = "metrics.jsonl"
"""one line per logged step"""
TENSORBOARD = "tensorboard"
"""the log again, as event files"""
TRAINING_FIGURE = "training.png"
ADAPTATION_FIGURE = "adaptation.png"
TASK_FIGURE = "episodes.png"
REPRODUCTION = "reproduction.json"
"""what ``tokay reproduce`` measured, beside the published figures"""
LOCK = ".lock"
"""the process that trains in the folder, while it does"""

RUN_FILES = frozenset(
    {
        SETTINGS,
        DATA,
        MODEL,
        STATE,
        LOG,
        TENSORBOARD,
        TRAINING_FIGURE,
        ADAPTATION_FIGURE,
        TASK_FIGURE,
        REPRODUCTION,
        LOCK,
    }
)
"""every name that a run folder may hold; ``--overwrite`` replaces no folder that holds another one"""
