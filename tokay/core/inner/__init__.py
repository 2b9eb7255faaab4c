"""Inner loops: what moves the weights of a task, and the meta-weights that say how."""
