"""Methods that adapt by an optimizer that is itself learned."""
