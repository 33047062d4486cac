-- Copies the changes of version 1, which had neither applies nor rows.
insert into integration_changes
       (number, plan, environment, integration_id, op, managed_by, before_hash, after_hash, actor, source_rev, at)
select number, plan, environment, integration_id, op, managed_by, before_hash, after_hash, actor, source_rev, at
  from integration_changes_1;
drop table integration_changes_1;
