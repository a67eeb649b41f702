"""What the guard costs: guarded openings against plain ones in the same server, in one run. See `cloison bench`."""
