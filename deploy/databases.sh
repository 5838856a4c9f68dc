#!/bin/sh
# Run once, by the PostgreSQL container, when its volume is empty: a role and a database for Dagster, and for the
# warehouse, which must sort by code point.
set -eu
: "${DAGSTER_DB_PASSWORD:?set it in postgres.env}" "${WAREHOUSE_DB_PASSWORD:?set it in postgres.env}"
psql --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres \
    --set=dagster_password="$DAGSTER_DB_PASSWORD" --set=warehouse_password="$WAREHOUSE_DB_PASSWORD" <<'SQL'
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
CREATE DATABASE dagster OWNER dagster TEMPLATE template0 ENCODING 'UTF8';
-- Dagster takes the server's wall clock for UTC: in another zone every run seems to be hours old, and is given up.
ALTER DATABASE dagster SET timezone TO 'UTC';
CREATE ROLE pacekeeper LOGIN PASSWORD :'warehouse_password';
CREATE DATABASE practice OWNER pacekeeper
    TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C.UTF-8';
REVOKE CONNECT ON DATABASE dagster, practice FROM PUBLIC;
SQL
