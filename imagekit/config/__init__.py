"""Configuration: YAML files parsed once into frozen, typed data."""
