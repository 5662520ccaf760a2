"""Container images without a container engine: layers from programs and Debian packages, written as an OCI image layout."""
