"""Record: traces, pointers, runs and history in one SQLite file; the cache of stamps; the build lock."""
