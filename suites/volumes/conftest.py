"""Fixtures of the volumes suite."""

from suites._lib.fixtures import workloads

__all__ = ["workloads"]
