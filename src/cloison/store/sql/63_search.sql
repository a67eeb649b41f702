-- search_v1, then find_v1: the first halves of showing cards. What is found is charged and left as receipts for the
-- derived compartment `label`, which release_v1 returns. Three transactions, pipelined in one round trip:
--
--   1. search_v1 charges a miss before anything is looked for;
--   2. find_v1 looks, and takes the miss back where somebody is found;
--   3. release_v1 returns sealed labels.
--
-- In one transaction an answer could be had and its charge rolled back: 999 guesses at a NIR, for nothing and unseen.
-- Rolled back here, find_v1 leaves the miss.
--
-- A search is one value's: the keeper signs its terms, the proof's and the group together, for this session, seconds
-- ago. A caller with the desk's secret for the keeper could put several guesses into one search, and make up the group.

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
        'select p.person, $4 and coalesce(p.term%s = any ($3), false) from cloison.person p '
        'where p.segment = $1 and p.term%s = any ($2) limit 100', coalesce(p_proof_slot, p_slot), p_slot)
        using p_segment, p_terms, p_proof_terms, p_proof_slot is not null;
end $$;

-- The same of records that a merge absorbed, by what was unique alone: their survivors. p_nobody: whom to look for
-- instead, with as much work, where none of them has the term.
create or replace function cloison.absorbed_matches_v1(
    p_segment text, p_slot integer, p_terms bigint[], p_proof_terms bigint[], p_nobody uuid
) returns table (person uuid, proven boolean)
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
    v_absorbed uuid[];
    v_proven boolean[];
    v_survivor uuid;
begin
    -- Each term is looked for by itself: before PostgreSQL 17 `any` reads all terms of a small table to compare them, and
    -- EXPLAIN then tells who is among them.
    select array_agg(f.person), array_agg(f.proven) into v_absorbed, v_proven from (
        select a.person, coalesce(a.proof = any (p_proof_terms), false) as proven from unnest(p_terms) as q (term)
        cross join lateral (select a.* from absorbed_term a
            where a.segment = p_segment and a.slot = p_slot and a.term = q.term limit 100) a limit 100) f;
    if v_absorbed is null then
        perform from absorbed_term a where a.ctid = '(0,1)';
        perform from merge m where m.ctid = '(0,1)';
        perform from merge m where m.absorbed = p_nobody;
        v_absorbed := array[p_nobody];
        v_proven := array[false];
    end if;
    for i in 1 .. cardinality(v_absorbed) loop
        v_survivor := survivor_v1(v_absorbed[i]);
        return query select p.person, v_proven[i] from person p where p.segment = p_segment and p.person = v_survivor;
    end loop;
end $$;

-- Asks to search one segment by one value. p_terms: the keyed hashes of the value, one for each year of keys;
-- p_proof_terms: those of the value *and* the birth date, where both were given; p_group: see search_miss; p_at and p_mac:
-- when the keeper signed them all, in milliseconds, and its signature.
-- `open`: charged as a miss, find_v1 answers within a receipt's lifetime. The same request again is not charged again.
create or replace function cloison.search_v1(
    p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[],
    p_proof_slot integer, p_proof_terms bigint[], p_group bigint, p_at bigint, p_mac bytea
) returns table (outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_now timestamptz;
    v_holder holder;
    v_slot search_slot;
    v_proof bigint[];
    v_verdict text;
    v_outcome text;
begin
    perform refuse_unsafe_caller_v1();
    -- Without its indexes each search would read the whole register; refused here, it costs nobody anything.
    if exists (select from load) then
        raise exception 'an initial load is under way' using errcode = 'CL008';
    end if;
    if cardinality(p_terms) > 64 or cardinality(p_proof_terms) > 64 then
        raise exception 'at most 64 terms in a search' using errcode = 'CL002';
    end if;
    select * into v_slot from search_slot s where s.slot = p_slot;
    if v_slot.slot is null or (v_slot.cuts is null) <> (p_group is null) then
        raise exception 'the profile has no such search' using errcode = 'CL002';
    end if;
    -- Another slot than the profile's proves nothing: a proof is NIR or identifier, *and* birth date.
    v_proof := case when p_proof_slot = v_slot.proof_slot then p_proof_terms end;

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
    elsif not signed_by_keeper_v1(concat_ws('|', 'cloison-search-1', v_holder.session, p_slot,
            coalesce(array_to_string(p_terms, ','), ''), coalesce(p_proof_slot::text, ''),
            coalesce(array_to_string(p_proof_terms, ','), ''), coalesce(p_group::text, ''),
            coalesce(array_to_string(v_slot.cuts, ','), ''), p_at), p_mac) then
        raise exception 'the keeper signed no such search' using errcode = 'CL006';
    -- Either clock may be ahead of the other by some seconds.
    elsif abs(extract(epoch from v_now) * 1000 - p_at) > 15000 then
        return query select 'stale', null::integer;
        return;
    elsif exists (select from asked a where a.segment = p_segment and a.session = v_holder.session
                  and a.request = p_request and a.asked_at > v_now - receipt_lifetime_v1()
                  and row(a.purpose, a.slot, a.terms, a.proof_terms, a.search_group) is not distinct from
                      row(p_purpose, v_slot.slot, coalesce(p_terms, '{}'), v_proof, p_group)) then
        return query select 'open', null::integer;
        return;
    -- Two accounts at the same group must not both count before either has written. Not waited for, like a ledger.
    elsif p_group is not null and not pg_try_advisory_xact_lock(hashtextextended(p_segment, p_group)) then
        return query select 'busy', null::integer;
        return;
    end if;

    v_verdict := case
        when exists (select from account_freeze f where f.segment = p_segment and f.account = v_holder.account
                     and f.lifted_at is null) then 'frozen'
        when (p_purpose between 0 and 30 and (v_holder.purposes >> p_purpose) & 1 = 1) is not true then 'scope'
        when p_group is not null and (select count(*) from search_miss m where m.segment = p_segment
             and m.search_group = p_group and m.missed_at > v_now - interval '24 hours') >= 5 then 'budget'
        else 'open' end;
    select s.outcome into v_outcome from settle_v1(p_segment, v_now, array[row(
        1, v_holder.session, v_holder.account, v_holder.role, p_request, null,
        (select label_bit from profile), p_purpose, null, 'search', 'search',
        case v_verdict when 'open' then 'scope' else v_verdict end)::judged]) s;

    if v_verdict = 'open' and exists (select from session_end e where e.segment = p_segment
                                      and e.session = v_holder.session) then
        v_verdict := v_outcome;          -- one refusal too many: nothing is looked for
    elsif v_verdict = 'open' then
        insert into search_miss (segment, search_group, missed_at, account, request)
        values (p_segment, coalesce(p_group, 0), v_now, v_holder.account, p_request) on conflict do nothing;
        insert into asked (segment, session, request, account, asked_at, number, purpose, slot, terms, proof_terms,
            search_group)
        select p_segment, v_holder.session, p_request, v_holder.account, v_now, max(f.number), p_purpose, v_slot.slot,
            coalesce(p_terms, '{}'), v_proof, p_group
        from refusal f where f.segment = p_segment and f.account = v_holder.account and f.refused_at = v_now
        on conflict (segment, session, request) do update set asked_at = excluded.asked_at,
            number = excluded.number, purpose = excluded.purpose, slot = excluded.slot, terms = excluded.terms,
            proof_terms = excluded.proof_terms, search_group = excluded.search_group;
    end if;
    return query select v_verdict, null::integer;
end $$;

-- Whether p_mac is the keeper's signature of p_text, made with the key that signs tickets.
create or replace function cloison.signed_by_keeper_v1(p_text text, p_mac bytea) returns boolean
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select coalesce((select sha256(k.outer_block || sha256(k.inner_block || convert_to(p_text, 'UTF8'))) = p_mac
                     from ticket_key k), false);
$$;

-- Looks for whom search_v1 was asked about. Rules, in order:
--   1. as in release_v1: a transaction that has not written, a charge that is committed, on disk and seconds old;
--   2. found is whom the account has a relation with; with walk-in right and both facts, anybody, who can then be opened
--      for 30 minutes; everybody else is not there: the same answer after the same work, and the miss stays;
--   3. where somebody is found the miss is taken back, and the cards are charged.
create or replace function cloison.find_v1(p_segment text, p_token bytea, p_request uuid)
returns table (outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_now timestamptz;
    v_holder holder;
    v_asked asked;
    v_matched uuid[];
    v_proven boolean[];
    v_found uuid[];
    v_kinds relation_kind[];
begin
    if pg_current_xact_id_if_assigned() is not null then                                    -- 1
        raise exception 'find needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    select a.* into v_asked from asked a join session s on s.segment = a.segment and s.session = a.session
    where a.segment = p_segment and a.request = p_request and s.token_hash = sha256(p_token);
    if v_asked.request is not null then
        perform wait_until_flushed_v1();         -- before we write anything ourselves
    end if;
    v_locked := lock_ledgers_v1(p_segment, array[p_token]);
    v_now := clock_v1();
    select * into v_holder from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > v_now;
    if v_holder.session is null then
        return query select 'no_session', null::integer;
        return;
    elsif v_holder.account <> all (v_locked) then
        return query select 'busy', null::integer;
        return;
    end if;
    delete from asked a where a.segment = p_segment and a.session = v_holder.session and a.request = p_request
        and a.asked_at = v_asked.asked_at and a.number = v_asked.number
        and a.asked_at > v_now - receipt_lifetime_v1();
    if not found then
        return query select 'stale', null::integer;
        return;
    elsif exists (select from account_freeze f where f.segment = p_segment and f.account = v_holder.account
                  and f.lifted_at is null) then
        return query select 'frozen', null::integer;
        return;
    end if;

    select array_agg(m.person), array_agg(m.proven) into v_matched, v_proven                -- 2
    from (
        select f.person, bool_or(f.proven) as proven from (
            select * from matches_v1(p_segment, v_asked.slot, v_asked.terms,
                (select s.proof_slot from search_slot s where s.slot = v_asked.slot), v_asked.proof_terms)
            union all
            select * from absorbed_matches_v1(p_segment, v_asked.slot, v_asked.terms, v_asked.proof_terms, p_request)
        ) f group by f.person
    ) m;
    if v_matched is null then
        -- Nobody costs a page of the table and a look for a relation too, or EXPLAIN would tell the difference.
        perform from person p where p.segment = p_segment and p.ctid = '(0,1)';
        v_matched := array[p_request];
        v_proven := array[false];
    end if;
    -- Who is protected, or the account's own holder, is nobody from here on, for an audience too.
    select array_agg(case when w.hidden then p_request else w.person end order by w.ordinal),
        array_agg(v_proven[w.ordinal::integer] and not w.hidden order by w.ordinal) into v_matched, v_proven
    from (
        select w.*, w.shielded or w.own as hidden from withheld_each_v1(
            array_fill(null::uuid, array[cardinality(v_matched)]),
            array_fill(v_holder.account, array[cardinality(v_matched)]), v_matched) w
    ) w;
    select array_agg(f.person), array_agg(f.kind) into v_found, v_kinds
    from (
        select m.person, coalesce(r.kind, 'walk_in') as kind
        from unnest(v_matched, v_proven) as m (person, proven)
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
    if v_found is null then
        return query select 'scope', null::integer;
        return;
    end if;

    delete from refusal f where f.segment = p_segment and f.account = v_holder.account      -- 3
        and f.refused_at = v_asked.asked_at and f.number = v_asked.number;
    delete from search_miss m where m.segment = p_segment and m.search_group = coalesce(v_asked.search_group, 0)
        and m.missed_at = v_asked.asked_at and m.account = v_holder.account and m.request = p_request;
    return query
    with settled as materialized (
        select s.ordinal, s.outcome, s.retry_after from settle_v1(p_segment, v_now, array(
            select row(q.ordinal, v_holder.session, v_holder.account, v_holder.role, p_request, q.person,
                (select label_bit from profile), v_asked.purpose, v_kinds[q.ordinal], 'search', 'search', 'open')::judged
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
