-- Agreements with organisations: acts of the owner's, each with its audit entry in the segment of the organisation's
-- ledger, about the organisation.

-- Makes an agreement; the one that stood ends with it. p_caps: pairs in any 5 minutes, hour, day, 28 days, null where
-- there is no cap. The ledger stays where it was first, or an organisation that moved would begin from nothing.
create or replace function cloison.agree_v1(
    p_organisation uuid, p_segments text[], p_roles text[], p_ends_at timestamptz, p_accounts_most integer,
    p_caps integer[]
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz;
    v_roles smallint[];
    v_ledger text;
begin
    perform from organisation o where o.organisation = p_organisation for update;
    if exists (select from unnest(p_segments) s where s !~ '^[0-9A-Za-z_-]{1,16}$') then
        raise exception 'not of the form of a segment' using errcode = 'check_violation';
    end if;
    if p_ends_at <= clock_v1() then
        raise exception 'an agreement ends in the future' using errcode = 'CL015';
    end if;
    select array_agg(r.role order by r.role) into v_roles from role r where r.name = any (p_roles);
    if cardinality(v_roles) is distinct from (select count(distinct n)::integer from unnest(p_roles) n)
       and p_roles is not null then
        raise exception 'no such role' using errcode = 'CL005';
    end if;
    perform end_agreement_v1(p_organisation);
    v_now := clock_v1();
    v_ledger := coalesce((select g.ledger_segment from agreement g where g.organisation = p_organisation limit 1),
        p_segments[1], '00');
    insert into agreement (organisation, valid_from, ends_at, standing, segments, roles, accounts_most, minutes_5, hour,
        day, days_28, ledger_segment)
    values (p_organisation, v_now, p_ends_at, true, p_segments, v_roles, p_accounts_most, p_caps[1], p_caps[2],
        p_caps[3], p_caps[4], v_ledger);
    -- What is remembered of the windows may be of another cap: more than any, so that the next charge counts.
    insert into organisation_ledger as l (segment, organisation, at_most)
    values (v_ledger, p_organisation, array[1000000000, 1000000000, 1000000000, 1000000000])
    on conflict (segment, organisation) do update set at_most = excluded.at_most;
    perform log_act_v1(v_ledger, 'agreement_made', p_organisation, null, null);
end $$;

-- Ends the agreement that stands; answers whether there was one. Its accounts open nobody from the next charge on, and
-- what was charged before is not released.
create or replace function cloison.end_agreement_v1(p_organisation uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_ledger text;
begin
    update agreement g set standing = false, ends_at = least(g.ends_at, clock_v1())
    where g.organisation = p_organisation and g.standing
    returning g.ledger_segment into v_ledger;
    if v_ledger is null then
        return false;
    end if;
    perform log_act_v1(v_ledger, 'agreement_ended', p_organisation, null, null);
    return true;
end $$;
