-- What version 1 kept of changes: it knew neither their applies nor what they left.
insert into integration_changes
       (number, plan, environment, integration_id, op, managed_by, before_hash, after_hash, actor, source_rev, at)
select number, plan, environment, integration_id, op, managed_by, before_hash, after_hash, actor, source_rev, at
  from integration_changes_1;
drop table integration_changes_1;
