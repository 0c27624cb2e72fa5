"""Plan: what is stale and why. Runs no asset and writes nothing to the state database."""
