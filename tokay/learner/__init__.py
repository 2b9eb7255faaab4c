"""A trained method at work: fit and predict on your own arrays, saved for another process."""
