"""A Kubernetes API server as a client sees it: kubeconfig, discovery, reading, server-side apply."""
