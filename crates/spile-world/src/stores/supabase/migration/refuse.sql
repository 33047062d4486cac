
  select string_agg(e'\n- ' || (f.value->>'what') || coalesce(e'\n  ' || (f.value->>'fix'), ''), '' order by f.ordinality)
    into refused from jsonb_array_elements(findings) with ordinality f where f.value->>'state' = 'conflict';
  if refused is not null then
    raise sqlstate '55000' using
      message = 'spile cannot use what is there, and nothing was changed:' || refused,
      hint = 'either change what is listed and run this again, or give spile a table of '
             || case when is_renamed then 'another name' else 'its own' end
             || ': write `table = "NAME"` under `[registry]` in spile.toml, and run what `spile migrate` prints then';
  end if;
  for rule in select f.value->>'what' as what from jsonb_array_elements(findings) f where f.value->>'state' = 'changed' loop
    raise warning '%', rule.what;
  end loop;
end $fit$;

