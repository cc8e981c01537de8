"""The database of what is wanted, what was tried and what became of it."""
