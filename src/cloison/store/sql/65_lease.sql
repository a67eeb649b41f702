-- Leases: how one ledger's count holds for another segment. An account opens elsewhere than at home, or belongs to an
-- organisation with a cap; the ledger that counts is then in another segment than the person, and no function may touch
-- both. Pairs of transactions, each pair pipelined in one round trip; the pairs follow one another:
--
--   1. lend_v1 at home charges the account's budgets; leases_v1 gives out what is committed, a signed text a person;
--   2. only where the organisation has a cap: cap_v1 in its ledger's segment charges that; capped_v1 signs again;
--   3. charge_lent_v1 in the person's segment looks at the relation, writes entry and receipt; release_v1 releases.
--
-- A lease names account, session, person, compartments and purpose: the same person again costs no budget more, however
-- often a lease is used, and an unused one wastes one person, not a block. It lives 15 seconds, and what it lends counts
-- until it has expired *and* the window has passed. Rules that keep a caller with the desk's login from having it free:
--
--   - a signature is given out in a later transaction than the charge, committed and flushed: a lease that was read and
--     rolled back would be one that nobody counted;
--   - it is signed with the key of tickets, under words of its own, and good for the holder of its session's token alone;
--   - frozen accounts and ended sessions are looked for where it is used, not only where it was made (recall).
-- Left out on purpose: whether the person is there or followed. Only their segment knows; a person asked for elsewhere
-- counts in the home's budgets, whoever they are, and a refusal is charged and logged in the segment asked.

create or replace function cloison.lease_lifetime_v1() returns interval
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return interval '15 seconds';

-- HMAC-SHA-256 (RFC 2104) of a lease's text with the key of tickets.
create or replace function cloison.sign_lease_v1(p_text text) returns bytea
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp
return (select sha256(k.outer_block || sha256(k.inner_block || convert_to(p_text, 'UTF8'))) from cloison.ticket_key k);

-- The part of a lease behind its kind; times in microseconds since 1970.
create or replace function cloison.write_lease_v1(p_lease cloison.lease) returns text
language sql immutable security definer set search_path = pg_catalog, cloison, pg_temp
return format('%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', p_lease.home, p_lease.segment, p_lease.session, p_lease.account,
    p_lease.organisation, p_lease.role, p_lease.request, p_lease.person, p_lease.compartments, p_lease.purpose,
    encode(p_lease.token_hash, 'hex'), (extract(epoch from p_lease.session_expires_at) * 1000000)::bigint,
    (extract(epoch from p_lease.expires_at) * 1000000)::bigint);

-- What a lease says; null unless it bears our signature. Compared as hashes, so that the time taken says nothing.
create or replace function cloison.read_lease_v1(p_text text, p_mac bytea) returns cloison.lease
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    f text[];
begin
    if p_text !~ '^cloison-(lease|capped)-1\|' or (sha256(p_mac) = sha256(sign_lease_v1(p_text))) is not true then
        return null;
    end if;
    f := string_to_array(p_text, '|');
    return row(split_part(f[1], '-', 2), f[2], f[3], f[4]::uuid, f[5]::uuid, f[6]::uuid, f[7]::smallint, f[8]::uuid,
        f[9]::uuid, f[10]::integer, f[11]::smallint, decode(f[12], 'hex'),
        timestamptz 'epoch' + f[13]::bigint * interval '1 microsecond',
        timestamptz 'epoch' + f[14]::bigint * interval '1 microsecond')::lease;
end $$;

-- 1. Charges at home what is asked for in the borrowers' segments; the rules are charge_v1's, and a relation is looked at
-- where the borrower is the home itself (an account of an organisation with a cap). The same request may be lent again.
create or replace function cloison.lend_v1(
    p_segment text, p_tokens bytea[], p_borrowers text[], p_requests uuid[], p_persons uuid[],
    p_compartments integer[], p_purposes smallint[]
) returns table (ordinal integer, outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_locked uuid[];
    v_judged judged[];
    v_outcomes text[];
    v_waits integer[];
begin
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_tokens), cardinality(p_borrowers), cardinality(p_requests), cardinality(p_persons),
            cardinality(p_compartments), cardinality(p_purposes)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_locked := lock_ledgers_v1(p_segment, p_tokens);
    v_now := clock_v1();                                -- from here on a snapshot younger than the locks

    with asked as materialized (
        select q.*, h.session, h.account, h.role, h.touched_at, h.touch, q.borrower = p_segment as at_home,
            coalesce(q.request is not null and q.person is not null and q.compartments > 0
                and q.compartments & ~h.compartments = 0 and q.purpose between 0 and 30
                and (h.purposes >> q.purpose) & 1 = 1 and q.borrower ~ '^[0-9A-Za-z_-]{1,16}$'
                and (q.borrower <> all (h.lent_to)) is not true, false) as allowed,
            (select r.kind from relation r
             where r.segment = p_segment and q.borrower = p_segment and r.account = h.account
               and r.person = (select w.person from reachable_each_v1(array[h.account], array[q.person]) w)
               and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now)
               and (h.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
               and (q.compartments & ~r.compartments = 0) is not false
             order by r.kind limit 1) as kind
        from unnest(p_tokens, p_borrowers, p_requests, p_persons, p_compartments, p_purposes)
            with ordinality as q (token, borrower, request, person, compartments, purpose, ordinal)
        left join lateral (
            select h.* from holder h
            where h.segment = p_segment and h.token_hash = sha256(q.token) and h.expires_at > v_now
            offset 0
        ) h on true
    )
    select array_agg(row(a.ordinal, a.session, a.account, a.role, a.request, a.person, a.compartments, a.purpose, a.kind,
            case when a.kind = 'walk_in' then 'walk_in' else 'open' end, 'allowance_lent',
            case
                when a.account is null then 'no_session'
                when a.account <> all (v_locked) then 'busy'
                when exists (select from account_freeze f where f.segment = p_segment and f.account = a.account
                             and f.lifted_at is null) then 'frozen'
                when not a.allowed or (a.at_home and a.kind is null) then 'scope'
                when a.compartments & a.touch <> 0
                     and (a.touched_at > v_now - interval '5 minutes') is not true then 'step_up'
                else 'open'
            end)::judged order by a.ordinal)
        into v_judged from asked a;
    select array_agg(s.outcome order by s.ordinal), array_agg(s.retry_after order by s.ordinal)
        into v_outcomes, v_waits from settle_v1(p_segment, v_now, v_judged) s;

    insert into lent (segment, session, request, person, borrower, account, compartments, purpose, lent_at)
    select distinct on (j.session, j.request, j.person, b.borrower) p_segment, j.session, j.request, j.person, b.borrower,
        j.account, j.compartments, j.purpose, v_now
    from unnest(v_judged) j
    join unnest(p_borrowers, v_outcomes) with ordinality as b (borrower, outcome, ordinal) on b.ordinal = j.ordinal
    where b.outcome = 'open'
    order by j.session, j.request, j.person, b.borrower, j.ordinal
    on conflict (segment, session, request, person, borrower) do update
        set compartments = excluded.compartments, purpose = excluded.purpose, lent_at = excluded.lent_at;
    return query select o.ordinal::integer, o.outcome, o.wait
    from unnest(v_outcomes, v_waits) with ordinality as o (outcome, wait, ordinal) order by o.ordinal;
end $$;

-- 1, in a later transaction: the leases of what is committed, flushed and has not expired, by ordinal. `ledger_segment`:
-- where the organisation's cap is to be charged first; null: there is none.
create or replace function cloison.leases_v1(
    p_segment text, p_tokens bytea[], p_borrowers text[], p_requests uuid[], p_persons uuid[]
) returns table (ordinal integer, lease text, mac bytea, ledger_segment text)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_ordinals integer[];
    v_lent lent[];
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'a lease needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_tokens), cardinality(p_borrowers), cardinality(p_requests), cardinality(p_persons)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_now := clock_v1();
    select array_agg(q.ordinal), array_agg(l) into v_ordinals, v_lent
    from unnest(p_tokens, p_borrowers, p_requests, p_persons) with ordinality
        as q (token, borrower, request, person, ordinal)
    join session s on s.segment = p_segment and s.token_hash = sha256(q.token)
    join lent l on l.segment = p_segment and l.session = s.session and l.request = q.request
        and l.person = q.person and l.borrower = q.borrower
    where l.lent_at > v_now - lease_lifetime_v1();
    if v_lent is null then
        return;
    end if;
    perform wait_until_flushed_v1();

    return query
    with worded as (
        select l.ordinal, 'cloison-lease-1|' || write_lease_v1(row('lease', p_segment, l.borrower, l.session, l.account,
                h.organisation, h.role, l.request, l.person, l.compartments, l.purpose, h.token_hash, h.expires_at,
                l.lent_at + lease_lifetime_v1())::lease) as lease,
            case when h.capped then h.ledger_segment end as ledger_segment
        from unnest(v_ordinals, v_lent) as l (ordinal, segment, session, request, person, borrower, account, compartments,
            purpose, lent_at)
        join holder h on h.segment = p_segment and h.session = l.session and h.expires_at > v_now and h.covered
        where not exists (select from account_freeze f where f.segment = p_segment and f.account = l.account
                          and f.lifted_at is null)
    )
    select w.ordinal, w.lease, sign_lease_v1(w.lease), w.ledger_segment from worded w order by w.ordinal;
end $$;

-- 2. Charges the caps of organisations whose ledger is in p_segment, by leases of accounts' homes. Outcomes: `open`,
-- `budget`, `busy` (somebody holds that ledger), `lease` (this one is not ours, has expired, or has no place here).
-- An organisation opens many thousands of people in 28 days: they are counted only where as many as the ledger remembers
-- at most, and those asked for now, would pass the cap.
create or replace function cloison.cap_v1(p_segment text, p_leases text[], p_macs bytea[])
returns table (ordinal integer, outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_read lease[];
    v_locked uuid[];
    v_cutoffs timestamptz[];
    v_charged organisation_charge[];
begin
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_leases), cardinality(p_macs)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_read := array(select read_lease_v1(q.lease, q.mac) from unnest(p_leases, p_macs) with ordinality
                    as q (lease, mac, ordinal) order by q.ordinal);
    v_locked := array(select o.organisation from organisation_ledger o
        where o.segment = p_segment and o.organisation = any (array(
            select g.organisation from unnest(v_read) l join agreement g on g.organisation = l.organisation
            where g.standing and g.ledger_segment = p_segment))
        order by o.organisation for update skip locked);
    v_now := clock_v1();                                -- from here on a snapshot younger than the locks
    v_cutoffs := cutoffs_v1(v_now);

    with asked as materialized (
        select l.ordinal, l.organisation, l.account, l.person, l.expires_at, l.session, l.request,
            array[g.minutes_5, g.hour, g.day, g.days_28] as caps,
            case when (l.expires_at > v_now) is not true or g.organisation is null then 'lease'
                 when l.organisation <> all (v_locked) then 'busy' end as refused
        from unnest(v_read) with ordinality as l (kind, home, segment, session, account, organisation, role, request,
            person, compartments, purpose, token_hash, session_expires_at, expires_at, ordinal)
        left join agreement g on g.organisation = l.organisation and g.standing and g.ledger_segment = p_segment
    ), pair as materialized (
        -- Each pair once, in the order asked; `step` says in which windows it is new.
        select a.organisation, a.account, a.person, a.caps, a.ordinal, array[
            (o.last_opened > v_cutoffs[1]) is not true, (o.last_opened > v_cutoffs[2]) is not true,
            (o.last_opened > v_cutoffs[3]) is not true, (o.last_opened > v_cutoffs[4]) is not true]::integer[] as step
        from (select distinct on (a.organisation, a.account, a.person) a.* from asked a where a.refused is null
              order by a.organisation, a.account, a.person, a.ordinal) a
        left join lateral (
            select o.last_opened from organisation_opening o
            where o.segment = p_segment and o.organisation = a.organisation and o.account = a.account
              and o.person = a.person
            offset 0
        ) o on true
    ), room as materialized (
        select p.organisation, array(
            select case when p.caps[i] is null then 1000000000
                        when l.at_most[i] + p.new[i] <= p.caps[i] then p.caps[i] - l.at_most[i]
                        else p.caps[i] - (select count(*) from organisation_opening o where o.segment = p_segment
                                          and o.organisation = p.organisation and o.last_opened > v_cutoffs[i])::integer
                   end
            from generate_series(1, 4) i order by i) as people
        from (select p.organisation, p.caps, array[sum(p.step[1]), sum(p.step[2]), sum(p.step[3]),
                  sum(p.step[4])]::integer[] as new
              from pair p group by p.organisation, p.caps) p
        join organisation_ledger l on l.segment = p_segment and l.organisation = p.organisation
    ), weighed as materialized (
        select p.*, r.people,
            admit_v1(p.step, r.people) over (partition by p.organisation order by p.ordinal) as state
        from pair p join room r on r.organisation = p.organisation
    )
    select array_agg(row(a.ordinal, a.organisation, a.account, a.person, a.session, a.request, a.expires_at,
            coalesce(a.refused, case w.state[5] when 1 then 'open' else 'budget' end),
            case when a.refused is null and w.state[5] = 0 then (
                select max(ceil(extract(epoch from coalesce(
                    (select min(o.last_opened) from organisation_opening o where o.segment = p_segment
                     and o.organisation = a.organisation and o.last_opened > v_cutoffs[i]), v_now) - v_cutoffs[i])))
                from generate_series(1, 4) i where w.people[i] < w.state[i] + w.step[i]) end::integer,
            -- What the windows hold at most from now on: what was counted or remembered, and what is admitted.
            array(select case when w.caps[i] is not null then w.caps[i] - w.people[i] + e.admitted[i]
                  else 1000000000 end from generate_series(1, 4) i order by i))::organisation_charge order by a.ordinal)
        into v_charged
    from asked a
    left join weighed w on w.organisation = a.organisation and w.account = a.account and w.person = a.person
        and a.refused is null
    left join (select w.organisation, array[max(w.state[1]), max(w.state[2]), max(w.state[3]), max(w.state[4])] as admitted
               from weighed w group by w.organisation) e on e.organisation = a.organisation;

    insert into organisation_opening as o (segment, organisation, account, person, last_opened)
    select p_segment, c.organisation, c.account, c.person, max(c.expires_at) from unnest(v_charged) c
    where c.outcome = 'open' group by c.organisation, c.account, c.person
    on conflict (segment, organisation, account, person)
        do update set last_opened = greatest(o.last_opened, excluded.last_opened);

    -- One entry for what was lent together, one for what was refused together, under the organisation's own numbers.
    insert into entry (segment, account, number, at, event, outcome, amount)
    select p_segment, c.organisation, l.next_number - 1 + row_number() over (partition by c.organisation order by c.outcome),
        v_now, 'allowance_lent', c.outcome::outcome, c.amount
    from (select c.organisation, c.outcome, count(*)::integer as amount from unnest(v_charged) c
          where c.outcome in ('open', 'budget') group by c.organisation, c.outcome) c
    join organisation_ledger l on l.segment = p_segment and l.organisation = c.organisation;

    update organisation_ledger l
    set next_number = l.next_number + (select count(distinct c.outcome) from unnest(v_charged) c
            where c.organisation = l.organisation and c.outcome in ('open', 'budget')),
        at_most = (select c.at_most from unnest(v_charged) c where c.organisation = l.organisation
                   and c.outcome in ('open', 'budget') limit 1)
    where l.segment = p_segment and l.organisation = any (array(
        select c.organisation from unnest(v_charged) c where c.outcome in ('open', 'budget')));
    return query select c.ordinal, c.outcome, c.retry_after from unnest(v_charged) c order by c.ordinal;
end $$;

-- 2, in a later transaction: the same leases, signed as ones that the organisation's ledger has counted too.
create or replace function cloison.capped_v1(p_segment text, p_leases text[], p_macs bytea[])
returns table (ordinal integer, lease text, mac bytea)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_ordinals integer[];
    v_texts text[];
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'a lease needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_leases), cardinality(p_macs)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_now := clock_v1();
    select array_agg(q.ordinal), array_agg('cloison-capped-1|' || write_lease_v1(q.read)) into v_ordinals, v_texts
    from (select q.ordinal, read_lease_v1(q.lease, q.mac) as read
          from unnest(p_leases, p_macs) with ordinality as q (lease, mac, ordinal)) q
    join agreement g on g.organisation = (q.read).organisation and g.standing and g.ledger_segment = p_segment
    join organisation_opening o on o.segment = p_segment and o.organisation = (q.read).organisation
        and o.account = (q.read).account and o.person = (q.read).person and o.last_opened >= (q.read).expires_at
    where (q.read).expires_at > v_now;
    if v_texts is null then
        return;
    end if;
    perform wait_until_flushed_v1();
    return query select q.ordinal, q.lease, sign_lease_v1(q.lease)
    from unnest(v_ordinals, v_texts) as q (ordinal, lease) order by q.ordinal;
end $$;

-- 3. Opens, in the person's segment, what leases say was counted: session, freeze, agreement and relation as in charge_v1,
-- budgets once more by what this segment itself remembers. `lease`: this one is not ours, not for this segment or this
-- token, has expired, or lacks the organisation's count; it leaves no trace, and a new one may be asked for.
create or replace function cloison.charge_lent_v1(p_segment text, p_tokens bytea[], p_leases text[], p_macs bytea[])
returns table (ordinal integer, outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_v1();
    v_read lease[];
    v_locked uuid[];
    v_receipts receipt[];
    v_label integer := (select label_bit from profile);
    v_judged judged[];
begin
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_tokens), cardinality(p_leases), cardinality(p_macs)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_read := array(
        select case when (q.read).segment = p_segment and (q.read).token_hash = sha256(q.token)
                     and (q.read).expires_at > v_now and (q.read).session_expires_at > v_now then q.read end
        from (select q.ordinal, q.token, read_lease_v1(q.lease, q.mac) as read
              from unnest(p_tokens, p_leases, p_macs) with ordinality as q (token, lease, mac, ordinal)) q
        order by q.ordinal);
    if not exists (select from person p where p.segment = p_segment) then
        -- Nobody is in a segment that nobody has heard of, and nothing is made of its name.
        return query select l.ordinal::integer, case when l.account is null then 'lease' else 'scope' end, null::integer
        from unnest(v_read) with ordinality as l (kind, home, segment, session, account, organisation, role, request,
            person, compartments, purpose, token_hash, session_expires_at, expires_at, ordinal) order by l.ordinal;
        return;
    end if;

    insert into ledger (segment, account)
    select distinct p_segment, l.account from unnest(v_read) l
    where l.account is not null
      and not exists (select from ledger k where k.segment = p_segment and k.account = l.account)
    on conflict do nothing;
    v_locked := array(select k.account from ledger k
        where k.segment = p_segment and k.account = any (array(select l.account from unnest(v_read) l))
        order by k.account for update skip locked);
    v_receipts := array(select r from unnest(v_read) l
        join receipt r on r.segment = p_segment and r.session = l.session and r.request = l.request
            and r.person = l.person
        for update of r skip locked);
    v_now := clock_v1();                                -- from here on a snapshot younger than the locks

    with asked as materialized (
        select l.*, r.relations & case when l.home = p_segment then -1 else ~8 end as relations,
            (l.kind = 'capped' or coalesce(g.minutes_5, g.hour, g.day, g.days_28) is null) as counted,
            case when g.organisation is null or p_segment <> all (g.segments) or l.home <> all (g.segments)
                      or l.role <> all (g.roles) then false
                 when g.ends_at is null then true else g.ends_at > v_now end
                and l.compartments & ~r.compartments = 0 as allowed
        from unnest(v_read) with ordinality as l (kind, home, segment, session, account, organisation, role, request,
            person, compartments, purpose, token_hash, session_expires_at, expires_at, ordinal)
        left join role r on r.role = l.role
        left join agreement g on g.organisation = l.organisation and g.standing
    ), judged as (
        select a.*, r.kind as relation,
            case
                when (a.expires_at > v_now and a.session_expires_at > v_now) is not true then 'lease'
                when exists (select from session_end e where e.segment = p_segment and e.session = a.session)
                  or exists (select from recall c where c.subject = a.session) then 'no_session'
                when a.account <> all (v_locked) then 'busy'
                when exists (
                    select from receipt p where p.segment = p_segment and p.session = a.session
                        and p.request = a.request and p.person = a.person
                        and not exists (select from unnest(v_receipts) m where m.session = p.session
                                        and m.request = p.request and m.person = p.person)) then 'busy'
                when exists (select from recall c where c.subject = a.account)
                  or exists (select from account_freeze f where f.segment = p_segment and f.account = a.account
                             and f.lifted_at is null) then 'frozen'
                when r.kind is null or not a.allowed then 'scope'
                when not a.counted then 'lease'
                else 'open'
            end as verdict
        from asked a
        left join lateral (
            select r.kind from relation r
            where r.segment = p_segment and r.account = a.account
              and r.person = (select w.person from reachable_each_v1(array[a.account], array[a.person]) w)
              and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now)
              and (a.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
              and (a.compartments & ~r.compartments = 0) is not false
            order by r.kind limit 1
        ) r on true
    ), held as (
        select j.*, row_number() over (partition by j.session, j.verdict order by j.ordinal) + (
            select count(*) from receipt p where p.segment = p_segment and p.session = j.session
              and p.compartments <> v_label and p.charged_at > v_now - receipt_lifetime_v1()) as receipts
        from judged j
    )
    select array_agg(row(
            h.ordinal, h.session, h.account, h.role, h.request, h.person, h.compartments, h.purpose, h.relation,
            case when h.relation = 'walk_in' then 'walk_in' else 'open' end, 'open',
            case when h.verdict = 'open' and h.receipts > 16 then 'busy' else h.verdict end)::judged)
        into v_judged from held h;

    insert into guest (segment, session, token_hash, account, organisation, role, home, expires_at, seen_at)
    select distinct on (l.session) p_segment, l.session, l.token_hash, l.account, l.organisation, l.role, l.home,
        l.session_expires_at, v_now
    from unnest(v_judged) j join unnest(v_read) with ordinality as l (kind, home, segment, session, account,
        organisation, role, request, person, compartments, purpose, token_hash, session_expires_at, expires_at, ordinal)
        on l.ordinal = j.ordinal
    where j.verdict = 'open' and l.home <> p_segment
    on conflict (segment, session) do update set role = excluded.role, seen_at = excluded.seen_at;

    return query select * from settle_v1(p_segment, v_now, v_judged);
end $$;
