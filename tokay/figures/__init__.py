"""Pictures of a run: its training, its adaptation, one task."""
