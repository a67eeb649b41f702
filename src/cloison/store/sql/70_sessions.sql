-- Sessions as the doors see them, and acts of the owner's, each with its audit entry.

-- Who holds this token, for a door that needs to know before it asks the meter. No row: no session.
create or replace function cloison.session_v1(p_segment text, p_token bytea)
returns table (account uuid, handle text, role text, expires_at timestamptz, frozen boolean)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select h.account, h.handle, h.role_name, h.expires_at,
        not h.covered or exists (select from account_freeze f where f.segment = p_segment and f.account = h.account
                                 and f.lifted_at is null)
    from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
$$;

-- Appends the entry of an act that is not an account's: numbered under the nil account of that segment if it is the
-- owner's, under others if it is intake's, the statistics' or a client's, so that a freeze never waits for their locks.
create or replace function cloison.log_act_v1(
    p_segment text, p_event cloison.event, p_subject uuid, p_session uuid, p_amount integer
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_author uuid := case when p_event in ('people_imported', 'relations_imported')
        then '00000000-0000-0000-0000-000000000001'
        when p_event = 'statistics_read' then '00000000-0000-0000-0000-000000000002'
        when p_event = 'client_signed_in' then '00000000-0000-0000-0000-000000000003'
        else '00000000-0000-0000-0000-000000000000' end;
    v_number bigint;
begin
    insert into ledger as l (segment, account, next_number) values (p_segment, v_author, 2)
    on conflict (segment, account) do update set next_number = l.next_number + 1
    returning next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, subject, session, amount)
    values (p_segment, v_author, v_number, clock_v1(), p_event, 'open', p_subject, p_session, p_amount);
end $$;

create or replace function cloison.create_account_v1(
    p_segment text, p_handle text, p_organisation uuid, p_agency text, p_role text, p_holder text default null,
    p_account uuid default gen_random_uuid()
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_account uuid;
    v_agreement agreement;
begin
    -- Locked, so that two at once do not both take the last place.
    select * into v_agreement from agreement g where g.organisation = p_organisation and g.standing for update;
    if v_agreement.organisation is null or v_agreement.ends_at <= clock_v1() then
        raise exception 'no agreement in force' using errcode = 'CL010';
    elsif p_segment <> all (v_agreement.segments) then
        raise exception 'not a segment of the agreement' using errcode = 'CL011';
    elsif exists (select from role r where r.name = p_role and r.role <> all (v_agreement.roles)) then
        raise exception 'not a role of the agreement' using errcode = 'CL012';
    elsif (select count(*) from account a where a.organisation = p_organisation) >= v_agreement.accounts_most then
        raise exception 'as many accounts as the agreement allows' using errcode = 'CL013';
    elsif exists (select from agency g where g.organisation = p_organisation)
          and not exists (select from agency g where g.organisation = p_organisation and g.name = p_agency) then
        raise exception 'not an agency of the organisation' using errcode = 'CL014';
    end if;
    insert into account (segment, account, handle, organisation, agency, role, holder, reviewed_at)
    select p_segment, p_account, p_handle, p_organisation, p_agency, r.role, coalesce(p_holder, p_handle), clock_v1()
    from role r where r.name = p_role
    returning account into v_account;
    if v_account is null then
        raise exception 'no such role' using errcode = 'CL005';
    end if;
    insert into ledger (segment, account) values (p_segment, v_account);
    perform log_act_v1(p_segment, 'account_created', v_account, null, null);
    return v_account;
end $$;

-- A session of the desk's without any sign-in, for throw-away databases (replay, benchmark, tests): no login may call it.
create or replace function cloison.issue_session_v1(
    p_segment text, p_account uuid, p_session uuid, p_token_hash bytea, p_seconds integer, p_touched boolean
) returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
begin
    insert into session (segment, session, account, token_hash, issued_at, expires_at, seen_at, idle, touched_at)
    values (p_segment, p_session, p_account, p_token_hash, v_now, v_now + make_interval(secs => p_seconds), v_now,
        make_interval(secs => p_seconds),
        case when p_touched then v_now end);
    perform log_act_v1(p_segment, 'session_issued', p_account, p_session, null);
    return v_now + make_interval(secs => p_seconds);
end $$;

-- The keeper's ceilings for an account: all its budgets of opening together, in any 5 minutes, hour, day, 28 days, and
-- those of a campaign of its agency.
create or replace function cloison.full_people_v1(p_segment text, p_account uuid) returns integer[]
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select array[coalesce(sum(b.minutes_5), 0), coalesce(sum(b.hour), 0), coalesce(sum(b.day), 0), coalesce(sum(b.days_28), 0)]::integer[]
    from account a
    cross join lateral (
        select b.minutes_5, b.hour, b.day, b.days_28 from role_budget b where b.role = a.role and b.meter in ('open', 'walk_in')
        union all
        select g.people[1], g.people[2], g.people[3], g.people[4] from campaign c
        cross join lateral (select campaign_budget_v1(c.people, c.days) as people) g
        where c.organisation = a.organisation and c.segment = a.segment and c.agency = a.agency and c.ends_at > clock_v1()
    ) b
    where a.segment = p_segment and a.account = p_account;
$$;

create or replace function cloison.end_sessions_v1(p_segment text, p_account uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_ended integer;
begin
    insert into session_end (segment, session, ended_at)
    select s.segment, s.session, clock_v1() from session s
    where s.segment = p_segment and s.account = p_account and s.expires_at > clock_v1()
    on conflict do nothing;
    get diagnostics v_ended = row_count;
    insert into recall (subject, until)
    select s.session, clock_v1() + interval '1 minute' from session s
    where s.segment = p_segment and s.account = p_account and s.expires_at > clock_v1()
    on conflict do nothing;
    perform log_act_v1(p_segment, 'session_ended', p_account, null, v_ended);
    return v_ended;
end $$;

create or replace function cloison.freeze_v1(p_segment text, p_account uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    insert into account_freeze (segment, account, frozen_at) values (p_segment, p_account, clock_v1());
    insert into recall (subject) values (p_account) on conflict (subject) do update set until = null;
    perform log_act_v1(p_segment, 'account_frozen', p_account, null, null);
end $$;

create or replace function cloison.unfreeze_v1(p_segment text, p_account uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    update account_freeze set lifted_at = clock_v1()
    where segment = p_segment and account = p_account and lifted_at is null;
    update account a set reviewed_at = clock_v1()      -- left unreviewed for a year it is frozen, too
    where a.segment = p_segment and a.account = p_account and a.reviewed_at < clock_v1() - interval '8760 hours';
    delete from recall where subject = p_account;
    perform log_act_v1(p_segment, 'account_unfrozen', p_account, null, null);
end $$;

-- Removes what nothing counts any more: receipts past their lifetime, openings and misses older than every window.
create or replace function cloison.sweep_v1() returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    delete from receipt where charged_at < clock_v1() - interval '1 minute';
    delete from asked where asked_at < clock_v1() - interval '1 minute';
    delete from question where asked_at < clock_v1() - interval '1 minute';
    delete from opening where last_opened < clock_v1() - interval '696 hours';
    delete from refusal where refused_at < clock_v1() - interval '696 hours';
    delete from search_miss where missed_at < clock_v1() - interval '48 hours';
    delete from lent where lent_at < clock_v1() - interval '1 minute';
    delete from guest where seen_at < clock_v1() - interval '1 minute';
    delete from recall where until < clock_v1();
    delete from spent where until < clock_v1();
    delete from organisation_opening where last_opened < clock_v1() - interval '696 hours';
    delete from client_token where expires_at < clock_v1();
$$;
