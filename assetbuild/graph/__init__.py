"""Graph: keys and edges, validated as a whole; order and selection."""
