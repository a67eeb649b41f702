-- What `cloison blast-radius` reads, as the owner; access/blast_radius.py computes from it and says why that is a bound.
-- Nothing here is for a door: no login but the owner's has a right on it.

-- Every account with what bounds it: role, agreement, caps, freeze, and the sessions alive now.
create or replace view cloison.exposed_account as
select a.account, a.handle, a.segment, o.name as organisation, a.role,
    exists (select from cloison.account_freeze f where f.segment = a.segment and f.account = a.account
            and f.lifted_at is null) as frozen,
    coalesce(g.standing and (g.ends_at is null or g.ends_at > cloison.clock_v1()), false) as agreed,
    (a.segment <> all (g.segments)) is not true as segment_agreed,
    g.roles as agreed_roles, array[g.minutes_5, g.hour, g.day, g.days_28] as caps,
    coalesce(s.sessions, 0) as sessions, coalesce(s.seconds_left, 0) as seconds_left,
    case when c.act is not null then cloison.campaign_budget_v1(c.people, c.days) end as campaign
from cloison.account a
join cloison.organisation o on o.organisation = a.organisation
left join cloison.agreement g on g.organisation = a.organisation and g.standing
left join (
    select s.segment, s.account, count(*)::integer as sessions,
        ceil(extract(epoch from max(least(s.expires_at, s.seen_at + s.idle)) - cloison.clock_v1()))::integer as seconds_left
    from cloison.session s
    where s.door = 'desk' and least(s.expires_at, s.seen_at + s.idle) > cloison.clock_v1()
      and not exists (select from cloison.session_end e where e.segment = s.segment and e.session = s.session)
    group by s.segment, s.account
) s on s.segment = a.segment and s.account = a.account
left join cloison.campaign c on c.organisation = a.organisation and c.segment = a.segment and c.agency = a.agency
    and c.ends_at > cloison.clock_v1();

-- In which ways a relation lets its account have the person from p_now to p_end, as a mask; kind 0: caseload, 1: cover,
-- 2: inbound. Bit kind: opened; bit 3 + kind: on a list; bit 6 + kind: on a card; the last two at home alone.
-- p_withheld, p_shielded: until when the longest protection keeps the person from the account, or from all cards.
-- Today's list names whose appointment is over or begins later: p_today, p_tomorrow are where the days of p_now and p_end
-- begin and end. Nothing but comparisons, so that the planner puts it into the query.
create or replace function cloison.ways_v1(
    p_kind integer, p_at_home boolean, p_from timestamptz, p_until timestamptz, p_withheld timestamptz,
    p_shielded timestamptz, p_now timestamptz, p_end timestamptz, p_today timestamptz, p_tomorrow timestamptz
) returns integer
language sql immutable parallel safe
return case when p_withheld > p_end then 0 else
    case when p_from > p_end or p_until <= p_now then 0 else
        (1 << p_kind)
        | case when p_at_home and p_kind < 2 then 8 << p_kind else 0 end
        | case when p_at_home and (p_shielded > p_end) is not true then 64 << p_kind else 0 end
    end
    | case when p_at_home and p_kind = 2 and p_from < p_tomorrow and (p_until <= p_today) is not true then 32 else 0 end
end;

-- How many people each of these accounts has in reach in which ways (as above) in the 5 minutes, hour, day and 28 days
-- from now on: one row for each combination, each person in one of them. Counted are the relations that stand or are to
-- begin, interactions that wait to be installed among them, in the segments that the agreement gives. Left out: people at
-- the counter, whom a search alone brings; and whether the person is in the register, which only makes the count larger.
create or replace function cloison.reach_v1(p_accounts uuid[])
returns table (account uuid, ways integer[], people integer)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    with moment as materialized (
        -- What was charged just before now may still be released.
        select clock_v1() as present, clock_v1() - receipt_lifetime_v1() as late
    ), span as materialized (
        select m.present, m.late, e.ends, date_trunc('day', m.late, 'UTC') as today, array(
            select date_trunc('day', w, 'UTC') + interval '24 hours' from unnest(e.ends) with ordinality as u (w, i)
            order by u.i) as tomorrow
        from moment m
        cross join lateral (select array[m.present + interval '5 minutes', m.present + interval '1 hour',
            m.present + interval '24 hours', m.present + interval '672 hours'] as ends) e
    ), told as materialized (
        select a.account, t.person, t.kind, t.segment = a.segment as at_home, t.valid_from, t.valid_until
        from (
            select r.segment, r.account, r.person, case r.kind when 'caseload' then 0 when 'cover' then 1 else 2 end as kind,
                r.valid_from, r.valid_until
            from relation r where r.kind <> 'walk_in'
            union all
            select i.segment, i.account, i.person, 2, i.valid_from, i.valid_until
            from interaction i where i.waiting
        ) t
        join unnest(p_accounts) q (account) on q.account = t.account   -- joined: `= any` would compare one by one
        join account a on a.account = t.account
        left join agreement g on g.organisation = a.organisation and g.standing
        cross join span s
        where (t.segment = a.segment or (t.segment <> all (g.segments)) is not true)
          and t.valid_from < s.tomorrow[4] and (t.valid_until <= s.today) is not true
    ), standing as materialized (
        select p.segment, p.protection, p.person, coalesce(p.valid_until, 'infinity') as until,
            p.since <= s.late as on_no_card
        from protection p cross join span s
        where p.lifted_at is null and (p.valid_until is null or p.valid_until > s.present)
    ), kept as materialized (
        select t.account, t.person, max(p.until) filter (where p.on_no_card) as shielded,
            max(p.until) filter (where not exists (
                select from audience a where a.segment = p.segment and a.protection = p.protection
                    and a.account = t.account and (a.valid_until is null or a.valid_until > s.present))) as withheld
        from (select distinct t.account, t.person from told t) t
        join standing p on p.person = t.person
        cross join span s
        group by t.account, t.person
        union all
        select h.account, l.person, 'infinity', 'infinity'    -- the account's own holder
        from account_holder h join locator l on l.kind = h.kind and l.term = h.term
        where h.account = any (p_accounts)
    ), met as (
        select t.account, t.person,
            bit_or(ways_v1(t.kind, t.at_home, t.valid_from, t.valid_until, k.withheld, k.shielded, s.late,
                s.ends[1], s.today, s.tomorrow[1])) as w1,
            bit_or(ways_v1(t.kind, t.at_home, t.valid_from, t.valid_until, k.withheld, k.shielded, s.late,
                s.ends[2], s.today, s.tomorrow[2])) as w2,
            bit_or(ways_v1(t.kind, t.at_home, t.valid_from, t.valid_until, k.withheld, k.shielded, s.late,
                s.ends[3], s.today, s.tomorrow[3])) as w3,
            bit_or(ways_v1(t.kind, t.at_home, t.valid_from, t.valid_until, k.withheld, k.shielded, s.late,
                s.ends[4], s.today, s.tomorrow[4])) as w4
        from told t
        cross join span s
        left join (
            select k.account, k.person, max(k.withheld) as withheld, max(k.shielded) as shielded
            from kept k group by k.account, k.person
        ) k on k.account = t.account and k.person = t.person
        group by t.account, t.person
    )
    select m.account, array[m.w1, m.w2, m.w3, m.w4], count(*)::integer
    from met m where m.w4 <> 0
    group by m.account, m.w1, m.w2, m.w3, m.w4;
$$;
