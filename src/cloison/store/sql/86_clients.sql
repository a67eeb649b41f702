-- Systems that call for themselves: a source of interactions, a directory that says who joins and leaves, a case-management
-- system that acts for an adviser, a system that keeps something about the same people. None has an account, a relation or
-- a budget, and none opens anybody by itself. The rules, in order:
--   1. a client is registered by an act of two officers, with one public key, for named uses, for one organisation; it is
--      nobody where it was closed, or where the organisation has no agreement in force;
--   2. it shows an assertion signed by its key (the sign-in door verified it), good once; what it is given lasts ten
--      minutes, for one use, and is bound to the key that its requests are proved with;
--   3. who acts for an adviser is handed that adviser's session, by them, after a touch within five minutes, for a client of
--      their own organisation alone. It becomes a session of the account: the same ledger, relations, budgets and entries.
--      It lasts an hour at most, never longer than the one that was handed on, ends with it, is never touched anew, and is
--      not the sign-in door's, so that it cannot be handed on;
--   4. a directory asks for accounts of its own organisation, which two officers sign as the operator's acts; it closes them
--      at once, and opens none.

-- Rule 1: whether it is one.
create or replace function cloison.client_open_v1(p_client uuid) returns boolean
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select exists (
        select from client c join agreement g on g.organisation = c.organisation and g.standing
          and (g.ends_at is null or g.ends_at > clock_v1())
        where c.client = p_client and c.closed_at is null);
$$;

-- Rule 1: what the act of two officers does. Raises CL032 where the key is not the one whose thumbprint was signed.
create or replace function cloison.register_client_v1(p_act cloison.act, p_uses text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    d jsonb := p_act.details;
begin
    if encode(sha256(convert_to(d ->> 'key', 'UTF8')), 'hex') is distinct from d ->> 'thumbprint' then
        raise exception 'not the key of that thumbprint' using errcode = 'CL032';
    end if;
    insert into client (client, name, organisation, public_key, uses, registered_at)
    values (p_act.act, d ->> 'name', p_act.organisation, d ->> 'key', p_uses::client_use[], clock_v1());
    perform log_act_v1('00', 'client_registered', p_act.act, null, null);
end $$;

-- Closes a client at once: what it was given is nothing from then on, and the sessions handed on to it end.
create or replace function cloison.close_client_v1(p_name text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_client uuid;
begin
    update client c set closed_at = clock_v1() where c.name = p_name and c.closed_at is null returning c.client into v_client;
    if v_client is null then
        return false;
    end if;
    update feed f set closed_at = clock_v1() where f.client = v_client and f.closed_at is null;
    insert into session_end (segment, session, ended_at)
    select s.segment, s.session, clock_v1() from session s where s.client = v_client and s.expires_at > clock_v1()
    on conflict do nothing;
    insert into recall (subject, until)
    select s.session, clock_v1() + interval '1 minute' from session s where s.client = v_client and s.expires_at > clock_v1()
    on conflict do nothing;
    perform log_act_v1('00', 'client_closed', v_client, null, null);
    return true;
end $$;

-- What the sign-in door verifies an assertion with; no row: no such client, or none any more.
create or replace function cloison.client_key_v1(p_client uuid) returns text
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select c.public_key from client c where c.client = p_client and client_open_v1(c.client);
$$;

-- Rule 2: notes what a client is given for its assertion. Answers until when it is good; null: the assertion was used, or
-- this is no use of the client's; raises CL033 where it has a hundred already.
create or replace function cloison.client_token_v1(
    p_client uuid, p_assertion bytea, p_seconds integer, p_use text, p_token_hash bytea
) returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_until timestamptz := clock_v1() + interval '10 minutes';
begin
    if not client_open_v1(p_client) or not exists (
           select from client c where c.client = p_client and p_use::client_use = any (c.uses) and p_use <> 'delegate')
       or not spend_v1(p_assertion, p_seconds) then
        return null;
    elsif (select count(*) from client_token t where t.client = p_client and t.expires_at > clock_v1()) >= 100 then
        raise exception 'a hundred tokens are good still' using errcode = 'CL033';
    end if;
    insert into client_token (token_hash, client, used_for, expires_at) values (p_token_hash, p_client, p_use::client_use, v_until);
    perform log_act_v1('00', 'client_signed_in', p_client, null, null);
    return v_until;
end $$;

-- Whose token this is, for this use; null: nobody's.
create or replace function cloison.client_of_v1(p_token bytea, p_use cloison.client_use) returns uuid
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select t.client from client_token t
    where t.token_hash = sha256(p_token) and t.used_for = p_use and t.expires_at > clock_v1() and client_open_v1(t.client);
$$;

-- Rule 3, the adviser's half: whether this session of the sign-in door may be handed on to that client, and whose it is.
create or replace function cloison.hand_on_v1(p_segment text, p_token bytea, p_client uuid)
returns table (verdict text, account uuid, session uuid, factor uuid)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_who member;
begin
    select * into v_who from member m where m.segment = p_segment and m.token_hash = sha256(p_token);
    if v_who.account is null then
        return query select 'no_session', null::uuid, null::uuid, null::uuid;
    elsif (v_who.touched_at > clock_v1() - interval '5 minutes') is not true then
        return query select 'step_up', null::uuid, null::uuid, null::uuid;
    elsif not client_open_v1(p_client) or not exists (
            select from client c where c.client = p_client and 'delegate' = any (c.uses) and c.organisation = v_who.organisation) then
        perform log_own_act_v1(p_segment, v_who.account, 'session_handed_on', 'scope', v_who.session, p_client);
        return query select 'scope', null::uuid, null::uuid, null::uuid;
    else
        perform log_own_act_v1(p_segment, v_who.account, 'session_handed_on', 'open', v_who.session, p_client);
        return query select 'open', v_who.account, v_who.session, v_who.factor;
    end if;
end $$;

-- Rule 3, the client's half: begins the session. Answers in how many seconds it ends at the latest; null: what was handed on or the
-- assertion was used, or the session that was handed on has ended since.
create or replace function cloison.start_handed_on_v1(
    p_client uuid, p_assertion bytea, p_seconds integer, p_handed_on bytea, p_handed_seconds integer,
    p_segment text, p_parent uuid, p_session uuid, p_token_hash bytea, p_secret_hash bytea,
    p_device bytea
) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
    v_parent session;
    v_expires timestamptz;
begin
    -- Locked, so that a sign-out at this instant waits, and then ends this session too.
    select * into v_parent from session s
    where s.segment = p_segment and s.session = p_parent and s.door = 'signin' and least(s.expires_at, s.seen_at + s.idle) > v_now
      and not exists (select from session_end e where e.segment = s.segment and e.session = s.session)
    for share;
    if v_parent.session is null or not client_open_v1(p_client) or account_state_v1(p_segment, v_parent.account) <> 'open'
       or not exists (select from client c join account a on a.organisation = c.organisation
                      where c.client = p_client and 'delegate' = any (c.uses)
                        and a.segment = p_segment and a.account = v_parent.account)
       or not spend_v1(p_assertion, p_seconds) or not spend_v1(p_handed_on, p_handed_seconds) then
        return null;
    end if;
    insert into session (segment, session, account, door, token_hash, secret_hash, factor, issued_at, expires_at, seen_at, idle,
        client, parent)
    values (p_segment, p_session, v_parent.account, 'desk', p_token_hash, p_secret_hash, v_parent.factor, v_now,
        least(v_now + interval '1 hour', v_parent.expires_at), v_now, v_parent.idle, p_client, p_parent)
    returning expires_at into v_expires;
    insert into log_session (segment, session, device, until) values (p_segment, p_session, p_device, v_expires);
    perform log_own_act_v1(p_segment, v_parent.account, 'session_issued', 'open', p_session, p_client);
    return extract(epoch from v_expires - v_now)::integer;
end $$;

-- -- rule 4: a directory ------------------------------------------------------------------------------------------------

-- What an act that a directory asks for names: its client, its organisation, its own name. No row: it is none.
create or replace function cloison.directory_v1(p_token bytea) returns table (client uuid, name text, organisation uuid)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select c.client, c.name, c.organisation from client c where c.client = client_of_v1(p_token, 'scim');
$$;

-- The accounts of a directory's organisation, and those that it asked for and two officers have not signed yet, in order
-- of their handles; all, one, or those of one handle or holder. `total` beside each; `state` as account_state_v1 has it.
create or replace function cloison.directory_users_v1(
    p_token bytea, p_user uuid, p_handle text, p_holder text, p_skip integer, p_most integer
) returns table (
    total bigint, account uuid, handle text, segment text, agency text, role text, holder text, state text, since timestamptz
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    with found as (
        select a.account, a.handle, a.segment, a.agency, r.name as role, a.holder, account_state_v1(a.segment, a.account) as state,
            a.reviewed_at as since
        from directory_v1(p_token) d join account a on a.organisation = d.organisation join role r on r.role = a.role
        where a.closed_at is null
          and (p_user is null or a.account = p_user) and (p_handle is null or lower(a.handle) = lower(p_handle))
          and (p_holder is null or a.holder = p_holder)
        union all
        select w.act, w.details ->> 'handle', w.details ->> 'segment', w.details ->> 'agency', w.details ->> 'role',
            coalesce(w.details ->> 'holder', w.details ->> 'handle'), 'waiting', w.asked_at
        from directory_v1(p_token) d join act w on w.organisation = d.organisation and w.state = 'waiting'
            and w.expires_at > clock_v1() and w.kind = 'account.create' and w.details ->> 'client' = d.name
        where (p_user is null or w.act = p_user) and (p_handle is null or lower(w.details ->> 'handle') = lower(p_handle))
          and (p_holder is null or coalesce(w.details ->> 'holder', w.details ->> 'handle') = p_holder)
    )
    select count(*) over (), f.* from found f order by f.handle, f.account offset p_skip limit p_most;
$$;

-- Asks for an act; raises as the operator's asking does, and CL021 for another kind, organisation or account.
create or replace function cloison.directory_ask_v1(
    p_token bytea, p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamptz
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_who record;
begin
    select * into v_who from directory_v1(p_token);
    if v_who.client is null or p_organisation <> v_who.organisation or p_kind not in ('account.create', 'account.elevate')
       or p_details ->> 'client' is distinct from v_who.name
       or (p_kind = 'account.elevate' and not exists (
            select from account a where a.segment = p_details ->> 'segment' and a.account = (p_details ->> 'account')::uuid
              and a.organisation = v_who.organisation)) then
        raise exception 'not an act of the directory''s' using errcode = 'CL021';
    elsif (select count(*) from act a where a.state = 'waiting' and a.organisation = v_who.organisation
             and a.expires_at > clock_v1() and a.details ->> 'client' = v_who.name) >= 1000 then
        raise exception 'a thousand acts wait' using errcode = 'CL033';
    elsif p_kind = 'account.create' and exists (
            select from act a where a.state = 'waiting' and a.organisation = v_who.organisation and a.kind = p_kind
              and a.expires_at > clock_v1() and a.details ->> 'handle' = p_details ->> 'handle') then
        raise exception 'the handle is asked for' using errcode = 'unique_violation';
    end if;
    perform ask_unsigned_v1(p_act, p_kind, p_canonical, p_details, p_organisation, p_expires_at);
end $$;

-- Closes an account of the directory's organisation at once, or takes back what it asked for; whether there is one. A
-- directory that closes officers of the service would leave nobody who signs: those are closed by people.
create or replace function cloison.directory_close_v1(p_token bytea, p_user uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_who record;
    v_segment text;
begin
    select * into v_who from directory_v1(p_token);
    select a.segment into v_segment from account a join role r on r.role = a.role join organisation o on o.organisation = a.organisation
    where a.account = p_user and a.organisation = v_who.organisation and a.closed_at is null
      and not (o.service and r.permissions & (1 << 9 | 1 << 10) <> 0);
    if v_segment is not null then
        perform close_account_v1(v_segment, p_user);
        return true;
    end if;
    update act a set state = 'refused', settled_at = clock_v1(), refused_by = a.asked_by
    where a.act = p_user and a.state = 'waiting' and a.kind = 'account.create' and a.organisation = v_who.organisation
      and a.details ->> 'client' = v_who.name;
    if found then
        perform log_act_v1('00', 'act_refused', p_user, null, null);
    end if;
    return found;
end $$;
