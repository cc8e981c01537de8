"""A stream's Delta tables: what they hold, and how they are committed to."""
