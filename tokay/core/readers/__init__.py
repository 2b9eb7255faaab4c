"""Networks that learn a task by reading it as a sequence."""
