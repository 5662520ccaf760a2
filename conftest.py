"""Loads the harness as a pytest plugin: tests under ``suites/`` find their clusters, specs and fixtures by it."""

from __future__ import annotations

pytest_plugins = ("harness.plugin",)
