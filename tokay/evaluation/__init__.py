"""How well, how fast and how surely a method learns tasks it has never seen."""
