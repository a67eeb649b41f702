CREATE SCHEMA cloison;
ALTER SCHEMA cloison OWNER TO cloison_owner;
CREATE TYPE cloison.event AS ENUM (
    'open',
    'search',
    'list',
    'refusals_exceeded',
    'session_issued',
    'session_ended',
    'account_created',
    'account_frozen',
    'account_unfrozen',
    'people_imported',
    'relations_imported',
    'person_read',
    'person_created',
    'person_changed',
    'person_moved',
    'registration_ended',
    'registration_resumed',
    'person_deceased',
    'merge_asked',
    'people_merged',
    'split_asked',
    'people_split',
    'representative_set',
    'representative_ended',
    'protection_set',
    'protection_lift_asked',
    'protection_lifted',
    'cover_asked',
    'cover_given',
    'handover_asked',
    'handover_done',
    'code_sent',
    'code_confirmed',
    'feed_created',
    'feed_closed',
    'agreement_made',
    'agreement_ended',
    'allowance_lent'
);
ALTER TYPE cloison.event OWNER TO cloison_owner;
CREATE TYPE cloison.meter AS ENUM (
    'open',
    'walk_in',
    'list',
    'search',
    'refusal'
);
ALTER TYPE cloison.meter OWNER TO cloison_owner;
CREATE TYPE cloison.relation_kind AS ENUM (
    'caseload',
    'cover',
    'inbound',
    'walk_in'
);
ALTER TYPE cloison.relation_kind OWNER TO cloison_owner;
CREATE TYPE cloison.judged AS (
	ordinal integer,
	session uuid,
	account uuid,
	role smallint,
	request uuid,
	person uuid,
	compartments integer,
	purpose smallint,
	relation cloison.relation_kind,
	meter cloison.meter,
	event cloison.event,
	verdict text
);
ALTER TYPE cloison.judged OWNER TO cloison_owner;
CREATE TYPE cloison.outcome AS ENUM (
    'open',
    'scope',
    'budget',
    'step_up',
    'frozen',
    'stale'
);
ALTER TYPE cloison.outcome OWNER TO cloison_owner;
CREATE TYPE cloison.settled AS (
	ordinal integer,
	session uuid,
	account uuid,
	request uuid,
	person uuid,
	compartments integer,
	purpose smallint,
	relation cloison.relation_kind,
	meter cloison.meter,
	event cloison.event,
	outcome text,
	retry_after integer,
	beyond boolean,
	amount integer,
	number bigint
);
ALTER TYPE cloison.settled OWNER TO cloison_owner;
CREATE FUNCTION cloison.admit_step_v1(state integer[], step integer[], room integer[]) RETURNS integer[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    if state[1] + step[1] > room[1] or state[2] + step[2] > room[2]
       or state[3] + step[3] > room[3] or state[4] + step[4] > room[4] then
        return array[state[1], state[2], state[3], state[4], 0];
    end if;
    return array[state[1] + step[1], state[2] + step[2], state[3] + step[3], state[4] + step[4], 1];
end $$;
ALTER FUNCTION cloison.admit_step_v1(state integer[], step integer[], room integer[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.charge_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) RETURNS TABLE(ordinal integer, outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_locked uuid[];
    v_receipts receipt[];
    v_label integer := (select label_bit from profile);
    v_judged judged[];
begin
    perform refuse_unsafe_caller_v1();                                                      -- 1
    if coalesce(cardinality(p_tokens), 0) > 128 or coalesce(cardinality(p_requests), 0) > 128
       or coalesce(cardinality(p_persons), 0) > 128 or coalesce(cardinality(p_compartments), 0) > 128
       or coalesce(cardinality(p_purposes), 0) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_locked := lock_ledgers_v1(p_segment, p_tokens);                                       -- 2
    v_receipts := array(
        select r from unnest(p_tokens, p_requests, p_persons) as q (token, request, person)
        join session s on s.segment = p_segment and s.token_hash = sha256(q.token)
        join receipt r on r.segment = p_segment and r.session = s.session and r.request = q.request
            and r.person = q.person
        for update of r skip locked);
    v_now := clock_v1();
    with asked as materialized (                                                            -- 3
        select q.*, h.session, h.account, h.role, h.touched_at, h.relations, h.touch,
            coalesce(q.request is not null and q.compartments > 0 and q.compartments & ~h.compartments = 0
                and q.purpose between 0 and 30 and (h.purposes >> q.purpose) & 1 = 1, false) as allowed
        from unnest(p_tokens, p_requests, p_persons, p_compartments, p_purposes)
            with ordinality as q (token, request, person, compartments, purpose, ordinal)
        left join lateral (
            select h.* from holder h
            where h.segment = p_segment and h.token_hash = sha256(q.token) and h.expires_at > v_now
            offset 0
        ) h on true
    ), judged as (
        select a.*, r.kind,
            case
                when a.account is null then 'no_session'
                when a.account <> all (v_locked) then 'busy'
                when exists (
                    select from receipt p where p.segment = p_segment and p.session = a.session
                        and p.request = a.request and p.person = a.person
                        and not exists (select from unnest(v_receipts) m where m.session = p.session
                                        and m.request = p.request and m.person = p.person)) then 'busy'
                when exists (select from account_freeze f where f.segment = p_segment and f.account = a.account
                             and f.lifted_at is null) then 'frozen'
                when r.kind is null or not a.allowed then 'scope'
                when a.compartments & a.touch <> 0
                     and (a.touched_at > v_now - interval '5 minutes') is not true then 'step_up'
                else 'open'
            end as verdict
        from asked a
        left join lateral (
            select r.kind from relation r
            where r.segment = p_segment and r.account = a.account and r.person = a.person
              and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now)
              and (a.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
            order by r.kind limit 1
        ) r on true
    ), held as (
        select j.*, row_number() over (partition by j.session, j.verdict order by j.ordinal) + (
            select count(*) from receipt p where p.segment = p_segment and p.session = j.session
              and p.compartments <> v_label and p.charged_at > v_now - receipt_lifetime_v1()) as receipts
        from judged j
    )
    select array_agg(row(
            h.ordinal, h.session, h.account, h.role, h.request, h.person, h.compartments, h.purpose, h.kind,
            case when h.kind = 'walk_in' then 'walk_in' else 'open' end, 'open',
            -- At most 16 receipts not released a session: what a freeze between charge and release can still meet.
            case when h.verdict = 'open' and h.receipts > 16 then 'busy' else h.verdict end)::judged)
        into v_judged from held h;
    return query select * from settle_v1(p_segment, v_now, v_judged);                       -- 4
end $$;
ALTER FUNCTION cloison.charge_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.clock_v1() RETURNS timestamp with time zone
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN clock_timestamp();
ALTER FUNCTION cloison.clock_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.create_account_v1(p_segment text, p_handle text, p_organisation uuid, p_agency text, p_role text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_account uuid;
begin
    insert into account (segment, handle, organisation, agency, role)
    select p_segment, p_handle, p_organisation, p_agency, r.role from role r where r.name = p_role
    returning account into v_account;
    if v_account is null then
        raise exception 'no such role' using errcode = 'CL005';
    end if;
    insert into ledger (segment, account) values (p_segment, v_account);
    perform log_act_v1(p_segment, 'account_created', v_account, null, null);
    return v_account;
end $$;
ALTER FUNCTION cloison.create_account_v1(p_segment text, p_handle text, p_organisation uuid, p_agency text, p_role text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.cutoffs_v1(p_now timestamp with time zone) RETURNS timestamp with time zone[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[(p_now - '00:05:10'::interval), (p_now - '01:00:10'::interval), (p_now - '24:00:10'::interval), (p_now - '672:00:10'::interval)];
ALTER FUNCTION cloison.cutoffs_v1(p_now timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.end_sessions_v1(p_segment text, p_account uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_ended integer;
begin
    insert into session_end (segment, session, ended_at)
    select s.segment, s.session, clock_v1() from session s
    where s.segment = p_segment and s.account = p_account and s.expires_at > clock_v1()
    on conflict do nothing;
    get diagnostics v_ended = row_count;
    perform log_act_v1(p_segment, 'session_ended', p_account, null, v_ended);
    return v_ended;
end $$;
ALTER FUNCTION cloison.end_sessions_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.find_v1(p_segment text, p_token bytea, p_request uuid) RETURNS TABLE(outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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
    from matches_v1(p_segment, v_asked.slot, v_asked.terms,
        (select s.proof_slot from search_slot s where s.slot = v_asked.slot), v_asked.proof_terms) m;
    if v_matched is null then
        -- Nobody costs a page of the table and a look for a relation too, or EXPLAIN would tell the difference.
        perform from person p where p.segment = p_segment and p.ctid = '(0,1)';
        v_matched := array[p_request];
        v_proven := array[false];
    end if;
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
ALTER FUNCTION cloison.find_v1(p_segment text, p_token bytea, p_request uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.freeze_v1(p_segment text, p_account uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    insert into account_freeze (segment, account, frozen_at) values (p_segment, p_account, clock_v1());
    perform log_act_v1(p_segment, 'account_frozen', p_account, null, null);
end $$;
ALTER FUNCTION cloison.freeze_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_known_v1(p_kinds smallint[], p_terms bigint[]) RETURNS boolean[]
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select array(
        select exists (select from locator l where l.kind = q.kind and l.term = q.term)
        from unnest(p_kinds, p_terms) with ordinality as q (kind, term, ordinal) order by q.ordinal);
$$;
ALTER FUNCTION cloison.intake_known_v1(p_kinds smallint[], p_terms bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_people_v1(p_segment text, p_persons uuid[], p_cohorts integer[], p_key_ids bigint[], p_sealed bytea[], p_terms bigint[], p_locator_kinds smallint[], p_locator_terms bigint[], p_locator_ordinals integer[]) RETURNS TABLE(ordinal integer, result text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_compartments integer := (select cardinality(compartments) from profile);
    v_people integer := cardinality(p_persons);
    v_results text[];
begin
    if cardinality(p_sealed) <> v_people * v_compartments or cardinality(p_terms) <> v_people * 8 then
        raise exception 'intake arrays do not fit together' using errcode = 'CL002';
    end if;
    -- The unique key of locator decides between two imports at once; who comes second waits, then is `known`.
    -- In the order of the key, so that two imports never wait for each other in a circle.
    insert into locator (kind, term, segment, person)
    select q.kind, q.term, p_segment, p.person
    from unnest(p_locator_kinds, p_locator_terms, p_locator_ordinals) as q (kind, term, ordinal)
    join unnest(p_persons) with ordinality as p (person, ordinal) on p.ordinal = q.ordinal
    order by q.kind, q.term, q.ordinal
    on conflict (kind, term) do nothing;
    select array_agg(case when coalesce(h.own, true) then 'inserted' when h.mixed then 'conflict' else 'known' end
        order by p.ordinal)
    into v_results
    from unnest(p_persons) with ordinality as p (person, ordinal)
    left join (
        select q.ordinal, bool_and(l.person = p.person) as own, count(distinct l.person) > 1 as mixed
        from unnest(p_locator_kinds, p_locator_terms, p_locator_ordinals) as q (kind, term, ordinal)
        join unnest(p_persons) with ordinality as p (person, ordinal) on p.ordinal = q.ordinal
        join locator l on l.kind = q.kind and l.term = q.term
        group by q.ordinal
    ) h on h.ordinal = p.ordinal;
    insert into person (segment, person, cohort, key_id, sealed, term1, term2, term3, term4, term5, term6, term7,
        term8)
    select p_segment, p.person, p.cohort, p.key_id, s.sealed,
        t.terms[1], t.terms[2], t.terms[3], t.terms[4], t.terms[5], t.terms[6], t.terms[7], t.terms[8]
    from unnest(p_persons, p_cohorts, p_key_ids, v_results) with ordinality
        as p (person, cohort, key_id, result, ordinal)
    join (
        select (i - 1) / v_compartments + 1 as ordinal, array_agg(sealed order by i) as sealed
        from unnest(p_sealed) with ordinality as q (sealed, i) group by 1
    ) s on s.ordinal = p.ordinal
    join (
        select (i - 1) / 8 + 1 as ordinal, array_agg(term order by i) as terms
        from unnest(p_terms) with ordinality as q (term, i) group by 1
    ) t on t.ordinal = p.ordinal
    where p.result = 'inserted';
    -- A locator written for a person who is then refused must not stay behind.
    if 'known' = any (v_results) or 'conflict' = any (v_results) then
        delete from locator l
        using unnest(p_locator_kinds, p_locator_terms, p_locator_ordinals) as q (kind, term, ordinal)
        join unnest(p_persons, v_results) with ordinality as p (person, result, ordinal) on p.ordinal = q.ordinal
        where p.result <> 'inserted' and l.kind = q.kind and l.term = q.term and l.person = p.person;
    end if;
    perform log_act_v1(p_segment, 'people_imported', null, null, v_people);
    return query select o::integer, r from unnest(v_results) with ordinality as q (r, o) order by o;
end $$;
ALTER FUNCTION cloison.intake_people_v1(p_segment text, p_persons uuid[], p_cohorts integer[], p_key_ids bigint[], p_sealed bytea[], p_terms bigint[], p_locator_kinds smallint[], p_locator_terms bigint[], p_locator_ordinals integer[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_relations_v1(p_handles text[], p_locator_kind smallint, p_locator_terms bigint[], p_kinds text[], p_from timestamp with time zone[], p_until timestamp with time zone[]) RETURNS TABLE(ordinal integer, result text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
    return query
    with asked as materialized (
        select q.*, a.segment, a.account, l.segment as held_in, l.person
        from unnest(p_handles, p_locator_terms, p_kinds, p_from, p_until) with ordinality
            as q (handle, term, kind, valid_from, valid_until, ordinal)
        left join account a on a.handle = q.handle
        left join locator l on l.kind = p_locator_kind and l.term = q.term
    ), wrote as (
        insert into relation (segment, account, person, kind, valid_from, valid_until)
        select distinct on (segment, account, person, kind)
            segment, account, person, kind::relation_kind, coalesce(valid_from, clock_v1()), valid_until
        from asked where segment = held_in
        order by segment, account, person, kind, ordinal desc
        on conflict (segment, account, person, kind)
            do update set valid_from = excluded.valid_from, valid_until = excluded.valid_until
    ), acts as (
        select log_act_v1(c.segment, 'relations_imported', null, null, c.amount)
        from (select segment, count(*)::integer as amount from asked where segment = held_in group by segment
              order by segment) c
    )
    select a.ordinal::integer, case when a.account is null then 'no_account' when a.person is null then 'no_person'
        when a.segment <> a.held_in then 'other_segment' else 'written' end
    from asked a where (select count(*) from acts) >= 0
    order by a.ordinal;
end $$;
ALTER FUNCTION cloison.intake_relations_v1(p_handles text[], p_locator_kind smallint, p_locator_terms bigint[], p_kinds text[], p_from timestamp with time zone[], p_until timestamp with time zone[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.issue_session_v1(p_segment text, p_account uuid, p_session uuid, p_token_hash bytea, p_seconds integer, p_touched boolean) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_now timestamptz := clock_v1();
begin
    insert into session (segment, session, account, token_hash, issued_at, expires_at, touched_at)
    values (p_segment, p_session, p_account, p_token_hash, v_now, v_now + make_interval(secs => p_seconds),
        case when p_touched then v_now end);
    perform log_act_v1(p_segment, 'session_issued', p_account, p_session, null);
    return v_now + make_interval(secs => p_seconds);
end $$;
ALTER FUNCTION cloison.issue_session_v1(p_segment text, p_account uuid, p_session uuid, p_token_hash bytea, p_seconds integer, p_touched boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.list_v1(p_segment text, p_token bytea, p_request uuid, p_whole boolean, p_after uuid) RETURNS TABLE(outcome text, retry_after integer, people integer, last uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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
ALTER FUNCTION cloison.list_v1(p_segment text, p_token bytea, p_request uuid, p_whole boolean, p_after uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.lock_ledgers_v1(p_segment text, p_tokens bytea[]) RETURNS uuid[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
begin
    return array(
        select l.account from ledger l
        where l.segment = p_segment and l.account = any (array(
            select h.account from holder h join unnest(p_tokens) t on h.token_hash = sha256(t)
            where h.segment = p_segment and h.expires_at > clock_v1()))
        order by l.account
        for update skip locked);
end $$;
ALTER FUNCTION cloison.lock_ledgers_v1(p_segment text, p_tokens bytea[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_act_v1(p_segment text, p_event cloison.event, p_subject uuid, p_session uuid, p_amount integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_author uuid := case when p_event in ('people_imported', 'relations_imported')
        then '00000000-0000-0000-0000-000000000001' else '00000000-0000-0000-0000-000000000000' end;
    v_number bigint;
begin
    insert into ledger as l (segment, account, next_number) values (p_segment, v_author, 2)
    on conflict (segment, account) do update set next_number = l.next_number + 1
    returning next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, subject, session, amount)
    values (p_segment, v_author, v_number, clock_v1(), p_event, 'open', p_subject, p_session, p_amount);
end $$;
ALTER FUNCTION cloison.log_act_v1(p_segment text, p_event cloison.event, p_subject uuid, p_session uuid, p_amount integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.matches_v1(p_segment text, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[]) RETURNS TABLE(person uuid, proven boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $_$
begin
    if p_slot not between 1 and 8 or p_proof_slot not between 1 and 8 then
        raise exception 'there are slots 1 to 8' using errcode = 'CL002';
    end if;
    return query execute format(
        'select p.person, $4 and coalesce(p.term%s = any ($3), false) from cloison.person p '
        'where p.segment = $1 and p.term%s = any ($2) limit 100', coalesce(p_proof_slot, p_slot), p_slot)
        using p_segment, p_terms, p_proof_terms, p_proof_slot is not null;
end $_$;
ALTER FUNCTION cloison.matches_v1(p_segment text, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.receipt_lifetime_v1() RETURNS interval
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN '00:00:10'::interval;
ALTER FUNCTION cloison.receipt_lifetime_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.refuse_unsafe_caller_v1() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the meter works under read committed only' using errcode = 'CL001';
    end if;
    if coalesce(current_setting('citus.function_opens_transaction_block', true), 'on') not in ('on', '') then
        raise exception 'the meter needs citus.function_opens_transaction_block on' using errcode = 'CL001';
    end if;
end $$;
ALTER FUNCTION cloison.refuse_unsafe_caller_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.release_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[]) RETURNS TABLE(ordinal integer, person uuid, version integer, compartments integer, sealed bytea[], ticket text, mac bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_ordinals integer[];
    v_receipts receipt[];
    v_label integer := (select label_bit from profile);
begin
    if pg_current_xact_id_if_assigned() is not null then                                    -- 1
        raise exception 'release needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    if coalesce(cardinality(p_tokens), 0) > 128 or coalesce(cardinality(p_requests), 0) > 128
       or coalesce(cardinality(p_persons), 0) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_now := clock_v1();
    with mine as materialized (                                                             -- 2
        select q.ordinal, r as receipt
        from unnest(p_tokens, p_requests, p_persons) with ordinality as q (token, request, person, ordinal)
        join session s on s.segment = p_segment and s.token_hash = sha256(q.token)
        join receipt r on r.segment = p_segment and r.session = s.session and r.request = q.request
            and (q.person is null or r.person = q.person)
        where r.charged_at > v_now - receipt_lifetime_v1()
        for update of r skip locked
    )
    select array_agg(m.ordinal), array_agg(m.receipt) into v_ordinals, v_receipts from mine m;
    if v_receipts is null then
        return;
    end if;
    perform wait_until_flushed_v1();                                                        -- 3
    return query
    with seen as (
        -- The same request asked for twice is answered where it stands first.
        select distinct on (o.session, o.request, o.person) o.* from unnest(v_ordinals, v_receipts)
            as o (ordinal, segment, session, request, person, account, compartments, charged_at)
        order by o.session, o.request, o.person, o.ordinal
    ), used as (
        delete from receipt r using seen s                                                  -- 4
        where r.segment = p_segment and r.session = s.session and r.request = s.request and r.person = s.person
          and r.charged_at = s.charged_at and r.charged_at > clock_v1() - receipt_lifetime_v1()
        returning s.ordinal, r.session, r.request, r.person, r.account, r.compartments
    ), allowed as (
        select u.*, p.version, p.sealed, format('cloison-ticket-1|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', u.request, u.session,
            u.account, p_segment, p.cohort, u.person, p.key_id, u.compartments, p.version,
            floor(extract(epoch from v_now) * 1000)::bigint) as ticket
        from used u
        join holder h on h.segment = p_segment and h.session = u.session and h.expires_at > v_now
        join person p on p.segment = p_segment and p.person = u.person
        where not exists (select from account_freeze f where f.segment = p_segment and f.account = u.account
                          and f.lifted_at is null)
          -- Today's list names appointments that begin later or are over; a record is for a relation of now.
          and exists (select from relation r where r.segment = p_segment and r.account = u.account
                      and r.person = u.person and (r.valid_until is null or r.valid_until >
                          case u.compartments when v_label then date_trunc('day', v_now, 'UTC') else v_now end))
    )
    select a.ordinal, a.person, a.version, a.compartments,
        array(select a.sealed[i + 1] from generate_series(0, cardinality(a.sealed) - 1) i
              where (a.compartments >> i) & 1 = 1 order by i),
        a.ticket, sha256(k.outer_block || sha256(k.inner_block || convert_to(a.ticket, 'UTF8')))
    from allowed a cross join ticket_key k
    order by a.ordinal, a.person;
end $$;
ALTER FUNCTION cloison.release_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.search_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint) RETURNS TABLE(outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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
    if cardinality(p_terms) > 64 or cardinality(p_proof_terms) > 64 then
        raise exception 'at most 64 terms in a search' using errcode = 'CL002';
    end if;
    select * into v_slot from search_slot s where s.slot = p_slot;
    if v_slot.slot is null or (v_slot.grouped and p_group is null) then
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
ALTER FUNCTION cloison.search_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint) OWNER TO cloison_owner;
CREATE FUNCTION cloison.session_v1(p_segment text, p_token bytea) RETURNS TABLE(account uuid, handle text, role text, expires_at timestamp with time zone, frozen boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select h.account, h.handle, h.role_name, h.expires_at,
        exists (select from account_freeze f where f.segment = p_segment and f.account = h.account and f.lifted_at is null)
    from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
$$;
ALTER FUNCTION cloison.session_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.settle_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[]) RETURNS TABLE(ordinal integer, outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_cutoffs timestamptz[] := cutoffs_v1(p_now);
    v_settled settled[];
begin
    with request as materialized (
        select j.*, row_number() over (partition by j.verdict, j.account, j.meter, j.person order by j.ordinal) as turn
        from unnest(judged) j
    ), room as materialized (
        -- What is left of each budget; a role without one has none. A list never shows more people than the caseload
        -- holds.
        select c.account, c.meter, array[
            least(coalesce(b.minutes_5, 0), c.size) - o.counts[1], least(coalesce(b.hour, 0), c.size) - o.counts[2],
            least(coalesce(b.day, 0), c.size) - o.counts[3],
            least(coalesce(b.days_28, 0), c.size) - o.counts[4]] as people
        from (
            select distinct q.account, q.role, q.meter, case when q.meter = 'list' then (
                select count(distinct r.person)::integer from relation r
                where r.segment = p_segment and r.account = q.account and r.kind <> 'walk_in'
                  and (r.valid_until is null or r.valid_until > p_now)) end as size
            from request q where q.verdict = 'open'
        ) c
        left join role_budget b on b.role = c.role and b.meter = c.meter
        cross join lateral (
            select array(
                select (select count(*) from opening o where o.segment = p_segment and o.account = c.account
                        and o.meter = c.meter and o.last_opened > w.cutoff)::integer
                from unnest(v_cutoffs) with ordinality as w (cutoff, number) order by w.number) as counts
            offset 0
        ) o
    ), weighed as materialized (
        -- Each distinct person once, in the order asked; `step` says in which windows the person is new.
        select q.account, q.meter, q.person, s.step, r.people,
            admit_v1(s.step, coalesce(r.people, '{0,0,0,0}'))
                over (partition by q.account, q.meter order by q.ordinal) as state
        from request q
        join room r on r.account = q.account and r.meter = q.meter
        cross join lateral (
            select (select o.last_opened from opening o where o.segment = p_segment and o.account = q.account
                    and o.meter = q.meter and o.person = q.person) as last_opened
            offset 0
        ) o
        cross join lateral (select array[
            (o.last_opened > v_cutoffs[1]) is not true, (o.last_opened > v_cutoffs[2]) is not true,
            (o.last_opened > v_cutoffs[3]) is not true, (o.last_opened > v_cutoffs[4]) is not true
        ]::integer[] as step) s
        where q.verdict = 'open' and q.turn = 1 and q.person is not null
    ), decided as materialized (
        select q.ordinal, q.session, q.account, q.role, q.request, q.person, q.compartments, q.purpose, q.relation,
            q.meter, q.event,
            case when q.verdict <> 'open' then q.verdict
                 when q.person is null or w.state[5] = 1 then 'open' else 'budget' end as outcome,
            case when q.verdict = 'open' and w.state[5] = 0 then (
                select max(ceil(extract(epoch from coalesce(
                    (select min(o.last_opened) from opening o where o.segment = p_segment and o.account = q.account
                     and o.meter = q.meter and o.last_opened > v_cutoffs[i]), p_now) - v_cutoffs[i])))
                from generate_series(1, 4) i where w.people[i] < w.state[i] + w.step[i])
            end::integer as retry_after
        from request q
        left join weighed w on w.account = q.account and w.meter = q.meter and w.person = q.person
    ), refused as materialized (
        -- Refusals have a budget too; `rank` orders an account's refusals of this call. A page of a list, or the cards of a
        -- search, are one refusal: who turns a page too many has not tried fifty times.
        select d.ordinal, d.account, d.session, row_number() over (partition by d.account order by d.ordinal) as rank,
            greatest(f.room, 0) as room
        from (
            select d.*, row_number() over (partition by d.account, d.event, d.request order by d.ordinal) as turn
            from decided d where d.outcome in ('scope', 'budget', 'step_up', 'frozen')
        ) d
        join (
            select c.account, least(b.minutes_5 - n.counts[1], b.hour - n.counts[2], b.day - n.counts[3],
                b.days_28 - n.counts[4]) as room
            from (select distinct account, role from decided where outcome in ('scope', 'budget', 'step_up', 'frozen')) c
            left join role_budget b on b.role = c.role and b.meter = 'refusal'
            cross join lateral (
                select array[
                    count(*) filter (where f.refused_at > v_cutoffs[1]), count(*) filter (where f.refused_at > v_cutoffs[2]),
                    count(*) filter (where f.refused_at > v_cutoffs[3]), count(*)]::integer[] as counts
                from refusal f
                where f.segment = p_segment and f.account = c.account and f.refused_at > v_cutoffs[4]
            ) n
        ) f on f.account = d.account
        where d.event = 'open' or d.turn = 1
    ), numbered as (
        -- One entry for each opening and each refusal within the budget; one counting entry for all beyond it.
        select d.*, coalesce(r.rank > r.room, false) as beyond,
            (select count(*) from refused o where o.account = d.account and o.rank > o.room) as amount,
            case when d.outcome = 'open' or r.rank <= r.room + 1 then
                (select l.next_number from ledger l where l.segment = p_segment and l.account = d.account) - 1
                + count(*) filter (where d.outcome = 'open' or r.rank <= r.room + 1)
                    over (partition by d.account order by d.ordinal) end as number
        from decided d left join refused r on r.ordinal = d.ordinal
    )
    select array_agg(row(n.ordinal, n.session, n.account, n.request, n.person, n.compartments, n.purpose, n.relation,
            n.meter, n.event, n.outcome, n.retry_after, n.beyond, n.amount, n.number)::settled order by n.ordinal)
        into v_settled from numbered n;
    insert into entry (segment, account, number, at, event, outcome, session, request, person, compartments,
        purpose, relation, amount)
    select p_segment, g.account, g.number, p_now,
        case when g.beyond then 'refusals_exceeded' else g.event end, g.outcome::outcome, g.session, g.request,
        case when g.beyond or (g.event <> 'open' and g.outcome <> 'open') then null else g.person end,
        coalesce(g.compartments, 0), g.purpose, g.relation, case when g.beyond then g.amount end
    from unnest(v_settled) g where g.number is not null;
    update ledger l
    set next_number = (select max(g.number) + 1 from unnest(v_settled) g where g.account = l.account)
    where l.segment = p_segment
      and l.account = any (array(select g.account from unnest(v_settled) g where g.number is not null));
    insert into opening as o (segment, account, meter, person, last_opened)
    select distinct p_segment, g.account, g.meter, g.person, p_now from unnest(v_settled) g
    where g.outcome = 'open' and g.person is not null
    on conflict (segment, account, meter, person)
        do update set last_opened = greatest(o.last_opened, excluded.last_opened);
    insert into receipt (segment, session, request, person, account, compartments, charged_at)
    select p_segment, g.session, g.request, g.person, g.account, bit_or(g.compartments), p_now
    from unnest(v_settled) g where g.outcome = 'open' and g.person is not null
    group by g.session, g.request, g.person, g.account
    on conflict (segment, session, request, person)
        do update set compartments = excluded.compartments, charged_at = excluded.charged_at;
    if exists (select from unnest(v_settled) g where g.number is not null and g.outcome <> 'open') then
        insert into refusal (segment, account, refused_at, number)
        select p_segment, g.account, p_now, g.number from unnest(v_settled) g
        where g.number is not null and g.outcome <> 'open' and not g.beyond;
        insert into session_end (segment, session, ended_at)
        select distinct p_segment, g.session, p_now from unnest(v_settled) g where g.number is not null and g.beyond
        on conflict do nothing;
    end if;
    return query select g.ordinal, g.outcome, g.retry_after from unnest(v_settled) g order by g.ordinal;
end $$;
ALTER FUNCTION cloison.settle_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.sweep_v1() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    delete from receipt where charged_at < clock_v1() - interval '1 minute';
    delete from asked where asked_at < clock_v1() - interval '1 minute';
    delete from opening where last_opened < clock_v1() - interval '696 hours';
    delete from refusal where refused_at < clock_v1() - interval '696 hours';
    delete from search_miss where missed_at < clock_v1() - interval '48 hours';
$$;
ALTER FUNCTION cloison.sweep_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.unfreeze_v1(p_segment text, p_account uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    update account_freeze set lifted_at = clock_v1()
    where segment = p_segment and account = p_account and lifted_at is null;
    perform log_act_v1(p_segment, 'account_unfrozen', p_account, null, null);
end $$;
ALTER FUNCTION cloison.unfreeze_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.wait_until_flushed_v1() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_inserted pg_lsn := pg_current_wal_insert_lsn();
    v_in_page integer := mod(v_inserted - '0/0'::pg_lsn, current_setting('wal_block_size')::numeric);
    v_patience timestamptz := clock_timestamp() + interval '5 milliseconds';
    v_deadline timestamptz := clock_timestamp() + interval '3 seconds';
    v_version integer := current_setting('server_version_num');
begin
    if v_in_page in (24, 40) then
        v_inserted := v_inserted - v_in_page::numeric;
    end if;
    while pg_current_wal_flush_lsn() < v_inserted loop
        if clock_timestamp() > v_deadline then
            raise exception 'the write-ahead log is not on disk yet' using errcode = 'CL004';
        elsif clock_timestamp() > v_patience and v_version >= 170000 then
            execute 'select pg_logical_emit_message(false, ''cloison'', text '''', true)';
        elsif clock_timestamp() > v_patience and v_version >= 160000 then
            execute 'select pg_log_standby_snapshot()';
            v_patience := v_deadline;
        else
            perform pg_sleep(0.0005);
        end if;
    end loop;
end $$;
ALTER FUNCTION cloison.wait_until_flushed_v1() OWNER TO cloison_owner;
CREATE AGGREGATE cloison.admit_v1(step integer[], room integer[]) (
    SFUNC = cloison.admit_step_v1,
    STYPE = integer[],
    INITCOND = '{0,0,0,0,0}'
);
ALTER AGGREGATE cloison.admit_v1(step integer[], room integer[]) OWNER TO cloison_owner;
CREATE TABLE cloison.account (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid DEFAULT gen_random_uuid() NOT NULL,
    handle text NOT NULL,
    organisation uuid NOT NULL,
    agency text NOT NULL,
    role smallint NOT NULL,
    CONSTRAINT account_agency_check CHECK (((length(agency) >= 1) AND (length(agency) <= 64))),
    CONSTRAINT account_handle_check CHECK ((handle ~ '^[0-9A-Za-z._-]{1,64}$'::text)),
    CONSTRAINT account_segment_check CHECK ((segment ~ '^[0-9A-Za-z_-]{1,16}$'::text))
);
ALTER TABLE cloison.account OWNER TO cloison_owner;
CREATE TABLE cloison.account_freeze (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    frozen_at timestamp with time zone NOT NULL,
    lifted_at timestamp with time zone
);
ALTER TABLE cloison.account_freeze OWNER TO cloison_owner;
CREATE UNLOGGED TABLE cloison.asked (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    request uuid NOT NULL,
    account uuid NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    number bigint NOT NULL,
    purpose smallint NOT NULL,
    slot smallint NOT NULL,
    terms bigint[] NOT NULL,
    proof_terms bigint[],
    search_group bigint
)
WITH (fillfactor='50');
ALTER TABLE cloison.asked OWNER TO cloison_owner;
CREATE TABLE cloison.counter (
    segment text NOT NULL COLLATE pg_catalog."C",
    cell bigint NOT NULL,
    people bigint NOT NULL
);
ALTER TABLE cloison.counter OWNER TO cloison_owner;
CREATE TABLE cloison.entry (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    number bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    event cloison.event NOT NULL,
    outcome cloison.outcome NOT NULL,
    session uuid,
    request uuid,
    person uuid,
    compartments integer DEFAULT 0 NOT NULL,
    purpose smallint,
    relation cloison.relation_kind,
    subject uuid,
    amount integer,
    version integer,
    sealed_hash bytea
);
ALTER TABLE cloison.entry OWNER TO cloison_owner;
CREATE TABLE cloison.role (
    role smallint NOT NULL,
    name text NOT NULL,
    relations integer NOT NULL,
    compartments integer NOT NULL,
    touch integer NOT NULL,
    purposes integer NOT NULL,
    acts integer DEFAULT 0 NOT NULL
);
ALTER TABLE cloison.role OWNER TO cloison_owner;
CREATE TABLE cloison.session (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid DEFAULT gen_random_uuid() NOT NULL,
    account uuid NOT NULL,
    token_hash bytea NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    touched_at timestamp with time zone,
    CONSTRAINT session_token_hash_check CHECK ((length(token_hash) = 32))
);
ALTER TABLE cloison.session OWNER TO cloison_owner;
CREATE TABLE cloison.session_end (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    ended_at timestamp with time zone NOT NULL
);
ALTER TABLE cloison.session_end OWNER TO cloison_owner;
CREATE VIEW cloison.holder AS
 SELECT s.segment,
    s.session,
    s.token_hash,
    s.account,
    s.touched_at,
    s.expires_at,
    a.handle,
    a.organisation,
    a.role,
    r.name AS role_name,
    r.relations,
    r.compartments,
    r.touch,
    r.purposes,
    r.acts
   FROM ((cloison.session s
     JOIN cloison.account a ON (((a.segment = s.segment) AND (a.account = s.account))))
     JOIN cloison.role r ON ((r.role = a.role)))
  WHERE (NOT (EXISTS ( SELECT
           FROM cloison.session_end e
          WHERE ((e.segment = s.segment) AND (e.session = s.session)))));
ALTER VIEW cloison.holder OWNER TO cloison_owner;
CREATE TABLE cloison.ledger (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    next_number bigint DEFAULT 1 NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE cloison.ledger OWNER TO cloison_owner;
CREATE TABLE cloison.load (
    single boolean DEFAULT true NOT NULL,
    began_at timestamp with time zone NOT NULL,
    CONSTRAINT load_single_check CHECK (single)
);
ALTER TABLE cloison.load OWNER TO cloison_owner;
CREATE TABLE cloison.locator (
    kind smallint NOT NULL,
    term bigint NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    person uuid NOT NULL
);
ALTER TABLE cloison.locator OWNER TO cloison_owner;
CREATE TABLE cloison.opening (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    meter cloison.meter NOT NULL,
    person uuid NOT NULL,
    last_opened timestamp with time zone NOT NULL
);
ALTER TABLE cloison.opening OWNER TO cloison_owner;
CREATE TABLE cloison.organisation (
    organisation uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    CONSTRAINT organisation_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
);
ALTER TABLE cloison.organisation OWNER TO cloison_owner;
CREATE TABLE cloison.person (
    segment text NOT NULL COLLATE pg_catalog."C",
    person uuid NOT NULL,
    cohort integer NOT NULL,
    key_id bigint NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    provisional boolean DEFAULT false NOT NULL,
    digest bigint,
    cell bigint,
    sealed bytea[] NOT NULL,
    term1 bigint,
    term2 bigint,
    term3 bigint,
    term4 bigint,
    term5 bigint,
    term6 bigint,
    term7 bigint,
    term8 bigint,
    CONSTRAINT person_segment_check CHECK ((segment ~ '^[0-9A-Za-z_-]{1,16}$'::text))
);
ALTER TABLE ONLY cloison.person ALTER COLUMN sealed SET STORAGE EXTERNAL;
ALTER TABLE cloison.person OWNER TO cloison_owner;
CREATE TABLE cloison.profile (
    single boolean DEFAULT true NOT NULL,
    name text NOT NULL,
    compartments text[] NOT NULL,
    label_bit integer NOT NULL,
    purposes text[] NOT NULL,
    CONSTRAINT profile_single_check CHECK (single)
);
ALTER TABLE cloison.profile OWNER TO cloison_owner;
CREATE UNLOGGED TABLE cloison.receipt (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    request uuid NOT NULL,
    person uuid NOT NULL,
    account uuid NOT NULL,
    compartments integer NOT NULL,
    charged_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE cloison.receipt OWNER TO cloison_owner;
CREATE TABLE cloison.refusal (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    refused_at timestamp with time zone NOT NULL,
    number bigint NOT NULL
);
ALTER TABLE cloison.refusal OWNER TO cloison_owner;
CREATE TABLE cloison.relation (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    person uuid NOT NULL,
    kind cloison.relation_kind NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone
);
ALTER TABLE cloison.relation OWNER TO cloison_owner;
CREATE TABLE cloison.role_budget (
    role smallint NOT NULL,
    meter cloison.meter NOT NULL,
    minutes_5 integer NOT NULL,
    hour integer NOT NULL,
    day integer NOT NULL,
    days_28 integer NOT NULL,
    CONSTRAINT role_budget_day_check CHECK ((day >= 0)),
    CONSTRAINT role_budget_days_28_check CHECK ((days_28 >= 0)),
    CONSTRAINT role_budget_hour_check CHECK ((hour >= 0)),
    CONSTRAINT role_budget_minutes_5_check CHECK ((minutes_5 >= 0))
);
ALTER TABLE cloison.role_budget OWNER TO cloison_owner;
CREATE TABLE cloison.schema_version (
    single boolean DEFAULT true NOT NULL,
    version integer NOT NULL,
    CONSTRAINT schema_version_single_check CHECK (single)
);
ALTER TABLE cloison.schema_version OWNER TO cloison_owner;
CREATE TABLE cloison.search_miss (
    segment text NOT NULL COLLATE pg_catalog."C",
    search_group bigint NOT NULL,
    missed_at timestamp with time zone NOT NULL,
    account uuid NOT NULL,
    request uuid NOT NULL
);
ALTER TABLE cloison.search_miss OWNER TO cloison_owner;
CREATE TABLE cloison.search_slot (
    slot smallint NOT NULL,
    proof_slot smallint,
    grouped boolean NOT NULL,
    CONSTRAINT search_slot_proof_slot_check CHECK (((proof_slot >= 1) AND (proof_slot <= 8))),
    CONSTRAINT search_slot_slot_check CHECK (((slot >= 1) AND (slot <= 8)))
);
ALTER TABLE cloison.search_slot OWNER TO cloison_owner;
CREATE TABLE cloison.ticket_key (
    single boolean DEFAULT true NOT NULL,
    inner_block bytea NOT NULL,
    outer_block bytea NOT NULL,
    CONSTRAINT ticket_key_inner_block_check CHECK ((length(inner_block) = 64)),
    CONSTRAINT ticket_key_outer_block_check CHECK ((length(outer_block) = 64)),
    CONSTRAINT ticket_key_single_check CHECK (single)
);
ALTER TABLE cloison.ticket_key OWNER TO cloison_owner;
ALTER TABLE ONLY cloison.account_freeze
    ADD CONSTRAINT account_freeze_pkey PRIMARY KEY (segment, account, frozen_at);
ALTER TABLE ONLY cloison.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (segment, account);
ALTER TABLE ONLY cloison.account
    ADD CONSTRAINT account_segment_handle_key UNIQUE (segment, handle);
ALTER TABLE ONLY cloison.asked
    ADD CONSTRAINT asked_pkey PRIMARY KEY (segment, session, request);
ALTER TABLE ONLY cloison.counter
    ADD CONSTRAINT counter_pkey PRIMARY KEY (segment, cell);
ALTER TABLE ONLY cloison.entry
    ADD CONSTRAINT entry_numbered UNIQUE (segment, account, number);
ALTER TABLE ONLY cloison.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (segment, account);
ALTER TABLE ONLY cloison.load
    ADD CONSTRAINT load_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cloison.locator
    ADD CONSTRAINT locator_pkey PRIMARY KEY (kind, term);
ALTER TABLE ONLY cloison.opening
    ADD CONSTRAINT opening_pkey PRIMARY KEY (segment, account, meter, person);
ALTER TABLE ONLY cloison.organisation
    ADD CONSTRAINT organisation_name_key UNIQUE (name);
ALTER TABLE ONLY cloison.organisation
    ADD CONSTRAINT organisation_pkey PRIMARY KEY (organisation);
ALTER TABLE ONLY cloison.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (segment, person);
ALTER TABLE ONLY cloison.profile
    ADD CONSTRAINT profile_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cloison.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (segment, session, request, person);
ALTER TABLE ONLY cloison.refusal
    ADD CONSTRAINT refusal_pkey PRIMARY KEY (segment, account, refused_at, number);
ALTER TABLE ONLY cloison.relation
    ADD CONSTRAINT relation_pkey PRIMARY KEY (segment, account, person, kind);
ALTER TABLE ONLY cloison.role_budget
    ADD CONSTRAINT role_budget_pkey PRIMARY KEY (role, meter);
ALTER TABLE ONLY cloison.role
    ADD CONSTRAINT role_name_key UNIQUE (name);
ALTER TABLE ONLY cloison.role
    ADD CONSTRAINT role_pkey PRIMARY KEY (role);
ALTER TABLE ONLY cloison.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cloison.search_miss
    ADD CONSTRAINT search_miss_pkey PRIMARY KEY (segment, search_group, missed_at, account, request);
ALTER TABLE ONLY cloison.search_slot
    ADD CONSTRAINT search_slot_pkey PRIMARY KEY (slot);
ALTER TABLE ONLY cloison.session_end
    ADD CONSTRAINT session_end_pkey PRIMARY KEY (segment, session);
ALTER TABLE ONLY cloison.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (segment, session);
ALTER TABLE ONLY cloison.session
    ADD CONSTRAINT session_segment_token_hash_key UNIQUE (segment, token_hash);
ALTER TABLE ONLY cloison.ticket_key
    ADD CONSTRAINT ticket_key_pkey PRIMARY KEY (single);
CREATE INDEX account_handle ON cloison.account USING btree (handle);
CREATE INDEX entry_person ON cloison.entry USING btree (segment, person, at) WHERE (person IS NOT NULL);
CREATE INDEX opening_recent ON cloison.opening USING btree (segment, account, meter, last_opened);
CREATE INDEX person_term1 ON cloison.person USING btree (segment, term1) WHERE (term1 IS NOT NULL);
CREATE INDEX person_term2 ON cloison.person USING btree (segment, term2) WHERE (term2 IS NOT NULL);
CREATE INDEX person_term4 ON cloison.person USING btree (segment, term4) WHERE (term4 IS NOT NULL);
CREATE INDEX person_term5 ON cloison.person USING btree (segment, term5) WHERE (term5 IS NOT NULL);
CREATE INDEX person_term6 ON cloison.person USING btree (segment, term6) WHERE (term6 IS NOT NULL);
CREATE INDEX person_term7 ON cloison.person USING btree (segment, term7) WHERE (term7 IS NOT NULL);
CREATE INDEX person_term8 ON cloison.person USING btree (segment, term8) WHERE (term8 IS NOT NULL);
ALTER TABLE ONLY cloison.account
    ADD CONSTRAINT account_organisation_fkey FOREIGN KEY (organisation) REFERENCES cloison.organisation(organisation);
ALTER TABLE ONLY cloison.account
    ADD CONSTRAINT account_role_fkey FOREIGN KEY (role) REFERENCES cloison.role(role);
ALTER TABLE ONLY cloison.role_budget
    ADD CONSTRAINT role_budget_role_fkey FOREIGN KEY (role) REFERENCES cloison.role(role) ON DELETE CASCADE;
ALTER TABLE ONLY cloison.session
    ADD CONSTRAINT session_segment_account_fkey FOREIGN KEY (segment, account) REFERENCES cloison.account(segment, account);
GRANT USAGE ON SCHEMA cloison TO cloison_desk;
GRANT USAGE ON SCHEMA cloison TO cloison_intake;
GRANT USAGE ON SCHEMA cloison TO cloison_reaper;
REVOKE ALL ON LANGUAGE plpgsql FROM PUBLIC;
GRANT ALL ON LANGUAGE plpgsql TO cloison_owner;
REVOKE ALL ON TYPE cloison.event FROM PUBLIC;
REVOKE ALL ON TYPE cloison.meter FROM PUBLIC;
REVOKE ALL ON TYPE cloison.relation_kind FROM PUBLIC;
REVOKE ALL ON TYPE cloison.judged FROM PUBLIC;
REVOKE ALL ON TYPE cloison.outcome FROM PUBLIC;
REVOKE ALL ON TYPE cloison.settled FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.admit_step_v1(state integer[], step integer[], room integer[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.charge_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.charge_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.clock_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.create_account_v1(p_segment text, p_handle text, p_organisation uuid, p_agency text, p_role text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.cutoffs_v1(p_now timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.end_sessions_v1(p_segment text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.find_v1(p_segment text, p_token bytea, p_request uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.find_v1(p_segment text, p_token bytea, p_request uuid) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.freeze_v1(p_segment text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.intake_known_v1(p_kinds smallint[], p_terms bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_known_v1(p_kinds smallint[], p_terms bigint[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.intake_people_v1(p_segment text, p_persons uuid[], p_cohorts integer[], p_key_ids bigint[], p_sealed bytea[], p_terms bigint[], p_locator_kinds smallint[], p_locator_terms bigint[], p_locator_ordinals integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_people_v1(p_segment text, p_persons uuid[], p_cohorts integer[], p_key_ids bigint[], p_sealed bytea[], p_terms bigint[], p_locator_kinds smallint[], p_locator_terms bigint[], p_locator_ordinals integer[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.intake_relations_v1(p_handles text[], p_locator_kind smallint, p_locator_terms bigint[], p_kinds text[], p_from timestamp with time zone[], p_until timestamp with time zone[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_relations_v1(p_handles text[], p_locator_kind smallint, p_locator_terms bigint[], p_kinds text[], p_from timestamp with time zone[], p_until timestamp with time zone[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.issue_session_v1(p_segment text, p_account uuid, p_session uuid, p_token_hash bytea, p_seconds integer, p_touched boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.list_v1(p_segment text, p_token bytea, p_request uuid, p_whole boolean, p_after uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.list_v1(p_segment text, p_token bytea, p_request uuid, p_whole boolean, p_after uuid) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.lock_ledgers_v1(p_segment text, p_tokens bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_act_v1(p_segment text, p_event cloison.event, p_subject uuid, p_session uuid, p_amount integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.matches_v1(p_segment text, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.receipt_lifetime_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.refuse_unsafe_caller_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.release_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.release_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.search_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.search_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.session_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.session_v1(p_segment text, p_token bytea) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.settle_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.sweep_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.sweep_v1() TO cloison_reaper;
REVOKE ALL ON FUNCTION cloison.unfreeze_v1(p_segment text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.wait_until_flushed_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.admit_v1(integer[], integer[]) FROM PUBLIC;
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;
