-- What `spile migrate` would find. It reads only: psql prints one line of JSON, which `spile migrate --check-table -` reads.
begin transaction read only;
