"""The `tideline` command."""
