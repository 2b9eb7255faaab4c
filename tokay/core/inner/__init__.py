"""Inner loops: optimizers that adapt weights to a task, and the meta-weights that control them."""
