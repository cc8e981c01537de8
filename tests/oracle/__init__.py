"""The same answers in plain Python: no SQL, no Arrow, no floats on the way, and no code of the engine."""
