-- list_v1: the first half of showing a caseload. By default today's appointments; p_whole: everybody followed or covered.
-- Pages of at most 50, in person order, behind p_after. Charged like cards, on a budget of its own.
create or replace function cloison.list_v1(
    p_segment text, p_token bytea, p_request uuid, p_whole boolean, p_after uuid
) returns table (outcome text, retry_after integer, people integer, last uuid)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_now timestamptz;
    v_today timestamptz;                 -- not in the caller's time zone, which could be a week away
    v_holder holder;
    v_label integer := (select label_bit from profile);
    v_people uuid[];
    v_kinds relation_kind[];
    v_verdict text := 'open';
begin
    perform refuse_unsafe_caller_v1();
    v_locked := lock_ledgers_v1(p_segment, array[p_token]);
    v_now := clock_v1();
    v_today := date_trunc('day', v_now, 'UTC');

    select * into v_holder from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > v_now;
    if v_holder.session is null or p_request is null then
        return query select 'no_session', null::integer, 0, null::uuid;
        return;
    elsif v_holder.account <> all (v_locked) then
        return query select 'busy', null::integer, 0, null::uuid;
        return;
    elsif exists (select from account_freeze f where f.segment = p_segment and f.account = v_holder.account
                  and f.lifted_at is null) then
        v_verdict := 'frozen';
    end if;

    select array_agg(f.person), array_agg(f.kind) into v_people, v_kinds
    from (
        select r.person, min(r.kind) as kind from relation r
        where r.segment = p_segment and r.account = v_holder.account and (p_after is null or r.person > p_after)
          and (v_holder.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
          and case when p_whole
              then r.kind in ('caseload', 'cover') and r.valid_from <= v_now
                   and (r.valid_until is null or r.valid_until > v_now)
              else r.kind = 'inbound' and r.valid_from < v_today + interval '24 hours'
                   and (r.valid_until is null or r.valid_until > v_today) end
          and not withheld_v1(p_segment, v_holder.account, r.person)
        group by r.person order by r.person limit 50
    ) f;
    if v_verdict <> 'open' then
        v_people := null;
    end if;

    -- An empty page is an entry too: one row with nobody in it, charged to no budget.
    return query
    with settled as materialized (
        select s.ordinal, s.outcome, s.retry_after from settle_v1(p_segment, v_now, array(
            select row(q.ordinal, v_holder.session, v_holder.account, v_holder.role, p_request, q.person, v_label,
                null, v_kinds[q.ordinal], 'list', 'list', v_verdict)::judged
            from unnest(coalesce(v_people, array[null::uuid])) with ordinality as q (person, ordinal))) s
    )
    select case when v_people is null and v_verdict = 'open' then 'open'
                when bool_or(s.outcome = 'open') then 'open' else min(s.outcome) end,
        max(s.retry_after), (count(*) filter (where s.outcome = 'open' and v_people is not null))::integer,
        case when cardinality(v_people) = 50 then v_people[50] end
    from settled s;
end $$;
