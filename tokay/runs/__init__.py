"""Run folders: the settings and weights of a training, and all it takes to go on."""
