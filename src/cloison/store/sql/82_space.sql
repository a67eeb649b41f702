-- How people come into their own space. The space door's login calls these but for the first, which is intake's. The rules:
--   1. an account invites whom its session opened in the last 15 minutes and whom it has a relation with still, but nobody
--      whose record it wrote lately: it could have put its own address there. At most 3 times a day a person; the last code
--      holds, for 14 days, once, and for 10 goes. It has two halves, one mailed to the address in the record, which the
--      account does not see, the other given by hand: neither a mailbox nor an account is enough. Redeemed by whoever has a
--      login, here or where they were before, it freezes all that led to it before;
--   2. a try by password is counted before it is answered, so that a thousand at once are no more than ten: of a login, and
--      of each device on which it signed in before. What is full gives out nothing, as if the name were nobody's;
--   3. a sign-in sets the count back: by passkey, which cannot be guessed, by a known device, or with the tenth try;
--   4. a one-time code's step is good once, and none before it;
--   5. what is nobody's, or full, costs the same writing as what is somebody's;
--   6. a new factor, or one less, needs a sign-in in the last five minutes; one way to sign in stays;
--   7. an identity at an OpenID provider leads to one login, and is linked to it by both halves of a code;
--   8. who died, or whose record another one took in, has no login any more.

insert into cloison.space_decoy (slot) select generate_series(0, 255) on conflict do nothing;

-- Appends the entry of something in a person's space: numbered under their login, so that none waits for another's.
create or replace function cloison.log_space_v1(
    p_segment text, p_login uuid, p_event cloison.event, p_person uuid, p_session uuid, p_amount integer
) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_number bigint;
begin
    insert into ledger as l (segment, account, next_number) values (p_segment, p_login, 2)
    on conflict (segment, account) do update set next_number = l.next_number + 1
    returning next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, person, amount)
    values (p_segment, p_login, v_number, clock_v1(), p_event, 'open', p_session, p_person, p_amount);
    return v_number;
end $$;

-- Invites somebody of p_home, by a session's token: rule 1. Answers until when the code holds; null: it may not.
create or replace function cloison.space_invite_v1(
    p_segment text, p_token bytea, p_home text, p_person uuid, p_code_hash bytea, p_both_hash bytea
) returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
    v_who holder;
    v_number bigint;
    v_login uuid;
begin
    select * into v_who from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > v_now and h.covered;
    if v_who.session is null or exists (
            select from account_freeze f where f.segment = p_segment and f.account = v_who.account and f.lifted_at is null) then
        return null;
    end if;
    -- The ledger's lock puts two at once in a row, before either counts.
    update ledger l set next_number = l.next_number + 1 where l.segment = p_segment and l.account = v_who.account
    returning l.next_number - 1 into v_number;
    perform from person p where p.segment = p_home and p.person = p_person for no key update;
    if not found or not exists (
            select from entry e
            where e.segment in (p_segment, p_home) and e.account = v_who.account and e.session = v_who.session
              and e.person = p_person and e.event in ('open', 'person_read') and e.outcome = 'open'
              and e.at > v_now - interval '15 minutes')
        or relation_now_v1(v_who, p_person) is null
        or wrote_lately_v1(p_segment, v_who.account, p_person)
        or (select count(*) from space_invitation i where i.segment = p_home and i.person = p_person
              and i.invited_at > v_now - interval '24 hours') >= 3 then
        insert into entry (segment, account, number, at, event, outcome, session, person)
        values (p_segment, v_who.account, v_number, v_now, 'space_invited', 'scope', v_who.session, p_person);
        return null;
    end if;
    select l.login into v_login from space_login l where l.segment = p_home and l.person = p_person;
    update space_invitation i set expires_at = v_now where i.segment = p_home and i.person = p_person and i.expires_at > v_now;
    insert into space_invitation (segment, person, invited_at, login, session, code_hash, both_hash, expires_at)
    values (p_home, p_person, v_now, coalesce(v_login, gen_random_uuid()), v_who.session, p_code_hash, p_both_hash,
        v_now + interval '336 hours');
    insert into entry (segment, account, number, at, event, outcome, session, person)
    values (p_segment, v_who.account, v_number, v_now, 'space_invited', 'open', v_who.session, p_person);
    return v_now + interval '336 hours';
end $$;

-- The address to mail a half to, once, to the session that has just invited, as release_address_v1: in a later transaction,
-- for the keeper's caller `intake` alone. The person is of the account's own segment.
create or replace function cloison.space_address_v1(p_segment text, p_token bytea, p_code_hash bytea)
returns table (person uuid, sealed bytea[], ticket text, mac bytea)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_invited space_invitation;
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'release needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    v_now := clock_v1();
    select i.* into v_invited from space_invitation i
    join session s on s.segment = p_segment and s.session = i.session
    where i.segment = p_segment and i.code_hash = p_code_hash and s.token_hash = sha256(p_token) and i.addressed_at is null
      and i.invited_at > v_now - receipt_lifetime_v1() and i.expires_at > v_now
    for update of i skip locked;
    if not found then
        return;
    end if;
    perform wait_until_flushed_v1();
    return query
    with used as (
        update space_invitation i set addressed_at = v_now
        where i.segment = p_segment and i.code_hash = p_code_hash and i.addressed_at is null
        returning i.invitation
    ), allowed as (
        select p.person, p.sealed, format('cloison-change-1|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', u.invitation, v_invited.session,
            h.account, p_segment, p.cohort, p.person, p.key_id, c.address_bit, p.version,
            floor(extract(epoch from v_now) * 1000)::bigint) as ticket
        from used u
        join holder h on h.segment = p_segment and h.session = v_invited.session and h.expires_at > v_now and h.covered
        join person p on p.segment = p_segment and p.person = v_invited.person
        join profile c on c.address_bit > 0
        where p.person = reachable_v1(p_segment, h.account, p.person)
          and not exists (select from account_freeze f where f.segment = p_segment and f.account = h.account and f.lifted_at is null)
    )
    select a.person, a.sealed, a.ticket, sha256(k.outer_block || sha256(k.inner_block || convert_to(a.ticket, 'UTF8')))
    from allowed a cross join ticket_key k;
end $$;

-- The login that a mailed half is for; no row: it is for none.
create or replace function cloison.space_invitation_v1(p_segment text, p_code_hash bytea) returns table (login uuid)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select i.login from space_invitation i
    where i.segment = p_segment and i.code_hash = p_code_hash and i.expires_at > clock_v1() and i.redeemed_at is null
      and i.tries < 20;
$$;

-- The login that both halves are for, before anything costly is done for them; each call counts. No row: they are for none.
create or replace function cloison.space_halves_v1(p_segment text, p_code_hash bytea, p_both_hash bytea) returns table (login uuid)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    with tried as (
        update space_invitation i set tries = i.tries + 1
        where i.segment = p_segment and i.code_hash = p_code_hash and i.expires_at > clock_v1() and i.redeemed_at is null
          and i.tries < 20
        returning i.login, i.both_hash
    )
    select t.login from tried t where t.both_hash = p_both_hash;
$$;

-- Ends all logins of a person, but for one: rule 8, and whoever has a new one where they are now.
create or replace function cloison.space_end_v1(p_person uuid, p_but uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_login space_login;
begin
    for v_login in
        select l.* from space_login l where l.person = p_person and l.login is distinct from p_but order by l.segment, l.login
    loop
        delete from space_name n where n.segment = v_login.segment and n.login = v_login.login;
        delete from space_identity d where d.segment = v_login.segment and d.login = v_login.login;
        delete from space_device d where d.segment = v_login.segment and d.login = v_login.login;
        update space_login l set password = null, totp = null where l.segment = v_login.segment and l.login = v_login.login;
        update space_factor f set frozen_at = clock_v1()
        where f.segment = v_login.segment and f.login = v_login.login and f.frozen_at is null;
        update space_session x set ended_at = clock_v1()
        where x.segment = v_login.segment and x.login = v_login.login and x.ended_at is null;
        perform log_space_v1(v_login.segment, v_login.login, 'space_ended', p_person, null, null);
    end loop;
    if p_but is null then
        update space_invitation i set expires_at = clock_v1() where i.person = p_person and i.expires_at > clock_v1();
    end if;
end $$;

-- Makes the login that an invitation is for, or makes it anew: nothing that led to it before does so any more, but for the
-- name or the identity that the caller has just given it.
create or replace function cloison.space_renew_v1(
    p_invited cloison.space_invitation, p_name_hash bytea, p_identity_hash bytea, p_password text, p_totp bytea, p_step bigint
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
    v_segment text := p_invited.segment;
    v_login uuid := p_invited.login;
begin
    insert into space_login (segment, login, person, made_at, password, totp, totp_step)
    values (v_segment, v_login, p_invited.person, v_now, p_password, p_totp, coalesce(p_step, 0))
    on conflict (segment, login) do update
    set password = excluded.password, totp = excluded.totp, totp_step = excluded.totp_step, tries = 0;
    delete from space_name n where n.segment = v_segment and n.login = v_login and n.name_hash is distinct from p_name_hash;
    delete from space_identity d
    where d.segment = v_segment and d.login = v_login and d.identity_hash is distinct from p_identity_hash;
    update space_factor f set frozen_at = v_now where f.segment = v_segment and f.login = v_login and f.frozen_at is null;
    update space_session s set ended_at = v_now where s.segment = v_segment and s.login = v_login and s.ended_at is null;
    delete from space_device d where d.segment = v_segment and d.login = v_login;
    update space_invitation i set redeemed_at = v_now where i.segment = v_segment and i.code_hash = p_invited.code_hash;
    perform space_end_v1(p_invited.person, v_login);
    perform log_space_v1(v_segment, v_login, 'space_redeemed', p_invited.person, null, null);
end $$;

-- Makes a login, or makes it anew: with a password and a phone's secret, a passkey, or both. Answers `open`, `none` (the code
-- is good no more), `taken` (the name is another's), `spent` (the challenge), `factors` (they are too few).
create or replace function cloison.space_redeem_v1(
    p_segment text, p_code_hash bytea, p_both_hash bytea, p_name_hash bytea, p_password text, p_totp bytea, p_step bigint, p_challenge bytea,
    p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
    v_invited space_invitation;
begin
    update space_invitation i set tries = i.tries + 1
    where i.segment = p_segment and i.code_hash = p_code_hash and i.expires_at > v_now and i.redeemed_at is null and i.tries < 20
    returning i.* into v_invited;
    if v_invited.login is null or v_invited.both_hash <> p_both_hash then
        return 'none';
    elsif p_name_hash is null or (p_credential is null and (p_password is null or p_totp is null or p_step is null)) then
        return 'factors';
    elsif p_credential is not null and not spend_v1(p_challenge, p_seconds) then
        return 'spent';
    end if;
    -- A name is free, or it is their own: of this login, or of one that they made where they were before.
    insert into space_name as n (name_hash, segment, login) values (p_name_hash, p_segment, v_invited.login)
    on conflict (name_hash) do update set segment = excluded.segment, login = excluded.login
    where (n.segment = p_segment and n.login = v_invited.login) or exists (
        select from space_login l where l.segment = n.segment and l.login = n.login and l.person = v_invited.person);
    if not found then
        return 'taken';
    end if;
    perform space_renew_v1(v_invited, p_name_hash, null, p_password, p_totp, p_step);
    if p_credential is not null then
        perform space_new_factor_v1(p_segment, v_invited.login, p_credential, p_public_key, p_sign_count, p_aaguid, p_backup_eligible);
    end if;
    return 'open';
end $$;

-- The same with an identity at an OpenID provider, which the door has verified, in place of a name: `open`, `none`, or `taken`:
-- it leads to somebody else's login.
create or replace function cloison.space_link_v1(p_segment text, p_code_hash bytea, p_both_hash bytea, p_identity_hash bytea)
returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
    v_invited space_invitation;
begin
    update space_invitation i set tries = i.tries + 1
    where i.segment = p_segment and i.code_hash = p_code_hash and i.expires_at > v_now and i.redeemed_at is null and i.tries < 20
    returning i.* into v_invited;
    if v_invited.login is null or v_invited.both_hash <> p_both_hash then
        return 'none';
    end if;
    insert into space_identity as d (identity_hash, segment, login, linked_at)
    values (p_identity_hash, p_segment, v_invited.login, v_now)
    on conflict (identity_hash) do update
    set segment = excluded.segment, login = excluded.login, linked_at = excluded.linked_at
    where (d.segment = p_segment and d.login = v_invited.login) or exists (
        select from space_login l where l.segment = d.segment and l.login = d.login and l.person = v_invited.person);
    if not found then
        return 'taken';
    end if;
    perform space_renew_v1(v_invited, null, p_identity_hash, null, null, null);
    return 'open';
end $$;

-- The login that an identity leads to; no row: none.
create or replace function cloison.space_identity_v1(p_identity_hash bytea) returns table (segment text, login uuid)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select d.segment, d.login from space_identity d where d.identity_hash = p_identity_hash;
$$;

create or replace function cloison.space_new_factor_v1(
    p_segment text, p_login uuid, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    insert into space_factor (segment, login, credential, public_key, sign_count, aaguid, backup_eligible, added_at)
    values (p_segment, p_login, p_credential, p_public_key, p_sign_count, p_aaguid, p_backup_eligible, clock_v1());
    perform log_space_v1(p_segment, p_login, 'space_factor_added',
        (select l.person from space_login l where l.segment = p_segment and l.login = p_login), null, null);
end $$;

-- Counts a try by password, then gives out what it is compared with: rule 2. p_device: the thumbprint of a device that the door
-- knows again, else null. No row: nobody's name, no password, or ten tries: the door compares with nobody's, for as long.
create or replace function cloison.space_try_v1(p_name_hash bytea, p_device bytea) returns table (
    segment text, login uuid, password text, totp bytea
)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_name space_name;
    v_login space_login;
begin
    select * into v_name from space_name n where n.name_hash = p_name_hash;
    update space_device d set tries = d.tries + 1
    where d.segment = v_name.segment and d.login = v_name.login and d.thumbprint = p_device and d.tries < 10;
    if found then
        select * into v_login from space_login l where l.segment = v_name.segment and l.login = v_name.login;
    else
        update space_login l set tries = l.tries + 1
        where l.segment = v_name.segment and l.login = v_name.login and l.tries < 10 and l.password is not null
        returning l.* into v_login;
        if v_login.tries = 10 then
            perform log_space_v1(v_login.segment, v_login.login, 'space_blocked', v_login.person, null, 10);
        end if;
    end if;
    if v_login.password is null then                                                        -- 5
        update space_decoy d set tries = d.tries + 1 where d.slot = get_byte(p_name_hash, 0);
        return;
    end if;
    return query select v_login.segment, v_login.login, v_login.password, v_login.totp;
end $$;

-- Begins a session: by password, where the password compared (p_kept) is the login's still and the code's step is new (rule 4);
-- p_fresh: its hash by today's parameters. By passkey or provider (p_way): all three are null. Answers when it ends at the latest; null: it did not begin.
create or replace function cloison.space_begin_v1(
    p_segment text, p_login uuid, p_session uuid, p_token_hash bytea, p_secret_hash bytea, p_device bytea, p_kept text,
    p_step bigint, p_fresh text, p_way text
) returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
    v_login space_login;
begin
    update space_login l set tries = 0, totp_step = coalesce(p_step, l.totp_step), password = coalesce(p_fresh, l.password)
    where l.segment = p_segment and l.login = p_login
      and case when p_way = 'password' then l.password = p_kept and l.totp_step < p_step
          else p_kept is null and p_step is null and p_fresh is null end
    returning l.* into v_login;
    if v_login.login is null then
        return null;
    end if;
    insert into space_device (segment, login, thumbprint, known_at) values (p_segment, p_login, p_device, v_now)
    on conflict (segment, login, thumbprint) do update set known_at = v_now, tries = 0;
    delete from space_device d where d.segment = p_segment and d.login = p_login and d.thumbprint not in (
        select k.thumbprint from space_device k where k.segment = p_segment and k.login = p_login order by k.known_at desc limit 10);
    insert into space_session (segment, session, login, token_hash, secret_hash, way, issued_at, expires_at, seen_at)
    values (p_segment, p_session, p_login, p_token_hash, p_secret_hash,
        p_way::space_way, v_now, v_now + interval '8 hours', v_now);
    insert into log_session (segment, session, device, until) values (p_segment, p_session, p_device, v_now + interval '8 hours');
    perform log_space_v1(p_segment, p_login, 'space_signed_in', v_login.person, p_session, null);
    return v_now + interval '8 hours';
end $$;

-- The passkeys of a login that sign in.
create or replace function cloison.space_factors_v1(p_segment text, p_login uuid) returns table (
    factor uuid, credential bytea, public_key bytea, aaguid uuid, backup_eligible boolean
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select f.factor, f.credential, f.public_key, f.aaguid, f.backup_eligible from space_factor f
    where f.segment = p_segment and f.login = p_login and f.frozen_at is null;
$$;

-- Notes that a passkey was touched for a challenge, given out at p_given_at, which is used up; `open`, `spent`, `none`, or `cloned`: it is frozen then.
create or replace function cloison.space_touched_v1(
    p_segment text, p_login uuid, p_factor uuid, p_sign_count bigint, p_given_at timestamptz, p_challenge bytea, p_seconds integer
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_factor space_factor;
    v_number bigint;
begin
    if not spend_v1(p_challenge, p_seconds) then
        return 'spent';
    end if;
    select * into v_factor from space_factor f
    where f.segment = p_segment and f.login = p_login and f.factor = p_factor and f.frozen_at is null for update;
    if v_factor.factor is null then
        return 'none';
    end if;
    if v_factor.used_at > p_given_at and p_sign_count < v_factor.sign_count then
        return 'spent';   -- answered out of order, by an honest person with two pages; a copy gets no further
    elsif p_sign_count <= v_factor.sign_count and (p_sign_count > 0 or v_factor.sign_count > 0) then
        update space_factor f set frozen_at = clock_v1() where f.segment = p_segment and f.login = p_login and f.factor = p_factor;
        perform space_alert_v1(p_segment, p_login, 'space_factor_frozen', 'factor_cloned', null);
        return 'cloned';
    end if;
    update space_factor f set sign_count = p_sign_count, used_at = clock_v1()
    where f.segment = p_segment and f.login = p_login and f.factor = p_factor;
    return 'open';
end $$;

create or replace function cloison.space_alert_v1(
    p_segment text, p_login uuid, p_event cloison.event, p_kind cloison.alert_kind, p_session uuid
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_person uuid := (select l.person from space_login l where l.segment = p_segment and l.login = p_login);
begin
    insert into alert (segment, account, number, kind, at, person)
    values (p_segment, p_login, log_space_v1(p_segment, p_login, p_event, v_person, p_session, null),
        p_kind, clock_v1(), v_person);
end $$;

-- Sessions that go on.
create or replace view cloison.space_live as
select s.segment, s.session, s.token_hash, s.login, s.issued_at, s.seen_at, l.person
from cloison.space_session s join cloison.space_login l on l.segment = s.segment and l.login = s.login
where s.ended_at is null and least(s.expires_at, s.seen_at + interval '20 minutes') > cloison.clock_v1();

-- Whose session this is, and notes that it was used; `fresh`: begun in the last five minutes. No row: none.
create or replace function cloison.space_member_v1(p_segment text, p_token bytea) returns table (
    login uuid, fresh boolean, by_password boolean
)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_mine space_live;
begin
    select * into v_mine from space_live s where s.segment = p_segment and s.token_hash = sha256(p_token);
    if v_mine.session is null then
        return;
    end if;
    update space_session s set seen_at = clock_v1()
    where s.segment = p_segment and s.session = v_mine.session and s.seen_at < clock_v1() - interval '1 minute';
    return query select v_mine.login, v_mine.issued_at > clock_v1() - interval '5 minutes',
        (select l.password is not null from space_login l where l.segment = p_segment and l.login = v_mine.login);
end $$;

-- The last sign-ins of a session's login, newest first.
create or replace function cloison.space_signins_v1(p_segment text, p_token bytea) returns table (
    session uuid, way text, begun_at timestamptz, seen_at timestamptz, live boolean, copied_at timestamptz
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select s.session, s.way::text, s.issued_at, s.seen_at,
        exists (select from space_live v where v.segment = s.segment and v.session = s.session), s.copied_at
    from space_live m join space_session s on s.segment = m.segment and s.login = m.login
    where m.segment = p_segment and m.token_hash = sha256(p_token)
    order by s.issued_at desc limit 20;
$$;

-- Ends the session, or all of its login; how many ended. All: its devices are known no more either.
create or replace function cloison.space_sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_mine space_live;
    v_ended integer;
begin
    select * into v_mine from space_live s where s.segment = p_segment and s.token_hash = sha256(p_token);
    if v_mine.session is null then
        return 0;
    end if;
    update space_session s set ended_at = clock_v1()
    where s.segment = p_segment and s.login = v_mine.login and (p_everywhere or s.session = v_mine.session)
      and s.ended_at is null and s.expires_at > clock_v1();
    get diagnostics v_ended = row_count;
    if p_everywhere then
        delete from space_device d where d.segment = p_segment and d.login = v_mine.login;
    end if;
    perform log_space_v1(p_segment, v_mine.login, 'space_signed_out', v_mine.person, v_mine.session, v_ended);
    return v_ended;
end $$;

-- A token was shown with another device's key: an alert, once an hour a session. Tells nothing.
create or replace function cloison.space_copied_v1(p_segment text, p_secret bytea, p_token bytea) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_login uuid;
    v_session uuid;
begin
    update space_session s set copied_at = clock_v1()
    where s.segment = p_segment and s.secret_hash = sha256(p_secret) and s.token_hash <> sha256(p_token)
      and s.expires_at > clock_v1() and (s.copied_at is null or s.copied_at < clock_v1() - interval '1 hour')
    returning s.login, s.session into v_login, v_session;
    if found then
        perform space_alert_v1(p_segment, v_login, 'token_copied', 'token_copied', v_session);
    end if;
end $$;

-- The passkeys of a session's login, the oldest first.
create or replace function cloison.space_passkeys_v1(p_segment text, p_token bytea) returns table (
    factor uuid, added_at timestamptz, used_at timestamptz
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select f.factor, f.added_at, f.used_at
    from space_live m join space_factor f on f.segment = m.segment and f.login = m.login and f.frozen_at is null
    where m.segment = p_segment and m.token_hash = sha256(p_token)
    order by f.added_at;
$$;

-- Whether a session's login is signed in to by an identity at a provider too.
create or replace function cloison.space_linked_v1(p_segment text, p_token bytea) returns boolean
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select exists (
        select from space_live m join space_identity d on d.segment = m.segment and d.login = m.login
        where m.segment = p_segment and m.token_hash = sha256(p_token));
$$;

-- Takes a passkey away, and ends what it may have begun: rule 6. `open`, `no_session`, `step_up`, `none`, or `last`.
create or replace function cloison.space_remove_factor_v1(p_segment text, p_token bytea, p_factor uuid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_mine space_live;
    v_login space_login;
begin
    select * into v_mine from space_live s where s.segment = p_segment and s.token_hash = sha256(p_token);
    if v_mine.session is null then
        return 'no_session';
    elsif v_mine.issued_at < clock_v1() - interval '5 minutes' then
        return 'step_up';
    end if;
    select * into v_login from space_login l where l.segment = p_segment and l.login = v_mine.login for update;
    if not exists (select from space_factor f where f.segment = p_segment and f.login = v_mine.login and f.factor = p_factor
                   and f.frozen_at is null) then
        return 'none';
    elsif v_login.password is null and (select count(*) from space_factor f where f.segment = p_segment
          and f.login = v_mine.login and f.frozen_at is null) = 1 and not exists (
          select from space_identity d where d.segment = p_segment and d.login = v_mine.login) then
        return 'last';
    end if;
    update space_factor f set frozen_at = clock_v1() where f.segment = p_segment and f.login = v_mine.login and f.factor = p_factor;
    update space_session s set ended_at = clock_v1()
    where s.segment = p_segment and s.login = v_mine.login and s.session <> v_mine.session and s.way = 'passkey' and s.ended_at is null;
    perform log_space_v1(p_segment, v_mine.login, 'space_factor_frozen', v_mine.person, v_mine.session, null);
    return 'open';
end $$;

-- Adds a passkey to the login of a session that began lately: rule 6. `open`, `no_session`, `step_up` or `spent`.
create or replace function cloison.space_add_factor_v1(
    p_segment text, p_token bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea,
    p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_mine space_live;
begin
    select * into v_mine from space_live s where s.segment = p_segment and s.token_hash = sha256(p_token);
    if v_mine.session is null then
        return 'no_session';
    elsif v_mine.issued_at < clock_v1() - interval '5 minutes' then
        return 'step_up';
    elsif not spend_v1(p_challenge, p_seconds) then
        return 'spent';
    end if;
    perform space_new_factor_v1(p_segment, v_mine.login, p_credential, p_public_key, p_sign_count, p_aaguid, p_backup_eligible);
    return 'open';
end $$;

-- Gives the login of a session that began lately another password and phone's secret: rule 6. All other sessions end, and no
-- device is known any more.
create or replace function cloison.space_set_password_v1(
    p_segment text, p_token bytea, p_name_hash bytea, p_password text, p_totp bytea, p_step bigint
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_mine space_live;
begin
    select * into v_mine from space_live s where s.segment = p_segment and s.token_hash = sha256(p_token);
    if v_mine.session is null then
        return 'no_session';
    elsif v_mine.issued_at < clock_v1() - interval '5 minutes' then
        return 'step_up';
    end if;
    -- Their own name; whoever came by a provider alone has none yet, and gets one that is free.
    insert into space_name (name_hash, segment, login)
    select p_name_hash, p_segment, v_mine.login
    where not exists (select from space_name n where n.segment = p_segment and n.login = v_mine.login)
    on conflict do nothing;
    if not exists (select from space_name n
                   where n.name_hash = p_name_hash and n.segment = p_segment and n.login = v_mine.login) then
        return 'taken';
    end if;
    update space_login l set password = p_password, totp = p_totp, totp_step = p_step, tries = 0
    where l.segment = p_segment and l.login = v_mine.login;
    update space_session s set ended_at = clock_v1()
    where s.segment = p_segment and s.login = v_mine.login and s.session <> v_mine.session and s.ended_at is null;
    delete from space_device d where d.segment = p_segment and d.login = v_mine.login;
    perform log_space_v1(p_segment, v_mine.login, 'space_factor_added', v_mine.person, v_mine.session, null);
    return 'open';
end $$;

-- Removes what leads nowhere any more: sessions that ended and invitations that expired four weeks ago, devices unused for a year.
create or replace function cloison.space_sweep_v1() returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    delete from space_session where least(expires_at, ended_at) < clock_v1() - interval '672 hours';
    delete from space_invitation where expires_at < clock_v1() - interval '672 hours';
    delete from space_device where known_at < clock_v1() - interval '8760 hours';
$$;
