"""What the suites share: workloads in the cluster, calls from inside and outside of it, and waiting that explains itself."""
