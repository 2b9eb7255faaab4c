"""Methods that adapt by reading: the support set is a sequence, and what is remembered is what was learned."""
