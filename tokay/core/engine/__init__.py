"""Turns a function of one task into a training step over many tasks: mapping, gradients, memory, CUDA graphs."""
