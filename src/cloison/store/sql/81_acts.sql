-- Acts that take several people, invitations, and what one person may do about others' accounts. The rules, in order:
--   1. who acts has a session of the sign-in door; its passkey has signed the act (the door verified it, the signature
--      stays, and `access/evidence.py` verifies it again without the database). What is done is what was signed, by the key
--      that the account registered: a captured door cannot tell one thing and have another done. A passkey that was added
--      beside or after others signs nothing in its first 24 hours;
--   2. who asks has the right to in the act's organisation, whose account it is about; the second person has the right to
--      sign such acts, in the service itself, or, of somebody's opening a stranger, in their own organisation; agreements
--      are the service's alone;
--   3. nobody signs twice; nor do two accounts of one holder; nor somebody about their own account, or one to be theirs;
--      nor, for 24 hours, whoever handed a code over and whoever redeemed it, who may be the same;
--   4. the act has not expired, is not settled, and its last signature does not come before its day; who signed it before
--      might do so still: their accounts are open, their passkeys not frozen, their rights the same;
--   5. the signature that completes it does it, in the same transaction, or nothing is signed.
-- Closing and freezing an account and reviewing one take one person: they take rights away, or say that nothing changes.

-- A list of texts in an act's details; null where it is left out.
create or replace function cloison.texts_v1(p_list jsonb) returns text[]
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return case when jsonb_typeof(p_list) = 'array' then array(select e.value from jsonb_array_elements_text(p_list) e) end;

-- The right (a bit of role.permissions, model.Permission) that asking for an act takes, and signing it; null: nobody may by this way.
create or replace function cloison.act_right_v1(p_kind text, p_asks boolean) returns integer
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return case
    when p_kind in ('account.create', 'account.elevate', 'account.recover') then case when p_asks then 8 else 9 end
    when p_kind = 'account.unfreeze' then 9
    when p_kind in ('organisation.create', 'agreement.make', 'agreement.end') then 10
    when p_kind = 'grant.break_glass' then case when p_asks then 11 else 12 end
    when p_kind = 'grant.reinstate' then case when p_asks then 12 else 9 end
    when p_kind = 'grant.campaign' then case when p_asks then 13 else 14 end
    when p_kind = 'grant.bulk' then 14
    when p_kind = 'grant.disclosure' then 15
    when p_kind = 'staff.import' and not p_asks then 9    -- the operator asks
    when p_kind in ('feed.open', 'client.register') and not p_asks then 10
    when p_kind in ('protection.lift', 'account.forget_holder') and not p_asks then 7
    when p_kind = 'limit.set' and not p_asks then 10
    when p_kind in ('investigation.account', 'investigation.purpose') then 19
end;

-- Whether two accounts may not sign for one another: they are one, or of one holder.
create or replace function cloison.one_holder_v1(p_one uuid, p_other uuid) returns boolean
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select p_one = p_other or exists (
        select from account a join account b on b.holder = a.holder where a.account = p_one and b.account = p_other
    ) or exists (
        select from account_holder h join account_holder o on o.kind = h.kind and o.term = h.term
        where h.account = p_one and o.account = p_other);
$$;

-- Whether one of two was let in, in the last 24 hours, by a code that the other had in hand and may have kept.
create or replace function cloison.handed_lately_v1(p_one uuid, p_other uuid) returns boolean
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select exists (
        select from invitation i
        where i.redeemed_at > clock_v1() - interval '24 hours'
          and ((i.account = p_one and i.handed_by = p_other) or (i.account = p_other and i.handed_by = p_one)));
$$;

-- Whether a passkey is the account's, with this key, and not frozen; raises CL023 where it is too new to sign acts.
create or replace function cloison.signs_acts_v1(p_segment text, p_account uuid, p_factor uuid, p_public_key bytea) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_factor factor;
begin
    select * into v_factor from factor f
    where f.segment = p_segment and f.account = p_account and f.factor = p_factor and f.public_key = p_public_key
      and f.frozen_at is null;
    if v_factor.quarantined_until > clock_v1() and exists (
        select from factor f
        where f.segment = p_segment and f.account = p_account and f.added_at < v_factor.added_at) then
        raise exception 'the passkey is new' using errcode = 'CL023';
    end if;
    return v_factor.factor is not null;
end $$;

-- Whether somebody who signed an act might not do so any more: it is not completed by the others then.
create or replace function cloison.act_void_v1(p_act cloison.act) returns boolean
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select exists (
        select from act_signature s
        join account a on a.segment = s.segment and a.account = s.account
        join role r on r.role = a.role
        where s.act = p_act.act
          and (account_state_v1(s.segment, s.account) <> 'open'
               or (r.permissions >> act_right_v1(p_act.kind, s.account = p_act.asked_by)) & 1 = 0
               or exists (select from factor f where f.segment = s.segment and f.account = s.account
                          and f.factor = s.factor and f.frozen_at is not null)));
$$;

-- An agreement: its cap, or its accounts with the largest of its roles; without either, without end.
create or replace function cloison.agreement_adds_v1(p_terms jsonb) returns integer
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select least(
        coalesce((p_terms -> 'caps' ->> 'day')::integer, 1000000000),
        coalesce((p_terms ->> 'accounts')::bigint * (
            select max(d.people) from (
                select r.name, coalesce(sum(b.day), 0)::integer as people
                from role r left join role_budget b on b.role = r.role and b.meter in ('open', 'walk_in') group by r.role
            ) d where (d.name <> all (texts_v1(p_terms -> 'roles'))) is not true), 1000000000))::integer;
$$;

-- How many people more a day an act may let be opened: the day's budgets of the account that it lets in, or of the role's
-- above the one it has. As `cloison blast-radius` counts an account in `whatever_reach`.
create or replace function cloison.act_adds_v1(p_kind text, p_details jsonb) returns integer
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    with today as (
        select a.role from account a
        where a.segment = p_details ->> 'segment' and a.account = (p_details ->> 'account')::uuid
    ), days as (
        select r.role, coalesce(sum(b.day), 0)::integer as people
        from role r left join role_budget b on b.role = r.role and b.meter in ('open', 'walk_in') group by r.role
    )
    select case
        when p_kind = 'account.create' then coalesce((select d.people from days d join role r using (role) where r.name = p_details ->> 'role'), 0)
        when p_kind = 'account.elevate' then greatest(0,
            coalesce((select d.people from days d join role r using (role) where r.name = p_details ->> 'role'), 0)
            - coalesce((select d.people from days d join today using (role)), 0))
        when p_kind in ('account.recover', 'account.unfreeze') then coalesce((select d.people from days d join today using (role)), 0)
        when p_kind = 'agreement.make' then agreement_adds_v1(p_details)
        when p_kind = 'organisation.create' and p_details ? 'agreement' then agreement_adds_v1(p_details -> 'agreement')
        when p_kind = 'staff.import' then (
            select coalesce(least(sum(x.value::bigint * d.people), 1000000000), 0)::integer
            from jsonb_each_text(p_details -> 'roles') x join role r on r.name = x.key join days d on d.role = r.role)
        when p_kind = 'grant.bulk' then coalesce((p_details ->> 'people')::integer, 1000000000)
        when p_kind = 'grant.disclosure' then 1
        when p_kind = 'grant.campaign' then (
            select least(coalesce((p_details ->> 'people')::bigint, 1000000000) * count(*), 1000000000)::integer from account a
            where a.agency = p_details ->> 'agency' and a.segment = p_details ->> 'segment' and a.closed_at is null)
        else 0 end;
$$;

-- What an act's details are to name: an organisation by its name, an account by its handle; null where there is none.
create or replace function cloison.named_v1(p_segment text, p_token bytea, p_organisation text, p_place text, p_handle text)
returns table (organisation uuid, account uuid)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select coalesce(a.organisation, (select o.organisation from organisation o where o.name = p_organisation)), a.account
    from member m left join account a on a.segment = p_place and a.handle = p_handle and a.closed_at is null
    where m.segment = p_segment and m.token_hash = sha256(p_token)
      and (m.service or a.organisation is null or a.organisation = m.organisation);
$$;

-- Asks for an act, with the asker's signature. `scope`: not this account, or not in this organisation. Raises CL022 where
-- what is told of the act is not what its bytes say.
create or replace function cloison.ask_act_v1(
    p_segment text, p_token bytea, p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid,
    p_expires_at timestamptz, p_factor uuid, p_public_key bytea,
    p_authenticator_data bytea, p_client_data bytea, p_signature bytea
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_who member;
    v_right integer := act_right_v1(p_kind, true);
    v_large boolean := act_adds_v1(p_kind, p_details) >= coalesce((select t.people_a_day from act_threshold t), 200);   -- assumed
    v_said jsonb := convert_from(p_canonical, 'UTF8');
begin
    select * into v_who from member m where m.segment = p_segment and m.token_hash = sha256(p_token);   -- 1
    if v_who.account is null then
        return 'no_session';
    elsif v_right is null or (v_who.permissions >> v_right) & 1 = 0                                            -- 2
          or (not v_who.service and (v_right not in (8, 13) or p_organisation <> v_who.organisation))
          or one_holder_v1(v_who.account, (p_details ->> 'account')::uuid)                              -- 3
          or one_holder_v1(v_who.account, (p_details ->> 'executor')::uuid)
          or (p_details ? 'account' and not exists (
              select from account a where a.segment = p_details ->> 'segment' and a.account = (p_details ->> 'account')::uuid
                and a.organisation = p_organisation and a.closed_at is null))
          or not signs_acts_v1(p_segment, v_who.account, p_factor, p_public_key) then                   -- 1
        perform log_own_act_v1(p_segment, v_who.account, 'act_asked', 'scope', v_who.session, p_act);
        return 'scope';
    elsif (v_said ->> 'act', v_said ->> 'kind', v_said ->> 'organisation', v_said -> 'details',
           v_said -> 'asked_by' ->> 'account', (v_said ->> 'expires_at')::timestamptz)
          is distinct from (p_act::text, p_kind, p_organisation::text, p_details, v_who.account::text, p_expires_at) then
        raise exception 'not what was signed' using errcode = 'CL022';
    end if;
    insert into act (act, kind, canonical, details, organisation, asked_by, asked_at, expires_at, people_needed, not_before, state)
    values (p_act, p_kind, p_canonical, p_details, p_organisation, v_who.account, clock_v1(),
        least(p_expires_at, clock_v1() + interval '72 hours'), case when v_large then 3 else 2 end,
        clock_v1() + case when v_large then interval '24 hours' else interval '0' end, 'waiting');
    insert into act_signature (act, account, segment, factor, public_key, authenticator_data, client_data, signature, signed_at)
    values (p_act, v_who.account, p_segment, p_factor, p_public_key, p_authenticator_data, p_client_data, p_signature, clock_v1());
    perform grant_asked_v1(a) from act a where a.act = p_act;
    perform export_asked_v1(a) from act a where a.act = p_act;
    perform campaign_asked_v1(a) from act a where a.act = p_act and a.kind = 'grant.campaign';
    perform investigation_asked_v1(a) from act a where a.act = p_act;
    perform log_own_act_v1(p_segment, v_who.account, 'act_asked', 'open', v_who.session, p_act);
    return 'waiting';
end $$;

-- Signs an act; `done` where that completes it. `early`: complete but for its day, nothing was signed.
create or replace function cloison.sign_act_v1(
    p_segment text, p_token bytea, p_act uuid, p_factor uuid, p_public_key bytea, p_authenticator_data bytea,
    p_client_data bytea, p_signature bytea
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_who member;
    v_act act;
    v_right integer;
    v_signed integer;
begin
    select * into v_who from member m where m.segment = p_segment and m.token_hash = sha256(p_token);   -- 1
    if v_who.account is null then
        return 'no_session';
    end if;
    select * into v_act from act a where a.act = p_act for update;   -- of two at once the second sees the first
    v_right := act_right_v1(v_act.kind, false);
    if v_act.act is null or v_right is null or (v_who.permissions >> v_right) & 1 = 0                                  -- 2
          or not (v_who.service or (v_act.kind = 'grant.break_glass' and v_act.organisation = v_who.organisation))
          or one_holder_v1(v_who.account, (v_act.details ->> 'account')::uuid)                                  -- 3
          or one_holder_v1(v_who.account, (v_act.details ->> 'executor')::uuid)
          or exists (select from account a where a.account = v_who.account and a.holder = v_act.details ->> 'holder')
          or exists (select from act_signature s where s.act = p_act and (
              one_holder_v1(v_who.account, s.account) or handed_lately_v1(v_who.account, s.account)))
          or not signs_acts_v1(p_segment, v_who.account, p_factor, p_public_key) then                           -- 1
        perform log_own_act_v1(p_segment, v_who.account, 'act_signed', 'scope', v_who.session, p_act);
        return 'scope';
    elsif v_act.state <> 'waiting' or v_act.expires_at <= clock_v1() or act_void_v1(v_act) then                 -- 4
        return 'settled';
    end if;
    select count(*) + 1 into v_signed from act_signature s where s.act = p_act;
    if v_signed >= v_act.people_needed and v_act.not_before > clock_v1() then
        return 'early';
    end if;
    insert into act_signature (act, account, segment, factor, public_key, authenticator_data, client_data, signature, signed_at)
    values (p_act, v_who.account, p_segment, p_factor, p_public_key, p_authenticator_data, p_client_data, p_signature, clock_v1());
    perform log_own_act_v1(p_segment, v_who.account, 'act_signed', 'open', v_who.session, p_act);
    if v_signed < v_act.people_needed then
        return 'waiting';
    end if;
    perform do_act_v1(v_act);                                                                                   -- 5
    update act a set state = 'done', settled_at = clock_v1() where a.act = p_act;
    return 'done';
end $$;

-- Refuses an act, for good; who may sign it may refuse it, unless it is about them, and so may who asked: or a thief in an
-- account would refuse its recovery. Whether it was waiting.
create or replace function cloison.refuse_act_v1(p_segment text, p_token bytea, p_act uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_who member;
begin
    select * into v_who from member m where m.segment = p_segment and m.token_hash = sha256(p_token);
    if end_export_v1(v_who, p_act) or end_campaign_v1(v_who, p_act) or end_investigation_v1(v_who, p_act) then   -- what was given already
        return true;
    end if;
    update act a set state = 'refused', settled_at = clock_v1(), refused_by = v_who.account
    where a.act = p_act and a.state = 'waiting' and (a.asked_by = v_who.account
        or (v_who.service and (v_who.permissions >> act_right_v1(a.kind, false)) & 1 = 1
            and one_holder_v1(v_who.account, (a.details ->> 'account')::uuid) is not true));
    if found then
        perform end_grant_v1(p_act);
        perform log_own_act_v1(p_segment, v_who.account, 'act_refused', 'open', v_who.session, p_act);
    end if;
    return found;
end $$;

-- Acts that wait: one's own, of the session's organisation for whoever may ask for accounts or approve, or of all for whoever may
-- admit or agree. Investigations only those see who may declare them.
create or replace function cloison.acts_v1(p_segment text, p_token bytea) returns table (
    act uuid, kind text, canonical bytea, asked_by text, asked_at timestamptz, expires_at timestamptz, not_before timestamptz,
    people_needed smallint, signed integer, mine boolean, adds integer
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select a.act, a.kind, a.canonical, coalesce((select c.handle from account c where c.account = a.asked_by), ''), a.asked_at,
        a.expires_at, a.not_before, a.people_needed,
        (select count(*)::integer from act_signature s where s.act = a.act), a.asked_by = m.account,
        act_adds_v1(a.kind, a.details)
    from member m
    join act a on a.state = 'waiting' and a.expires_at > clock_v1()
        and (a.asked_by = m.account
             or case when a.kind like 'investigation.%' then m.service and (m.permissions >> act_right_v1(a.kind, false)) & 1 = 1
                else (a.organisation = m.organisation and m.permissions & (7 << 8 | 1 << 12) <> 0)
                     or (m.service and m.permissions & (3 << 9 | 3 << 14) <> 0) end)
    where m.segment = p_segment and m.token_hash = sha256(p_token)
    order by a.asked_at;
$$;

-- Who approved or refused whose acts in the last days, for whoever may admit or agree: access/habits.py says who does so out
-- of habit. People by the first of their handles; what somebody took back of their own is no decision.
create or replace function cloison.decisions_v1(p_segment text, p_token bytea, p_days integer)
returns table (asker text, approver text, approved boolean)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    with decided as (
        select a.asked_by, s.account, true as approved
        from act a join act_signature s on s.act = a.act
        where a.asked_at > clock_v1() - make_interval(hours => 24 * p_days)
        union all
        select a.asked_by, a.refused_by, false from act a
        where a.asked_at > clock_v1() - make_interval(hours => 24 * p_days) and a.refused_by is not null
    )
    select (select min(b.handle) from account b where b.holder = x.holder),
        (select min(b.handle) from account b where b.holder = y.holder), d.approved
    from decided d
    join account x on x.account = d.asked_by
    join account y on y.account = d.account
    where d.account <> d.asked_by and exists (
        select from member m
        where m.segment = p_segment and m.token_hash = sha256(p_token) and m.service and m.permissions & (3 << 9) <> 0);
$$;

-- An agreement as an act's details have it: terms, how its people sign in, and local offices, which it adds or moves.
create or replace function cloison.make_agreement_v1(p_organisation uuid, p_terms jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    insert into agency (organisation, name, segment)
    select p_organisation, x.value ->> 'name', x.value ->> 'segment'
    from jsonb_array_elements(case when jsonb_typeof(p_terms -> 'agencies') = 'array' then p_terms -> 'agencies' end) x
    on conflict (organisation, name) do update set segment = excluded.segment;
    perform agree_v1(p_organisation, texts_v1(p_terms -> 'segments'), texts_v1(p_terms -> 'roles'),
        (p_terms ->> 'until')::timestamptz, (p_terms ->> 'accounts')::integer, array[
        (p_terms -> 'caps' ->> 'minutes_5')::integer, (p_terms -> 'caps' ->> 'hour')::integer,
        (p_terms -> 'caps' ->> 'day')::integer, (p_terms -> 'caps' ->> 'days_28')::integer]);
    insert into signin_terms as t (organisation, synced, aaguids, provider)
    values (p_organisation, coalesce((p_terms -> 'signin' ->> 'synced')::boolean, false),
        texts_v1(p_terms -> 'signin' -> 'aaguids')::uuid[], p_terms -> 'signin' ->> 'provider')
    on conflict (organisation) do update set synced = excluded.synced, aaguids = excluded.aaguids, provider = excluded.provider;
end $$;

create or replace function cloison.do_act_v1(p_act cloison.act) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    d jsonb := p_act.details;
    v_segment text := d ->> 'segment';
    v_account uuid := (d ->> 'account')::uuid;
    v_organisation uuid;
begin
    if p_act.kind in ('account.recover', 'account.elevate', 'account.unfreeze') and not exists (
        select from account a
        where a.segment = v_segment and a.account = v_account and a.organisation = p_act.organisation and a.closed_at is null) then
        raise exception 'no such account' using errcode = 'CL005';   -- it was closed since
    end if;
    if p_act.kind = 'account.create' then
        -- Locked, so that two at once, in whatever segments and organisations, do not both take the handle.
        perform from organisation o where o.service for no key update;
        if exists (select from account a where a.handle = d ->> 'handle') then
            raise exception 'the handle is taken' using errcode = 'unique_violation';
        end if;
        v_account := create_account_v1(v_segment, d ->> 'handle', p_act.organisation, d ->> 'agency', d ->> 'role', d ->> 'holder',
            p_act.act);   -- one number, so that who asked knows it before it is done
        insert into invitation (segment, account, act, invited_at, expires_at)
        values (v_segment, v_account, p_act.act, clock_v1(), clock_v1() + interval '72 hours');
    elsif p_act.kind = 'account.recover' then
        perform freeze_factors_v1(v_segment, v_account);
        insert into invitation (segment, account, act, invited_at, expires_at)
        values (v_segment, v_account, p_act.act, clock_v1(), clock_v1() + interval '72 hours');
        perform log_act_v1(v_segment, 'account_recovered', v_account, null, null);
    elsif p_act.kind = 'account.elevate' then
        if exists (select from agreement g join role r on r.name = d ->> 'role'
                   where g.organisation = p_act.organisation and g.standing and r.role <> all (g.roles)) then
            raise exception 'not a role of the agreement' using errcode = 'CL012';
        end if;
        update account a set role = r.role from role r
        where a.segment = v_segment and a.account = v_account and a.organisation = p_act.organisation
          and a.closed_at is null and r.name = d ->> 'role';
        if not found then
            raise exception 'no such account or role' using errcode = 'CL005';
        end if;
        perform end_sessions_v1(v_segment, v_account);   -- the keeper's ceilings are a session's
        perform log_act_v1(v_segment, 'account_elevated', v_account, null, null);
    elsif p_act.kind = 'account.unfreeze' then
        perform unfreeze_v1(v_segment, v_account);
    elsif p_act.kind = 'organisation.create' then
        insert into organisation (name) values (d ->> 'name') returning organisation into v_organisation;
        if d ? 'agreement' then   -- without one its accounts would open nobody
            perform make_agreement_v1(v_organisation, d -> 'agreement');
        end if;
    elsif p_act.kind = 'agreement.make' then
        perform make_agreement_v1(p_act.organisation, d);
    elsif p_act.kind = 'agreement.end' then
        if not end_agreement_v1(p_act.organisation) then
            raise exception 'no agreement stands' using errcode = 'CL010';
        end if;
    elsif p_act.kind = 'grant.campaign' then
        perform do_campaign_v1(p_act);    -- 88_campaigns.sql
    elsif p_act.kind in ('grant.break_glass', 'grant.reinstate') then
        perform do_grant_v1(p_act);       -- 83_grants.sql
    elsif p_act.kind in ('grant.bulk', 'grant.disclosure') then
        perform do_export_v1(p_act);      -- 84_exports.sql
    elsif p_act.kind in ('investigation.account', 'investigation.purpose') then
        perform do_investigation_v1(p_act);   -- 88_investigations.sql
    else
        perform do_operated_v1(p_act);    -- 85_operator.sql
    end if;
    perform log_act_v1(coalesce(v_segment, '00'), 'act_done', p_act.act, null, null);
end $$;

create or replace function cloison.freeze_factors_v1(p_segment text, p_account uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    update factor f set frozen_at = clock_v1() where f.segment = p_segment and f.account = p_account and f.frozen_at is null;
    delete from identity i where i.segment = p_segment and i.account = p_account;
    update invitation i set expires_at = clock_v1()
    where i.segment = p_segment and i.account = p_account and i.redeemed_at is null and i.expires_at > clock_v1();
    perform end_sessions_v1(p_segment, p_account);
end $$;

-- Makes the code by which an invitation is redeemed, once more if it must be: the one handed over before is void. Who
-- signed its act hands it over, or a peer: of the same organisation, and with all the rights that the account has, or who
-- admits accounts. Whoever has the code could keep it, so it must give them no rights; nobody to their own account.
create or replace function cloison.hand_over_v1(
    p_segment text, p_token bytea, p_place text, p_handle text, p_code_hash bytea
) returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_who member;
    v_account uuid;
    v_until timestamptz;
begin
    select * into v_who from member m where m.segment = p_segment and m.token_hash = sha256(p_token)
        and m.touched_at > clock_v1() - interval '5 minutes';
    select a.account into v_account from account a
    where a.segment = p_place and a.handle = p_handle and a.closed_at is null and not one_holder_v1(a.account, v_who.account)
      and ((a.organisation = v_who.organisation and (
              (v_who.permissions >> 9) & 1 = 1 or (select r.permissions from role r where r.role = a.role) & ~v_who.permissions = 0)) or exists (
          select from invitation i join act_signature s on s.act = i.act
          where i.segment = a.segment and i.account = a.account and s.account = v_who.account));
    update invitation i set code_hash = p_code_hash, handed_by = v_who.account
    where i.segment = p_place and i.account = v_account and i.redeemed_at is null and i.expires_at > clock_v1()
    returning i.expires_at into v_until;
    if v_until is not null then
        perform log_own_act_v1(p_segment, v_who.account, 'invitation_handed_over', 'open', v_who.session, v_account);
    end if;
    return v_until;
end $$;

-- Whom a code invites; no row: nobody, or no more.
create or replace function cloison.invitation_v1(p_segment text, p_code_hash bytea) returns table (
    account uuid, handle text, synced boolean, aaguids uuid[]
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select a.account, a.handle, coalesce(t.synced, false), t.aaguids
    from invitation i join account a on a.segment = i.segment and a.account = i.account and a.closed_at is null
    left join signin_terms t on t.organisation = a.organisation
    where i.segment = p_segment and i.code_hash = p_code_hash and i.redeemed_at is null and i.expires_at > clock_v1();
$$;

-- Redeems an invitation: the account's passkey is this one. Whether the code was good; it is not a second time.
create or replace function cloison.redeem_v1(
    p_segment text, p_code_hash bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea,
    p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean
) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_account uuid;
begin
    if not spend_v1(p_challenge, p_seconds) then   -- first: a challenge that was used must not use the code up
        return false;
    end if;
    update invitation i set redeemed_at = clock_v1()
    where i.segment = p_segment and i.code_hash = p_code_hash and i.redeemed_at is null and i.expires_at > clock_v1()
    returning i.account into v_account;
    if v_account is null then
        return false;
    end if;
    perform new_factor_v1(p_segment, v_account, p_credential, p_public_key, p_sign_count, p_aaguid, p_backup_eligible);
    perform log_own_act_v1(p_segment, v_account, 'invitation_redeemed', 'open', null, null);
    return true;
end $$;

-- Closes accounts of leavers, freezes, or says that they are still needed: by one person with the right to invite in their
-- organisation, or to admit in the service. Answers how many it was done to; never one's own.
create or replace function cloison.tend_accounts_v1(p_segment text, p_token bytea, p_act text, p_place text, p_handles text[])
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_who member;
    v_account uuid;
    v_done integer := 0;
begin
    select * into v_who from member m where m.segment = p_segment and m.token_hash = sha256(p_token);
    for v_account in
        select a.account from account a
        where a.segment = p_place and a.handle = any (p_handles) and a.closed_at is null
          and not one_holder_v1(a.account, v_who.account)
          and ((v_who.service and (v_who.permissions >> 9) & 1 = 1)
               or ((v_who.permissions >> 8) & 1 = 1 and a.organisation = v_who.organisation))
        order by a.account
    loop
        if p_act = 'close' then
            perform close_account_v1(p_place, v_account);
        elsif p_act = 'freeze' then
            perform freeze_v1(p_place, v_account);
        elsif p_act = 'review' then
            -- One who was left unreviewed for a year is frozen: that takes two, by account.unfreeze.
            update account a set reviewed_at = clock_v1()
            where a.segment = p_place and a.account = v_account and a.reviewed_at >= clock_v1() - interval '8760 hours';
            continue when not found;
            perform log_act_v1(p_place, 'account_reviewed', v_account, null, null);
        else
            raise exception 'not an act of one person' using errcode = 'CL021';
        end if;
        v_done := v_done + 1;
    end loop;
    return v_done;
end $$;

create or replace function cloison.close_account_v1(p_segment text, p_account uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    update account a set closed_at = clock_v1() where a.segment = p_segment and a.account = p_account and a.closed_at is null;
    insert into recall (subject) values (p_account) on conflict (subject) do update set until = null;
    perform freeze_factors_v1(p_segment, p_account);
    perform log_act_v1(p_segment, 'account_closed', p_account, null, null);
end $$;
