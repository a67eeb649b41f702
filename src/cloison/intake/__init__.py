"""The intake door: the one process that changes people's records on behalf of whoever sits before the desk."""
