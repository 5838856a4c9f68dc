"""From source to raw tables: the boundary, the spool, extraction processes and the dlt load."""
