"""What is wrong with an installation and its streams, and the fix: each check is a pure function of what was seen."""
