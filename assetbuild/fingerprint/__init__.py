"""Fingerprint: code version, config version, data version and build key, each with its parts."""
