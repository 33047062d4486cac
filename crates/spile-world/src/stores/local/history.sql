-- Every apply, and every change that it made. Append-only, except for pruning (see `integration_pruned`). `after` is
-- the row as written, with secrets as ciphertext. `before` is the previous content of an adopted row. Its plaintext
-- secrets are stored as the ciphertext that replaced them.
create table integration_applies (
  number      integer primary key autoincrement,
  id          text not null unique,
  plan        text not null,
  environment text not null,
  managed_by  text not null,
  actor       text not null,
  source_rev  text,
  file_sha256 text,
  at          text not null
);

create table integration_changes (
  number         integer primary key autoincrement,
  apply_id       text,
  plan           text not null,
  environment    text not null,
  integration_id text not null,
  op             text not null check (op in ('create', 'update', 'delete', 'adopt', 'release')),
  managed_by     text not null,
  before_hash    text,
  after_hash     text,
  after          text,
  actor          text not null,
  source_rev     text,
  at             text not null,
  before         text
);
create index integration_changes_newest_of on integration_changes (environment, managed_by, integration_id, number);

-- Contents of `meltano.yml`, by SHA-256.
create table integration_files (
  sha256 text primary key,
  text   text not null
) without rowid;

create index if not exists integration_changes_of_apply on integration_changes (apply_id);

-- How far back the history goes: applies with lower numbers are deleted, and only the newest change of each integration
-- is left of theirs. `file_sha256` is `meltano.yml` as the newest of the deleted applies left it.
create table integration_pruned (
  environment text    not null,
  managed_by  text    not null,
  before      integer not null,
  applies     integer not null,
  until       text    not null,
  file_sha256 text,
  primary key (environment, managed_by)
) without rowid;

create trigger integration_changes_stay before update on integration_changes
begin select raise(abort, 'integration_changes is append-only'); end;
create trigger integration_changes_remain before delete on integration_changes
when not exists (select 1 from integration_pruned p
                  where p.environment = old.environment and p.managed_by = old.managed_by
                    and not exists (select 1 from integration_applies a where a.id = old.apply_id and a.number >= p.before))
begin select raise(abort, 'integration_changes is append-only'); end;
create trigger integration_applies_stay before update on integration_applies
begin select raise(abort, 'integration_applies is append-only'); end;
create trigger integration_applies_remain before delete on integration_applies
when not exists (select 1 from integration_pruned p
                  where p.environment = old.environment and p.managed_by = old.managed_by and old.number < p.before)
begin select raise(abort, 'integration_applies is append-only'); end;
