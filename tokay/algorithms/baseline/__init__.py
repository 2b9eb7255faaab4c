"""What every method has to beat."""
