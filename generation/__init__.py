"""Images, queue, limits and backends. Knows nothing of Discord."""
