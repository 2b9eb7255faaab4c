"""Random numbers, distributions and likelihoods."""
