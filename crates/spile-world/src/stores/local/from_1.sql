-- What version 1 kept of changes, while `history.sql` makes the tables anew.
drop trigger integration_changes_stay;
drop trigger integration_changes_remain;
alter table integration_changes rename to integration_changes_1;
