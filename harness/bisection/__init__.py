"""Finds the first Kubernetes on which a test fails, by halving what lies between one on which it passes and one on which it does not."""
