"""A batch's place in a stream's life: generation and batch id in one number that only grows."""

from __future__ import annotations

BATCH_BITS = 32


def version_of(generation: int, batch: int) -> int:
    """Batch ids restart at 0 with each checkpoint, so the generation stands above them."""
    return generation << BATCH_BITS | batch


def generation_of(version: int) -> int:
    return version >> BATCH_BITS


def batch_of(version: int) -> int:
    return version & ((1 << BATCH_BITS) - 1)
