"""Methods that adapt by gradient steps."""
