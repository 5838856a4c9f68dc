"""What keeps a practice's data for years: backup, erasure of a client, retention, another hash secret."""
