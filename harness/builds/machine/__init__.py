"""The managed image: what a machine of local Azure boots from, with Kubernetes already in it."""
