"""Methods that adapt by reading the support set as a sequence: their memory is all they learn of a task."""
