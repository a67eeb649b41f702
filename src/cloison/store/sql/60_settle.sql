-- The meter's core: weigh judged requests against budgets, then write ledger, audit log and receipts. Who calls it
-- has locked the ledgers of the accounts in an *earlier* statement, so that the snapshots here are younger than the
-- locks: a single set-based statement takes its snapshot before it waits. Each table is written by a statement of its
-- own, which a distributed engine can send to one node.
-- Tables are reached through scalar and lateral subqueries on purpose: the planner cannot turn them into scans of whole
-- tables, whatever the statistics of a young register say; enable_seqscan off is there for the same reason.

-- Admits in order: a request is admitted if, with those admitted before it, no window's room is passed.
-- State: people admitted so far for 5 minutes, hour, day, 28 days; and whether the last one was admitted.
create or replace function cloison.admit_step_v1(state integer[], step integer[], room integer[]) returns integer[]
language plpgsql immutable parallel safe as $$
begin
    if state[1] + step[1] > room[1] or state[2] + step[2] > room[2]
       or state[3] + step[3] > room[3] or state[4] + step[4] > room[4] then
        return array[state[1], state[2], state[3], state[4], 0];
    end if;
    return array[state[1] + step[1], state[2] + step[2], state[3] + step[3], state[4] + step[4], 1];
end $$;

create or replace aggregate cloison.admit_v1(step integer[], room integer[]) (
    sfunc = cloison.admit_step_v1, stype = integer[], initcond = '{0,0,0,0,0}'
);

-- The beginnings of the four windows, seen from p_now, each longer by a receipt's lifetime. In hours: how long a day is
-- depends on the caller's time zone, and one whose clocks change by 24 hours today makes a day of no length at all.
create or replace function cloison.cutoffs_v1(p_now timestamptz) returns timestamptz[]
language sql immutable parallel safe
return array[
    p_now - interval '5 minutes 10 seconds', p_now - interval '1 hour 10 seconds',
    p_now - interval '24 hours 10 seconds', p_now - interval '672 hours 10 seconds'
];

-- Sessions that have not ended, with what their account's role allows while the agreement of its organisation covers
-- role and home: all masks are 0 where it does not, so that from then on everything is out of reach and nothing is
-- released. Expiry and freezes are the caller's to compare.
create or replace view cloison.holder as
select s.segment, s.session, s.token_hash, s.account, s.touched_at, s.expires_at, a.handle, a.organisation, a.role,
       r.name as role_name, case when g.standing then r.relations else 0 end as relations,
       case when g.standing then r.compartments else 0 end as compartments, r.touch,
       case when g.standing then r.purposes else 0 end as purposes,
       case when g.standing then r.acts else 0 end as acts,
       g.standing is not null as covered, g.segments as lent_to,     -- where people may be opened besides; null: everywhere
       coalesce(g.minutes_5, g.hour, g.day, g.days_28) is not null as capped, g.ledger_segment
from cloison.session s
join cloison.account a on a.segment = s.segment and a.account = s.account
join cloison.role r on r.role = a.role
left join cloison.agreement g on g.organisation = a.organisation and g.standing
    and case when a.segment <> all (g.segments) or a.role <> all (g.roles) then false
             when g.ends_at is null then true else g.ends_at > cloison.clock_v1() end
where not exists (select from cloison.session_end e where e.segment = s.segment and e.session = s.session);

-- Sessions of accounts at home elsewhere that may still release here what they were charged for here.
create or replace view cloison.visitor as
select v.segment, v.session, v.token_hash, v.account, v.expires_at, r.compartments
from cloison.guest v
join cloison.role r on r.role = v.role
join cloison.agreement g on g.organisation = v.organisation and g.standing
where case when v.segment <> all (g.segments) or v.home <> all (g.segments) or v.role <> all (g.roles) then false
           when g.ends_at is null then true else g.ends_at > cloison.clock_v1() end
  and not exists (select from cloison.session_end e where e.segment = v.segment and e.session = v.session)
  and not exists (select from cloison.recall c where c.subject in (v.session, v.account));

-- Settles `judged`, at most 128 requests of accounts whose ledgers are locked; see the header.
-- Verdicts `no_session` and `busy` (not locked, or too many receipts not released) leave no trace here.
-- retry_after: whole seconds until the oldest person leaves the window that is full.
create or replace function cloison.settle_v1(p_segment text, p_now timestamptz, judged cloison.judged[])
returns table (ordinal integer, outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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
        where d.event not in ('search', 'list') or d.turn = 1
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
        case when g.beyond then 'refusals_exceeded'
             when g.event = 'allowance_lent' and g.outcome <> 'open' then 'open' else g.event end,
        g.outcome::outcome, g.session, g.request,
        case when g.beyond or (g.event in ('search', 'list') and g.outcome <> 'open') then null else g.person end,
        coalesce(g.compartments, 0), g.purpose, g.relation, case when g.beyond then g.amount end
    from unnest(v_settled) g where g.number is not null;

    update ledger l
    set next_number = (select max(g.number) + 1 from unnest(v_settled) g where g.account = l.account)
    where l.segment = p_segment
      and l.account = any (array(select g.account from unnest(v_settled) g where g.number is not null));

    -- What is lent may be opened until the lease expires, and counts from then.
    insert into opening as o (segment, account, meter, person, last_opened)
    select distinct p_segment, g.account, g.meter, g.person,
        case g.event when 'allowance_lent' then p_now + lease_lifetime_v1() else p_now end
    from unnest(v_settled) g
    where g.outcome = 'open' and g.person is not null
    on conflict (segment, account, meter, person)
        do update set last_opened = greatest(o.last_opened, excluded.last_opened);

    insert into receipt (segment, session, request, person, account, compartments, charged_at, found)
    select p_segment, g.session, g.request, g.person, g.account, bit_or(g.compartments), p_now,
        bool_or(g.event = 'search')
    from unnest(v_settled) g where g.outcome = 'open' and g.person is not null and g.event <> 'allowance_lent'
    group by g.session, g.request, g.person, g.account
    on conflict (segment, session, request, person)
        do update set compartments = excluded.compartments, charged_at = excluded.charged_at, found = excluded.found;

    perform raise_alerts_v1(p_segment, p_now, v_settled);

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
