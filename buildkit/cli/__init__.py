"""argv → a command → its result, printed, and an exit code."""
