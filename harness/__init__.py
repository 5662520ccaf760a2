"""A CI harness for Kubernetes on Azure: builds any Kubernetes, brings clusters of it up, tests them, and leaves nothing behind."""

__version__ = "0.1.0"
