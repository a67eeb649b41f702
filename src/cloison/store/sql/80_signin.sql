-- Who comes in: passkeys, identities, sessions, and what an account's holder may do about their own. The sign-in door's
-- login calls these, and no other begins a session. The rules, in order:
--   1. the door has verified a touch (access/factors.py) or a provider's word (access/oidc.py) before it asks; what it was
--      shown, it spends here: a challenge and a code are good once, whoever of several doors took them;
--   2. a sign count that does not grow is a copied passkey: it is frozen, with an alert;
--   3. a session begins for an account that is open, reviewed within a year, not frozen, and whose agreement stands; for
--      one door and one device's key;
--   4. while a passkey is new, an account whose session began with it has a fifth of its budgets (60_settle.sql), but as
--      many people as it meets today;
--   5. what a holder does needs a session of the sign-in door; what adds a passkey, a touch in the last five minutes.

-- Adds an entry of an account's own act to its numbered ones.
create or replace function cloison.log_own_act_v1(
    p_segment text, p_account uuid, p_event cloison.event, p_outcome cloison.outcome, p_session uuid, p_subject uuid
) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_number bigint;
begin
    update ledger l set next_number = l.next_number + 1 where l.segment = p_segment and l.account = p_account
    returning l.next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, subject)
    values (p_segment, p_account, v_number, clock_v1(), p_event, p_outcome, p_session, p_subject);
    return v_number;
end $$;

-- `open`, or why the account's holder may not come in: closed, unreviewed, frozen, or no agreement covers it. No row: nobody.
create or replace function cloison.account_state_v1(p_segment text, p_account uuid) returns text
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select case
        when a.closed_at is not null then 'closed'
        when a.reviewed_at < clock_v1() - interval '8760 hours' then 'unreviewed'
        when exists (select from account_freeze f where f.segment = a.segment and f.account = a.account and f.lifted_at is null) then 'frozen'
        when not exists (
            select from agreement g where g.organisation = a.organisation and g.standing
              and (g.ends_at is null or g.ends_at > clock_v1())
              and (a.segment <> all (g.segments)) is not true and (a.role <> all (g.roles)) is not true) then 'agreement'
        else 'open' end
    from account a where a.segment = p_segment and a.account = p_account;
$$;

-- Sessions of the sign-in door, with what their accounts may do there.
create or replace view cloison.member as
select s.segment, s.session, s.token_hash, s.account, s.touched_at, s.factor, s.issued_at, a.handle, a.organisation,
       o.service, r.permissions, r.name as role_name
from cloison.session s
join cloison.account a on a.segment = s.segment and a.account = s.account
join cloison.organisation o on o.organisation = a.organisation
join cloison.role r on r.role = a.role
where s.door = 'signin' and least(s.expires_at, s.seen_at + s.idle) > cloison.clock_v1()
  and not exists (select from cloison.session_end e where e.segment = s.segment and e.session = s.session)
  and cloison.account_state_v1(s.segment, s.account) = 'open';

-- Uses a challenge or a code up; whether it had not been used.
create or replace function cloison.spend_v1(p_hash bytea, p_seconds integer) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    insert into spent (hash, until) values (p_hash, clock_v1() + make_interval(secs => p_seconds)) on conflict do nothing;
    return found;
end $$;

-- The passkeys of an account that sign in, and what its organisation's terms say of them; no row: none.
create or replace function cloison.factors_v1(p_segment text, p_account uuid) returns table (
    factor uuid, credential bytea, public_key bytea, sign_count bigint, aaguid uuid, backup_eligible boolean,
    synced boolean, aaguids uuid[]
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select f.factor, f.credential, f.public_key, f.sign_count, f.aaguid, f.backup_eligible, coalesce(t.synced, false), t.aaguids
    from factor f join account a on a.segment = f.segment and a.account = f.account
    left join signin_terms t on t.organisation = a.organisation
    where f.segment = p_segment and f.account = p_account and f.frozen_at is null;
$$;

-- Notes that a passkey was touched for a challenge; answers `spent`, `cloned`, or the account's state.
create or replace function cloison.touched_v1(
    p_segment text, p_account uuid, p_factor uuid, p_sign_count bigint, p_given_at timestamptz, p_challenge bytea, p_seconds integer
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_factor factor;
    v_number bigint;
begin
    if not spend_v1(p_challenge, p_seconds) then                                            -- 1
        return 'spent';
    end if;
    select * into v_factor from factor f
    where f.segment = p_segment and f.account = p_account and f.factor = p_factor and f.frozen_at is null for update;
    if v_factor.factor is null then
        return 'none';
    end if;
    if v_factor.used_at > p_given_at and p_sign_count < v_factor.sign_count then
        return 'spent';   -- answered out of order, by an honest person with two pages; a copy gets no further
    elsif p_sign_count <= v_factor.sign_count and (p_sign_count > 0 or v_factor.sign_count > 0) then   -- 2
        update factor f set frozen_at = clock_v1() where f.segment = p_segment and f.account = p_account and f.factor = p_factor;
        perform end_factor_sessions_v1(p_segment, p_account, array[p_factor]);   -- one of them may be the copy's
        v_number := log_own_act_v1(p_segment, p_account, 'factor_frozen', 'frozen', null, p_factor);
        insert into alert (segment, account, number, kind, at) values (p_segment, p_account, v_number, 'factor_cloned', clock_v1());
        return 'cloned';
    end if;
    update factor f set sign_count = p_sign_count, used_at = clock_v1()
    where f.segment = p_segment and f.account = p_account and f.factor = p_factor;
    return account_state_v1(p_segment, p_account);                                          -- 3
end $$;

-- What the keeper is told of a session about to begin: its account's budgets, and when it ends at the latest.
create or replace function cloison.session_ceilings_v1(p_segment text, p_account uuid) returns table (people integer[], ends double precision)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select full_people_v1(p_segment, p_account), extract(epoch from clock_v1() + interval '12 hours')::double precision;
$$;

-- Begins a session for the code that a touch ended in. Answers when it ends at the latest; null: the code was used, or the
-- account has been closed, frozen, or left without agreement since.
create or replace function cloison.start_session_v1(
    p_segment text, p_account uuid, p_session uuid, p_door cloison.door, p_token_hash bytea, p_secret_hash bytea, p_factor uuid,
    p_code bytea, p_seconds integer, p_device bytea
) returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
    v_expires timestamptz;
begin
    -- What the code was given for may have been frozen or recovered away since. Locked, so that a recovery at this instant
    -- waits, and then ends this session too.
    if p_factor is null then
        perform from identity i where i.segment = p_segment and i.account = p_account for share;
    else
        perform from factor f
        where f.segment = p_segment and f.account = p_account and f.factor = p_factor and f.frozen_at is null for share;
    end if;
    if not found then
        return null;
    end if;
    if not spend_v1(p_code, p_seconds) or account_state_v1(p_segment, p_account) <> 'open' then   -- 1, 3
        return null;
    end if;
    insert into session (segment, session, account, door, token_hash, secret_hash, factor, issued_at, expires_at, seen_at, idle,
        touched_at)
    select p_segment, p_session, p_account, p_door, p_token_hash, p_secret_hash, p_factor, v_now,
        v_now + make_interval(secs => coalesce(t.session_seconds, 36000)), v_now,
        make_interval(secs => coalesce(t.idle_seconds, 1800)), case when p_factor is not null then v_now end
    from account a left join signin_terms t on t.organisation = a.organisation
    where a.segment = p_segment and a.account = p_account
    returning expires_at into v_expires;
    -- The whole account, whichever session opens: or a thief with a passkey of their own would go on in an older session.
    update ledger l set quarantined_until = greatest(l.quarantined_until, f.quarantined_until)
    from factor f
    where f.segment = p_segment and f.account = p_account and f.factor = p_factor and f.quarantined_until > v_now
      and l.segment = p_segment and l.account = p_account;
    insert into log_session (segment, session, device, until) values (p_segment, p_session, p_device, v_expires);
    perform log_own_act_v1(p_segment, p_account, 'session_issued', 'open', p_session, p_factor);
    return v_expires;
end $$;

-- The account that an identity was linked to, while its organisation's terms name the provider; no row: none.
create or replace function cloison.identity_v1(p_issuer text, p_subject bytea, p_provider text) returns table (segment text, account uuid)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select i.segment, i.account from identity i
    join account a on a.segment = i.segment and a.account = i.account
    join signin_terms t on t.organisation = a.organisation and t.provider = p_provider
    where i.issuer = p_issuer and i.subject_hash = sha256(p_subject);
$$;

-- Redeems an invitation by an identity in place of a passkey, where the organisation's terms name the provider. Whether it
-- was; an identity is linked to one account.
create or replace function cloison.link_identity_v1(
    p_segment text, p_code_hash bytea, p_issuer text, p_subject bytea, p_provider text
) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_account uuid;
begin
    update invitation i set redeemed_at = clock_v1()
    from account a join signin_terms t on t.organisation = a.organisation and t.provider = p_provider
    where i.segment = p_segment and i.code_hash = p_code_hash and i.redeemed_at is null and i.expires_at > clock_v1()
      and a.segment = i.segment and a.account = i.account and a.closed_at is null
      and not exists (select from identity d where d.issuer = p_issuer and d.subject_hash = sha256(p_subject))
    returning i.account into v_account;
    if v_account is null then
        return false;
    end if;
    insert into identity (issuer, subject_hash, segment, account, linked_at)
    values (p_issuer, sha256(p_subject), p_segment, v_account, clock_v1());
    update ledger l set quarantined_until = clock_v1() + interval '24 hours' where l.segment = p_segment and l.account = v_account;
    perform log_own_act_v1(p_segment, v_account, 'identity_linked', 'open', null, null);
    perform log_own_act_v1(p_segment, v_account, 'invitation_redeemed', 'open', null, null);
    return true;
end $$;

-- Notes a fresh touch for a session of the same account, but for one that was handed on: nobody can see who asks for the
-- touch there. Whether there is such a session.
create or replace function cloison.touch_session_v1(p_segment text, p_account uuid, p_session uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    update session s set touched_at = clock_v1()
    where s.segment = p_segment and s.session = p_session and s.account = p_account and s.client is null
      and least(s.expires_at, s.seen_at + s.idle) > clock_v1()
      and not exists (select from session_end e where e.segment = s.segment and e.session = s.session);
    if found then
        perform log_own_act_v1(p_segment, p_account, 'session_touched', 'open', p_session, null);
    end if;
    return found;
end $$;

-- Whose session of the sign-in door this is; no row: none.
create or replace function cloison.member_v1(p_segment text, p_token bytea) returns table (
    account uuid, handle text, organisation text, role text, session uuid, touched boolean
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select m.account, m.handle, o.name, m.role_name, m.session, coalesce(m.touched_at > clock_v1() - interval '5 minutes', false)
    from member m join organisation o on o.organisation = m.organisation
    where m.segment = p_segment and m.token_hash = sha256(p_token);
$$;

-- The last sign-ins of a session's account, newest first: for which door, when, with which passkey, and whether it goes on.
create or replace function cloison.signins_v1(p_segment text, p_token bytea) returns table (
    session uuid, door text, begun_at timestamptz, seen_at timestamptz, factor uuid, live boolean, copied_at timestamptz
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select s.session, s.door::text, s.issued_at, s.seen_at, s.factor,
        least(s.expires_at, s.seen_at + s.idle) > clock_v1() and not exists (
            select from session_end e where e.segment = s.segment and e.session = s.session), s.copied_at
    from member m join session s on s.segment = m.segment and s.account = m.account
    where m.segment = p_segment and m.token_hash = sha256(p_token)
    order by s.issued_at desc limit 20;
$$;

-- The passkeys of a session's account, the oldest first.
create or replace function cloison.passkeys_v1(p_segment text, p_token bytea) returns table (
    factor uuid, aaguid uuid, added_at timestamptz, used_at timestamptz
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select f.factor, f.aaguid, f.added_at, f.used_at
    from member m join factor f on f.segment = m.segment and f.account = m.account and f.frozen_at is null
    where m.segment = p_segment and m.token_hash = sha256(p_token)
    order by f.added_at, f.factor;
$$;

-- Ends the session, of whichever door, or all of its account; how many ended.
create or replace function cloison.sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_mine session;
    v_ended integer;
begin
    select * into v_mine from session s
    where s.segment = p_segment and s.token_hash = sha256(p_token) and s.expires_at > clock_v1()
      and not exists (select from session_end e where e.segment = s.segment and e.session = s.session);
    if v_mine.session is null then
        return 0;
    end if;
    with ended as (
        insert into session_end (segment, session, ended_at)
        select s.segment, s.session, clock_v1() from session s
        where s.segment = p_segment and s.account = v_mine.account
          and (p_everywhere or s.session = v_mine.session or s.parent = v_mine.session)
          and s.expires_at > clock_v1()
        on conflict do nothing returning session
    ), recalled as (
        insert into recall (subject, until) select e.session, clock_v1() + interval '1 minute' from ended e on conflict do nothing
    )
    select count(*) into v_ended from ended;
    perform log_own_act_v1(p_segment, v_mine.account, 'session_ended', 'open', v_mine.session, null);
    return v_ended;
end $$;

-- Notes that these sessions were used just now; a door tells it once a minute, so that idle ones end.
create or replace function cloison.seen_v1(p_segments text[], p_tokens bytea[]) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    update session s set seen_at = clock_v1()
    from unnest(p_segments, p_tokens) q (place, token)
    where s.segment = q.place and s.token_hash = sha256(q.token) and least(s.expires_at, s.seen_at + s.idle) > clock_v1();
$$;

-- A token found no session: an alert, once an hour a session, where it was shown with another device's key; not where its
-- own device shows it at the wrong door, or when it has ended. p_secret: what the token says, without the key; p_token: with
-- it. Tells nothing.
create or replace function cloison.copied_v1(p_segment text, p_secret bytea, p_token bytea) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_account uuid;
    v_session uuid;
begin
    update session s set copied_at = clock_v1()
    where s.segment = p_segment and s.secret_hash = sha256(p_secret) and s.token_hash <> sha256(p_token)
      and s.expires_at > clock_v1() and (s.copied_at is null or s.copied_at < clock_v1() - interval '1 hour')
    returning s.account, s.session into v_account, v_session;
    if found then
        insert into alert (segment, account, number, kind, at)
        values (p_segment, v_account, log_own_act_v1(p_segment, v_account, 'token_copied', 'scope', v_session, null), 'token_copied', clock_v1());
    end if;
end $$;

-- Adds a passkey to the account of a session that was touched lately; `step_up` where it was not, `scope` where it may not.
create or replace function cloison.add_factor_v1(
    p_segment text, p_token bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea,
    p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_who member;
begin
    select * into v_who from member m where m.segment = p_segment and m.token_hash = sha256(p_token);
    if v_who.account is null then
        return 'no_session';
    elsif (v_who.touched_at > clock_v1() - interval '5 minutes') is not true then
        return 'step_up';
    elsif not spend_v1(p_challenge, p_seconds) then
        return 'spent';
    end if;
    perform new_factor_v1(p_segment, v_who.account, p_credential, p_public_key, p_sign_count, p_aaguid, p_backup_eligible);
    return 'open';
end $$;

-- The factor itself, in quarantine for a day.
create or replace function cloison.new_factor_v1(
    p_segment text, p_account uuid, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid,
    p_backup_eligible boolean
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_factor uuid;
begin
    insert into factor (segment, account, credential, public_key, sign_count, aaguid, backup_eligible, added_at, quarantined_until)
    values (p_segment, p_account, p_credential, p_public_key, p_sign_count, p_aaguid, p_backup_eligible, clock_v1(),
        clock_v1() + interval '24 hours')
    returning factor into v_factor;
    perform log_own_act_v1(p_segment, p_account, 'factor_added', 'open', null, v_factor);
    return v_factor;
end $$;

-- Takes a passkey away from the account of a session that was touched lately, or a thief in a session would lock its owner
-- out; sessions begun with it end. `none`: there is no such passkey; `last`: without it nobody would come in any more.
create or replace function cloison.remove_factor_v1(p_segment text, p_token bytea, p_factor uuid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_who member;
    v_factors uuid[];
begin
    select * into v_who from member m where m.segment = p_segment and m.token_hash = sha256(p_token);
    if v_who.account is null then
        return 'no_session';
    elsif (v_who.touched_at > clock_v1() - interval '5 minutes') is not true then
        return 'step_up';
    end if;
    -- All of them are locked, in order: of two removals at once the second sees the first.
    select array_agg(q.factor) into v_factors from (
        select f.factor from factor f
        where f.segment = p_segment and f.account = v_who.account and f.frozen_at is null
        order by f.factor for update
    ) q;
    if (p_factor = any (v_factors)) is not true then
        return 'none';
    elsif cardinality(v_factors) = 1 then
        return 'last';
    end if;
    update factor f set frozen_at = clock_v1()
    where f.segment = p_segment and f.account = v_who.account and f.factor = p_factor;
    perform end_factor_sessions_v1(p_segment, v_who.account, array[p_factor]);
    perform log_own_act_v1(p_segment, v_who.account, 'factor_frozen', 'open', v_who.session, p_factor);
    return 'open';
end $$;

create or replace function cloison.end_factor_sessions_v1(p_segment text, p_account uuid, p_factors uuid[]) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    insert into session_end (segment, session, ended_at)
    select s.segment, s.session, clock_v1() from session s
    where s.segment = p_segment and s.account = p_account and s.factor = any (p_factors) and s.expires_at > clock_v1()
    on conflict do nothing;
    insert into recall (subject, until)
    select s.session, clock_v1() + interval '1 minute' from session s
    where s.segment = p_segment and s.account = p_account and s.factor = any (p_factors) and s.expires_at > clock_v1()
    on conflict do nothing;
$$;
