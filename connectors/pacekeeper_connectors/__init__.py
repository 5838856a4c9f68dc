"""First-party connectors, registered by the same entry points as anybody's."""
