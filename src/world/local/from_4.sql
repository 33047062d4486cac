-- What version 5 knows of a run besides, as JSON.
alter table integration_runs add column details text not null default '{}';
