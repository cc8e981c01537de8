"""Where drivers run: one protocol, one module a place."""
