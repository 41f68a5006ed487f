"""The aspects, one module a kind."""
