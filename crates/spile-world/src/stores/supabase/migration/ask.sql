-- Reports what `spile migrate` would find. Read-only: psql prints one line of JSON for `spile migrate --check-table -`.
begin transaction read only;
