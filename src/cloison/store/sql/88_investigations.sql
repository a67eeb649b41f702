-- Declared investigations: what people see of an account's doings, or of an organisation's for one purpose, only when it is over.
-- Rules, in order:
--   1. one who may declare it asks, another one of the service who may signs: about one account, or one purpose of one organisation;
--   2. it has an end, at most six months ahead. It goes on by a new act alone, which is signed as the first one was;
--   3. nothing is hidden silently: everybody is told that one stands, and until when (89_reading.sql, rule 5);
--   4. only those who may declare see it while it waits or stands, and any one of them ends it at once.

-- Rules 1 and 2: what an act's details say. Raises CL040 and CL041.
create or replace function cloison.investigation_read_v1(p_act cloison.act) returns cloison.investigation
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    d jsonb := p_act.details;
    v_until timestamptz := ((d ->> 'until')::date + 1)::timestamp at time zone 'UTC';   -- that day is the last one
    v_purpose smallint;
begin
    if (v_until > clock_v1() and v_until <= clock_v1() + interval '4416 hours') is not true then
        raise exception 'no end, or one too far' using errcode = 'CL040';
    elsif p_act.kind = 'investigation.purpose' then
        select array_position(f.purposes, d ->> 'purpose') - 1 into v_purpose from profile f;
        if v_purpose is null then
            raise exception 'no such purpose' using errcode = 'CL041';
        end if;
    end if;
    return row(p_act.act, p_act.organisation, case when v_purpose is null then (d ->> 'account')::uuid end, v_purpose,
        clock_v1(), v_until)::investigation;
end $$;

-- What is looked at when one is asked for, in the transaction that writes the act.
create or replace function cloison.investigation_asked_v1(p_act cloison.act) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    if p_act.kind like 'investigation.%' then
        perform investigation_read_v1(p_act);
    end if;
end $$;

-- Done by the signature that completes the act.
create or replace function cloison.do_investigation_v1(p_act cloison.act) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    insert into investigation select (investigation_read_v1(p_act)).*;
    perform log_act_v1(coalesce(p_act.details ->> 'segment', '00'), 'investigation_declared', p_act.act, null, null);
end $$;

-- Rule 4: whether one was ended.
create or replace function cloison.end_investigation_v1(p_who cloison.member, p_act uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    update investigation v set until = clock_v1() from act a
    where v.act = p_act and a.act = p_act and v.until > clock_v1()
      and p_who.service and (p_who.permissions >> act_right_v1(a.kind, false)) & 1 = 1;
    if found then
        perform log_own_act_v1(p_who.segment, p_who.account, 'investigation_ended', 'open', p_who.session, p_act);
        return true;
    end if;
    return false;
end $$;
