"""SQL as source: the whole present state of the database, one file a concern."""
