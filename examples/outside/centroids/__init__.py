"""A method, a source and a network for Tokay, from a package of its own."""
