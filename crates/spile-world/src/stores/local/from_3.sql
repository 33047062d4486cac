-- The parts of the history that version 4 adds, so that it can be pruned.
drop trigger if exists integration_changes_remain;
drop trigger if exists integration_applies_remain;
create index if not exists integration_changes_of_apply on integration_changes (apply_id);

-- How far back the history goes: applies with lower numbers are deleted, and only the newest change of each integration
-- is left of theirs. `file_sha256` is `meltano.yml` as the newest of the deleted applies left it.
create table if not exists integration_pruned (
  environment text    not null,
  managed_by  text    not null,
  before      integer not null,
  applies     integer not null,
  until       text    not null,
  file_sha256 text,
  primary key (environment, managed_by)
) without rowid;

create trigger integration_changes_remain before delete on integration_changes
when not exists (select 1 from integration_pruned p
                  where p.environment = old.environment and p.managed_by = old.managed_by
                    and not exists (select 1 from integration_applies a where a.id = old.apply_id and a.number >= p.before))
begin select raise(abort, 'integration_changes is append-only'); end;
create trigger integration_applies_remain before delete on integration_applies
when not exists (select 1 from integration_pruned p
                  where p.environment = old.environment and p.managed_by = old.managed_by and old.number < p.before)
begin select raise(abort, 'integration_applies is append-only'); end;
