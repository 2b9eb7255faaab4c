"""Methods that adapt by comparing."""
