"""Conformance in the sense of the CNCF: what a run has proved, and the bundle with which it is submitted.

Everything here is computed from a run's folder and from its build, so it can be done again at any time.
Sources: cncf/k8s-conformance ``instructions.md``; kubernetes-sigs/verify-conformance
``kodata/features/verify-conformance.feature`` and ``internal/suite/suite.go`` (2026-04), the bot that checks submissions.
"""
