"""How well and how fast a method learns tasks it has never seen, and how well calibrated it is."""
