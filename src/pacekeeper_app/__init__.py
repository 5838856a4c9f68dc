"""Where everything is put together: Dagster definitions and the command line."""
