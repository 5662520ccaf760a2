"""Fixtures of the LoadBalancer suite."""

from suites._lib.fixtures import workloads

__all__ = ["workloads"]
