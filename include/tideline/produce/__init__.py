"""Input for streams: files as they are, and seeded traffic whose bad and late events are tagged."""
