"""Who is told of a stream's troubles, of which, and when: see docs/operation.md, "Who is told"."""
