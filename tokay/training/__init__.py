"""Meta-training: the outer loop, its settings and their defaults."""
