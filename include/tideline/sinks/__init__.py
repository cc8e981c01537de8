"""Where published rows and on-time events are passed on to, beside their tables."""
