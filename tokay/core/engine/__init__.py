"""How a function of one task becomes a training step over many: mapping, gradients, memory, graphs."""
