"""What all methods are made of: tasks, the base class, inner loops, readers, probability, and the engine that maps over tasks."""
