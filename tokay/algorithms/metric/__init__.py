"""Metric methods: they compare a query with the support set."""
