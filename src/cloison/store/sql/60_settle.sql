-- The meter's core: weigh judged requests against budgets, then write ledger, audit log and receipts. Who calls it
-- has locked the ledgers of the accounts in an *earlier* statement, so that the snapshots here are younger than the
-- locks: a single set-based statement takes its snapshot before it waits. Each table is written by a statement of its
-- own, which a distributed engine can send to one node.
-- A call may settle requests of several segments, `place` says whose each is. On a distributed engine it is one segment's,
-- `p_segment`, and has to be seen to be: what is installed there says p_segment wherever it says `.place` here.
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

-- The desk's sessions that have not ended, with what their account's role allows while the agreement of its organisation
-- covers role and home, and while the account is open and was reviewed within a year: all masks are 0 where not, so that
-- from then on everything is out of reach and nothing is released. Expiry and freezes are the caller's to compare.
create or replace view cloison.holder as
select s.segment, s.session, s.token_hash, s.account, s.touched_at, least(s.expires_at, s.seen_at + s.idle) as expires_at, a.handle, a.organisation, a.role,
       r.name as role_name, case when g.standing then r.relations else 0 end as relations,
       case when g.standing then r.compartments else 0 end as compartments, r.touch,
       case when g.standing then r.purposes else 0 end as purposes,
       case when g.standing then r.permissions else 0 end as permissions,
       g.standing is not null as covered, g.segments as lent_to,     -- where people may be opened besides; null: everywhere
       coalesce(g.minutes_5, g.hour, g.day, g.days_28) is not null as capped, g.ledger_segment
from cloison.session s
join cloison.account a on a.segment = s.segment and a.account = s.account
join cloison.role r on r.role = a.role
left join cloison.agreement g on g.organisation = a.organisation and g.standing
    and case when a.segment <> all (g.segments) or a.role <> all (g.roles) then false
             when a.closed_at is not null or a.reviewed_at < cloison.clock_v1() - interval '8760 hours' then false
             when g.ends_at is null then true else g.ends_at > cloison.clock_v1() end
where s.door = 'desk' and not exists (select from cloison.session_end e where e.segment = s.segment and e.session = s.session);

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

-- The windows' budgets of a campaign of so many people a day (88_campaigns.sql).
create or replace function cloison.campaign_budget_v1(p_people integer, p_days integer) returns integer[]
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return array[(p_people + 5) / 6, (p_people + 2) / 3, p_people, p_people * p_days];

-- Those of `judged` that are of an account's own caseload, at home, in a campaign of its agency: on that meter.
create or replace function cloison.campaigning_v1(
    p_segment text, p_now timestamptz, judged cloison.judged[], p_places text[]
) returns cloison.judged[]
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
    select array_agg(row(j.ordinal, j.session, j.account, j.role, j.request, j.person, j.compartments, j.purpose, j.relation,
        case when j.meter = 'open' and j.relation = 'caseload' and exists (
            select from account a join campaign c on c.organisation = a.organisation and c.segment = a.segment and c.agency = a.agency
            where a.segment = coalesce(p_places[j.ordinal], p_segment) and a.account = j.account and c.ends_at > p_now)
        then 'campaign' else j.meter end, j.event, j.verdict)::judged order by j.ordinal)
    from unnest(judged) j;
$$;

-- Those of these accounts whose entries here nobody would miss: no witness has signed this log for as long as is allowed, or an
-- entry of theirs has waited as long for the sequencer. How long is in log_terms.
create or replace function cloison.unwitnessed_v1(p_now timestamptz, p_places text[], p_accounts uuid[]) returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
    v_since timestamptz := p_now - (select t.most_unwitnessed from log_terms t);
begin
    if v_since is null then
        return '{}';
    end if;
    return array(
        select w.account from unnest(p_places, p_accounts) w (place, account)
        where (select coalesce(h.cosigned_at, h.begun_at) < v_since from log_head h where h.segment = w.place)
           -- The last that was sequenced is older than what waits: only where it is too old it is worth looking which waits.
           or (select l.next_number - 1 > coalesce(s.sequenced, 0) and (s.sequenced_at >= v_since) is not true
                   and exists (select from entry e where e.segment = w.place and e.account = w.account
                               and e.number > coalesce(s.sequenced, 0) and e.at < v_since)
               from ledger l left join log_author s on s.segment = l.segment and s.account = l.account
               where l.segment = w.place and l.account = w.account));
end $$;

-- Settles `judged`, at most 128 requests of accounts whose ledgers are locked; see the header.
-- p_places: the segment of each by ordinal; null: p_segment for all.
-- Verdicts `no_session` and `busy` (not locked, or too many receipts not released) leave no trace here; nor does what would open
-- while the audit log is not witnessed: `unwitnessed`, or CL038 where it is not one of many.
-- retry_after: whole seconds until the oldest person leaves the window that is full.
create or replace function cloison.settle_v1(
    p_segment text, p_now timestamptz, judged cloison.judged[], p_places text[] default null
) returns table (ordinal integer, outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    v_cutoffs timestamptz[] := cutoffs_v1(p_now);
    v_settled settled[];
    v_fits boolean;
    v_refused boolean;
    v_unwitnessed uuid[];
begin
    v_unwitnessed := (select unwitnessed_v1(p_now, array_agg(w.place), array_agg(w.account))
        from (select distinct coalesce(p_places[j.ordinal], p_segment) as place, j.account
              from unnest(judged) j where j.verdict = 'open') w);
    if v_unwitnessed <> '{}' then
        if exists (select from unnest(judged) j where j.verdict = 'open' and j.event not in ('open', 'allowance_lent')
                   and j.account = any (v_unwitnessed)) then
            raise exception 'the audit log is not witnessed' using errcode = 'CL038';
        end if;
        judged := (select array_agg(row(j.ordinal, j.session, j.account, j.role, j.request, j.person, j.compartments, j.purpose,
                j.relation, j.meter, j.event,
                case when j.verdict = 'open' and j.account = any (v_unwitnessed) then 'unwitnessed' else j.verdict end)::judged
                order by j.ordinal)
            from unnest(judged) j);
    end if;
    if exists (select from campaign c where c.ends_at > p_now) then
        judged := campaigning_v1(p_segment, p_now, judged, p_places);
    end if;
    -- Time alone only empties a window: what one held when it was last counted, and whoever came since, is the most that
    -- it can hold, unless the clock was turned back. What fits by that is not counted, and nearly all does. Somebody
    -- asked for twice here counts twice, which only has the windows counted sooner.
    select array_agg(row(k.place, k.ordinal, k.session, k.account, k.request, k.person, k.compartments, k.purpose, k.relation,
            k.meter, k.event, k.verdict, null, false, null,
            case when k.verdict = 'open' then k.next_number + k.nth - 1 end,
            array[k.at_most[1] + k.new_1, k.at_most[2] + k.new_2, k.at_most[3] + k.new_3, k.at_most[4] + k.new_4])::settled
            order by k.ordinal),
        bool_and(coalesce(
            k.at_most[1] + k.new_1 <= k.minutes_5 and k.at_most[2] + k.new_2 <= k.hour
            and k.at_most[3] + k.new_3 <= k.day and k.at_most[4] + k.new_4 <= k.days_28, false)) filter (where k.verdict = 'open'),
        bool_or(k.verdict in ('scope', 'step_up', 'frozen'))
        into v_settled, v_fits, v_refused
    from (
        select j.*, l.next_number,
            case when j.meter = 'open' and l.counted_at <= p_now then l.at_most end as at_most,
            b.minutes_5 / l.share as minutes_5, b.hour / l.share as hour, b.day / l.share as day, b.days_28 / l.share as days_28,
            count(*) filter (where j.verdict = 'open') over before as nth,
            count(*) filter (where j.verdict = 'open' and (o.last_opened > v_cutoffs[1]) is not true) over before as new_1,
            count(*) filter (where j.verdict = 'open' and (o.last_opened > v_cutoffs[2]) is not true) over before as new_2,
            count(*) filter (where j.verdict = 'open' and (o.last_opened > v_cutoffs[3]) is not true) over before as new_3,
            count(*) filter (where j.verdict = 'open' and (o.last_opened > v_cutoffs[4]) is not true) over before as new_4
        from (select j.*, coalesce(p_places[j.ordinal], p_segment) as place from unnest(judged) j) j
        left join lateral (
            select l.next_number, l.at_most, l.counted_at, case when l.quarantined_until > p_now then 5 else 1 end as share
            from ledger l
            where l.segment = j.place and l.account = j.account
            offset 0
        ) l on true
        left join lateral (
            select o.last_opened from opening o
            where o.segment = j.place and o.account = j.account and o.meter = j.meter and o.person = j.person
            offset 0
        ) o on true
        left join role_budget b on b.role = j.role and b.meter = j.meter
        window before as (partition by j.account order by j.ordinal rows unbounded preceding)
    ) k;
    if not v_fits then
        v_settled := weigh_v1(p_segment, p_now, judged, p_places);
        v_refused := exists (select from unnest(v_settled) g where g.outcome in ('scope', 'budget', 'step_up', 'frozen'));
    end if;
    if v_refused then
        v_settled := refuse_v1(p_segment, p_now, judged, v_settled);
    end if;

    insert into entry (segment, account, number, at, event, outcome, session, request, person, compartments,
        purpose, relation, amount)
    select g.place, g.account, g.number, p_now,
        case when g.beyond then 'refusals_exceeded'
             when g.event = 'allowance_lent' and g.outcome <> 'open' then 'open' else g.event end,
        g.outcome::outcome, g.session, g.request,
        case when g.beyond or (g.event in ('search', 'list') and g.outcome <> 'open') then null else g.person end,
        coalesce(g.compartments, 0), g.purpose, g.relation, case when g.beyond then g.amount end
    from unnest(v_settled) g where g.number is not null;

    update ledger l
    set next_number = n.next_number,
        at_most = case when n.at_most[1] is null then l.at_most else n.at_most end,
        counted_at = case when n.at_most[1] is null then l.counted_at else p_now end
    from (select g.place, g.account, max(g.number) + 1 as next_number,
              array[max(g.at_most[1]), max(g.at_most[2]), max(g.at_most[3]), max(g.at_most[4])] as at_most
          from unnest(v_settled) g where g.number is not null group by g.place, g.account) n
    where l.segment = n.place and l.account = n.account;

    -- What is lent may be opened until the lease expires, and counts from then.
    insert into opening as o (segment, account, meter, person, last_opened)
    select distinct g.place, g.account, g.meter, g.person,
        case g.event when 'allowance_lent' then p_now + lease_lifetime_v1() else p_now end
    from unnest(v_settled) g
    where g.outcome = 'open' and g.person is not null
    on conflict (segment, account, meter, person)
        do update set last_opened = greatest(o.last_opened, excluded.last_opened);

    insert into receipt (segment, session, request, person, account, compartments, charged_at, found)
    select g.place, g.session, g.request, g.person, g.account, bit_or(g.compartments), p_now,
        bool_or(g.event = 'search')
    from unnest(v_settled) g where g.outcome = 'open' and g.person is not null and g.event <> 'allowance_lent'
    group by g.place, g.session, g.request, g.person, g.account
    on conflict (segment, session, request, person)
        do update set compartments = excluded.compartments, charged_at = excluded.charged_at, found = excluded.found;

    perform raise_alerts_v1(p_segment, p_now, v_settled);

    if v_refused then
        insert into refusal (segment, account, refused_at, number)
        select g.place, g.account, p_now, g.number from unnest(v_settled) g
        where g.number is not null and g.outcome <> 'open' and not g.beyond;

        insert into session_end (segment, session, ended_at)
        select distinct g.place, g.session, p_now from unnest(v_settled) g where g.number is not null and g.beyond
        on conflict do nothing;
    end if;

    return query select g.ordinal, g.outcome, g.retry_after from unnest(v_settled) g order by g.ordinal;
end $$;

-- Weighs those of `judged` that are `open` person by person: each window is counted that would be full by what it holds at
-- most, and whoever fits is admitted, in order.
create or replace function cloison.weigh_v1(
    p_segment text, p_now timestamptz, judged cloison.judged[], p_places text[]
) returns cloison.settled[]
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
    v_cutoffs timestamptz[] := cutoffs_v1(p_now);
begin
    return (
        with request as materialized (
            select j.*, coalesce(p_places[j.ordinal], p_segment) as place,
                row_number() over (partition by j.verdict, j.account, j.meter, j.person order by j.ordinal) as turn
            from unnest(judged) j
        ), asked as materialized (
            -- Each distinct person once; `step` says in which windows the person is new.
            select q.place, q.ordinal, q.account, q.role, q.meter, q.person, array[
                (o.last_opened > v_cutoffs[1]) is not true, (o.last_opened > v_cutoffs[2]) is not true,
                (o.last_opened > v_cutoffs[3]) is not true, (o.last_opened > v_cutoffs[4]) is not true]::integer[] as step
            from request q
            cross join lateral (
                select (select o.last_opened from opening o where o.segment = q.place and o.account = q.account
                        and o.meter = q.meter and o.person = q.person) as last_opened
                offset 0
            ) o
            where q.verdict = 'open' and q.turn = 1 and q.person is not null
        ), budget as materialized (
            -- A role without a budget has none. A list never shows more people than the caseload holds. An account in
            -- quarantine has a fifth, but as many people as it meets today.
            select a.place, a.account, a.meter, a.new, array[
                least(coalesce(b.minutes_5, 0), greatest(b.minutes_5 / 5, a.met), a.size),
                least(coalesce(b.hour, 0), greatest(b.hour / 5, a.met), a.size),
                least(coalesce(b.day, 0), greatest(b.day / 5, a.met), a.size),
                least(coalesce(b.days_28, 0), greatest(b.days_28 / 5, a.met), a.size)] as people
            from (
                select a.place, a.account, a.role, a.meter,
                    array[sum(a.step[1]), sum(a.step[2]), sum(a.step[3]), sum(a.step[4])]::integer[] as new,
                    case when a.meter = 'list' then (
                        select count(distinct r.person)::integer from relation r
                        where r.segment = a.place and r.account = a.account and r.kind <> 'walk_in'
                          and (r.valid_until is null or r.valid_until > p_now)) end as size,
                    (select case when l.quarantined_until > p_now then (
                        select count(distinct r.person)::integer from relation r
                        where r.segment = a.place and r.account = a.account and r.kind = 'inbound'
                          and r.valid_from < date_trunc('day', p_now, 'UTC') + interval '24 hours'
                          and r.valid_until > date_trunc('day', p_now, 'UTC')) else 1000000000 end
                     from ledger l where l.segment = a.place and l.account = a.account) as met
                from asked a group by a.place, a.account, a.role, a.meter
            ) a
            left join lateral (
                select b.minutes_5, b.hour, b.day, b.days_28 from role_budget b where b.role = a.role and b.meter = a.meter
                union all
                select g.people[1], g.people[2], g.people[3], g.people[4]
                from account o
                join campaign c on c.organisation = o.organisation and c.segment = o.segment and c.agency = o.agency
                cross join lateral (select campaign_budget_v1(c.people, c.days) as people) g
                where a.meter = 'campaign' and o.segment = a.place and o.account = a.account and c.ends_at > p_now
            ) b on true
        ), counted as materialized (
            select b.account, b.meter, b.people, array(
                select case when l.at_most[i] + b.new[i] <= b.people[i] then l.at_most[i]
                    else (select count(*) from opening o where o.segment = b.place and o.account = b.account
                          and o.meter = b.meter and o.last_opened > v_cutoffs[i])::integer end
                from generate_series(1, 4) i order by i) as counts
            from budget b
            cross join lateral (
                select (select l.at_most from ledger l where l.segment = b.place and l.account = b.account
                        and b.meter = 'open' and l.counted_at <= p_now) as at_most
                offset 0
            ) l
        ), weighed as materialized (
            select a.ordinal, a.account, a.meter, a.person, a.step, c.counts, c.people, admit_v1(a.step, array[
                    c.people[1] - c.counts[1], c.people[2] - c.counts[2], c.people[3] - c.counts[3],
                    c.people[4] - c.counts[4]])
                over (partition by a.account, a.meter order by a.ordinal) as state
            from asked a join counted c on c.account = a.account and c.meter = a.meter
        ), decided as materialized (
            select q.*, case when q.verdict <> 'open' then q.verdict
                             when q.person is null or w.state[5] = 1 then 'open' else 'budget' end as outcome,
                case when w.state[5] = 0 then (
                    select max(ceil(extract(epoch from coalesce(
                        (select min(o.last_opened) from opening o where o.segment = q.place and o.account = q.account
                         and o.meter = q.meter and o.last_opened > v_cutoffs[i]), p_now) - v_cutoffs[i])))
                    from generate_series(1, 4) i where w.people[i] < w.counts[i] + w.state[i] + w.step[i])
                end::integer as retry_after
            from request q
            left join weighed w on w.account = q.account and w.meter = q.meter and w.person = q.person and q.verdict = 'open'
        ), held as (
            select w.account, array[max(w.counts[1] + w.state[1]), max(w.counts[2] + w.state[2]),
                max(w.counts[3] + w.state[3]), max(w.counts[4] + w.state[4])] as at_most
            from weighed w where w.meter = 'open' group by w.account
        )
        select array_agg(row(d.place, d.ordinal, d.session, d.account, d.request, d.person, d.compartments, d.purpose, d.relation,
                d.meter, d.event, d.outcome, d.retry_after, false, null, d.number, h.at_most)::settled order by d.ordinal)
        from (
            select d.*, case when d.outcome = 'open' then (
                    select l.next_number from ledger l where l.segment = d.place and l.account = d.account) - 1
                + count(*) filter (where d.outcome = 'open') over (partition by d.account order by d.ordinal) end as number
            from decided d
        ) d
        left join held h on h.account = d.account);
end $$;

-- Weighs the refusals among what is settled, and numbers all anew: one entry for each opening and each refusal within the
-- budget, one counting entry for all beyond it. A page of a list, or the cards of a search, are one refusal: who turns a
-- page too many has not tried fifty times. `judged` are the same requests with their roles.
create or replace function cloison.refuse_v1(
    p_segment text, p_now timestamptz, judged cloison.judged[], settled cloison.settled[]
) returns cloison.settled[]
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
    v_cutoffs timestamptz[] := cutoffs_v1(p_now);
begin
    return (
        with decided as materialized (
            select g.*, j.role from unnest(settled) g join unnest(judged) j on j.ordinal = g.ordinal
        ), refused as materialized (
            -- `rank` orders an account's refusals of this call.
            select d.ordinal, d.account, row_number() over (partition by d.account order by d.ordinal) as rank,
                greatest(f.room, 0) as room
            from (
                select d.*, row_number() over (partition by d.account, d.event, d.request order by d.ordinal) as turn
                from decided d where d.outcome in ('scope', 'budget', 'step_up', 'frozen')
            ) d
            join (
                select c.account, least(b.minutes_5 - n.counts[1], b.hour - n.counts[2], b.day - n.counts[3],
                    b.days_28 - n.counts[4]) as room
                from (select distinct d.place, d.account, d.role from decided d
                      where d.outcome in ('scope', 'budget', 'step_up', 'frozen')) c
                left join role_budget b on b.role = c.role and b.meter = 'refusal'
                cross join lateral (
                    select array[
                        count(*) filter (where f.refused_at > v_cutoffs[1]), count(*) filter (where f.refused_at > v_cutoffs[2]),
                        count(*) filter (where f.refused_at > v_cutoffs[3]), count(*)]::integer[] as counts
                    from refusal f
                    where f.segment = c.place and f.account = c.account and f.refused_at > v_cutoffs[4]
                ) n
            ) f on f.account = d.account
            where d.event not in ('search', 'list') or d.turn = 1
        ), numbered as (
            select d.*, coalesce(r.rank > r.room, false) as is_beyond,
                (select count(*) from refused o where o.account = d.account and o.rank > o.room) as refusals,
                case when d.outcome = 'open' or r.rank <= r.room + 1 then
                    (select l.next_number from ledger l where l.segment = d.place and l.account = d.account) - 1
                    + count(*) filter (where d.outcome = 'open' or r.rank <= r.room + 1)
                        over (partition by d.account order by d.ordinal) end as new_number
            from decided d left join refused r on r.ordinal = d.ordinal
        )
        select array_agg(row(n.place, n.ordinal, n.session, n.account, n.request, n.person, n.compartments, n.purpose, n.relation,
                n.meter, n.event, n.outcome, n.retry_after, n.is_beyond, n.refusals, n.new_number, n.at_most)::settled
            order by n.ordinal)
        from numbered n);
end $$;
