"""PostgreSQL: the embedded one, the schema, the connections, and the queue in front of the meter."""
