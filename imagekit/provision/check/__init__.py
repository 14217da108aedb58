"""Checks of manifests before anything applies them: schemas out of CRDs, lint, a real API server."""
