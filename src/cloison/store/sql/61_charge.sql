-- charge_each_v1: the first half of opening people. See docs/walk.md, step 4.
--
-- Takes at most 128 requests, each at home in one of p_segments, matched by ordinal; answers one row each, in order. What
-- a national register is asked at one moment is from many departments, and a call costs as much as ten requests: one
-- call a department did a sixth of the rate. p_segment: that of all of them on a distributed engine (60_settle.sql).
-- Rules, in order:
--   1. a caller whose settings would undo the rules below is refused (50_clock.sql);
--   2. lock the ledgers of the accounts, in id order, then receipts that these requests have already; one that somebody
--      holds is skipped and answered `busy`;
--   3. in a new statement, so with a snapshot younger than the locks: session, freeze, relation, role, receipts;
--   4. settle_v1: budgets, audit entries, receipts.
-- Left out on purpose: whether the person exists. A relation says who may be opened, and looking further would make
-- a difference that can be measured between a person out of reach and nobody.
create or replace function cloison.charge_each_v1(
    p_segment text, p_segments text[], p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[],
    p_purposes smallint[]
) returns table (ordinal integer, outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_locked uuid[];
    v_receipts receipt[];
    v_label integer := (select label_bit from profile);
    v_judged judged[];
begin
    perform refuse_unsafe_caller_v1();                                                      -- 1
    if greatest(cardinality(p_segments), cardinality(p_tokens), cardinality(p_requests), cardinality(p_persons),
                cardinality(p_compartments), cardinality(p_purposes)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;

    v_locked := lock_each_v1(p_segment, p_segments, p_tokens);                              -- 2
    v_receipts := array(
        select r from unnest(p_segments, p_tokens, p_requests, p_persons) as q (place, token, request, person)
        join session s on s.segment = q.place and s.token_hash = sha256(q.token)
        join receipt r on r.segment = q.place and r.session = s.session and r.request = q.request
            and r.person = q.person
        for update of r skip locked);
    v_now := clock_v1();

    with asked as materialized (                                                            -- 3
        select q.*, h.session, h.account, h.role, h.touched_at, h.relations, h.touch, h.capped,
            coalesce(q.request is not null and q.compartments > 0 and q.compartments & ~h.compartments = 0
                and q.purpose between 0 and 30 and (h.purposes >> q.purpose) & 1 = 1, false) as allowed
        from unnest(p_segments, p_tokens, p_requests, p_persons, p_compartments, p_purposes)
            with ordinality as q (place, token, request, person, compartments, purpose, ordinal)
        left join lateral (
            select h.* from holder h
            where h.segment = q.place and h.token_hash = sha256(q.token) and h.expires_at > v_now
            offset 0
        ) h on true
    ), reach as materialized (
        select * from reachable_each_v1(
            array(select a.account from asked a order by a.ordinal), array(select a.person from asked a order by a.ordinal))
    ), judged as (
        select a.*, r.kind,
            case
                when a.account is null then 'no_session'
                when a.account <> all (v_locked) then 'busy'
                when exists (
                    select from receipt p where p.segment = a.place and p.session = a.session
                        and p.request = a.request and p.person = a.person
                        and not exists (select from unnest(v_receipts) m where m.session = p.session
                                        and m.request = p.request and m.person = p.person)) then 'busy'
                when exists (select from account_freeze f where f.segment = a.place and f.account = a.account
                             and f.lifted_at is null) then 'frozen'
                when r.kind is null or not a.allowed then 'scope'
                when a.compartments & a.touch <> 0
                     and (a.touched_at > v_now - interval '5 minutes') is not true then 'step_up'
                when a.capped then 'lease'   -- its organisation's ledger counts too: 65_lease.sql
                else 'open'
            end as verdict
        from asked a
        join reach w on w.ordinal = a.ordinal
        left join lateral (
            select r.kind from relation r
            where r.segment = a.place and r.account = a.account
              and r.person = w.person
              and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now)
              and (a.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
              and (a.compartments & ~r.compartments = 0) is not false
            order by r.kind limit 1
        ) r on true
    ), held as (
        select j.*, row_number() over (partition by j.session, j.verdict order by j.ordinal) + (
            select count(*) from receipt p where p.segment = j.place and p.session = j.session
              and p.compartments <> v_label and p.charged_at > v_now - receipt_lifetime_v1()) as receipts
        from judged j
    )
    select array_agg(row(
            h.ordinal, h.session, h.account, h.role, h.request, h.person, h.compartments, h.purpose, h.kind,
            case when h.kind = 'walk_in' then 'walk_in' else 'open' end, 'open',
            -- At most 16 receipts not released a session: what a freeze between charge and release can still meet.
            case when h.verdict = 'open' and h.receipts > 16 then 'busy' else h.verdict end)::judged)
        into v_judged from held h;

    return query select * from settle_v1(p_segment, v_now, v_judged, p_segments);           -- 4
end $$;

-- The same for requests of one segment.
create or replace function cloison.charge_v1(
    p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[],
    p_purposes smallint[]
) returns table (ordinal integer, outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    return query select * from charge_each_v1(p_segment, of_one_segment_v1(p_segment, p_tokens), p_tokens, p_requests,
        p_persons, p_compartments, p_purposes);
end $$;

-- A segment as often as there are tokens.
create or replace function cloison.of_one_segment_v1(p_segment text, p_tokens bytea[]) returns text[]
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return array_fill(p_segment, array[coalesce(cardinality(p_tokens), 0)]);

-- Locks the ledgers of the accounts whose sessions these are, in id order, skipping those that somebody holds;
-- answers which were locked. A statement of its own: what is counted later sees all that was committed before.
-- A session that has ended or expired locks nothing, so that an old token keeps nobody from work.
create or replace function cloison.lock_each_v1(p_segment text, p_segments text[], p_tokens bytea[]) returns uuid[]
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
begin
    return array(
        select l.account
        from (select distinct q.place, s.account from unnest(p_segments, p_tokens) as q (place, token)
              join session s on s.segment = q.place and s.token_hash = sha256(q.token)
              where s.expires_at > clock_v1() and not exists (
                  select from session_end e where e.segment = q.place and e.session = s.session)) s
        join ledger l on l.segment = s.place and l.account = s.account
        order by l.account
        for update of l skip locked);
end $$;

create or replace function cloison.lock_ledgers_v1(p_segment text, p_tokens bytea[]) returns uuid[]
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    return lock_each_v1(p_segment, of_one_segment_v1(p_segment, p_tokens), p_tokens);
end $$;
