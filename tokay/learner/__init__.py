"""``Learner``: fit and predict on your own arrays; ``save`` and ``load`` for other processes."""
