"""Measurements of what matters, each against another in the same run."""
