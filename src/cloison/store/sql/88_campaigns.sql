-- Campaigns: for some days the accounts of one agency open more people than their role has in a day, of their own caseloads
-- alone. Rules, in order:
--   1. a manager asks for their own agency and segment, an officer of the service who may sign exports signs; for 5 days and
--      500 people a day and account at most. One at a time: a second one of the same agency is refused while one stands;
--   2. while it stands, whoever is opened by the relation `caseload` at home is charged on the meter `campaign` in place of
--      `open`. Its budget: the people in any day, a third of them in any hour, a sixth in any 5 minutes, all days' in any 28
--      days. Both meters bound apart, so that together no window has more than the sum of both, also at its beginning and
--      end; what was charged on it stays on it, so that campaigns one after the other do not add up;
--   3. nobody else gets anything by it: strangers, the counter, lists and other agencies' people are charged as ever;
--   4. the keeper's ceilings are told when a session begins: an account opens more after it has signed in anew;
--   5. it ends by itself, or at once by whoever asked or an officer.

-- Rule 1: looked at when it is asked for. Raises CL034.
create or replace function cloison.campaign_asked_v1(p_act cloison.act) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    d jsonb := p_act.details;
begin
    if not exists (
            select from account a where a.account = p_act.asked_by and a.segment = d ->> 'segment' and a.agency = d ->> 'agency'
              and a.organisation = p_act.organisation)
       or ((d ->> 'days')::integer between 1 and 5 and (d ->> 'people')::integer between 1 and 500) is not true then
        raise exception 'not the own agency, days or people' using errcode = 'CL034';
    end if;
end $$;

-- Rule 1: begins it. Raises CL035 where one stands.
create or replace function cloison.do_campaign_v1(p_act cloison.act) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    d jsonb := p_act.details;
    v_now timestamptz := clock_v1();
begin
    -- Of two at once the second sees the first.
    perform from organisation o where o.organisation = p_act.organisation for no key update;
    if exists (select from campaign c where c.organisation = p_act.organisation and c.segment = d ->> 'segment'
               and c.agency = d ->> 'agency' and c.ends_at > v_now) then
        raise exception 'a campaign of this agency stands' using errcode = 'CL035';
    end if;
    insert into campaign (act, organisation, segment, agency, people, days, began_at, ends_at)
    values (p_act.act, p_act.organisation, d ->> 'segment', d ->> 'agency', (d ->> 'people')::integer, (d ->> 'days')::integer,
        v_now, v_now + make_interval(hours => 24 * (d ->> 'days')::integer));
    perform log_act_v1(d ->> 'segment', 'grant_given', p_act.act, null, (d ->> 'people')::integer);
end $$;

-- Rule 5: whether one was ended.
create or replace function cloison.end_campaign_v1(p_who cloison.member, p_act uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    update campaign c set ends_at = clock_v1() from act a
    where c.act = p_act and a.act = p_act and c.ends_at > clock_v1()
      and (a.asked_by = p_who.account
           or (p_who.service and (p_who.permissions >> act_right_v1(a.kind, false)) & 1 = 1));
    if found then
        perform log_own_act_v1(p_who.segment, p_who.account, 'grant_ended', 'open', p_who.session, p_act);
        return true;
    end if;
    return false;
end $$;

-- -- what stands -----------------------------------------------------------------------------------------------------------

-- Exports, disclosures, campaigns and investigations that stand, for whoever may end them: refuse_act_v1 does. The first to end first.
create or replace function cloison.standing_v1(p_segment text, p_token bytea) returns table (
    act uuid, canonical bytea, asked_by text, until timestamptz
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select a.act, a.canonical, coalesce((select c.handle from account c where c.account = a.asked_by), ''), g.until
    from member m
    join (
        select x.act, x.valid_until as until from export x where x.ended_at is null
        union all
        select c.act, c.ends_at from campaign c
        union all
        select v.act, v.until from investigation v
    ) g on g.until > clock_v1()
    join act a on a.act = g.act
    where m.segment = p_segment and m.token_hash = sha256(p_token)
      and ((a.asked_by = m.account and a.kind not like 'investigation.%')
           or (m.service and (m.permissions >> act_right_v1(a.kind, false)) & 1 = 1))
    order by g.until;
$$;

-- -- the operator's list -----------------------------------------------------------------------------------------------

-- Everything that was given for a time, of the last 28 days: by whom, to whom, until when; nobody's record.
create or replace function cloison.operator_grants_v1() returns table (
    act uuid, kind text, account text, organisation text, state text, given_at timestamptz, until timestamptz, people integer,
    taken integer, signed_by text[]
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select g.act, a.kind, coalesce((select c.handle from account c where c.account = g.account), ''), o.name,
        case when g.ended or g.until <= clock_v1() then 'over' else 'open' end, g.given_at, g.until, g.people, g.taken,
        array(select c.handle from act_signature s join account c on c.segment = s.segment and c.account = s.account
              where s.act = g.act order by s.signed_at)
    from (
        select b.act, b.account, b.given_at,
            case when b.emergency and b.approved_by is null then least(b.valid_until, w.expires_at) else b.valid_until end as until,
            1 as people, null::integer as taken, b.ended_at is not null as ended
        from break_glass b join act w on w.act = b.act
        union all
        select c.act, null, c.began_at, c.ends_at, c.people, null, false from campaign c
        union all
        select x.act, x.account, x.given_at, x.valid_until, x.people, x.taken, x.ended_at is not null from export x
    ) g
    join act a on a.act = g.act
    join organisation o on o.organisation = a.organisation
    where g.given_at > clock_v1() - interval '672 hours'
    order by g.given_at;
$$;
