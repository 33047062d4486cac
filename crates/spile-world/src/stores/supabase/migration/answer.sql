
  perform set_config('spile.fit', jsonb_build_object('version', 6, 'table', 'public.integrations', 'findings', findings)::text, true);
end $fit$;
select current_setting('spile.fit');
rollback;
