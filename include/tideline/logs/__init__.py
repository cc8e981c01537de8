"""What is logged: one JSON object a line, in all parts, with the stream, generation, epoch and batch it is about."""
