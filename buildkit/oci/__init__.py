"""Content → OCI documents: tar streams, layers, configs, manifests, layouts. No network, no store."""
