-- search_v1: the first half of showing cards. What is found is charged and left as receipts for the derived compartment
-- `label`, which release_v1 returns in a later transaction.

-- The people whose term in p_slot is one of p_terms, and whether the term in p_proof_slot proves a second fact.
create or replace function cloison.matches_v1(
    p_segment text, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[]
) returns table (person uuid, proven boolean)
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    if p_slot not between 1 and 8 or p_proof_slot not between 1 and 8 then
        raise exception 'there are slots 1 to 8' using errcode = 'CL002';
    end if;
    return query execute format(
        'select p.person, coalesce(p.term%s = any ($3), false) from cloison.person p '
        'where p.segment = $1 and p.term%s = any ($2) limit 100', coalesce(p_proof_slot, p_slot), p_slot)
        using p_segment, p_terms, p_proof_terms;
end $$;

-- Searches one segment by one value. p_terms: the keyed hashes of the value, one for each year of keys; p_proof_terms:
-- those of the value *and* the birth date, where both were given; p_group: see search_miss.
-- Found is whom the account has a relation with. With walk-in right and both facts, anybody is found, and can be opened
-- for 30 minutes. Everybody else is not there: the same answer after the same work. A miss is a refusal, and charged.
create or replace function cloison.search_v1(
    p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[],
    p_proof_slot integer, p_proof_terms bigint[], p_group bigint
) returns table (outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_now timestamptz;
    v_holder holder;
    v_label integer := (select label_bit from profile);
    v_found uuid[];
    v_kinds relation_kind[];
    v_verdict text := 'open';
begin
    perform refuse_unsafe_caller_v1();
    if cardinality(p_terms) > 64 or cardinality(p_proof_terms) > 64 then
        raise exception 'at most 64 terms in a search' using errcode = 'CL002';
    end if;
    v_locked := lock_ledgers_v1(p_segment, array[p_token]);
    v_now := clock_v1();

    select * into v_holder from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > v_now;
    if v_holder.session is null or p_request is null then
        return query select 'no_session', null::integer;
        return;
    elsif v_holder.account <> all (v_locked) then
        return query select 'busy', null::integer;
        return;
    end if;

    select array_agg(f.person), array_agg(f.kind) into v_found, v_kinds
    from (
        select m.person, coalesce(r.kind, 'walk_in') as kind
        from matches_v1(p_segment, p_slot, p_terms, p_proof_slot, p_proof_terms) m
        left join lateral (
            select r.kind from relation r
            where r.segment = p_segment and r.account = v_holder.account and r.person = m.person
              and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now)
              and (v_holder.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
            order by r.kind limit 1
        ) r on true
        where r.kind is not null or (m.proven and (v_holder.relations >> 3) & 1 = 1)
        order by m.person limit 10
    ) f;

    if exists (select from account_freeze f where f.segment = p_segment and f.account = v_holder.account
               and f.lifted_at is null) then
        v_verdict := 'frozen';
    elsif (p_purpose between 0 and 30 and (v_holder.purposes >> p_purpose) & 1 = 1) is not true then
        v_verdict := 'scope';
    elsif p_group is not null and (select count(*) from search_miss m where m.segment = p_segment
          and m.search_group = p_group and m.missed_at > v_now - interval '1 day') >= 5 then
        v_verdict := 'budget';
    elsif v_found is null then
        v_verdict := 'scope';
        insert into search_miss (segment, search_group, missed_at, account, request)
        values (p_segment, coalesce(p_group, 0), v_now, v_holder.account, p_request) on conflict do nothing;
    end if;
    if v_verdict <> 'open' then
        v_found := array[null::uuid];
    end if;

    return query
    with settled as materialized (
        select s.ordinal, s.outcome, s.retry_after from settle_v1(p_segment, v_now, array(
            select row(q.ordinal, v_holder.session, v_holder.account, v_holder.role, p_request, q.person, v_label,
                p_purpose, v_kinds[q.ordinal], 'search', 'search', v_verdict)::judged
            from unnest(v_found) with ordinality as q (person, ordinal))) s
    ), walk_in as (
        insert into relation as r (segment, account, person, kind, valid_from, valid_until)
        select p_segment, v_holder.account, v_found[s.ordinal], 'walk_in', v_now, v_now + interval '30 minutes'
        from settled s where s.outcome = 'open' and v_kinds[s.ordinal] = 'walk_in'
        on conflict (segment, account, person, kind)
            do update set valid_from = excluded.valid_from, valid_until = excluded.valid_until
    )
    select case when bool_or(s.outcome = 'open') then 'open' else min(s.outcome) end, max(s.retry_after)
    from settled s;
end $$;
