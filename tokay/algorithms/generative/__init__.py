"""Methods that answer with a distribution over functions: neural processes."""
