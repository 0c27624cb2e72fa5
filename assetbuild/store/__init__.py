"""Store: IO managers, content-addressed objects, atomic publishing, and readers for sources."""
