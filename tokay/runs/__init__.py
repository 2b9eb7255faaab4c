"""Run folders: the settings, weights and log of a training."""
