-- Keeps the changes of version 1 while `history.sql` creates the tables again.
drop trigger integration_changes_stay;
drop trigger integration_changes_remain;
alter table integration_changes rename to integration_changes_1;
