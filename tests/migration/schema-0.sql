CREATE SCHEMA cloison;
ALTER SCHEMA cloison OWNER TO cloison_owner;
CREATE TYPE cloison.act_state AS ENUM (
    'waiting',
    'done',
    'refused'
);
ALTER TYPE cloison.act_state OWNER TO cloison_owner;
CREATE TYPE cloison.alert_kind AS ENUM (
    'protected_opened',
    'token_copied',
    'factor_cloned',
    'log_unsigned',
    'log_rolled_back',
    'log_forked',
    'log_out_of_order',
    'log_stalled',
    'log_clock'
);
ALTER TYPE cloison.alert_kind OWNER TO cloison_owner;
CREATE TYPE cloison.client_use AS ENUM (
    'feed',
    'scim',
    'delegate',
    'changes'
);
ALTER TYPE cloison.client_use OWNER TO cloison_owner;
CREATE TYPE cloison.door AS ENUM (
    'desk',
    'signin'
);
ALTER TYPE cloison.door OWNER TO cloison_owner;
CREATE TYPE cloison.event AS ENUM (
    'open',
    'search',
    'list',
    'refusals_exceeded',
    'session_issued',
    'session_ended',
    'account_created',
    'account_frozen',
    'account_unfrozen',
    'holder_set',
    'people_imported',
    'relations_imported',
    'statistics_read',
    'person_read',
    'person_created',
    'person_changed',
    'person_moved',
    'registration_ended',
    'registration_resumed',
    'person_deceased',
    'merge_asked',
    'people_merged',
    'split_asked',
    'people_split',
    'representative_set',
    'representative_ended',
    'protection_set',
    'protection_lift_asked',
    'protection_lifted',
    'cover_asked',
    'cover_given',
    'handover_asked',
    'handover_done',
    'code_sent',
    'code_confirmed',
    'feed_created',
    'feed_closed',
    'agreement_made',
    'agreement_ended',
    'allowance_lent',
    'factor_added',
    'factor_frozen',
    'identity_linked',
    'session_touched',
    'token_copied',
    'act_asked',
    'act_signed',
    'act_refused',
    'act_done',
    'grant_given',
    'grant_ended',
    'exported',
    'invitation_handed_over',
    'invitation_redeemed',
    'client_registered',
    'client_closed',
    'client_signed_in',
    'session_handed_on',
    'account_recovered',
    'account_elevated',
    'account_reviewed',
    'account_closed',
    'space_invited',
    'space_redeemed',
    'space_signed_in',
    'space_signed_out',
    'space_blocked',
    'space_factor_added',
    'space_factor_frozen',
    'space_ended',
    'log_dropped',
    'log_alarmed',
    'log_read',
    'investigation_declared',
    'investigation_ended'
);
ALTER TYPE cloison.event OWNER TO cloison_owner;
CREATE TYPE cloison.feed_kind AS ENUM (
    'appointments',
    'space',
    'telephone'
);
ALTER TYPE cloison.feed_kind OWNER TO cloison_owner;
CREATE TYPE cloison.meter AS ENUM (
    'open',
    'walk_in',
    'list',
    'search',
    'refusal',
    'campaign'
);
ALTER TYPE cloison.meter OWNER TO cloison_owner;
CREATE TYPE cloison.relation_kind AS ENUM (
    'caseload',
    'cover',
    'inbound',
    'walk_in',
    'grant'
);
ALTER TYPE cloison.relation_kind OWNER TO cloison_owner;
CREATE TYPE cloison.judged AS (
	ordinal integer,
	session uuid,
	account uuid,
	role smallint,
	request uuid,
	person uuid,
	compartments integer,
	purpose smallint,
	relation cloison.relation_kind,
	meter cloison.meter,
	event cloison.event,
	verdict text
);
ALTER TYPE cloison.judged OWNER TO cloison_owner;
CREATE TYPE cloison.lease AS (
	kind text,
	home text,
	segment text,
	session uuid,
	account uuid,
	organisation uuid,
	role smallint,
	request uuid,
	person uuid,
	compartments integer,
	purpose smallint,
	token_hash bytea,
	session_expires_at timestamp with time zone,
	expires_at timestamp with time zone
);
ALTER TYPE cloison.lease OWNER TO cloison_owner;
CREATE TYPE cloison.merge_state AS ENUM (
    'asked',
    'merged',
    'split_asked',
    'split'
);
ALTER TYPE cloison.merge_state OWNER TO cloison_owner;
CREATE TYPE cloison.newcomer AS (
	person uuid,
	cohort integer,
	key_id bigint,
	provisional boolean,
	digest bigint,
	cell bigint,
	sealed bytea[],
	terms bigint[],
	locators bigint[]
);
ALTER TYPE cloison.newcomer OWNER TO cloison_owner;
CREATE TYPE cloison.organisation_charge AS (
	ordinal integer,
	organisation uuid,
	account uuid,
	person uuid,
	session uuid,
	request uuid,
	expires_at timestamp with time zone,
	outcome text,
	retry_after integer,
	at_most integer[]
);
ALTER TYPE cloison.organisation_charge OWNER TO cloison_owner;
CREATE TYPE cloison.outcome AS ENUM (
    'open',
    'scope',
    'budget',
    'step_up',
    'frozen',
    'stale'
);
ALTER TYPE cloison.outcome OWNER TO cloison_owner;
CREATE TYPE cloison.relation_meter AS ENUM (
    'first_day',
    'caseload',
    'inbound'
);
ALTER TYPE cloison.relation_meter OWNER TO cloison_owner;
CREATE TYPE cloison.representative_kind AS ENUM (
    'parent',
    'guardian',
    'curator',
    'proxy'
);
ALTER TYPE cloison.representative_kind OWNER TO cloison_owner;
CREATE TYPE cloison.resealed AS (
	former_segment text,
	former_version integer,
	segment text,
	version integer,
	person uuid,
	cohort integer,
	key_id bigint,
	provisional boolean,
	digest bigint,
	cell bigint,
	compartments integer,
	sealed bytea[],
	slots integer,
	terms bigint[],
	locators bigint[],
	dropped bigint[]
);
ALTER TYPE cloison.resealed OWNER TO cloison_owner;
CREATE TYPE cloison.settled AS (
	place text,
	ordinal integer,
	session uuid,
	account uuid,
	request uuid,
	person uuid,
	compartments integer,
	purpose smallint,
	relation cloison.relation_kind,
	meter cloison.meter,
	event cloison.event,
	outcome text,
	retry_after integer,
	beyond boolean,
	amount integer,
	number bigint,
	at_most integer[]
);
ALTER TYPE cloison.settled OWNER TO cloison_owner;
CREATE TYPE cloison.space_way AS ENUM (
    'password',
    'passkey',
    'provider'
);
ALTER TYPE cloison.space_way OWNER TO cloison_owner;
CREATE TYPE cloison.transfer_kind AS ENUM (
    'cover',
    'handover'
);
ALTER TYPE cloison.transfer_kind OWNER TO cloison_owner;
CREATE TYPE cloison.wished_relation AS (
	ordinal integer,
	segment text,
	account uuid,
	organisation uuid,
	held_in text,
	person uuid,
	kind cloison.relation_kind,
	valid_from timestamp with time zone,
	valid_until timestamp with time zone
);
ALTER TYPE cloison.wished_relation OWNER TO cloison_owner;
CREATE FUNCTION cloison.absorbed_bit_v1() RETURNS integer
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN (1 << 29);
ALTER FUNCTION cloison.absorbed_bit_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.absorbed_matches_v1(p_segment text, p_slot integer, p_terms bigint[], p_proof_terms bigint[], p_nobody uuid) RETURNS TABLE(person uuid, proven boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
declare
    v_absorbed uuid[];
    v_proven boolean[];
    v_survivor uuid;
begin
    -- Each term is looked for by itself: before PostgreSQL 17 `any` reads all terms of a small table to compare them, and
    -- EXPLAIN then tells who is among them.
    select array_agg(f.person), array_agg(f.proven) into v_absorbed, v_proven from (
        select a.person, coalesce(a.proof = any (p_proof_terms), false) as proven from unnest(p_terms) as q (term)
        cross join lateral (select a.* from absorbed_term a
            where a.segment = p_segment and a.slot = p_slot and a.term = q.term limit 100) a limit 100) f;
    if v_absorbed is null then
        perform from absorbed_term a where a.ctid = '(0,1)';
        perform from merge m where m.ctid = '(0,1)';
        perform from merge m where m.absorbed = p_nobody;
        v_absorbed := array[p_nobody];
        v_proven := array[false];
    end if;
    for i in 1 .. cardinality(v_absorbed) loop
        v_survivor := survivor_v1(v_absorbed[i]);
        return query select p.person, v_proven[i] from person p where p.segment = p_segment and p.person = v_survivor;
    end loop;
end $$;
ALTER FUNCTION cloison.absorbed_matches_v1(p_segment text, p_slot integer, p_terms bigint[], p_proof_terms bigint[], p_nobody uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.account_state_v1(p_segment text, p_account uuid) RETURNS text
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.account_state_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.accounts_named_v1(p_handles text[]) RETURNS uuid[]
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select case when count(*) filter (where a.account is null) = 0
                then coalesce(array_agg(distinct a.account order by a.account), '{}') end
    from unnest(coalesce(p_handles, '{}')) h (handle) left join account a on a.handle = h.handle;
$$;
ALTER FUNCTION cloison.accounts_named_v1(p_handles text[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.act_adds_v1(p_kind text, p_details jsonb) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.act_adds_v1(p_kind text, p_details jsonb) OWNER TO cloison_owner;
CREATE FUNCTION cloison.act_right_v1(p_kind text, p_asks boolean) RETURNS integer
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN CASE WHEN (p_kind = ANY (ARRAY['account.create'::text, 'account.elevate'::text, 'account.recover'::text])) THEN CASE WHEN p_asks THEN 8 ELSE 9 END WHEN (p_kind = 'account.unfreeze'::text) THEN 9 WHEN (p_kind = ANY (ARRAY['organisation.create'::text, 'agreement.make'::text, 'agreement.end'::text])) THEN 10 WHEN (p_kind = 'grant.break_glass'::text) THEN CASE WHEN p_asks THEN 11 ELSE 12 END WHEN (p_kind = 'grant.reinstate'::text) THEN CASE WHEN p_asks THEN 12 ELSE 9 END WHEN (p_kind = 'grant.campaign'::text) THEN CASE WHEN p_asks THEN 13 ELSE 14 END WHEN (p_kind = 'grant.bulk'::text) THEN 14 WHEN (p_kind = 'grant.disclosure'::text) THEN 15 WHEN ((p_kind = 'staff.import'::text) AND (NOT p_asks)) THEN 9 WHEN ((p_kind = ANY (ARRAY['feed.open'::text, 'client.register'::text])) AND (NOT p_asks)) THEN 10 WHEN ((p_kind = ANY (ARRAY['protection.lift'::text, 'account.forget_holder'::text])) AND (NOT p_asks)) THEN 7 WHEN ((p_kind = 'limit.set'::text) AND (NOT p_asks)) THEN 10 WHEN (p_kind = ANY (ARRAY['investigation.account'::text, 'investigation.purpose'::text])) THEN 19 ELSE NULL::integer END;
ALTER FUNCTION cloison.act_right_v1(p_kind text, p_asks boolean) OWNER TO cloison_owner;
CREATE TABLE cloison.act (
    act uuid NOT NULL,
    kind text NOT NULL,
    canonical bytea NOT NULL,
    details jsonb NOT NULL,
    organisation uuid NOT NULL,
    asked_by uuid NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    people_needed smallint NOT NULL,
    not_before timestamp with time zone NOT NULL,
    state cloison.act_state NOT NULL,
    settled_at timestamp with time zone,
    refused_by uuid,
    CONSTRAINT act_kind_check CHECK (((length(kind) >= 1) AND (length(kind) <= 40))),
    CONSTRAINT act_people_needed_check CHECK (((people_needed >= 2) AND (people_needed <= 3)))
);
ALTER TABLE cloison.act OWNER TO cloison_owner;
CREATE FUNCTION cloison.act_void_v1(p_act cloison.act) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.act_void_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.acts_v1(p_segment text, p_token bytea) RETURNS TABLE(act uuid, kind text, canonical bytea, asked_by text, asked_at timestamp with time zone, expires_at timestamp with time zone, not_before timestamp with time zone, people_needed smallint, signed integer, mine boolean, adds integer)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.acts_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.add_factor_v1(p_segment text, p_token bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.add_factor_v1(p_segment text, p_token bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.add_protection_v1(p_held_in text, p_person uuid, p_organisation uuid, p_accounts uuid[], p_ends timestamp with time zone[], p_until timestamp with time zone) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_protection uuid;
begin
    if p_until <= clock_v1() then
        raise exception 'a protection ends in the future' using errcode = 'CL002';
    end if;
    insert into protection (segment, person, organisation, since, valid_until)
    values (p_held_in, p_person, p_organisation, clock_v1(), p_until)
    returning protection into v_protection;
    insert into audience (segment, protection, account, valid_until)
    select p_held_in, v_protection, a.account, a.valid_until from unnest(p_accounts, p_ends) a (account, valid_until)
    where a.account is not null;
    return v_protection;
end $$;
ALTER FUNCTION cloison.add_protection_v1(p_held_in text, p_person uuid, p_organisation uuid, p_accounts uuid[], p_ends timestamp with time zone[], p_until timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.admit_step_v1(state integer[], step integer[], room integer[]) RETURNS integer[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    if state[1] + step[1] > room[1] or state[2] + step[2] > room[2]
       or state[3] + step[3] > room[3] or state[4] + step[4] > room[4] then
        return array[state[1], state[2], state[3], state[4], 0];
    end if;
    return array[state[1] + step[1], state[2] + step[2], state[3] + step[3], state[4] + step[4], 1];
end $$;
ALTER FUNCTION cloison.admit_step_v1(state integer[], step integer[], room integer[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.agree_v1(p_organisation uuid, p_segments text[], p_roles text[], p_ends_at timestamp with time zone, p_accounts_most integer, p_caps integer[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $_$
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
end $_$;
ALTER FUNCTION cloison.agree_v1(p_organisation uuid, p_segments text[], p_roles text[], p_ends_at timestamp with time zone, p_accounts_most integer, p_caps integer[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.agreement_adds_v1(p_terms jsonb) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select least(
        coalesce((p_terms -> 'caps' ->> 'day')::integer, 1000000000),
        coalesce((p_terms ->> 'accounts')::bigint * (
            select max(d.people) from (
                select r.name, coalesce(sum(b.day), 0)::integer as people
                from role r left join role_budget b on b.role = r.role and b.meter in ('open', 'walk_in') group by r.role
            ) d where (d.name <> all (texts_v1(p_terms -> 'roles'))) is not true), 1000000000))::integer;
$$;
ALTER FUNCTION cloison.agreement_adds_v1(p_terms jsonb) OWNER TO cloison_owner;
CREATE FUNCTION cloison.alerts_counted_v1() RETURNS TABLE(kind text, alerts bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select k::text, (select count(*) from alert a where a.kind = k) from unnest(enum_range(null::alert_kind)) k;
$$;
ALTER FUNCTION cloison.alerts_counted_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.append_log_v1(p_segment text, p_first bigint, p_accounts uuid[], p_numbers bigint[], p_counts integer[], p_since timestamp with time zone[], p_until timestamp with time zone[], p_levels smallint[], p_indexes bigint[], p_hashes bytea[], p_note text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_added integer := coalesce((select sum(c) from unnest(p_counts) c), 0);
    v_changed integer;
begin
    insert into log_head (segment, begun_at) values (p_segment, clock_v1()) on conflict do nothing;
    perform from log_head h where h.segment = p_segment for update;
    if exists (select from log_head h where h.segment = p_segment and h.size <> p_first)
       or exists (
            select from unnest(p_accounts, p_numbers) q (account, number)
            left join log_author s on s.segment = p_segment and s.account = q.account
            where q.number <> coalesce(s.sequenced, 0) + 1) then
        raise exception 'the tree has grown meanwhile' using errcode = 'CL036';
    end if;
    if v_added > 0 then
        insert into log_author as s (segment, account, author, sequenced, sequenced_at)
        select p_segment, q.account,
            coalesce((select max(a.author) from log_author a where a.segment = p_segment), 0)
                + row_number() over (order by s.author nulls first),
            q.number + q.count - 1, q.until
        from unnest(p_accounts, p_numbers, p_counts, p_until) q (account, number, count, until)
        left join log_author s on s.segment = p_segment and s.account = q.account
        on conflict (segment, account) do update
            set sequenced = excluded.sequenced, sequenced_at = excluded.sequenced_at;
        insert into log_batch (segment, first, size, since, until, authors, numbers, counts)
        select p_segment, p_first, v_added, (select min(t) from unnest(p_since) t), (select max(t) from unnest(p_until) t),
            array_agg(s.author order by q.place), p_numbers, p_counts
        from unnest(p_accounts) with ordinality q (account, place)
        join log_author s on s.segment = p_segment and s.account = q.account;
        insert into log_tile as t (segment, level, index, hashes)
        select p_segment, q.level, q.index, q.hashes from unnest(p_levels, p_indexes, p_hashes) q (level, index, hashes)
        on conflict (segment, level, index) do update set hashes = excluded.hashes
            where substring(excluded.hashes for length(t.hashes)) = t.hashes;
        get diagnostics v_changed = row_count;
        if v_changed <> cardinality(p_levels) then
            raise exception 'a tile is not what was there' using errcode = 'CL036';
        end if;
    end if;
    update log_head h set size = p_first + v_added, note = p_note, signed_at = clock_v1() where h.segment = p_segment;
end $$;
ALTER FUNCTION cloison.append_log_v1(p_segment text, p_first bigint, p_accounts uuid[], p_numbers bigint[], p_counts integer[], p_since timestamp with time zone[], p_until timestamp with time zone[], p_levels smallint[], p_indexes bigint[], p_hashes bytea[], p_note text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.approval_patience_v1() RETURNS interval
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN '168:00:00'::interval;
ALTER FUNCTION cloison.approval_patience_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.approve_merge_v1(p_segment text, p_token bytea, p_request uuid, p_merge uuid) RETURNS TABLE(outcome text, state text, survivor uuid, absorbed uuid, key_id bigint, version integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_merge merge;
    v_plan planned;
    v_event event;
    v_asked_by uuid;
    v_standing record;
    v_result text;
begin
    select * into v_may from may_act_v1(p_segment, p_token, 5, null);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return query select v_may.verdict, null, null::uuid, null::uuid, null::bigint, null::integer;
        return;
    end if;
    select * into v_merge from merge m where m.segment = p_segment and m.merge = p_merge for update;
    v_event := case v_merge.state when 'split_asked' then 'people_split' else 'people_merged' end;
    v_asked_by := case v_merge.state when 'asked' then v_merge.asked_by
                                     when 'split_asked' then v_merge.split_asked_by end;
    if v_may.verdict <> 'open' or not exists (
        select from account a where a.segment = p_segment and a.account = v_asked_by and a.account <> v_who.account
          and a.organisation = v_who.organisation
          and not exists (select from account_freeze f where f.segment = a.segment and f.account = a.account
                          and f.lifted_at is null)
          and clock_v1() < approval_patience_v1()
              + case v_merge.state when 'asked' then v_merge.asked_at else v_merge.split_asked_at end) then
        return query select refuse_act_v1(v_who, p_request, v_event, null,
            case v_may.verdict when 'open' then 'scope' else v_may.verdict end),
            null, null::uuid, null::uuid, null::bigint, null::integer;
        return;
    end if;
    select * into v_plan from planned p where p.segment = p_segment and p.merge = p_merge;
    v_result := case v_merge.state
        when 'asked' then carry_out_merge_v1(v_merge, v_plan) else carry_out_split_v1(v_merge, v_plan) end;
    if v_result <> 'done' then
        return query select v_result, null, null::uuid, null::uuid, null::bigint, null::integer;
        return;
    end if;
    delete from planned p where p.segment = p_segment and p.merge = p_merge;
    if v_merge.state = 'asked' then
        perform space_end_v1(v_merge.absorbed, null);   -- whose login it was is to be seen anew; the survivor keeps theirs
    end if;
    update merge m set
        state = case v_merge.state when 'asked' then 'merged' else 'split' end::merge_state,
        merged_by = case v_merge.state when 'asked' then v_who.account else m.merged_by end,
        merged_at = case v_merge.state when 'asked' then clock_v1() else m.merged_at end,
        split_by = case v_merge.state when 'asked' then null else v_who.account end,
        split_at = case v_merge.state when 'asked' then null else clock_v1() end
    where m.segment = p_segment and m.merge = p_merge;
    select p.key_id, p.version, sealed_hash_v1(p.sealed) as hash into v_standing
    from person p where p.segment = p_segment and p.person = v_merge.survivor;
    perform log_account_v1(v_who, p_request, v_event, v_merge.survivor, v_merge.absorbed, null, v_standing.version,
        v_standing.hash);
    perform note_change_v1(p_segment, v_merge.survivor, v_event, v_standing.version);
    perform note_change_v1(p_segment, v_merge.absorbed, v_event, (
        select p.version from person p where p.segment = p_segment and p.person = v_merge.absorbed));
    return query select 'done', case v_merge.state when 'asked' then 'merged' else 'split' end,
        v_merge.survivor, v_merge.absorbed, v_standing.key_id, v_standing.version;
end $$;
ALTER FUNCTION cloison.approve_merge_v1(p_segment text, p_token bytea, p_request uuid, p_merge uuid) OWNER TO cloison_owner;
CREATE TABLE cloison.act_signature (
    act uuid NOT NULL,
    account uuid NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    factor uuid NOT NULL,
    public_key bytea NOT NULL,
    authenticator_data bytea NOT NULL,
    client_data bytea NOT NULL,
    signature bytea NOT NULL,
    signed_at timestamp with time zone NOT NULL
);
ALTER TABLE cloison.act_signature OWNER TO cloison_owner;
CREATE TABLE cloison.break_glass (
    act uuid NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    person uuid,
    compartments integer NOT NULL,
    given_at timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    emergency boolean NOT NULL,
    approved_by uuid,
    ended_at timestamp with time zone,
    forgiven_at timestamp with time zone
);
ALTER TABLE cloison.break_glass OWNER TO cloison_owner;
CREATE FUNCTION cloison.approver_charged_v1(p_grant cloison.break_glass, p_approver cloison.act_signature) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_role smallint;
    v_outcome text;
begin
    perform refuse_unsafe_caller_v1();
    select a.role into v_role from account a where a.segment = p_approver.segment and a.account = p_approver.account;
    if p_approver.segment <> p_grant.segment then
        raise exception 'another segment''s ledger' using errcode = 'CL027';
    end if;
    perform from ledger l where l.segment = p_approver.segment and l.account = p_approver.account for update;
    -- In a statement, so with a snapshot, of its own. Facts that were nobody's count as a person too.
    select s.outcome into v_outcome from settle_v1(p_approver.segment, clock_v1(), array[row(1, null, p_approver.account, v_role,
        p_grant.act, coalesce(p_grant.person, p_grant.act), 0, null, 'grant', 'open', 'allowance_lent', 'open')::judged]) s;
    if v_outcome is distinct from 'open' then
        raise exception 'the budget of who approves is used up' using errcode = 'CL027';
    end if;
end $$;
ALTER FUNCTION cloison.approver_charged_v1(p_grant cloison.break_glass, p_approver cloison.act_signature) OWNER TO cloison_owner;
CREATE FUNCTION cloison.ask_act_v1(p_segment text, p_token bytea, p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone, p_factor uuid, p_public_key bytea, p_authenticator_data bytea, p_client_data bytea, p_signature bytea) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.ask_act_v1(p_segment text, p_token bytea, p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone, p_factor uuid, p_public_key bytea, p_authenticator_data bytea, p_client_data bytea, p_signature bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.ask_code_v1(p_segment text, p_token bytea, p_code uuid, p_person uuid, p_compartment integer, p_hash bytea) RETURNS TABLE(outcome text, retry_after integer, expires_at timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_now timestamptz;
    v_limits relation_limit;
    v_oldest timestamptz;
    v_verdict text;
    v_settled record;
begin
    if p_code is null or (p_compartment > 0 and p_compartment = (select p.address_bit from profile p)) is not true then
        raise exception 'a code has a number, and the compartment of the address' using errcode = 'CL002';
    end if;
    select * into v_may from may_act_v1(p_segment, p_token, null, null);
    v_who := v_may.who;
    -- Two accounts at once must not both count before either has written. Not waited for, like a ledger.
    if v_may.verdict in ('no_session', 'busy') or not pg_try_advisory_xact_lock(hashtextextended(p_person::text, 42)) then
        return query select case v_may.verdict when 'no_session' then 'no_session' else 'busy' end, null::integer,
            null::timestamptz;
        return;
    end if;
    v_now := clock_v1();
    v_limits := relation_limits_v1(v_who.organisation);
    v_verdict := v_may.verdict;
    -- An organisation's cap is lent by its own ledger, which lends to the desk alone yet: nothing beyond it.
    if v_verdict = 'open' and (v_who.capped or (v_who.relations >> 3) & 1 = 0 or not exists (
        select from relation r where r.segment = p_segment and r.account = v_who.account
          and r.person = reachable_v1(p_segment, v_who.account, p_person) and r.kind = 'walk_in'
          and r.valid_from <= v_now and r.valid_until > v_now)
        or wrote_lately_v1(p_segment, v_who.account, p_person)) then
        v_verdict := 'scope';
    elsif v_verdict = 'open' then
        select min(greatest(q.oldest, v_now - interval '24 hours')) into v_oldest from (
            select min(c.asked_at) + interval '1 hour' as oldest from code c
            where c.segment = p_segment and c.person = p_person and c.asked_at > v_now - interval '1 hour'
            having count(*) >= v_limits.codes_person_hour
            union all
            select min(c.asked_at) + interval '24 hours' from code c
            where c.segment = p_segment and c.account = v_who.account and c.asked_at > v_now - interval '24 hours'
            having count(*) >= v_limits.codes_account_day
        ) q;
        v_verdict := case when v_oldest is null then 'open' else 'budget' end;
    end if;
    select * into v_settled from settle_v1(p_segment, v_now, array[row(
        1, v_who.session, v_who.account, v_who.role, p_code, p_person, p_compartment, null, 'walk_in', 'walk_in',
        'code_sent', v_verdict)::judged]);
    if v_settled.outcome = 'open' then
        -- No receipt stays, or the desk could have the address: reception has no right to it. The code's row is one.
        delete from receipt r where r.segment = p_segment and r.session = v_who.session and r.request = p_code;
        insert into code (segment, code, account, session, person, compartment, code_hash, asked_at, expires_at)
        values (p_segment, p_code, v_who.account, v_who.session, p_person, p_compartment, p_hash, v_now,
            v_now + interval '15 minutes');
    end if;
    return query select v_settled.outcome,
        coalesce(v_settled.retry_after, ceil(extract(epoch from v_oldest - v_now))::integer),
        case when v_settled.outcome = 'open' then v_now + interval '15 minutes' end;
end $$;
ALTER FUNCTION cloison.ask_code_v1(p_segment text, p_token bytea, p_code uuid, p_person uuid, p_compartment integer, p_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.ask_counters_v1(p_segment text, p_cells integer) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select log_act_v1(p_segment, 'statistics_read', null, null, p_cells);
$$;
ALTER FUNCTION cloison.ask_counters_v1(p_segment text, p_cells integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.ask_locators_v1(p_segment text, p_token bytea, p_request uuid, p_act integer, p_purpose smallint, p_person uuid, p_groups bigint[]) RETURNS TABLE(outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_may record;
    v_who holder;
    v_now timestamptz;
    v_group bigint;
    v_verdict text;
    v_outcome text;
begin
    if cardinality(p_groups) > 8 then
        raise exception 'at most 8 groups' using errcode = 'CL002';
    elsif (p_act between 0 and 2) is not true then
        raise exception 'not an act that asks about numbers' using errcode = 'CL002';
    end if;
    select * into v_may from may_act_v1(p_segment, p_token, p_act, p_purpose);
    v_who := v_may.who;
    v_verdict := v_may.verdict;
    v_now := clock_v1();
    if v_verdict in ('no_session', 'busy') or p_request is null then
        return query select coalesce(nullif(v_verdict, 'open'), 'no_session'), null::integer;
        return;
    elsif v_verdict = 'open' and (v_who.relations >> 3) & 1 = 0 then
        v_verdict := 'scope';
    end if;
    foreach v_group in array coalesce(p_groups, '{}') loop
        if not pg_try_advisory_xact_lock(hashtextextended(p_segment, v_group)) then
            return query select 'busy', null::integer;
            return;
        elsif v_verdict = 'open' and (select count(*) from search_miss m where m.segment = p_segment
              and m.search_group = v_group and m.missed_at > v_now - interval '24 hours') >= 5 then
            v_verdict := 'budget';
        end if;
    end loop;
    v_outcome := refuse_act_v1(v_who, p_request, 'search', p_purpose,
        case v_verdict when 'open' then 'scope' else v_verdict end);
    if v_verdict = 'open' and exists (select from session_end e where e.segment = p_segment
                                      and e.session = v_who.session) then
        v_verdict := v_outcome;          -- one refusal too many: nothing is answered
    elsif v_verdict = 'open' then
        insert into search_miss (segment, search_group, missed_at, account, request)
        select p_segment, g, v_now, v_who.account, p_request
        from unnest(p_groups || questions_about_v1(p_person)) g where g is not null on conflict do nothing;
        insert into question (segment, session, request, account, asked_at, number, person, version)
        select p_segment, v_who.session, p_request, v_who.account, v_now,
            (select l.next_number - 1 from ledger l where l.segment = p_segment and l.account = v_who.account),
            p_person, (select p.version from person p where p.segment = p_segment and p.person = p_person)
        on conflict (segment, session, request) do update set asked_at = excluded.asked_at, number = excluded.number,
            person = excluded.person, version = excluded.version;
    end if;
    return query select v_verdict, null::integer;
end $$;
ALTER FUNCTION cloison.ask_locators_v1(p_segment text, p_token bytea, p_request uuid, p_act integer, p_purpose smallint, p_person uuid, p_groups bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.ask_log_v1(p_segment text, p_token bytea, p_request uuid, p_handle text, p_organisation text, p_person uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_holder holder;
    v_who log_reader;
    v_subject uuid;
    v_whose uuid;
begin
    select * into v_holder from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
    if v_holder.session is null then
        return 'no_session';
    end if;
    select * into v_who from log_reader r where r.segment = p_segment and r.session = v_holder.session;
    if p_handle is not null then
        select a.account, a.organisation into v_subject, v_whose from account a where a.handle = p_handle;
    elsif p_organisation is not null then
        select o.organisation, o.organisation into v_subject, v_whose from organisation o where o.name = p_organisation;
    end if;
    if v_who.session is null or (v_subject is null and (p_handle is not null or p_organisation is not null))
       or (v_who.organisation is not null and v_whose <> v_who.organisation) then
        perform log_reading_v1(p_segment, v_holder.account, v_holder.session, p_request, 'scope', p_person, v_subject);
        return case when v_who.session is not null and v_who.organisation is null then 'unknown' else 'scope' end;
    end if;
    perform log_reading_v1(p_segment, v_who.account, v_who.session, p_request, 'open', p_person, v_subject);
    return 'open';
end $$;
ALTER FUNCTION cloison.ask_log_v1(p_segment text, p_token bytea, p_request uuid, p_handle text, p_organisation text, p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.ask_merge_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_merge uuid, p_survivor uuid, p_absorbed uuid, p_reason text, p_versions integer[], p_filled smallint[], p_change cloison.resealed[]) RETURNS TABLE(outcome text, merge uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_merge merge;
    v_number uuid := coalesce(p_merge, gen_random_uuid());
    v_versions integer[];
begin
    -- Of anybody else it would be a change without an entry, in the name of whoever approves.
    if cardinality(p_change) > 1 or exists (
        select from unnest(p_change) c
        where (c.former_segment, c.segment, c.person, c.former_version)
            is distinct from (p_segment, p_segment, p_survivor, p_versions[1])) then
        raise exception 'a merge changes its survivor' using errcode = 'CL002';
    end if;
    select * into v_may from may_act_v1(p_segment, p_token, 3, p_purpose);
    v_who := v_may.who;
    if v_may.verdict <> 'open' then
        return query select v_may.verdict, null::uuid;
        return;
    end if;
    select * into v_merge from merge m where m.segment = p_segment and m.merge = p_merge for update;
    v_versions := array[
        (select p.version from person p where p.segment = p_segment and p.person = p_survivor),
        (select p.version from person p where p.segment = p_segment and p.person = p_absorbed and p_merge is null
         union all
         select a.version from absorbed a where a.segment = p_segment and a.person = p_absorbed
           and v_merge.state in ('merged', 'split_asked'))];
    -- The door says what it read; whom the account may change is looked at here once more.
    if p_survivor = p_absorbed or relation_now_v1(v_who, p_survivor) is null
       or (p_merge is null and relation_now_v1(v_who, p_absorbed) is null)
       or (p_merge is not null and (v_merge.state in ('merged', 'split_asked') and v_merge.survivor = p_survivor
                                    and v_merge.absorbed = p_absorbed) is not true) then
        return query select refuse_act_v1(v_who, p_request, 'merge_asked', p_purpose, 'scope'), null::uuid;
        return;
    elsif v_versions is distinct from p_versions then
        return query select 'stale', null::uuid;
        return;
    elsif p_merge is null and shielded_v1(p_absorbed) then
        return query select 'protected', null::uuid;   -- the survivor's record would say what was withheld
        return;
    end if;
    if p_merge is null then
        delete from planned p using merge m
        where m.segment = p_segment and m.survivor = p_survivor and m.absorbed = p_absorbed and m.state = 'asked'
          and p.segment = m.segment and p.merge = m.merge;
        delete from merge m where m.segment = p_segment and m.survivor = p_survivor and m.absorbed = p_absorbed
            and m.state = 'asked';
        insert into merge (segment, merge, survivor, absorbed, state, reason, asked_by, asked_at, filled)
        values (p_segment, v_number, p_survivor, p_absorbed, 'asked', p_reason, v_who.account, clock_v1(), p_filled);
        perform log_account_v1(v_who, p_request, 'merge_asked', p_survivor, p_absorbed, p_purpose, null, null);
    else
        update merge m set state = 'split_asked', split_asked_by = v_who.account, split_asked_at = clock_v1()
        where m.segment = p_segment and m.merge = p_merge;
        perform log_account_v1(v_who, p_request, 'split_asked', p_survivor, p_absorbed, p_purpose, null, null);
    end if;
    insert into planned as p (segment, merge, version, absorbed_version, change)
    values (p_segment, v_number, p_versions[1], p_versions[2], p_change[1])
    on conflict (segment, merge) do update set version = excluded.version,
        absorbed_version = excluded.absorbed_version, change = excluded.change;
    return query select 'pending', v_number;
end $$;
ALTER FUNCTION cloison.ask_merge_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_merge uuid, p_survivor uuid, p_absorbed uuid, p_reason text, p_versions integer[], p_filled smallint[], p_change cloison.resealed[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.ask_transfer_v1(p_segment text, p_token bytea, p_kind text, p_giver text, p_taker text, p_from timestamp with time zone, p_until timestamp with time zone, p_people uuid[]) RETURNS TABLE(outcome text, transfer uuid, people integer, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_now timestamptz;
    v_event event := case p_kind when 'cover' then 'cover_asked' else 'handover_asked' end;
    v_limits relation_limit;
    v_from timestamptz;
    v_giver uuid;
    v_taker uuid;
    v_wished wished_relation[];
    v_transfer uuid := gen_random_uuid();
    v_retry integer;
begin
    select * into v_may from may_act_v1(p_segment, p_token, 6, null);                       -- 1
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return query select v_may.verdict, null::uuid, null::integer, null::integer;
        return;
    end if;
    perform lock_organisations_v1(array[v_who.organisation]);
    v_now := clock_v1();
    v_limits := relation_limits_v1(v_who.organisation);
    v_from := greatest(coalesce(p_from, v_now), v_now);
    select g.account, t.account into v_giver, v_taker                                       -- 2
    from account m
    join account g on g.segment = m.segment and g.organisation = m.organisation and g.agency = m.agency
    join account t on t.segment = m.segment and t.organisation = m.organisation and t.agency = m.agency
    join role r on r.role = t.role
    where m.segment = p_segment and m.account = v_who.account and g.handle = p_giver and t.handle = p_taker
      and t.account not in (m.account, g.account)
      and (r.relations >> case p_kind when 'cover' then 1 else 0 end) & 1 = 1
      and not exists (select from account_freeze f where f.segment = t.segment and f.account = t.account
                      and f.lifted_at is null);
    if v_may.verdict <> 'open' or v_taker is null or (p_kind in ('cover', 'handover')) is not true
       or (p_kind = 'cover' and (p_until > v_from and p_until - v_from <= make_interval(hours => v_limits.cover_hours)
           and v_from <= v_now + interval '2160 hours') is not true)
       or (select count(*) from transfer x where x.segment = p_segment and x.asked_by = v_who.account
           and x.asked_at > v_now - interval '24 hours') >= v_limits.transfers_day then
        return query select refuse_act_v1(v_who, null, v_event, null,
            case when v_may.verdict <> 'open' then v_may.verdict else 'scope' end), null::uuid, null::integer,
            null::integer;
        return;
    end if;
    if p_people is not null then                                                            -- 3
        v_wished := array(
            select row(row_number() over (order by r.segment, r.person), p_segment, v_taker, v_who.organisation, r.segment,
                r.person, 'cover', v_from, p_until)::wished_relation
            from relation r
            where r.account = v_giver and r.person = any (p_people) and r.kind = 'caseload'
              and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now));
        if p_kind <> 'cover' or cardinality(p_people) > v_limits.cover_people or cardinality(p_people) = 0
           or cardinality(v_wished) <> (select count(distinct q) from unnest(p_people) q) then
            return query select refuse_act_v1(v_who, null, v_event, null, 'scope'), null::uuid, null::integer,
                null::integer;
            return;
        end if;
        select max(w.retry_after) into v_retry from weigh_relations_v1(v_now, v_wished, true) w where w.result = 'metered';
        if v_retry is not null then
            return query select refuse_act_v1(v_who, null, v_event, null, 'budget'), null::uuid, null::integer, v_retry;
            return;
        end if;
        perform widen_relation_v1(v_now, w.held_in, w.account, w.person, w.kind, w.valid_from, w.valid_until)
        from unnest(v_wished) w;
    end if;
    insert into transfer (segment, transfer, kind, asked_by, giver, taker, valid_from, valid_until, asked_at,
        decided_by, decided_at, people)
    select p_segment, v_transfer, p_kind::transfer_kind, v_who.account, v_giver, v_taker, v_from,
        case p_kind when 'cover' then p_until end, v_now, case when p_people is not null then v_who.account end,
        case when p_people is not null then v_now end, cardinality(v_wished);
    perform log_transfer_v1(v_who, v_now, case when p_people is null then v_event else 'cover_given' end, v_transfer,
        v_taker, cardinality(v_wished));
    return query select 'open', v_transfer, cardinality(v_wished), null::integer;
end $$;
ALTER FUNCTION cloison.ask_transfer_v1(p_segment text, p_token bytea, p_kind text, p_giver text, p_taker text, p_from timestamp with time zone, p_until timestamp with time zone, p_people uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.ask_unsigned_v1(p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_said jsonb := convert_from(p_canonical, 'UTF8');
    v_large boolean := act_adds_v1(p_kind, p_details) >= coalesce((select t.people_a_day from act_threshold t), 200);   -- assumed
    v_now timestamptz := clock_v1();
    v_act act;
    v_flaw record;
begin
    if (v_said ->> 'act', v_said ->> 'kind', v_said ->> 'organisation', v_said -> 'details', v_said -> 'asked_by',
           (v_said ->> 'expires_at')::timestamptz)
          is distinct from (p_act::text, p_kind, p_organisation::text, p_details, jsonb 'null', p_expires_at) then
        raise exception 'not what is to be signed' using errcode = 'CL022';
    end if;
    insert into act (act, kind, canonical, details, organisation, asked_by, asked_at, expires_at, people_needed, not_before, state)
    values (p_act, p_kind, p_canonical, p_details, p_organisation, '00000000-0000-0000-0000-000000000000', v_now,
        least(p_expires_at, v_now + interval '72 hours'), case when v_large then 3 else 2 end,
        v_now + case when v_large then interval '24 hours' else interval '0' end, 'waiting')
    returning * into v_act;
    select * into v_flaw from staged_flaw_v1(p_act) f where p_kind = 'staff.import';
    if v_flaw.state is not null then
        raise exception 'a line is refused' using errcode = v_flaw.state, detail = v_flaw.line;
    end if;
    begin
        perform do_act_v1(v_act);
        raise exception 'tried' using errcode = 'CL099';
    exception when sqlstate 'CL099' then
        null;   -- undone
    end;
    perform log_act_v1('00', 'act_asked', p_act, null, null);
end $$;
ALTER FUNCTION cloison.ask_unsigned_v1(p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.audit_notes_v1(p_segment text, p_token bytea, p_log text) RETURNS TABLE(verdict text, note text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select m.verdict, n.note from (select may_audit_v1(p_segment, p_token)) m (verdict)
    left join (
        select c.note from log_cosignature c where c.segment = p_log
        union all select h.note from log_head h where h.segment = p_log and h.note <> ''
    ) n on m.verdict = 'open';
$$;
ALTER FUNCTION cloison.audit_notes_v1(p_segment text, p_token bytea, p_log text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.audit_tiles_v1(p_segment text, p_token bytea, p_log text, p_levels smallint[], p_indexes bigint[]) RETURNS TABLE(verdict text, level smallint, index bigint, hashes bytea)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select m.verdict, t.level, t.index, t.hashes from (select may_audit_v1(p_segment, p_token)) m (verdict)
    left join (
        select t.level, t.index, t.hashes from unnest(p_levels[:64], p_indexes[:64]) q (level, index)
        join log_tile t on t.segment = p_log and t.level = q.level and t.index = q.index
    ) t on m.verdict = 'open';
$$;
ALTER FUNCTION cloison.audit_tiles_v1(p_segment text, p_token bytea, p_log text, p_levels smallint[], p_indexes bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.blinding_v1(p_segment text, p_month date, p_key bytea) RETURNS bytea
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    insert into log_blinding (segment, month, key) values (p_segment, p_month, p_key) on conflict do nothing;
    return (select b.key from log_blinding b where b.segment = p_segment and b.month = p_month);
end $$;
ALTER FUNCTION cloison.blinding_v1(p_segment text, p_month date, p_key bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.break_glass_v1(p_act cloison.act, p_emergency boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    d jsonb := p_act.details;
    v_now timestamptz := clock_v1();
    v_facts facts;
    v_people uuid[];
    v_grant break_glass;
begin
    delete from facts f where f.facts = (d ->> 'facts')::uuid and f.account = p_act.asked_by returning f.* into v_facts;
    if v_facts.facts is null then
        raise exception 'the facts are used' using errcode = 'CL024';
    end if;
    v_people := array(
        select distinct m.person from (
            select * from matches_v1(v_facts.segment, v_facts.slot, v_facts.terms,
                (select s.proof_slot from search_slot s where s.slot = v_facts.slot), v_facts.proof_terms)
            union all
            select * from absorbed_matches_v1(v_facts.segment, v_facts.slot, v_facts.terms, v_facts.proof_terms, p_act.act)
        ) m
        join lateral withheld_each_v1(array[v_facts.account], array[v_facts.account], array[m.person]) w on true
        where m.proven and not w.shielded and not w.own);
    insert into break_glass (act, segment, account, person, compartments, given_at, valid_until, emergency)
    values (p_act.act, v_facts.segment, v_facts.account, case when cardinality(v_people) = 1 then v_people[1] end,
        compartments_of_v1(v_facts.account, texts_v1(d -> 'compartments')), v_now,
        v_now + make_interval(hours => (d ->> 'hours')::integer), p_emergency)
    returning * into v_grant;
    perform relate_v1(v_grant, case when p_emergency then least(v_grant.valid_until, p_act.expires_at) else v_grant.valid_until end);
    perform log_own_act_v1(v_grant.segment, v_grant.account, 'grant_given', 'open', null, p_act.act);
end $$;
ALTER FUNCTION cloison.break_glass_v1(p_act cloison.act, p_emergency boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.campaign_asked_v1(p_act cloison.act) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.campaign_asked_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.campaign_budget_v1(p_people integer, p_days integer) RETURNS integer[]
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN ARRAY[((p_people + 5) / 6), ((p_people + 2) / 3), p_people, (p_people * p_days)];
ALTER FUNCTION cloison.campaign_budget_v1(p_people integer, p_days integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.campaigning_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], p_places text[]) RETURNS cloison.judged[]
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
    select array_agg(row(j.ordinal, j.session, j.account, j.role, j.request, j.person, j.compartments, j.purpose, j.relation,
        case when j.meter = 'open' and j.relation = 'caseload' and exists (
            select from account a join campaign c on c.organisation = a.organisation and c.segment = a.segment and c.agency = a.agency
            where a.segment = coalesce(p_places[j.ordinal], p_segment) and a.account = j.account and c.ends_at > p_now)
        then 'campaign' else j.meter end, j.event, j.verdict)::judged order by j.ordinal)
    from unnest(judged) j;
$$;
ALTER FUNCTION cloison.campaigning_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], p_places text[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.cap_v1(p_segment text, p_leases text[], p_macs bytea[]) RETURNS TABLE(ordinal integer, outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_read lease[];
    v_locked uuid[];
    v_cutoffs timestamptz[];
    v_charged organisation_charge[];
begin
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_leases), cardinality(p_macs)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_read := array(select read_lease_v1(q.lease, q.mac) from unnest(p_leases, p_macs) with ordinality
                    as q (lease, mac, ordinal) order by q.ordinal);
    v_locked := array(select o.organisation from organisation_ledger o
        where o.segment = p_segment and o.organisation = any (array(
            select g.organisation from unnest(v_read) l join agreement g on g.organisation = l.organisation
            where g.standing and g.ledger_segment = p_segment))
        order by o.organisation for update skip locked);
    v_now := clock_v1();                                -- from here on a snapshot younger than the locks
    v_cutoffs := cutoffs_v1(v_now);
    with asked as materialized (
        select l.ordinal, l.organisation, l.account, l.person, l.expires_at, l.session, l.request,
            array[g.minutes_5, g.hour, g.day, g.days_28] as caps,
            case when (l.expires_at > v_now) is not true or g.organisation is null then 'lease'
                 when l.organisation <> all (v_locked) then 'busy' end as refused
        from unnest(v_read) with ordinality as l (kind, home, segment, session, account, organisation, role, request,
            person, compartments, purpose, token_hash, session_expires_at, expires_at, ordinal)
        left join agreement g on g.organisation = l.organisation and g.standing and g.ledger_segment = p_segment
    ), pair as materialized (
        -- Each pair once, in the order asked; `step` says in which windows it is new.
        select a.organisation, a.account, a.person, a.caps, a.ordinal, array[
            (o.last_opened > v_cutoffs[1]) is not true, (o.last_opened > v_cutoffs[2]) is not true,
            (o.last_opened > v_cutoffs[3]) is not true, (o.last_opened > v_cutoffs[4]) is not true]::integer[] as step
        from (select distinct on (a.organisation, a.account, a.person) a.* from asked a where a.refused is null
              order by a.organisation, a.account, a.person, a.ordinal) a
        left join lateral (
            select o.last_opened from organisation_opening o
            where o.segment = p_segment and o.organisation = a.organisation and o.account = a.account
              and o.person = a.person
            offset 0
        ) o on true
    ), room as materialized (
        select p.organisation, array(
            select case when p.caps[i] is null then 1000000000
                        when l.at_most[i] + p.new[i] <= p.caps[i] then p.caps[i] - l.at_most[i]
                        else p.caps[i] - (select count(*) from organisation_opening o where o.segment = p_segment
                                          and o.organisation = p.organisation and o.last_opened > v_cutoffs[i])::integer
                   end
            from generate_series(1, 4) i order by i) as people
        from (select p.organisation, p.caps, array[sum(p.step[1]), sum(p.step[2]), sum(p.step[3]),
                  sum(p.step[4])]::integer[] as new
              from pair p group by p.organisation, p.caps) p
        join organisation_ledger l on l.segment = p_segment and l.organisation = p.organisation
    ), weighed as materialized (
        select p.*, r.people,
            admit_v1(p.step, r.people) over (partition by p.organisation order by p.ordinal) as state
        from pair p join room r on r.organisation = p.organisation
    )
    select array_agg(row(a.ordinal, a.organisation, a.account, a.person, a.session, a.request, a.expires_at,
            coalesce(a.refused, case w.state[5] when 1 then 'open' else 'budget' end),
            case when a.refused is null and w.state[5] = 0 then (
                select max(ceil(extract(epoch from coalesce(
                    (select min(o.last_opened) from organisation_opening o where o.segment = p_segment
                     and o.organisation = a.organisation and o.last_opened > v_cutoffs[i]), v_now) - v_cutoffs[i])))
                from generate_series(1, 4) i where w.people[i] < w.state[i] + w.step[i]) end::integer,
            -- What the windows hold at most from now on: what was counted or remembered, and what is admitted.
            array(select case when w.caps[i] is not null then w.caps[i] - w.people[i] + e.admitted[i]
                  else 1000000000 end from generate_series(1, 4) i order by i))::organisation_charge order by a.ordinal)
        into v_charged
    from asked a
    left join weighed w on w.organisation = a.organisation and w.account = a.account and w.person = a.person
        and a.refused is null
    left join (select w.organisation, array[max(w.state[1]), max(w.state[2]), max(w.state[3]), max(w.state[4])] as admitted
               from weighed w group by w.organisation) e on e.organisation = a.organisation;
    insert into organisation_opening as o (segment, organisation, account, person, last_opened)
    select p_segment, c.organisation, c.account, c.person, max(c.expires_at) from unnest(v_charged) c
    where c.outcome = 'open' group by c.organisation, c.account, c.person
    on conflict (segment, organisation, account, person)
        do update set last_opened = greatest(o.last_opened, excluded.last_opened);
    -- One entry for what was lent together, one for what was refused together, under the organisation's own numbers.
    insert into entry (segment, account, number, at, event, outcome, amount)
    select p_segment, c.organisation, l.next_number - 1 + row_number() over (partition by c.organisation order by c.outcome),
        v_now, 'allowance_lent', c.outcome::outcome, c.amount
    from (select c.organisation, c.outcome, count(*)::integer as amount from unnest(v_charged) c
          where c.outcome in ('open', 'budget') group by c.organisation, c.outcome) c
    join organisation_ledger l on l.segment = p_segment and l.organisation = c.organisation;
    update organisation_ledger l
    set next_number = l.next_number + (select count(distinct c.outcome) from unnest(v_charged) c
            where c.organisation = l.organisation and c.outcome in ('open', 'budget')),
        at_most = (select c.at_most from unnest(v_charged) c where c.organisation = l.organisation
                   and c.outcome in ('open', 'budget') limit 1)
    where l.segment = p_segment and l.organisation = any (array(
        select c.organisation from unnest(v_charged) c where c.outcome in ('open', 'budget')));
    return query select c.ordinal, c.outcome, c.retry_after from unnest(v_charged) c order by c.ordinal;
end $$;
ALTER FUNCTION cloison.cap_v1(p_segment text, p_leases text[], p_macs bytea[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.capped_v1(p_segment text, p_leases text[], p_macs bytea[]) RETURNS TABLE(ordinal integer, lease text, mac bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_ordinals integer[];
    v_texts text[];
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'a lease needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_leases), cardinality(p_macs)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_now := clock_v1();
    select array_agg(q.ordinal), array_agg('cloison-capped-1|' || write_lease_v1(q.read)) into v_ordinals, v_texts
    from (select q.ordinal, read_lease_v1(q.lease, q.mac) as read
          from unnest(p_leases, p_macs) with ordinality as q (lease, mac, ordinal)) q
    join agreement g on g.organisation = (q.read).organisation and g.standing and g.ledger_segment = p_segment
    join organisation_opening o on o.segment = p_segment and o.organisation = (q.read).organisation
        and o.account = (q.read).account and o.person = (q.read).person and o.last_opened >= (q.read).expires_at
    where (q.read).expires_at > v_now;
    if v_texts is null then
        return;
    end if;
    perform wait_until_flushed_v1();
    return query select q.ordinal, q.lease, sign_lease_v1(q.lease)
    from unnest(v_ordinals, v_texts) as q (ordinal, lease) order by q.ordinal;
end $$;
ALTER FUNCTION cloison.capped_v1(p_segment text, p_leases text[], p_macs bytea[]) OWNER TO cloison_owner;
CREATE TABLE cloison.merge (
    segment text NOT NULL COLLATE pg_catalog."C",
    merge uuid NOT NULL,
    survivor uuid NOT NULL,
    absorbed uuid NOT NULL,
    state cloison.merge_state NOT NULL,
    reason text NOT NULL,
    asked_by uuid NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    merged_by uuid,
    merged_at timestamp with time zone,
    filled smallint[] DEFAULT '{}'::smallint[] NOT NULL,
    split_asked_by uuid,
    split_asked_at timestamp with time zone,
    split_by uuid,
    split_at timestamp with time zone,
    CONSTRAINT merge_reason_check CHECK ((reason ~ '^[a-z_]{1,32}$'::text))
);
ALTER TABLE cloison.merge OWNER TO cloison_owner;
CREATE TABLE cloison.planned (
    segment text NOT NULL COLLATE pg_catalog."C",
    merge uuid NOT NULL,
    version integer NOT NULL,
    absorbed_version integer NOT NULL,
    change cloison.resealed
);
ALTER TABLE cloison.planned OWNER TO cloison_owner;
CREATE FUNCTION cloison.carry_out_merge_v1(merging cloison.merge, plan cloison.planned) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_segment text := merging.segment;
begin
    -- In id order, so that two merges never wait for each other in a circle.
    perform from person p where p.segment = v_segment and p.person in (merging.survivor, merging.absorbed)
        order by p.person for update;
    if not exists (select from person p where p.segment = v_segment and p.person = merging.survivor
                   and p.version = plan.version)
       or not exists (select from person p where p.segment = v_segment and p.person = merging.absorbed
                      and p.version = plan.absorbed_version)
       or shielded_v1(merging.absorbed) then
        return 'stale';
    end if;
    delete from absorbed a where a.segment = v_segment and a.person = merging.absorbed;
    delete from absorbed_term a where a.segment = v_segment and a.person = merging.absorbed;
    insert into absorbed select p.* from person p where p.segment = v_segment and p.person = merging.absorbed;
    insert into absorbed_term (segment, person, slot, term, proof)
    select v_segment, a.person, s.slot, t.terms[s.slot], t.terms[s.proof_slot]
    from absorbed a cross join search_slot s
    cross join lateral (
        select array[a.term1, a.term2, a.term3, a.term4, a.term5, a.term6, a.term7, a.term8] as terms
    ) t
    where a.segment = v_segment and a.person = merging.absorbed and s.proof_slot is not null
      and t.terms[s.slot] is not null;
    perform count_cells_v1(v_segment, '{}', array(
        select a.cell from absorbed a
        where a.segment = v_segment and a.person = merging.absorbed and a.cell is not null));
    delete from person p where p.segment = v_segment and p.person = merging.absorbed;
    delete from absorbed_locator l where l.segment = v_segment and l.person = merging.absorbed;
    insert into absorbed_locator (segment, person, kind, term)
    select v_segment, l.person, l.kind, l.term from locator l where l.segment = v_segment and l.person = merging.absorbed;
    update locator l set person = merging.survivor, segment = v_segment
    from absorbed_locator a
    where a.segment = v_segment and a.person = merging.absorbed and l.kind = a.kind and l.term = a.term;
    if (plan.change).key_id is not null and reseal_one_v1(plan.change) <> 'changed' then
        raise exception 'the survivor has changed' using errcode = 'CL006';
    end if;
    delete from absorbed_relation r where r.segment = v_segment and r.person = merging.absorbed;
    insert into absorbed_relation (segment, person, account, kind, valid_from, valid_until, added)
    select v_segment, r.person, r.account, r.kind, r.valid_from, r.valid_until,
        not exists (select from relation s where s.segment = v_segment and s.person = merging.survivor
                    and s.account = r.account and s.kind = r.kind
                    and (s.valid_until is null or s.valid_until > clock_v1()))
    from relation r where r.segment = v_segment and r.person = merging.absorbed and r.kind <> 'grant';   -- it was for one record
    delete from relation r where r.segment = v_segment and r.person = merging.absorbed;
    insert into relation (segment, account, person, kind, valid_from, valid_until)
    select v_segment, r.account, merging.survivor, r.kind, r.valid_from, r.valid_until
    from absorbed_relation r where r.segment = v_segment and r.person = merging.absorbed and r.added
    on conflict (segment, account, person, kind)
        do update set valid_from = excluded.valid_from, valid_until = excluded.valid_until;
    perform merge_interactions_v1(v_segment, merging.absorbed, merging.survivor);
    return 'done';
end $$;
ALTER FUNCTION cloison.carry_out_merge_v1(merging cloison.merge, plan cloison.planned) OWNER TO cloison_owner;
CREATE FUNCTION cloison.carry_out_split_v1(merging cloison.merge, plan cloison.planned) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_segment text := merging.segment;
begin
    perform from person p where p.segment = v_segment and p.person = merging.survivor for update;
    if not exists (select from person p where p.segment = v_segment and p.person = merging.survivor
                   and p.version = plan.version)
       or not exists (select from absorbed a where a.segment = v_segment and a.person = merging.absorbed
                      and a.version = plan.absorbed_version) then
        return 'stale';
    end if;
    if (plan.change).key_id is not null and reseal_one_v1(plan.change) <> 'changed' then
        raise exception 'the survivor has changed' using errcode = 'CL006';
    end if;
    insert into person select a.* from absorbed a where a.segment = v_segment and a.person = merging.absorbed;
    perform count_cells_v1(v_segment, array(
        select a.cell from absorbed a
        where a.segment = v_segment and a.person = merging.absorbed and a.cell is not null), '{}');
    delete from absorbed a where a.segment = v_segment and a.person = merging.absorbed;
    delete from absorbed_term a where a.segment = v_segment and a.person = merging.absorbed;
    -- Also one that the survivor gave up meanwhile, or the record could be brought in twice.
    insert into locator (kind, term, segment, person)
    select a.kind, a.term, v_segment, merging.absorbed from absorbed_locator a
    where a.segment = v_segment and a.person = merging.absorbed
    on conflict (term) do update set person = excluded.person, segment = excluded.segment
        where locator.person = merging.survivor;
    delete from absorbed_locator a where a.segment = v_segment and a.person = merging.absorbed;
    -- What the survivor has only through the merge goes; what was changed since stays.
    delete from relation r using absorbed_relation a
    where a.segment = v_segment and a.person = merging.absorbed and a.added and r.segment = v_segment
      and r.person = merging.survivor and r.account = a.account and r.kind = a.kind
      and r.valid_from = a.valid_from and r.valid_until is not distinct from a.valid_until;
    insert into relation (segment, account, person, kind, valid_from, valid_until)
    select v_segment, a.account, a.person, a.kind, a.valid_from, a.valid_until
    from absorbed_relation a where a.segment = v_segment and a.person = merging.absorbed
    on conflict (segment, account, person, kind) do nothing;
    delete from absorbed_relation a where a.segment = v_segment and a.person = merging.absorbed;
    perform split_interactions_v1(v_segment, merging.absorbed, merging.survivor);
    -- Whoever was protected while the two were one may be either.
    perform inherit_protection_v1(merging.survivor, v_segment, merging.absorbed) where exists (
        select from protection p where p.person = merging.survivor and p.lifted_at is null
          and p.since >= merging.merged_at and (p.valid_until is null or p.valid_until > clock_v1()));
    return 'done';
end $$;
ALTER FUNCTION cloison.carry_out_split_v1(merging cloison.merge, plan cloison.planned) OWNER TO cloison_owner;
CREATE FUNCTION cloison.change_audience_v1(p_segment text, p_token bytea, p_protection uuid, p_audience text[]) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_may record;
    v_accounts uuid[] := accounts_named_v1(p_audience);
    v_new uuid[];
    v_stands protection;
    v_outcome text := 'confirmed';
begin
    select * into v_may from may_protect_v1(p_segment, p_token, 'protection_set');
    if v_may.verdict <> 'open' then
        return v_may.verdict;
    end if;
    select * into v_stands from standing_v1(p_protection, v_may.organisation);
    if v_stands.protection is null then
        return 'not_found';
    elsif v_accounts is null then
        return 'unknown_account';
    end if;
    update audience a set valid_until = clock_v1()
    where a.segment = v_stands.segment and a.protection = p_protection and a.account <> all (v_accounts)
      and (a.valid_until is null or a.valid_until > clock_v1());
    v_new := array(
        select n from unnest(v_accounts) n where not exists (
            select from audience a where a.segment = v_stands.segment and a.protection = p_protection and a.account = n
                and (a.valid_until is null or a.valid_until > clock_v1())) order by n);
    if v_new <> '{}' then
        v_outcome := second_person_v1(v_stands.segment, p_protection, v_new, v_may.account, v_may.organisation);
    end if;
    if v_outcome = 'confirmed' then
        insert into audience as a (segment, protection, account)
        select v_stands.segment, p_protection, n from unnest(v_new) n
        on conflict (segment, protection, account) do update set valid_until = null;
    end if;
    perform log_protection_v1(p_segment, v_may.account, v_may.session,
        case v_outcome when 'confirmed' then 'protection_set' else 'protection_lift_asked' end::event,
        v_stands.person, p_protection,
        case v_outcome when 'confirmed' then cardinality(v_accounts) else cardinality(v_new) end);
    return case v_outcome when 'confirmed' then 'open' else v_outcome end;
end $$;
ALTER FUNCTION cloison.change_audience_v1(p_segment text, p_token bytea, p_protection uuid, p_audience text[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.change_bit_v1() RETURNS integer
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN (1 << 30);
ALTER FUNCTION cloison.change_bit_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.change_person_v1(p_segment text, p_token bytea, p_request uuid, p_act integer, p_event cloison.event, p_purpose smallint, p_change cloison.resealed[]) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_may record;
    v_who holder;
    v_change resealed := p_change[1];
    v_result text;
begin
    if cardinality(p_change) <> 1 then
        raise exception 'one change at a time' using errcode = 'CL002';
    elsif ((p_act = 1 and p_event = 'person_changed') or (p_act = 2 and p_event in (
            'registration_ended', 'registration_resumed', 'person_deceased'))) is not true then
        raise exception 'not an act that changes somebody, or not its event' using errcode = 'CL002';
    end if;
    select * into v_may from may_act_v1(p_segment, p_token, p_act, p_purpose);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return v_may.verdict;
    elsif v_may.verdict <> 'open' or v_change.former_segment <> p_segment
          or relation_now_v1(v_who, v_change.person) is null then
        return refuse_act_v1(v_who, p_request, p_event, p_purpose,
            case v_may.verdict when 'open' then 'scope' else v_may.verdict end);
    end if;
    select r.result into v_result from reseal_v1(p_change, case
        when v_change.segment <> v_change.former_segment then 'person_moved' else p_event end,
        v_who.account, v_who.session, p_request) r;
    if p_event = 'person_deceased' and v_result = 'changed' then
        perform space_end_v1(v_change.person, null);
    end if;
    return v_result;
end $$;
ALTER FUNCTION cloison.change_person_v1(p_segment text, p_token bytea, p_request uuid, p_act integer, p_event cloison.event, p_purpose smallint, p_change cloison.resealed[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.changes_v1(p_segment text, p_token bytea, p_xid bigint, p_person uuid, p_event cloison.event, p_most integer) RETURNS TABLE(verdict text, xid bigint, person uuid, event text, version integer, at timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_client uuid := client_of_v1(p_token, 'changes');
    v_below bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
begin
    if v_client is null then
        return query select 'no_client', null::bigint, null::uuid, null::text, null::integer, null::timestamptz;
    elsif exists (select from client c join agreement g on g.organisation = c.organisation and g.standing
                  where c.client = v_client and p_segment <> all (g.segments)) then
        return query select 'scope', null::bigint, null::uuid, null::text, null::integer, null::timestamptz;
    elsif exists (select from change_floor f where f.segment = p_segment and (f.xid, f.person, f.event) > (p_xid, p_person, p_event)) then
        return query select 'missed', null::bigint, null::uuid, null::text, null::integer, null::timestamptz;
    else
        return query select 'open', c.xid, c.person, c.event::text, c.version, c.at from change c
        where c.segment = p_segment and c.xid < v_below
          and (p_xid is null or (c.xid, c.person, c.event) > (p_xid, p_person, p_event))
        order by c.xid, c.person, c.event limit p_most;
        if not found then
            return query select 'open', null::bigint, null::uuid, null::text, null::integer, null::timestamptz;
        end if;
    end if;
end $$;
ALTER FUNCTION cloison.changes_v1(p_segment text, p_token bytea, p_xid bigint, p_person uuid, p_event cloison.event, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.charge_each_v1(p_segment text, p_segments text[], p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) RETURNS TABLE(ordinal integer, outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_locked uuid[];
    v_receipts receipt[];
    v_label integer := (select label_bit from profile);
    v_judged judged[];
begin
    perform refuse_unsafe_caller_v1();                                                      -- 1
    if greatest(cardinality(p_segments), cardinality(p_tokens), cardinality(p_requests), cardinality(p_persons),
                cardinality(p_compartments), cardinality(p_purposes)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_locked := lock_each_v1(p_segment, p_segments, p_tokens);                              -- 2
    v_receipts := array(
        select r from unnest(p_segments, p_tokens, p_requests, p_persons) as q (place, token, request, person)
        join session s on s.segment = q.place and s.token_hash = sha256(q.token)
        join receipt r on r.segment = q.place and r.session = s.session and r.request = q.request
            and r.person = q.person
        for update of r skip locked);
    v_now := clock_v1();
    with asked as materialized (                                                            -- 3
        select q.*, h.session, h.account, h.role, h.touched_at, h.relations, h.touch, h.capped,
            coalesce(q.request is not null and q.compartments > 0 and q.compartments & ~h.compartments = 0
                and q.purpose between 0 and 30 and (h.purposes >> q.purpose) & 1 = 1, false) as allowed
        from unnest(p_segments, p_tokens, p_requests, p_persons, p_compartments, p_purposes)
            with ordinality as q (place, token, request, person, compartments, purpose, ordinal)
        left join lateral (
            select h.* from holder h
            where h.segment = q.place and h.token_hash = sha256(q.token) and h.expires_at > v_now
            offset 0
        ) h on true
    ), reach as materialized (
        select * from reachable_each_v1(
            array(select a.account from asked a order by a.ordinal), array(select a.person from asked a order by a.ordinal))
    ), judged as (
        select a.*, r.kind,
            case
                when a.account is null then 'no_session'
                when a.account <> all (v_locked) then 'busy'
                when exists (
                    select from receipt p where p.segment = a.place and p.session = a.session
                        and p.request = a.request and p.person = a.person
                        and not exists (select from unnest(v_receipts) m where m.session = p.session
                                        and m.request = p.request and m.person = p.person)) then 'busy'
                when exists (select from account_freeze f where f.segment = a.place and f.account = a.account
                             and f.lifted_at is null) then 'frozen'
                when r.kind is null or not a.allowed then 'scope'
                when a.compartments & a.touch <> 0
                     and (a.touched_at > v_now - interval '5 minutes') is not true then 'step_up'
                when a.capped then 'lease'   -- its organisation's ledger counts too: 65_lease.sql
                else 'open'
            end as verdict
        from asked a
        join reach w on w.ordinal = a.ordinal
        left join lateral (
            select r.kind from relation r
            where r.segment = a.place and r.account = a.account
              and r.person = w.person
              and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now)
              and (a.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
              and (a.compartments & ~r.compartments = 0) is not false
            order by r.kind limit 1
        ) r on true
    ), held as (
        select j.*, row_number() over (partition by j.session, j.verdict order by j.ordinal) + (
            select count(*) from receipt p where p.segment = j.place and p.session = j.session
              and p.compartments <> v_label and p.charged_at > v_now - receipt_lifetime_v1()) as receipts
        from judged j
    )
    select array_agg(row(
            h.ordinal, h.session, h.account, h.role, h.request, h.person, h.compartments, h.purpose, h.kind,
            case when h.kind = 'walk_in' then 'walk_in' else 'open' end, 'open',
            -- At most 16 receipts not released a session: what a freeze between charge and release can still meet.
            case when h.verdict = 'open' and h.receipts > 16 then 'busy' else h.verdict end)::judged)
        into v_judged from held h;
    return query select * from settle_v1(p_segment, v_now, v_judged, p_segments);           -- 4
end $$;
ALTER FUNCTION cloison.charge_each_v1(p_segment text, p_segments text[], p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.charge_lent_v1(p_segment text, p_tokens bytea[], p_leases text[], p_macs bytea[]) RETURNS TABLE(ordinal integer, outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_v1();
    v_read lease[];
    v_locked uuid[];
    v_receipts receipt[];
    v_label integer := (select label_bit from profile);
    v_judged judged[];
begin
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_tokens), cardinality(p_leases), cardinality(p_macs)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_read := array(
        select case when (q.read).segment = p_segment and (q.read).token_hash = sha256(q.token)
                     and (q.read).expires_at > v_now and (q.read).session_expires_at > v_now then q.read end
        from (select q.ordinal, q.token, read_lease_v1(q.lease, q.mac) as read
              from unnest(p_tokens, p_leases, p_macs) with ordinality as q (token, lease, mac, ordinal)) q
        order by q.ordinal);
    if not exists (select from person p where p.segment = p_segment) then
        -- Nobody is in a segment that nobody has heard of, and nothing is made of its name.
        return query select l.ordinal::integer, case when l.account is null then 'lease' else 'scope' end, null::integer
        from unnest(v_read) with ordinality as l (kind, home, segment, session, account, organisation, role, request,
            person, compartments, purpose, token_hash, session_expires_at, expires_at, ordinal) order by l.ordinal;
        return;
    end if;
    insert into ledger (segment, account)
    select distinct p_segment, l.account from unnest(v_read) l
    where l.account is not null
      and not exists (select from ledger k where k.segment = p_segment and k.account = l.account)
    on conflict do nothing;
    v_locked := array(select k.account from ledger k
        where k.segment = p_segment and k.account = any (array(select l.account from unnest(v_read) l))
        order by k.account for update skip locked);
    v_receipts := array(select r from unnest(v_read) l
        join receipt r on r.segment = p_segment and r.session = l.session and r.request = l.request
            and r.person = l.person
        for update of r skip locked);
    v_now := clock_v1();                                -- from here on a snapshot younger than the locks
    with asked as materialized (
        select l.*, r.relations & case when l.home = p_segment then -1 else ~8 end as relations,
            (l.kind = 'capped' or coalesce(g.minutes_5, g.hour, g.day, g.days_28) is null) as counted,
            case when g.organisation is null or p_segment <> all (g.segments) or l.home <> all (g.segments)
                      or l.role <> all (g.roles) then false
                 when g.ends_at is null then true else g.ends_at > v_now end
                and l.compartments & ~r.compartments = 0 as allowed
        from unnest(v_read) with ordinality as l (kind, home, segment, session, account, organisation, role, request,
            person, compartments, purpose, token_hash, session_expires_at, expires_at, ordinal)
        left join role r on r.role = l.role
        left join agreement g on g.organisation = l.organisation and g.standing
    ), judged as (
        select a.*, r.kind as relation,
            case
                when (a.expires_at > v_now and a.session_expires_at > v_now) is not true then 'lease'
                when exists (select from session_end e where e.segment = p_segment and e.session = a.session)
                  or exists (select from recall c where c.subject = a.session) then 'no_session'
                when a.account <> all (v_locked) then 'busy'
                when exists (
                    select from receipt p where p.segment = p_segment and p.session = a.session
                        and p.request = a.request and p.person = a.person
                        and not exists (select from unnest(v_receipts) m where m.session = p.session
                                        and m.request = p.request and m.person = p.person)) then 'busy'
                when exists (select from recall c where c.subject = a.account)
                  or exists (select from account_freeze f where f.segment = p_segment and f.account = a.account
                             and f.lifted_at is null) then 'frozen'
                when r.kind is null or not a.allowed then 'scope'
                when not a.counted then 'lease'
                else 'open'
            end as verdict
        from asked a
        left join lateral (
            select r.kind from relation r
            where r.segment = p_segment and r.account = a.account
              and r.person = (select w.person from reachable_each_v1(array[a.account], array[a.person]) w)
              and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now)
              and (a.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
              and (a.compartments & ~r.compartments = 0) is not false
            order by r.kind limit 1
        ) r on true
    ), held as (
        select j.*, row_number() over (partition by j.session, j.verdict order by j.ordinal) + (
            select count(*) from receipt p where p.segment = p_segment and p.session = j.session
              and p.compartments <> v_label and p.charged_at > v_now - receipt_lifetime_v1()) as receipts
        from judged j
    )
    select array_agg(row(
            h.ordinal, h.session, h.account, h.role, h.request, h.person, h.compartments, h.purpose, h.relation,
            case when h.relation = 'walk_in' then 'walk_in' else 'open' end, 'open',
            case when h.verdict = 'open' and h.receipts > 16 then 'busy' else h.verdict end)::judged)
        into v_judged from held h;
    insert into guest (segment, session, token_hash, account, organisation, role, home, expires_at, seen_at)
    select distinct on (l.session) p_segment, l.session, l.token_hash, l.account, l.organisation, l.role, l.home,
        l.session_expires_at, v_now
    from unnest(v_judged) j join unnest(v_read) with ordinality as l (kind, home, segment, session, account,
        organisation, role, request, person, compartments, purpose, token_hash, session_expires_at, expires_at, ordinal)
        on l.ordinal = j.ordinal
    where j.verdict = 'open' and l.home <> p_segment
    on conflict (segment, session) do update set role = excluded.role, seen_at = excluded.seen_at;
    return query select * from settle_v1(p_segment, v_now, v_judged);
end $$;
ALTER FUNCTION cloison.charge_lent_v1(p_segment text, p_tokens bytea[], p_leases text[], p_macs bytea[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.charge_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) RETURNS TABLE(ordinal integer, outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    return query select * from charge_each_v1(p_segment, of_one_segment_v1(p_segment, p_tokens), p_tokens, p_requests,
        p_persons, p_compartments, p_purposes);
end $$;
ALTER FUNCTION cloison.charge_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.client_key_v1(p_client uuid) RETURNS text
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select c.public_key from client c where c.client = p_client and client_open_v1(c.client);
$$;
ALTER FUNCTION cloison.client_key_v1(p_client uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.client_of_v1(p_token bytea, p_use cloison.client_use) RETURNS uuid
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select t.client from client_token t
    where t.token_hash = sha256(p_token) and t.used_for = p_use and t.expires_at > clock_v1() and client_open_v1(t.client);
$$;
ALTER FUNCTION cloison.client_of_v1(p_token bytea, p_use cloison.client_use) OWNER TO cloison_owner;
CREATE FUNCTION cloison.client_open_v1(p_client uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select exists (
        select from client c join agreement g on g.organisation = c.organisation and g.standing
          and (g.ends_at is null or g.ends_at > clock_v1())
        where c.client = p_client and c.closed_at is null);
$$;
ALTER FUNCTION cloison.client_open_v1(p_client uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.client_token_v1(p_client uuid, p_assertion bytea, p_seconds integer, p_use text, p_token_hash bytea) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.client_token_v1(p_client uuid, p_assertion bytea, p_seconds integer, p_use text, p_token_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.clock_v1() RETURNS timestamp with time zone
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN clock_timestamp();
ALTER FUNCTION cloison.clock_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.close_account_v1(p_segment text, p_account uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    update account a set closed_at = clock_v1() where a.segment = p_segment and a.account = p_account and a.closed_at is null;
    insert into recall (subject) values (p_account) on conflict (subject) do update set until = null;
    perform freeze_factors_v1(p_segment, p_account);
    perform log_act_v1(p_segment, 'account_closed', p_account, null, null);
end $$;
ALTER FUNCTION cloison.close_account_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.close_client_v1(p_name text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.close_client_v1(p_name text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.close_feed_v1(p_name text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_feed uuid;
    v_segments text[];
    v_client uuid;
begin
    update feed set closed_at = clock_v1() where name = p_name and closed_at is null
    returning feed, segments, client into v_feed, v_segments, v_client;
    if v_feed is null then
        return false;
    end if;
    update client c set closed_at = clock_v1() where c.client = v_client and c.closed_at is null;
    perform log_act_v1(coalesce(v_segments[1], '00'), 'feed_closed', v_feed, null, null);
    return true;
end $$;
ALTER FUNCTION cloison.close_feed_v1(p_name text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.compartments_of_v1(p_account uuid, p_names text[]) RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select case when cardinality(p_names) > 0 and bool_and(((r.compartments >> array_position(p.compartments, n) - 1) & 1 = 1) is true)
                then bit_or(1 << array_position(p.compartments, n) - 1) end
    from account a join role r on r.role = a.role cross join profile p cross join unnest(p_names) n
    where a.account = p_account
    group by p_names;
$$;
ALTER FUNCTION cloison.compartments_of_v1(p_account uuid, p_names text[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.confirm_code_v1(p_segment text, p_token bytea, p_person uuid, p_hash bytea) RETURNS TABLE(outcome text, retry_after integer, valid_until timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_now timestamptz;
    v_code code;
    v_until timestamptz;
    v_retry integer;
begin
    select * into v_may from may_act_v1(p_segment, p_token, null, null);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return query select v_may.verdict, null::integer, null::timestamptz;
        return;
    end if;
    perform lock_organisations_v1(array[v_who.organisation]);
    v_now := clock_v1();
    if v_may.verdict = 'open' then
        select c.* into v_code from code c
        where c.segment = p_segment and c.session = v_who.session and c.account = v_who.account and c.person = p_person
        order by c.asked_at desc limit 1 for update;
        update code c set tries = c.tries + 1 where c.segment = p_segment and c.code = v_code.code;
    end if;
    if v_may.verdict <> 'open' or (v_code.confirmed_at is null and v_code.expires_at > v_now and v_code.tries < 5
                                   and v_code.code_hash = p_hash and (v_who.relations >> 3) & 1 = 1
                                   and p_person = reachable_v1(p_segment, v_who.account, p_person)) is not true then
        return query select refuse_act_v1(v_who, v_code.code, 'code_confirmed', null,
            case when v_may.verdict <> 'open' then v_may.verdict else 'scope' end), null::integer, null::timestamptz;
        return;
    end if;
    v_until := greatest(date_trunc('day', v_now, 'UTC') + interval '24 hours', v_now + interval '30 minutes');
    select w.retry_after into v_retry from weigh_relations_v1(v_now, array[row(1, p_segment, v_who.account,
        v_who.organisation, p_segment, p_person, 'inbound', v_now, v_until)::wished_relation], true) w
    where w.result = 'metered';
    if v_retry is not null then
        return query select refuse_act_v1(v_who, v_code.code, 'code_confirmed', null, 'budget'), v_retry,
            null::timestamptz;
        return;
    end if;
    perform widen_relation_v1(v_now, p_segment, v_who.account, p_person, 'inbound', v_now, v_until);
    update code c set confirmed_at = v_now where c.segment = p_segment and c.code = v_code.code;
    perform log_account_v1(v_who, v_code.code, 'code_confirmed', p_person, null, null, null, null);
    return query select 'open', null::integer, v_until;
end $$;
ALTER FUNCTION cloison.confirm_code_v1(p_segment text, p_token bytea, p_person uuid, p_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.copied_v1(p_segment text, p_secret bytea, p_token bytea) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.copied_v1(p_segment text, p_secret bytea, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.cosign_v1(p_segment text, p_size bigint, p_note text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_now timestamptz := clock_v1();
begin
    perform from log_head h where h.segment = p_segment and p_size between 0 and h.size for update;
    if not found then
        return false;
    end if;
    insert into log_cosignature as c (segment, witness, size, note, at)
    values (p_segment, session_user, p_size, p_note, v_now)
    on conflict (segment, witness) do update set size = excluded.size, note = excluded.note, at = excluded.at
        where c.size <= excluded.size;
    if not found then
        return false;
    end if;
    update log_head h set cosigned_size = p_size, cosigned_at = v_now where h.segment = p_segment and h.cosigned_size <= p_size;
    return true;
end $$;
ALTER FUNCTION cloison.cosign_v1(p_segment text, p_size bigint, p_note text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.count_cells_v1(p_segment text, p_gained bigint[], p_lost bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    insert into counter as c (segment, cell, people)
    select p_segment, d.cell, sum(d.people)
    from (
        select g.cell, 1 as people from unnest(p_gained) g (cell) where g.cell is not null
        union all
        select l.cell, -1 from unnest(p_lost) l (cell) where l.cell is not null
    ) d
    group by d.cell having sum(d.people) <> 0
    order by d.cell
    on conflict (segment, cell) do update set people = c.people + excluded.people;
    -- Nobody else sees these rows before this transaction ends: a counter is never seen at 0 or below.
    if cardinality(p_lost) > 0 then
        delete from counter c where c.segment = p_segment and c.cell = any (p_lost) and c.people <= 0;
    end if;
end $$;
ALTER FUNCTION cloison.count_cells_v1(p_segment text, p_gained bigint[], p_lost bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.counted_segments_v1() RETURNS TABLE(segment text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select distinct c.segment from counter c order by c.segment;
$$;
ALTER FUNCTION cloison.counted_segments_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.counters_v1(p_segment text, p_cells bigint[]) RETURNS TABLE(ordinal integer, people bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'reading counters needs a transaction that has not written' using errcode = 'CL003';
    elsif (select e.at > clock_v1() - interval '1 minute' from entry e
           where e.segment = p_segment and e.account = '00000000-0000-0000-0000-000000000002'
           order by e.number desc limit 1) is not true then
        raise exception 'ask_counters_v1 comes first' using errcode = 'CL006';
    end if;
    return query select q.ordinal::integer, c.people
    from counter c join unnest(p_cells) with ordinality as q (cell, ordinal) on q.cell = c.cell
    where c.segment = p_segment;
end $$;
ALTER FUNCTION cloison.counters_v1(p_segment text, p_cells bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.create_account_v1(p_segment text, p_handle text, p_organisation uuid, p_agency text, p_role text, p_holder text DEFAULT NULL::text, p_account uuid DEFAULT gen_random_uuid()) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.create_account_v1(p_segment text, p_handle text, p_organisation uuid, p_agency text, p_role text, p_holder text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.create_feed_v1(p_name text, p_kind cloison.feed_kind, p_segments text[], p_client uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_feed uuid;
begin
    insert into feed (name, kind, segments, client, created_at)
    values (p_name, p_kind, p_segments, p_client, clock_v1()) returning feed into v_feed;
    perform log_act_v1(coalesce(p_segments[1], '00'), 'feed_created', v_feed, null, null);
    return v_feed;
end $$;
ALTER FUNCTION cloison.create_feed_v1(p_name text, p_kind cloison.feed_kind, p_segments text[], p_client uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.create_person_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_to text, p_person cloison.newcomer[]) RETURNS TABLE(outcome text, retry_after integer, person uuid, held_in text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_asked question;
    v_settled record;
    v_new uuid := (p_person[1]).person;
    v_whole integer := (select (1 << cardinality(p.compartments)) - 1 from profile p);
    v_found uuid[];
begin
    if pg_current_xact_id_if_assigned() is not null then                                    -- 1
        raise exception 'creating needs a transaction that has not written' using errcode = 'CL003';
    elsif cardinality(p_person) <> 1 then
        raise exception 'one person at a time' using errcode = 'CL002';
    end if;
    if exists (select from question q join session s on s.segment = q.segment and s.session = q.session
               where q.segment = p_segment and q.request = p_request and s.token_hash = sha256(p_token)) then
        perform wait_until_flushed_v1();         -- before we write anything ourselves
    end if;
    select * into v_may from may_act_v1(p_segment, p_token, 0, p_purpose);
    v_who := v_may.who;
    if v_may.verdict <> 'open' then
        return query select v_may.verdict, null::integer, null::uuid, null::text;
        return;
    end if;
    delete from question q
    where q.segment = p_segment and q.session = v_who.session and q.request = p_request and q.person is null
      and q.asked_at > clock_v1() - receipt_lifetime_v1()
    returning q.* into v_asked;
    if v_asked.request is null then
        return query select 'stale', null::integer, null::uuid, null::text;
        return;
    end if;
    begin                                                                                   -- 2
        if (select r.result from intake_people_v1(p_to, p_person) r) = 'inserted' then      -- 3
            select * into v_settled from settle_v1(p_segment, clock_v1(), array[row(
                1, v_who.session, v_who.account, v_who.role, p_request, v_new, v_whole, p_purpose, 'walk_in', 'open',
                'person_created', 'open')::judged]);
            delete from receipt r where r.segment = p_segment and r.session = v_who.session
                and r.request = p_request;
            if v_settled.outcome <> 'open' then
                raise exception 'beyond the budget' using errcode = 'CL007';
            end if;
            insert into relation (segment, account, person, kind, valid_from, valid_until)
            values (p_to, v_who.account, v_new, 'walk_in', clock_v1(), clock_v1() + interval '30 minutes');
            perform forgive_question_v1(p_segment, v_asked);
            return query select 'created', null::integer, v_new, p_to;
            return;
        end if;
    exception when sqlstate 'CL007' then
        return query select v_settled.outcome, v_settled.retry_after, null::uuid, null::text;
        return;
    end;
    v_found := array(select distinct l.person                                               -- 4
        from unnest((p_person[1]).locators) with ordinality as q (term, kind)
        join located l on l.kind = q.kind - 1 and l.term = q.term);
    if cardinality(v_found) = 1 and relation_now_v1(v_who, v_found[1]) is not null then
        perform forgive_question_v1(p_segment, v_asked);
        return query select 'known', null::integer, v_found[1], p_segment;
        return;
    end if;
    return query select 'conflict', null::integer, null::uuid, null::text;
end $$;
ALTER FUNCTION cloison.create_person_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_to text, p_person cloison.newcomer[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.cutoffs_v1(p_now timestamp with time zone) RETURNS timestamp with time zone[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[(p_now - '00:05:10'::interval), (p_now - '01:00:10'::interval), (p_now - '24:00:10'::interval), (p_now - '672:00:10'::interval)];
ALTER FUNCTION cloison.cutoffs_v1(p_now timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.decide_transfer_v1(p_segment text, p_token bytea, p_kind text, p_transfer uuid) RETURNS TABLE(outcome text, transfer uuid, people integer, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_now timestamptz;
    v_event event := case p_kind when 'cover' then 'cover_given' else 'handover_done' end;
    v_asked transfer;
    v_people integer;
begin
    select * into v_may from may_act_v1(p_segment, p_token, 5, null);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return query select v_may.verdict, null::uuid, null::integer, null::integer;
        return;
    end if;
    perform lock_organisations_v1(array[v_who.organisation]);
    v_now := clock_v1();
    select x.* into v_asked from transfer x
    join account m on m.segment = x.segment and m.account = x.asked_by and m.organisation = v_who.organisation
    join account g on g.segment = x.segment and g.account = x.giver and g.organisation = m.organisation
        and g.agency = m.agency
    join account t on t.segment = x.segment and t.account = x.taker and t.organisation = m.organisation
        and t.agency = m.agency
    where x.segment = p_segment and x.transfer = p_transfer and x.kind::text = p_kind and x.decided_at is null
      and v_who.account not in (x.asked_by, x.taker)
      and x.asked_at > v_now - interval '168 hours' and (x.valid_until is null or x.valid_until > v_now)
      and not exists (select from account_freeze f where f.segment = x.segment and f.account in (x.taker, x.asked_by)
                      and f.lifted_at is null)
    for update of x;
    if v_may.verdict <> 'open' or v_asked.transfer is null then
        return query select refuse_act_v1(v_who, p_transfer, v_event, null,
            case when v_may.verdict <> 'open' then v_may.verdict else 'scope' end), null::uuid, null::integer,
            null::integer;
        return;
    end if;
    select count(*) into v_people from (
        select widen_relation_v1(v_now, r.segment, v_asked.taker, r.person,
            case p_kind when 'cover' then 'cover' else 'caseload' end::relation_kind,
            case p_kind when 'cover' then greatest(v_asked.valid_from, v_now) else greatest(r.valid_from, v_now) end,
            case p_kind when 'cover' then v_asked.valid_until else r.valid_until end)
        from relation r
        where r.account = v_asked.giver and r.kind = 'caseload' and (r.valid_until is null or r.valid_until > v_now)
    ) w;
    if p_kind = 'handover' then
        -- One that was still to begin ends before it does.
        update relation r set valid_until = v_now
        where r.account = v_asked.giver and r.kind = 'caseload' and (r.valid_until is null or r.valid_until > v_now);
    end if;
    update transfer x set decided_by = v_who.account, decided_at = v_now, people = v_people
    where x.segment = p_segment and x.transfer = p_transfer;
    perform log_transfer_v1(v_who, v_now, v_event, p_transfer, v_asked.taker, v_people);
    return query select 'open', p_transfer, v_people, null::integer;
end $$;
ALTER FUNCTION cloison.decide_transfer_v1(p_segment text, p_token bytea, p_kind text, p_transfer uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.decisions_v1(p_segment text, p_token bytea, p_days integer) RETURNS TABLE(asker text, approver text, approved boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.decisions_v1(p_segment text, p_token bytea, p_days integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.directory_ask_v1(p_token bytea, p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.directory_ask_v1(p_token bytea, p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.directory_close_v1(p_token bytea, p_user uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.directory_close_v1(p_token bytea, p_user uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.directory_users_v1(p_token bytea, p_user uuid, p_handle text, p_holder text, p_skip integer, p_most integer) RETURNS TABLE(total bigint, account uuid, handle text, segment text, agency text, role text, holder text, state text, since timestamp with time zone)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.directory_users_v1(p_token bytea, p_user uuid, p_handle text, p_holder text, p_skip integer, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.directory_v1(p_token bytea) RETURNS TABLE(client uuid, name text, organisation uuid)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select c.client, c.name, c.organisation from client c where c.client = client_of_v1(p_token, 'scim');
$$;
ALTER FUNCTION cloison.directory_v1(p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.disclosures_v1() RETURNS TABLE(act uuid, given_at timestamp with time zone, authority text, legal_basis text, reference text, person uuid, compartments text[], signed_by text[], executor text, fetched_at timestamp with time zone)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select x.act, x.given_at, a.details ->> 'authority', a.details ->> 'legal_basis', a.details ->> 'reference', x.person,
        texts_v1(a.details -> 'compartments'),
        array(select c.handle from act_signature s join account c on c.account = s.account where s.act = x.act order by s.signed_at),
        (select c.handle from account c where c.segment = x.segment and c.account = x.account),
        (select min(e.at) from entry e where e.segment = x.segment and e.account = x.account and e.subject = x.act
            and e.person = x.person and e.event = 'exported')
    from export x join act a on a.act = x.act
    where x.person is not null
    order by x.given_at;
$$;
ALTER FUNCTION cloison.disclosures_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.do_act_v1(p_act cloison.act) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.do_act_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.do_campaign_v1(p_act cloison.act) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.do_campaign_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.do_export_v1(p_act cloison.act) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_export export := export_read_v1(p_act);
begin
    insert into export select v_export.act, v_export.segment, v_export.account, v_export.purpose, v_export.compartments,
        v_export.people, 0, v_export.segments, v_export.person, v_export.recipient, v_export.given_at, v_export.valid_until, null;
    perform log_own_act_v1(v_export.segment, v_export.account, 'grant_given', 'open', null, p_act.act);
end $$;
ALTER FUNCTION cloison.do_export_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.do_grant_v1(p_act cloison.act) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_grant break_glass;
    v_approver act_signature;
begin
    if p_act.kind = 'grant.reinstate' then
        update break_glass g set forgiven_at = clock_v1() from account o join account mine on mine.holder = o.holder
        where o.segment = p_act.details ->> 'segment' and o.account = (p_act.details ->> 'account')::uuid
          and g.segment = mine.segment and g.account = mine.account and g.emergency and g.approved_by is null;
        return;
    elsif p_act.kind <> 'grant.break_glass' then
        raise exception 'not an act that is done here' using errcode = 'CL021';
    end if;
    if not exists (select from break_glass g where g.act = p_act.act) then
        perform break_glass_v1(p_act, false);
    end if;
    select * into v_approver from act_signature s where s.act = p_act.act and s.account <> p_act.asked_by
    order by s.signed_at desc limit 1;
    update break_glass g set approved_by = v_approver.account where g.act = p_act.act returning g.* into v_grant;
    if v_grant.emergency and v_grant.valid_until > clock_v1() then
        perform relate_v1(v_grant, v_grant.valid_until);
    end if;
    perform approver_charged_v1(v_grant, v_approver);
end $$;
ALTER FUNCTION cloison.do_grant_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.do_investigation_v1(p_act cloison.act) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    insert into investigation select (investigation_read_v1(p_act)).*;
    perform log_act_v1(coalesce(p_act.details ->> 'segment', '00'), 'investigation_declared', p_act.act, null, null);
end $$;
ALTER FUNCTION cloison.do_investigation_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.do_operated_v1(p_act cloison.act) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    d jsonb := p_act.details;
begin
    if not operated_v1(p_act.kind) then
        raise exception 'not an act that is done here' using errcode = 'CL021';
    elsif p_act.kind = 'feed.open' then
        perform register_client_v1(p_act, array['feed']);
        perform create_feed_v1(d ->> 'name', (d ->> 'source')::feed_kind, texts_v1(d -> 'segments'), p_act.act);
    elsif p_act.kind = 'client.register' then
        perform register_client_v1(p_act, texts_v1(d -> 'uses'));
    elsif p_act.kind = 'protection.lift' then
        if not lift_by_owner_v1((d ->> 'protection')::uuid) then
            raise exception 'no such protection stands' using errcode = 'CL031';
        end if;
    elsif p_act.kind = 'account.forget_holder' then
        perform set_holder_v1(d ->> 'segment', (d ->> 'account')::uuid, '{}', '{}');
    elsif p_act.kind = 'limit.set' then
        perform set_limit_v1(d ->> 'limit', (d ->> 'value')::integer, d ->> 'only_of');
    elsif p_act.kind = 'staff.import' and d - 'reason' is distinct from staged_staff_v1(p_act.act) then
        raise exception 'not the lines that were signed' using errcode = 'CL022';
    end if;   -- brought in afterwards: operator_import_v1
end $$;
ALTER FUNCTION cloison.do_operated_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.drop_log_month_v1(p_months integer) RETURNS date
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
declare
    v_month date := (select min(b.month) from log_blinding b);
    v_from timestamptz := v_month::timestamp at time zone 'UTC';
    v_to timestamptz := (v_month + make_interval(months => 1)) at time zone 'UTC';
begin
    if p_months < 6 or p_months > 36 then
        raise exception 'entries are kept for 6 to 36 months' using errcode = 'CL037';
    elsif v_month is null or v_to > log_month_v1(-p_months) then
        return null;
    elsif exists (
            select from log_batch b join log_head h on h.segment = b.segment
            where b.since < v_to and b.until >= v_from and b.first + b.size > h.cosigned_size)
        or exists (
            select from (select e.segment, e.account, max(e.number) as number from entry e
                         where e.at >= v_from and e.at < v_to group by e.segment, e.account) e
            left join log_author s on s.segment = e.segment and s.account = e.account
            where e.number > coalesce(s.sequenced, 0)) then
        return null;
    end if;
    insert into log_drop (segment, month, places)
    select b.segment, v_month, range_agg(int8range(b.first, b.first + b.size))
    from log_batch b where b.since < v_to and b.until >= v_from group by b.segment
    on conflict do nothing;
    perform log_act_v1(b.segment, 'log_dropped', null, null, to_char(v_month, 'YYYYMM')::integer)
    from log_blinding b where b.month = v_month;
    delete from log_blinding b where b.month = v_month;
    if to_regclass('cloison.' || log_table_v1(v_from)) is not null then
        execute format('drop table cloison.%I', log_table_v1(v_from));
    end if;
    delete from entry_default d where d.at >= v_from and d.at < v_to;
    -- A session ends within a day, and what is said of it afterwards within months.
    delete from log_session l where l.until < v_from - interval '2400 hours';
    return v_month;
end $$;
ALTER FUNCTION cloison.drop_log_month_v1(p_months integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.emergencies_v1(p_account uuid) RETURNS TABLE(waiting bigint, missed boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select count(*) filter (where a.state = 'waiting' and a.expires_at > clock_v1()),
        coalesce(bool_or(a.state = 'refused' or a.expires_at <= clock_v1()), false)
    from account o join account mine on mine.holder = o.holder
    join break_glass g on g.segment = mine.segment and g.account = mine.account
    join act a on a.act = g.act
    where o.account = p_account and g.emergency and g.approved_by is null and g.forgiven_at is null;
$$;
ALTER FUNCTION cloison.emergencies_v1(p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.end_agreement_v1(p_organisation uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.end_agreement_v1(p_organisation uuid) OWNER TO cloison_owner;
CREATE TABLE cloison.account (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid DEFAULT gen_random_uuid() NOT NULL,
    handle text NOT NULL,
    organisation uuid NOT NULL,
    agency text NOT NULL,
    role smallint NOT NULL,
    holder text NOT NULL,
    reviewed_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT account_agency_check CHECK (((length(agency) >= 1) AND (length(agency) <= 64))),
    CONSTRAINT account_handle_check CHECK ((handle ~ '^[0-9A-Za-z._-]{1,64}$'::text)),
    CONSTRAINT account_holder_check CHECK (((length(holder) >= 1) AND (length(holder) <= 64))),
    CONSTRAINT account_segment_check CHECK ((segment ~ '^[0-9A-Za-z_-]{1,16}$'::text))
);
ALTER TABLE cloison.account OWNER TO cloison_owner;
CREATE TABLE cloison.organisation (
    organisation uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    service boolean DEFAULT false NOT NULL,
    CONSTRAINT organisation_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
);
ALTER TABLE cloison.organisation OWNER TO cloison_owner;
CREATE TABLE cloison.role (
    role smallint NOT NULL,
    name text NOT NULL,
    relations integer NOT NULL,
    compartments integer NOT NULL,
    touch integer NOT NULL,
    purposes integer NOT NULL,
    permissions integer DEFAULT 0 NOT NULL
);
ALTER TABLE cloison.role OWNER TO cloison_owner;
CREATE TABLE cloison.session (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid DEFAULT gen_random_uuid() NOT NULL,
    account uuid NOT NULL,
    door cloison.door DEFAULT 'desk'::cloison.door NOT NULL,
    token_hash bytea NOT NULL,
    secret_hash bytea,
    factor uuid,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    idle interval DEFAULT '24:00:00'::interval NOT NULL,
    touched_at timestamp with time zone,
    copied_at timestamp with time zone,
    client uuid,
    parent uuid,
    CONSTRAINT session_secret_hash_check CHECK ((length(secret_hash) = 32)),
    CONSTRAINT session_token_hash_check CHECK ((length(token_hash) = 32))
);
ALTER TABLE cloison.session OWNER TO cloison_owner;
CREATE TABLE cloison.session_end (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    ended_at timestamp with time zone NOT NULL
);
ALTER TABLE cloison.session_end OWNER TO cloison_owner;
CREATE VIEW cloison.member AS
 SELECT s.segment,
    s.session,
    s.token_hash,
    s.account,
    s.touched_at,
    s.factor,
    s.issued_at,
    a.handle,
    a.organisation,
    o.service,
    r.permissions,
    r.name AS role_name
   FROM (((cloison.session s
     JOIN cloison.account a ON (((a.segment = s.segment) AND (a.account = s.account))))
     JOIN cloison.organisation o ON ((o.organisation = a.organisation)))
     JOIN cloison.role r ON ((r.role = a.role)))
  WHERE ((s.door = 'signin'::cloison.door) AND (LEAST(s.expires_at, (s.seen_at + s.idle)) > cloison.clock_v1()) AND (NOT (EXISTS ( SELECT
           FROM cloison.session_end e
          WHERE ((e.segment = s.segment) AND (e.session = s.session))))) AND (cloison.account_state_v1(s.segment, s.account) = 'open'::text));
ALTER VIEW cloison.member OWNER TO cloison_owner;
CREATE FUNCTION cloison.end_campaign_v1(p_who cloison.member, p_act uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.end_campaign_v1(p_who cloison.member, p_act uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.end_export_v1(p_who cloison.member, p_act uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    update export x set ended_at = clock_v1() from act a
    where x.act = p_act and a.act = p_act and x.ended_at is null and x.valid_until > clock_v1()
      and (a.asked_by = p_who.account
           or (p_who.service and (p_who.permissions >> act_right_v1(a.kind, false)) & 1 = 1));
    if found then
        perform log_own_act_v1(p_who.segment, p_who.account, 'grant_ended', 'open', p_who.session, p_act);
        return true;
    end if;
    return false;
end $$;
ALTER FUNCTION cloison.end_export_v1(p_who cloison.member, p_act uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.end_factor_sessions_v1(p_segment text, p_account uuid, p_factors uuid[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    insert into session_end (segment, session, ended_at)
    select s.segment, s.session, clock_v1() from session s
    where s.segment = p_segment and s.account = p_account and s.factor = any (p_factors) and s.expires_at > clock_v1()
    on conflict do nothing;
    insert into recall (subject, until)
    select s.session, clock_v1() + interval '1 minute' from session s
    where s.segment = p_segment and s.account = p_account and s.factor = any (p_factors) and s.expires_at > clock_v1()
    on conflict do nothing;
$$;
ALTER FUNCTION cloison.end_factor_sessions_v1(p_segment text, p_account uuid, p_factors uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.end_grant_v1(p_act uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_grant break_glass;
begin
    update break_glass g set ended_at = clock_v1() where g.act = p_act and g.ended_at is null returning g.* into v_grant;
    update relation r set valid_until = clock_v1()
    where r.account = v_grant.account and r.person = v_grant.person and r.kind = 'grant' and r.valid_until > clock_v1();
    if v_grant.act is not null then
        perform log_own_act_v1(v_grant.segment, v_grant.account, 'grant_ended', 'open', null, p_act);
    end if;
end $$;
ALTER FUNCTION cloison.end_grant_v1(p_act uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.end_investigation_v1(p_who cloison.member, p_act uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.end_investigation_v1(p_who cloison.member, p_act uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.end_representative_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_may record;
    v_who holder;
begin
    select * into v_may from may_act_v1(p_segment, p_token, 4, p_purpose);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return v_may.verdict;
    elsif v_may.verdict = 'open' and relation_now_v1(v_who, p_person) is not null then
        update representative r set valid_until = clock_v1()
        where r.segment = p_segment and r.person = p_person and r.representative = p_representative
          and (r.valid_until is null or r.valid_until > clock_v1());
        if found then
            perform log_account_v1(v_who, p_request, 'representative_ended', p_person, p_representative, p_purpose,
                null, null);
            return 'ended';
        end if;
    end if;
    return refuse_act_v1(v_who, p_request, 'representative_ended', p_purpose,
        case v_may.verdict when 'open' then 'scope' else v_may.verdict end);
end $$;
ALTER FUNCTION cloison.end_representative_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.end_sessions_v1(p_segment text, p_account uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.end_sessions_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE TABLE cloison.entry (
    at timestamp with time zone NOT NULL,
    number bigint NOT NULL,
    account uuid NOT NULL,
    session uuid,
    request uuid,
    person uuid,
    subject uuid,
    event cloison.event NOT NULL,
    outcome cloison.outcome NOT NULL,
    compartments integer DEFAULT 0 NOT NULL,
    relation cloison.relation_kind,
    amount integer,
    version integer,
    purpose smallint,
    segment text NOT NULL COLLATE pg_catalog."C",
    sealed_hash bytea
)
PARTITION BY RANGE (at);
ALTER TABLE cloison.entry OWNER TO cloison_owner;
CREATE FUNCTION cloison.entries_v1(p_accounts uuid[], p_person uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_segment text, p_account uuid, p_number bigint, p_most integer) RETURNS SETOF cloison.entry
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
declare
    v_since timestamptz := coalesce(p_since, clock_v1() - interval '28000 hours');   -- before the oldest that may be kept
    v_to timestamptz := least(p_until, clock_v1() + interval '1 hour', p_at + interval '1 microsecond');
    v_from timestamptz;
    v_length interval := case when p_person is null then interval '5 minutes' else interval '28000 hours' end;
    v_left integer := p_most;
    v_found integer;
begin
    while v_left > 0 and v_to > v_since loop
        v_from := greatest(v_since, v_to - v_length);
        return query
        select e.* from entry e
        where e.at >= v_from and e.at < v_to
          and (p_person is null or e.person = p_person) and (p_accounts is null or e.account = any (p_accounts))
          and (p_at is null or (e.at, e.segment, e.account, e.number) < (p_at, p_segment, p_account, p_number))
        order by e.at desc, e.segment desc, e.account desc, e.number desc limit v_left;
        get diagnostics v_found = row_count;
        v_left := v_left - v_found;
        v_to := v_from;
        v_length := v_length * 2;
    end loop;
end $$;
ALTER FUNCTION cloison.entries_v1(p_accounts uuid[], p_person uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_segment text, p_account uuid, p_number bigint, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.entry_values_v1(e cloison.entry, p_organisation uuid, p_device bytea, p_evidence bytea) RETURNS bytea[]
    LANGUAGE sql IMMUTABLE
    AS $$
    select array[
        convert_to(e.segment, 'UTF8'), uuid_send(e.account), int8send(e.number),
        int8send((extract(epoch from e.at) * 1000000)::bigint),
        convert_to(e.event::text, 'UTF8'), convert_to(e.outcome::text, 'UTF8'), uuid_send(p_organisation),
        uuid_send(e.session), p_device, uuid_send(e.request), uuid_send(e.person), int8send(e.compartments),
        int8send(e.purpose), convert_to(e.relation::text, 'UTF8'), uuid_send(e.subject), int8send(e.amount),
        int8send(e.version), e.sealed_hash, p_evidence];
$$;
ALTER FUNCTION cloison.entry_values_v1(e cloison.entry, p_organisation uuid, p_device bytea, p_evidence bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.export_asked_v1(p_act cloison.act) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    if p_act.kind in ('grant.bulk', 'grant.disclosure') then
        perform export_read_v1(p_act);
    end if;
end $$;
ALTER FUNCTION cloison.export_asked_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE TABLE cloison.agreement (
    organisation uuid NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    ends_at timestamp with time zone,
    standing boolean NOT NULL,
    segments text[],
    roles smallint[],
    accounts_most integer,
    minutes_5 integer,
    hour integer,
    day integer,
    days_28 integer,
    ledger_segment text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT agreement_accounts_most_check CHECK ((accounts_most >= 0)),
    CONSTRAINT agreement_day_check CHECK ((day >= 0)),
    CONSTRAINT agreement_days_28_check CHECK ((days_28 >= 0)),
    CONSTRAINT agreement_hour_check CHECK ((hour >= 0)),
    CONSTRAINT agreement_ledger_segment_check CHECK ((ledger_segment ~ '^[0-9A-Za-z_-]{1,16}$'::text)),
    CONSTRAINT agreement_minutes_5_check CHECK ((minutes_5 >= 0)),
    CONSTRAINT agreement_roles_check CHECK ((cardinality(roles) > 0)),
    CONSTRAINT agreement_segments_check CHECK ((cardinality(segments) > 0))
);
ALTER TABLE cloison.agreement OWNER TO cloison_owner;
CREATE TABLE cloison.export (
    act uuid NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    purpose smallint,
    compartments integer NOT NULL,
    people integer NOT NULL,
    taken integer DEFAULT 0 NOT NULL,
    segments text[] NOT NULL COLLATE pg_catalog."C",
    person uuid,
    recipient text NOT NULL,
    given_at timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT export_budget CHECK ((taken <= people)),
    CONSTRAINT export_people_check CHECK (((people >= 1) AND (people <= 1000000)))
);
ALTER TABLE cloison.export OWNER TO cloison_owner;
CREATE VIEW cloison.holder AS
 SELECT s.segment,
    s.session,
    s.token_hash,
    s.account,
    s.touched_at,
    LEAST(s.expires_at, (s.seen_at + s.idle)) AS expires_at,
    a.handle,
    a.organisation,
    a.role,
    r.name AS role_name,
        CASE
            WHEN g.standing THEN r.relations
            ELSE 0
        END AS relations,
        CASE
            WHEN g.standing THEN r.compartments
            ELSE 0
        END AS compartments,
    r.touch,
        CASE
            WHEN g.standing THEN r.purposes
            ELSE 0
        END AS purposes,
        CASE
            WHEN g.standing THEN r.permissions
            ELSE 0
        END AS permissions,
    (g.standing IS NOT NULL) AS covered,
    g.segments AS lent_to,
    (COALESCE(g.minutes_5, g.hour, g.day, g.days_28) IS NOT NULL) AS capped,
    g.ledger_segment
   FROM (((cloison.session s
     JOIN cloison.account a ON (((a.segment = s.segment) AND (a.account = s.account))))
     JOIN cloison.role r ON ((r.role = a.role)))
     LEFT JOIN cloison.agreement g ON (((g.organisation = a.organisation) AND g.standing AND
        CASE
            WHEN ((a.segment <> ALL (g.segments)) OR (a.role <> ALL (g.roles))) THEN false
            WHEN ((a.closed_at IS NOT NULL) OR (a.reviewed_at < (cloison.clock_v1() - '8760:00:00'::interval))) THEN false
            WHEN (g.ends_at IS NULL) THEN true
            ELSE (g.ends_at > cloison.clock_v1())
        END)))
  WHERE ((s.door = 'desk'::cloison.door) AND (NOT (EXISTS ( SELECT
           FROM cloison.session_end e
          WHERE ((e.segment = s.segment) AND (e.session = s.session))))));
ALTER VIEW cloison.holder OWNER TO cloison_owner;
CREATE VIEW cloison.exporter AS
 SELECT h.segment,
    h.session,
    h.token_hash,
    h.account,
    h.role,
    h.expires_at,
    h.touched_at,
    h.lent_to,
    x.act,
    x.purpose,
    x.compartments,
    x.people,
    x.segments,
    x.person,
    x.recipient,
    x.valid_until
   FROM (cloison.holder h
     JOIN cloison.export x ON (((x.segment = h.segment) AND (x.account = h.account))))
  WHERE ((x.ended_at IS NULL) AND (x.valid_until > cloison.clock_v1()) AND h.covered AND ((x.compartments & (~ h.compartments)) = 0) AND ((x.purpose IS NULL) OR (((h.purposes >> (x.purpose)::integer) & 1) = 1)));
ALTER VIEW cloison.exporter OWNER TO cloison_owner;
CREATE FUNCTION cloison.export_candidates_v1(p_grant cloison.exporter, p_place text, p_after uuid) RETURNS TABLE(person uuid, kept boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_today timestamp := clock_v1() at time zone 'UTC';
    v_cohort integer := extract(year from v_today) * 4 + extract(quarter from v_today) - 1;
    v_people uuid[];
begin
    v_people := array(
        select p.person from person p
        where p.segment = p_place and p.person > coalesce(p_after, '00000000-0000-0000-0000-000000000000')
          and p.cohort >= v_cohort and (p_grant.person is null or p.person = p_grant.person)
        order by p.person limit export_page_people_v1());
    return query
    select w.person, not w.own and not case when p_grant.person is null then w.shielded else w.withheld end
    from withheld_each_v1(array_fill(p_grant.account, array[cardinality(v_people)]),
        array_fill(p_grant.account, array[cardinality(v_people)]), v_people) w;
end $$;
ALTER FUNCTION cloison.export_candidates_v1(p_grant cloison.exporter, p_place text, p_after uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.export_charged_v1(p_holder cloison.holder, p_grant cloison.exporter, p_request uuid, p_place text, p_people uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_now timestamptz := clock_v1();
    v_new integer;
    v_number bigint;
begin
    insert into exported (act, person) select p_grant.act, q.person from unnest(p_people) q (person) on conflict do nothing;
    get diagnostics v_new = row_count;
    update export x set taken = x.taken + v_new where x.act = p_grant.act;
    update ledger l set next_number = l.next_number + greatest(cardinality(p_people), 1)
    where l.segment = p_holder.segment and l.account = p_holder.account
    returning l.next_number - greatest(cardinality(p_people), 1) into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, request, person, compartments, purpose, subject)
    select p_holder.segment, p_holder.account, v_number + q.ordinal - 1, v_now, 'exported', 'open', p_holder.session, p_request,
        q.person, p_grant.compartments, p_grant.purpose, p_grant.act
    from unnest(case when p_people = '{}' then array[null::uuid] else p_people end) with ordinality q (person, ordinal);
    insert into export_receipt (segment, session, request, act, place, person, charged_at)
    select p_holder.segment, p_holder.session, p_request, p_grant.act, p_place, q.person, v_now from unnest(p_people) q (person)
    on conflict (segment, session, request, person) do update set act = excluded.act, place = excluded.place, charged_at = excluded.charged_at;
end $$;
ALTER FUNCTION cloison.export_charged_v1(p_holder cloison.holder, p_grant cloison.exporter, p_request uuid, p_place text, p_people uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.export_page_people_v1() RETURNS integer
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN 100;
ALTER FUNCTION cloison.export_page_people_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.export_read_v1(p_act cloison.act) RETURNS cloison.export
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $_$
declare
    d jsonb := p_act.details;
    v_disclosure boolean := p_act.kind = 'grant.disclosure';
    v_export export;
    v_allowed boolean;
begin
    v_export.act := p_act.act;
    v_export.segment := d ->> 'segment';
    v_export.account := (d ->> 'executor')::uuid;
    v_export.people := case when v_disclosure then 1 else (d ->> 'people')::integer end;
    v_export.segments := case when v_disclosure then array[d ->> 'held_in'] else texts_v1(d -> 'segments') end;
    v_export.person := case when v_disclosure then (d ->> 'person')::uuid end;
    v_export.recipient := d ->> 'recipient';
    v_export.given_at := clock_v1();
    v_export.valid_until := clock_v1() + make_interval(hours => (d ->> 'hours')::integer);
    v_export.compartments := compartments_of_v1(v_export.account, texts_v1(d -> 'compartments'));
    select case when not v_disclosure then array_position(p.purposes, d ->> 'purpose') - 1 end into v_export.purpose
    from profile p;
    select g.standing and (v_disclosure or (r.purposes >> v_export.purpose) & 1 = 1)
        and (g.segments is null or v_export.segments <@ g.segments)
    into v_allowed
    from account a join role r on r.role = a.role join agreement g on g.organisation = a.organisation and g.standing
    where a.segment = v_export.segment and a.account = v_export.account and a.organisation = p_act.organisation
      and account_state_v1(a.segment, a.account) = 'open';
    if v_allowed is not true or v_export.compartments is null
       or (v_export.people between 1 and 1000000) is not true
       or ((d ->> 'hours')::integer between 1 and 72) is not true
       or (cardinality(v_export.segments) between 1 and 200) is not true or array_position(v_export.segments, null) is not null
       or (v_disclosure and v_export.person is null)
       or (v_disclosure and 3 > (select count(*) from unnest(array['authority', 'legal_basis', 'reference']) n
                                 where length(d ->> n) between 1 and 200))
       or (v_export.recipient ~ '^age1[02-9ac-hj-np-z]{58}$') is not true then
        raise exception 'not what the executor may export' using errcode = 'CL028';
    end if;
    return v_export;
end $_$;
ALTER FUNCTION cloison.export_read_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.export_v1(p_segment text, p_token bytea, p_act uuid, p_request uuid, p_place text, p_after uuid) RETURNS TABLE(outcome text, people integer, last uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_holder holder;
    v_grant exporter;
    v_verdict text;
    v_room integer;
    v_looked uuid[];
    v_people uuid[];
    v_last uuid;
begin
    perform refuse_unsafe_caller_v1();
    v_locked := lock_ledgers_v1(p_segment, array[p_token]);
    select * into v_holder from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
    select * into v_grant from exporter x where x.segment = p_segment and x.session = v_holder.session and x.act = p_act;
    v_verdict := case
        when v_holder.session is null or p_request is null then 'no_session'
        when v_holder.account <> all (v_locked) then 'busy'
        when exists (select from account_freeze f where f.segment = p_segment and f.account = v_holder.account
                     and f.lifted_at is null) then 'frozen'
        when v_grant.act is null or (p_place = any (v_grant.segments)) is not true
             or (v_grant.lent_to is not null and p_place <> all (v_grant.lent_to))
             or exists (select from ledger l where l.segment = p_segment and l.account = v_holder.account
                        and l.quarantined_until > clock_v1()) then 'scope'
        when (v_holder.touched_at > clock_v1() - interval '5 minutes') is not true and not exists (
            select from export_run r where r.act = p_act and r.session = v_holder.session) then 'step_up'
        else 'open' end;
    if v_verdict in ('frozen', 'scope', 'step_up') then
        perform from settle_v1(p_segment, clock_v1(), array[row(1, v_holder.session, v_holder.account, v_holder.role, p_request,
            null, 0, null, null, 'open', 'exported', v_verdict)::judged]);
    end if;
    if v_verdict <> 'open' then
        return query select v_verdict, 0, null::uuid;
        return;
    end if;
    if unwitnessed_v1(clock_v1(), array[p_segment], array[v_holder.account]) <> '{}' then
        raise exception 'the audit log is not witnessed' using errcode = 'CL038';
    end if;
    insert into export_run (act, session, began_at) values (p_act, v_holder.session, clock_v1()) on conflict do nothing;
    -- Sessions of the account have waited at its ledger; who ends the grant waits here. What follows has a younger snapshot.
    select x.people - x.taken into v_room from export x where x.act = p_act and x.ended_at is null for update;
    if v_room is null then
        return query select 'scope', 0, null::uuid;
        return;
    end if;
    with looked as materialized (
        select c.person, c.kept, count(*) filter (where c.kept and e.person is null) over (order by c.person) <= v_room as fits
        from export_candidates_v1(v_grant, p_place, p_after) c
        left join exported e on e.act = p_act and e.person = c.person
    )
    select coalesce(array_agg(l.person order by l.person), '{}'),
        coalesce(array_agg(l.person order by l.person) filter (where l.fits and l.kept), '{}'),
        (array_agg(l.person order by l.person desc) filter (where l.fits))[1]
    into v_looked, v_people, v_last from looked l;
    perform export_charged_v1(v_holder, v_grant, p_request, p_place, v_people);
    return query select
        case when v_last is null and v_looked <> '{}' then 'budget' else 'open' end, cardinality(v_people),
        case when v_last = v_looked[export_page_people_v1()] or v_last is distinct from v_looked[cardinality(v_looked)] then v_last end;
end $$;
ALTER FUNCTION cloison.export_v1(p_segment text, p_token bytea, p_act uuid, p_request uuid, p_place text, p_after uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.exports_of_v1(p_segment text, p_account uuid) RETURNS TABLE(act uuid, people integer, compartments integer, ends double precision)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select x.act, x.people, x.compartments, extract(epoch from x.valid_until)::double precision from export x
    where x.segment = p_segment and x.account = p_account and x.ended_at is null and x.valid_until > clock_v1();
$$;
ALTER FUNCTION cloison.exports_of_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.exports_v1(p_segment text, p_token bytea) RETURNS TABLE(act uuid, purpose text, compartments integer, people integer, taken integer, segments text[], recipient text, valid_until timestamp with time zone, disclosure boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select x.act, p.purposes[x.purpose + 1], x.compartments, x.people, (select e.taken from export e where e.act = x.act),
        x.segments, x.recipient, x.valid_until, x.person is not null
    from exporter x cross join profile p
    where x.segment = p_segment and x.token_hash = sha256(p_token) and x.expires_at > clock_v1()
    order by x.valid_until, x.act;
$$;
ALTER FUNCTION cloison.exports_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.factors_v1(p_segment text, p_account uuid) RETURNS TABLE(factor uuid, credential bytea, public_key bytea, sign_count bigint, aaguid uuid, backup_eligible boolean, synced boolean, aaguids uuid[])
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select f.factor, f.credential, f.public_key, f.sign_count, f.aaguid, f.backup_eligible, coalesce(t.synced, false), t.aaguids
    from factor f join account a on a.segment = f.segment and a.account = f.account
    left join signin_terms t on t.organisation = a.organisation
    where f.segment = p_segment and f.account = p_account and f.frozen_at is null;
$$;
ALTER FUNCTION cloison.factors_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.feed_file_v1(p_name text, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) RETURNS TABLE(ordinal integer, result text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    return query select i.* from feed f cross join lateral take_interactions_v1(f.feed, p_interactions, p_handles,
        p_locator_kinds, p_locator_terms, p_from, p_until) i
    where f.name = p_name and f.closed_at is null;
end $$;
ALTER FUNCTION cloison.feed_file_v1(p_name text, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.feed_interactions_v1(p_token bytea, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) RETURNS TABLE(ordinal integer, result text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    return query select i.* from feed f cross join lateral take_interactions_v1(f.feed, p_interactions, p_handles,
        p_locator_kinds, p_locator_terms, p_from, p_until) i
    where f.client = client_of_v1(p_token, 'feed') and f.closed_at is null;
end $$;
ALTER FUNCTION cloison.feed_interactions_v1(p_token bytea, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.feed_known_v1(p_token bytea) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    return exists (select from feed f where f.client = client_of_v1(p_token, 'feed') and f.closed_at is null);
end $$;
ALTER FUNCTION cloison.feed_known_v1(p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.find_v1(p_segment text, p_token bytea, p_request uuid) RETURNS TABLE(outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_now timestamptz;
    v_holder holder;
    v_asked asked;
    v_matched uuid[];
    v_proven boolean[];
    v_found uuid[];
    v_kinds relation_kind[];
begin
    if pg_current_xact_id_if_assigned() is not null then                                    -- 1
        raise exception 'find needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    select a.* into v_asked from asked a join session s on s.segment = a.segment and s.session = a.session
    where a.segment = p_segment and a.request = p_request and s.token_hash = sha256(p_token);
    if v_asked.request is not null then
        perform wait_until_flushed_v1();         -- before we write anything ourselves
    end if;
    v_locked := lock_ledgers_v1(p_segment, array[p_token]);
    v_now := clock_v1();
    select * into v_holder from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > v_now;
    if v_holder.session is null then
        return query select 'no_session', null::integer;
        return;
    elsif v_holder.account <> all (v_locked) then
        return query select 'busy', null::integer;
        return;
    end if;
    delete from asked a where a.segment = p_segment and a.session = v_holder.session and a.request = p_request
        and a.asked_at = v_asked.asked_at and a.number = v_asked.number
        and a.asked_at > v_now - receipt_lifetime_v1();
    if not found then
        return query select 'stale', null::integer;
        return;
    elsif exists (select from account_freeze f where f.segment = p_segment and f.account = v_holder.account
                  and f.lifted_at is null) then
        return query select 'frozen', null::integer;
        return;
    end if;
    select array_agg(m.person), array_agg(m.proven) into v_matched, v_proven                -- 2
    from (
        select f.person, bool_or(f.proven) as proven from (
            select * from matches_v1(p_segment, v_asked.slot, v_asked.terms,
                (select s.proof_slot from search_slot s where s.slot = v_asked.slot), v_asked.proof_terms)
            union all
            select * from absorbed_matches_v1(p_segment, v_asked.slot, v_asked.terms, v_asked.proof_terms, p_request)
        ) f group by f.person
    ) m;
    if v_matched is null then
        -- Nobody costs a page of the table and a look for a relation too, or EXPLAIN would tell the difference.
        perform from person p where p.segment = p_segment and p.ctid = '(0,1)';
        v_matched := array[p_request];
        v_proven := array[false];
    end if;
    -- Who is protected, or the account's own holder, is nobody from here on, for an audience too.
    select array_agg(case when w.hidden then p_request else w.person end order by w.ordinal),
        array_agg(v_proven[w.ordinal::integer] and not w.hidden order by w.ordinal) into v_matched, v_proven
    from (
        select w.*, w.shielded or w.own as hidden from withheld_each_v1(
            array_fill(null::uuid, array[cardinality(v_matched)]),
            array_fill(v_holder.account, array[cardinality(v_matched)]), v_matched) w
    ) w;
    select array_agg(f.person), array_agg(f.kind) into v_found, v_kinds
    from (
        select m.person, coalesce(r.kind, 'walk_in') as kind
        from unnest(v_matched, v_proven) as m (person, proven)
        left join lateral (
            select r.kind from relation r
            where r.segment = p_segment and r.account = v_holder.account and r.person = m.person
              and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now)
              and (v_holder.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
            order by r.kind limit 1
        ) r on true
        where r.kind is not null or (m.proven and (v_holder.relations >> 3) & 1 = 1)
        order by m.person limit 10
    ) f;
    if v_found is null then
        return query select 'scope', null::integer;
        return;
    end if;
    delete from refusal f where f.segment = p_segment and f.account = v_holder.account      -- 3
        and f.refused_at = v_asked.asked_at and f.number = v_asked.number;
    delete from search_miss m where m.segment = p_segment and m.search_group = coalesce(v_asked.search_group, 0)
        and m.missed_at = v_asked.asked_at and m.account = v_holder.account and m.request = p_request;
    return query
    with settled as materialized (
        select s.ordinal, s.outcome, s.retry_after from settle_v1(p_segment, v_now, array(
            select row(q.ordinal, v_holder.session, v_holder.account, v_holder.role, p_request, q.person,
                (select label_bit from profile), v_asked.purpose, v_kinds[q.ordinal], 'search', 'search', 'open')::judged
            from unnest(v_found) with ordinality as q (person, ordinal))) s
    ), walk_in as (
        insert into relation as r (segment, account, person, kind, valid_from, valid_until)
        select p_segment, v_holder.account, v_found[s.ordinal], 'walk_in', v_now, v_now + interval '30 minutes'
        from settled s where s.outcome = 'open' and v_kinds[s.ordinal] = 'walk_in'
        on conflict (segment, account, person, kind)
            do update set valid_from = excluded.valid_from, valid_until = excluded.valid_until
    )
    select case when bool_or(s.outcome = 'open') then 'open' else min(s.outcome) end, max(s.retry_after)
    from settled s;
end $$;
ALTER FUNCTION cloison.find_v1(p_segment text, p_token bytea, p_request uuid) OWNER TO cloison_owner;
CREATE UNLOGGED TABLE cloison.question (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    request uuid NOT NULL,
    account uuid NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    number bigint NOT NULL,
    person uuid,
    version integer
)
WITH (fillfactor='50');
ALTER TABLE cloison.question OWNER TO cloison_owner;
CREATE FUNCTION cloison.forgive_question_v1(p_segment text, asked cloison.question) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    delete from refusal f where f.segment = p_segment and f.account = asked.account and f.number = asked.number;
$$;
ALTER FUNCTION cloison.forgive_question_v1(p_segment text, asked cloison.question) OWNER TO cloison_owner;
CREATE FUNCTION cloison.forward_behind_v1(p_destination text) RETURNS TABLE(entries bigint, since timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select coalesce(sum(h.size - h.next), 0)::bigint, min(b.since)
    from forward_heads_v1(p_destination) h
    left join lateral (
        select b.since from log_batch b where b.segment = h.segment and b.first <= h.next order by b.first desc limit 1
    ) b on true
    where h.size > h.next;
$$;
ALTER FUNCTION cloison.forward_behind_v1(p_destination text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.forward_entries_v1(p_segment text, p_first bigint, p_most integer) RETURNS TABLE(leaf bigint, entry_values bytea[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select l.leaf, entry_values_v1(l.entry, coalesce(
        (select a.organisation from account a where a.segment = (l.entry).segment and a.account = (l.entry).account),
        (select o.organisation from organisation o where o.organisation = (l.entry).account)),
        (select d.device from log_session d where d.session = (l.entry).session limit 1), null)
    from leaf_entries_v1(p_segment, p_first, p_most) l order by l.leaf;
$$;
ALTER FUNCTION cloison.forward_entries_v1(p_segment text, p_first bigint, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.forward_heads_v1(p_destination text) RETURNS TABLE(segment text, size bigint, next bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select h.segment, h.size, coalesce(f.next, 0)
    from log_head h left join log_forward f on f.destination = p_destination and f.segment = h.segment
    order by h.segment;
$$;
ALTER FUNCTION cloison.forward_heads_v1(p_destination text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.forwarded_v1(p_destination text, p_segments text[], p_nexts bigint[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    insert into log_forward as f (destination, segment, next, at)
    select p_destination, h.segment, least(q.next, h.size), clock_v1()
    from unnest(p_segments, p_nexts) q (segment, next) join log_head h on h.segment = q.segment
    on conflict (destination, segment) do update set next = greatest(f.next, excluded.next), at = excluded.at;
$$;
ALTER FUNCTION cloison.forwarded_v1(p_destination text, p_segments text[], p_nexts bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.freeze_factors_v1(p_segment text, p_account uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    update factor f set frozen_at = clock_v1() where f.segment = p_segment and f.account = p_account and f.frozen_at is null;
    delete from identity i where i.segment = p_segment and i.account = p_account;
    update invitation i set expires_at = clock_v1()
    where i.segment = p_segment and i.account = p_account and i.redeemed_at is null and i.expires_at > clock_v1();
    perform end_sessions_v1(p_segment, p_account);
end $$;
ALTER FUNCTION cloison.freeze_factors_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.freeze_v1(p_segment text, p_account uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    insert into account_freeze (segment, account, frozen_at) values (p_segment, p_account, clock_v1());
    insert into recall (subject) values (p_account) on conflict (subject) do update set until = null;
    perform log_act_v1(p_segment, 'account_frozen', p_account, null, null);
end $$;
ALTER FUNCTION cloison.freeze_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.full_people_v1(p_segment text, p_account uuid) RETURNS integer[]
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.full_people_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.grant_asked_v1(p_act cloison.act) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    d jsonb := p_act.details;
    v_emergency boolean := coalesce((d ->> 'emergency')::boolean, false);
    v_so_far record;
begin
    if p_act.kind <> 'grant.break_glass' then
        return;
    elsif not exists (select from facts f where f.facts = (d ->> 'facts')::uuid and f.account = p_act.asked_by
                      and f.kept_at > clock_v1() - interval '1 hour')
          or compartments_of_v1(p_act.asked_by, texts_v1(d -> 'compartments')) is null
          or ((d ->> 'hours')::integer between 1 and 8) is not true then
        raise exception 'not facts of the last hour, compartments or hours' using errcode = 'CL024';
    end if;
    -- Two at once of one holder count each other.
    perform from account o join account mine on mine.holder = o.holder
    where o.account = p_act.asked_by order by mine.segment, mine.account for no key update of mine;
    select * into v_so_far from emergencies_v1(p_act.asked_by);
    if v_so_far.missed then
        raise exception 'an emergency was not approved in time' using errcode = 'CL025';
    elsif v_emergency and v_so_far.waiting >= 2 then
        raise exception 'two emergencies wait to be approved' using errcode = 'CL026';
    elsif v_emergency then
        update act a set expires_at = least(a.expires_at, clock_v1() + interval '4 hours') where a.act = p_act.act
        returning a.* into p_act;
        perform break_glass_v1(p_act, true);
    end if;
end $$;
ALTER FUNCTION cloison.grant_asked_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.grants_v1(p_segment text, p_token bytea) RETURNS TABLE(act uuid, state text, person uuid, segment text, compartments integer, valid_until timestamp with time zone, emergency boolean, approved boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select a.act, case
            when g.act is null then case when a.state = 'waiting' and a.expires_at > clock_v1() then 'waiting'
                                         when a.state = 'refused' then 'refused' else 'over' end
            when g.ended_at is not null then 'refused'
            when g.person is null then 'nobody'
            when e.ends <= clock_v1() then 'over'
            else 'open' end,
        g.person, (select p.segment from person p where p.person = g.person), coalesce(g.compartments, 0), coalesce(e.ends, a.expires_at), coalesce((a.details ->> 'emergency')::boolean, false),
        g.approved_by is not null
    from holder h
    join act a on a.kind = 'grant.break_glass' and a.asked_by = h.account and a.asked_at > clock_v1() - interval '168 hours'
    left join break_glass g on g.act = a.act
    left join lateral (select case when g.emergency and g.approved_by is null then least(g.valid_until, a.expires_at) else g.valid_until end as ends) e on true
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1()
    order by a.asked_at desc;
$$;
ALTER FUNCTION cloison.grants_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.hand_on_v1(p_segment text, p_token bytea, p_client uuid) RETURNS TABLE(verdict text, account uuid, session uuid, factor uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.hand_on_v1(p_segment text, p_token bytea, p_client uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.hand_over_v1(p_segment text, p_token bytea, p_place text, p_handle text, p_code_hash bytea) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.hand_over_v1(p_segment text, p_token bytea, p_place text, p_handle text, p_code_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.handed_lately_v1(p_one uuid, p_other uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select exists (
        select from invitation i
        where i.redeemed_at > clock_v1() - interval '24 hours'
          and ((i.account = p_one and i.handed_by = p_other) or (i.account = p_other and i.handed_by = p_one)));
$$;
ALTER FUNCTION cloison.handed_lately_v1(p_one uuid, p_other uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.history_v1(p_segment text, p_person uuid) RETURNS TABLE(at timestamp with time zone, person uuid, organisation text, role text, event text, outcome text, purpose text, compartments integer, version integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select e.at, e.person, o.name, r.name, e.event::text, e.outcome::text, p.purposes[e.purpose + 1], e.compartments,
        e.version
    from identities_v1(p_segment, p_person) i
    cross join lateral (
        select e.* from entry e where e.person = i.person
          and e.segment = any (array(select distinct a.segment from account a union select p_segment))
        union all                        -- as the one absorbed, or as somebody's representative
        select e.* from entry e where e.subject = i.person and e.event in (
            'merge_asked', 'people_merged', 'split_asked', 'people_split', 'representative_set', 'representative_ended')
    ) e
    cross join profile p
    left join account a on a.segment = e.segment and a.account = e.account
    left join organisation o on o.organisation = a.organisation
    left join role r on r.role = a.role
    where e.at between i.since and i.until
    order by e.at, e.account, e.number;
$$;
ALTER FUNCTION cloison.history_v1(p_segment text, p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.identities_v1(p_segment text, p_person uuid) RETURNS TABLE(person uuid, since timestamp with time zone, until timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    with recursive known (person, since, until) as (
        select p_person, timestamptz '-infinity', timestamptz 'infinity'
        union
        select n.person, n.since, n.until from known k cross join lateral (
            select m.absorbed, timestamptz '-infinity', timestamptz 'infinity' from merge m
            where m.survivor = k.person and m.state in ('merged', 'split_asked') and k.until = 'infinity'
            union all
            select m.survivor, greatest(m.merged_at, k.since), least(coalesce(m.split_at, 'infinity'), k.until)
            from merge m
            where m.absorbed = k.person and m.merged_at is not null
              and greatest(m.merged_at, k.since) < least(coalesce(m.split_at, 'infinity'), k.until)
        ) n (person, since, until)
    )
    select k.person, min(k.since), max(k.until) from known k group by k.person;
$$;
ALTER FUNCTION cloison.identities_v1(p_segment text, p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.identity_v1(p_issuer text, p_subject bytea, p_provider text) RETURNS TABLE(segment text, account uuid)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select i.segment, i.account from identity i
    join account a on a.segment = i.segment and a.account = i.account
    join signin_terms t on t.organisation = a.organisation and t.provider = p_provider
    where i.issuer = p_issuer and i.subject_hash = sha256(p_subject);
$$;
ALTER FUNCTION cloison.identity_v1(p_issuer text, p_subject bytea, p_provider text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.import_line_v1(p_line jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_organisation uuid;
    v_known account;
begin
    if p_line ->> 0 = 'organisation' then
        insert into organisation (name) values (p_line ->> 1) on conflict (name) do nothing
        returning organisation into v_organisation;
        if v_organisation is null then
            return 0;   -- it keeps the agreement that it has
        end if;
        perform agree_v1(v_organisation, texts_v1(p_line -> 2), texts_v1(p_line -> 3), null, (p_line ->> 4)::integer,
            array[null, null, null, null]::integer[]);
        return 1;
    end if;
    select o.organisation into v_organisation from organisation o
    where o.name = p_line ->> (case when p_line ->> 0 = 'agency' then 1 else 2 end);
    if v_organisation is null then
        raise exception 'no such organisation' using errcode = 'CL030';
    elsif p_line ->> 0 = 'agency' then
        insert into agency (organisation, name, segment) values (v_organisation, p_line ->> 2, p_line ->> 3)
        on conflict (organisation, name) do update set segment = excluded.segment;
        return 0;
    end if;
    select * into v_known from account a where a.handle = p_line ->> 1;
    if v_known.account is null then
        perform create_account_v1(p_line ->> 4, p_line ->> 1, v_organisation, p_line ->> 3, p_line ->> 5);
        return 1;
    elsif (v_known.organisation, v_known.agency, v_known.segment, v_known.role) is distinct from (v_organisation, p_line ->> 3,
          p_line ->> 4, (select r.role from role r where r.name = p_line ->> 5)) then
        raise exception 'the handle is taken' using errcode = 'unique_violation';
    end if;
    return 0;
end $$;
ALTER FUNCTION cloison.import_line_v1(p_line jsonb) OWNER TO cloison_owner;
CREATE FUNCTION cloison.inherit_protection_v1(p_from uuid, p_to_segment text, p_to uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_stands protection;
begin
    for v_stands in
        select p.* from protection p where p.person = p_from and p.lifted_at is null
            and (p.valid_until is null or p.valid_until > clock_v1())
    loop
        perform add_protection_v1(p_to_segment, p_to, v_stands.organisation, array_agg(a.account),
            array_agg(a.valid_until), v_stands.valid_until)
        from audience a where a.segment = v_stands.segment and a.protection = v_stands.protection;
    end loop;
end $$;
ALTER FUNCTION cloison.inherit_protection_v1(p_from uuid, p_to_segment text, p_to uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.install_interactions_v1(p_now timestamp with time zone, p_segments text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    i record;
    v_stands relation;
begin
    for i in
        select w.* from interaction w where w.waiting and w.segment = any (p_segments) and w.valid_until > p_now
        order by w.segment, w.account, w.person, w.valid_from, w.valid_until
    loop
        select r.* into v_stands from relation r where r.segment = i.segment and r.account = i.account
            and r.person = i.person and r.kind = 'inbound' and (r.valid_until is null or r.valid_until > p_now)
        for update;
        continue when found and v_stands.valid_until < i.valid_from;
        if found and i.valid_until < v_stands.valid_from then
            insert into interaction (segment, feed, interaction, account, person, valid_from, valid_until, waiting,
                received_at)
            select i.segment, i.feed, sha256(uuid_send(gen_random_uuid())), i.account, i.person, v_stands.valid_from,
                coalesce(v_stands.valid_until, 'infinity'), true, p_now;
            perform put_relation_v1(p_now, i.segment, i.account, i.person, 'inbound', i.valid_from, i.valid_until);
        else
            perform widen_relation_v1(p_now, i.segment, i.account, i.person, 'inbound', i.valid_from, i.valid_until);
        end if;
        update interaction w set waiting = false
        where w.segment = i.segment and w.feed = i.feed and w.interaction = i.interaction;
    end loop;
end $$;
ALTER FUNCTION cloison.install_interactions_v1(p_now timestamp with time zone, p_segments text[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_begin_load_v1() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_index text;
begin
    lock table load in exclusive mode;
    if not exists (select from load) and not exists (select from person) then
        insert into load (began_at) values (clock_v1());
        foreach v_index in array term_indexes_v1() loop
            execute format('drop index if exists cloison.%I', v_index);
        end loop;
        drop index if exists cloison.locator_person;
    end if;
    return exists (select from load);
end $$;
ALTER FUNCTION cloison.intake_begin_load_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_compare_v1(p_segments text[], p_persons uuid[], p_slots integer[], p_proofs bigint[], p_digests bigint[]) RETURNS TABLE(ordinal integer, result text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_slots integer := cardinality(p_slots);
    v_person person;
    v_terms bigint[];
    v_given bigint;
    v_agreed boolean;
begin
    for i in 1 .. cardinality(p_persons) loop
        select p.* into v_person from person p where p.segment = p_segments[i] and p.person = p_persons[i];
        v_terms := array[v_person.term1, v_person.term2, v_person.term3, v_person.term4, v_person.term5,
            v_person.term6, v_person.term7, v_person.term8];
        v_agreed := null;
        ordinal := i;
        result := case when v_person.digest = p_digests[i] then 'same' else 'changed' end;
        for k in 1 .. v_slots - 1 loop
            v_given := p_proofs[(i - 1) * v_slots + k];
            -- A provisional number says nothing against a definitive one.
            continue when v_given is null or v_terms[p_slots[k]] is null or (k = 1 and v_person.provisional);
            if v_given <> v_terms[p_slots[k]] then
                if v_agreed is null or p_proofs[i * v_slots] is distinct from v_terms[p_slots[v_slots]] then
                    result := 'conflict';
                end if;
                exit;
            end if;
            v_agreed := true;
        end loop;
        return next;
    end loop;
end $$;
ALTER FUNCTION cloison.intake_compare_v1(p_segments text[], p_persons uuid[], p_slots integer[], p_proofs bigint[], p_digests bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_end_load_v1() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET maintenance_work_mem TO '256MB'
    SET max_parallel_maintenance_workers TO '2'
    AS $_$
declare
    v_index text;
begin
    lock table load in exclusive mode;
    if exists (select from load) then
        foreach v_index in array term_indexes_v1() loop
            execute format('create index if not exists %I on cloison.person (segment, term%s) where term%2$s is not null',
                v_index, right(v_index, 1));
        end loop;
        create index if not exists locator_person on cloison.locator (person);
        analyze cloison.person, cloison.locator;
        delete from load;
    end if;
end $_$;
ALTER FUNCTION cloison.intake_end_load_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_find_v1(p_kinds integer, p_terms bigint[]) RETURNS TABLE(ordinal integer, people integer, segment text, person uuid, cohort integer, key_id bigint, version integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
    select f.ordinal::integer, f.people::integer, f.segment, f.person, p.cohort, p.key_id, p.version
    from (
        select (q.number - 1) / p_kinds + 1 as ordinal, count(distinct l.person) as people,
            min(l.segment) as segment, (array_agg(l.person))[1] as person
        from unnest(p_terms) with ordinality as q (term, number)
        cross join lateral (
            select l.segment, l.person from located l
            where l.kind = (q.number - 1) % p_kinds and l.term = q.term offset 0
        ) l
        where q.term is not null
        group by 1
    ) f
    left join lateral (
        select p.cohort, p.key_id, p.version from person p where p.segment = f.segment and p.person = f.person offset 0
    ) p on true
    order by f.ordinal;
$$;
ALTER FUNCTION cloison.intake_find_v1(p_kinds integer, p_terms bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_leave_load_v1() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    if (select count(*) from (select from person limit 100001) few) <= 100000 then
        perform intake_end_load_v1();
    end if;
    return exists (select from load);
end $$;
ALTER FUNCTION cloison.intake_leave_load_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_people_v1(p_segment text, p_people cloison.newcomer[]) RETURNS TABLE(ordinal integer, result text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_people integer := cardinality(p_people);
    v_locators integer;
    v_written integer;
    v_known integer[] := '{}';
begin
    if exists (select from unnest(p_people) n, profile p where cardinality(n.terms) <> 8
               or cardinality(n.sealed) <> cardinality(p.compartments)) then
        raise exception 'intake arrays do not fit together' using errcode = 'CL002';
    end if;
    -- The unique key of locator decides between two imports at once; who comes second waits, then is `known`.
    -- In the order of the key, so that two imports never wait for each other in a circle.
    select count(*) into v_locators
    from unnest(p_people) n cross join lateral unnest(n.locators) as l (term) where l.term is not null;
    insert into locator (kind, term, segment, person)
    select l.kind - 1, l.term, p_segment, n.person
    from unnest(p_people) with ordinality
        as n (person, cohort, key_id, provisional, digest, cell, sealed, terms, locators, ordinal)
    cross join lateral unnest(n.locators) with ordinality as l (term, kind)
    where l.term is not null
    order by l.kind, l.term, n.ordinal   -- of two with one number in a batch, the first
    on conflict (term) do nothing;
    get diagnostics v_written = row_count;
    if v_written < v_locators then
        select coalesce(array_agg(distinct n.ordinal::integer), '{}') into v_known
        from unnest(p_people) with ordinality
            as n (person, cohort, key_id, provisional, digest, cell, sealed, terms, locators, ordinal)
        cross join lateral unnest(n.locators) with ordinality as q (term, kind)
        join locator l on l.kind = q.kind - 1 and l.term = q.term
        where l.person <> n.person;
        -- What was written for somebody who is known must not stay behind.
        delete from locator l using unnest(v_known) k
        cross join lateral unnest((p_people[k]).locators) with ordinality as q (term, kind)
        where l.kind = q.kind - 1 and l.term = q.term and l.person = (p_people[k]).person;
    end if;
    insert into person (segment, person, cohort, key_id, provisional, digest, cell, sealed,
        term1, term2, term3, term4, term5, term6, term7, term8)
    select p_segment, n.person, n.cohort, n.key_id, n.provisional, n.digest, n.cell, n.sealed,
        n.terms[1], n.terms[2], n.terms[3], n.terms[4], n.terms[5], n.terms[6], n.terms[7], n.terms[8]
    from unnest(p_people) with ordinality
        as n (person, cohort, key_id, provisional, digest, cell, sealed, terms, locators, ordinal)
    where n.ordinal <> all (v_known);
    if not exists (select from load) then   -- whoever reads changes begins after the initial load
        insert into change (segment, xid, person, event, version, at)
        select p_segment, transaction_v1(), n.person, 'person_created', 0, clock_v1()
        from unnest(p_people) with ordinality
            as n (person, cohort, key_id, provisional, digest, cell, sealed, terms, locators, ordinal)
        where n.ordinal <> all (v_known);
    end if;
    perform log_act_v1(p_segment, 'people_imported', null, null, v_people - cardinality(v_known));
    perform count_cells_v1(p_segment,
        array(select n.cell from unnest(p_people) with ordinality
            as n (person, cohort, key_id, provisional, digest, cell, sealed, terms, locators, ordinal)
            where n.ordinal <> all (v_known) and n.cell is not null), '{}');
    return query select o, case when o = any (v_known) then 'known' else 'inserted' end
    from generate_series(1, v_people) o;
end $$;
ALTER FUNCTION cloison.intake_people_v1(p_segment text, p_people cloison.newcomer[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_relations_v1(p_handles text[], p_locator_kind smallint, p_locator_terms bigint[], p_kinds text[], p_from timestamp with time zone[], p_until timestamp with time zone[]) RETURNS TABLE(ordinal integer, result text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_asked wished_relation[];
    v_refused text[];
    v_results text[];
    v_retries integer[];
begin
    perform refuse_unsafe_caller_v1();
    if coalesce(cardinality(p_handles), 0) > 2000 then
        raise exception 'at most 2000 relations in a batch' using errcode = 'CL002';
    end if;
    perform lock_organisations_v1(array(
        select distinct a.organisation from account a where a.handle = any (p_handles)));
    v_now := clock_v1();
    with asked as (
        select q.ordinal, a.segment, a.account, a.organisation, l.segment as held_in, l.person, q.kind, q.valid_from,
            coalesce(q.valid_until, coalesce(q.valid_from, v_now) + case q.kind
                when 'cover' then make_interval(hours => m.cover_hours)
                when 'inbound' then interval '24 hours' end) as valid_until, m.cover_hours, m.inbound_hours
        from unnest(p_handles, p_locator_terms, p_kinds, p_from, p_until) with ordinality
            as q (handle, term, kind, valid_from, valid_until, ordinal)
        left join lateral (
            select a.segment, a.account, a.organisation from account a where a.handle = q.handle order by a.segment limit 1
        ) a on true
        left join located l on l.kind = p_locator_kind and l.term = q.term
        left join lateral relation_limits_v1(a.organisation) m on true
    ), checked as (
        select a.*, case when (a.kind in ('caseload', 'cover', 'inbound')) is not true then 'relation'
            when a.account is null then 'no_account' when a.person is null then 'no_person'
            when not may_relate_v1(a.segment, a.organisation, a.held_in) then 'other_segment'
            when a.valid_until - coalesce(a.valid_from, v_now) > case a.kind
                when 'cover' then make_interval(hours => a.cover_hours)
                when 'inbound' then make_interval(hours => a.inbound_hours) end then 'until' end as refused
        from asked a
    )
    select array_agg(row(c.ordinal, c.segment, c.account, c.organisation, c.held_in, c.person,
            case when c.refused is null then c.kind end, c.valid_from, c.valid_until)::wished_relation order by c.ordinal),
        array_agg(c.refused order by c.ordinal)
        into v_asked, v_refused from checked c;
    if v_asked is null then
        return;
    end if;
    select array_agg(coalesce(v_refused[n.i], w.result) order by n.i), array_agg(w.retry_after order by n.i)
        into v_results, v_retries
    from generate_series(1, cardinality(v_asked)) as n (i)
    left join weigh_relations_v1(v_now, array(
        select q from unnest(v_asked) q where v_refused[q.ordinal] is null order by q.ordinal), false) w on w.ordinal = n.i;
    -- The last of several for one account, person and kind holds.
    perform put_relation_v1(v_now, q.held_in, q.account, q.person, q.kind, q.valid_from, q.valid_until)
    from (
        select distinct on (w.held_in, w.account, w.person, w.kind) w.* from unnest(v_asked) w
        where v_results[w.ordinal] = 'written'
        order by w.held_in, w.account, w.person, w.kind, w.ordinal desc
    ) q;
    perform log_act_v1(c.held_in, 'relations_imported', null, null, c.amount)
    from (select w.held_in, count(*)::integer as amount from unnest(v_asked) w where v_results[w.ordinal] = 'written'
          group by w.held_in order by w.held_in) c;
    return query select n.i, v_results[n.i], v_retries[n.i] from generate_series(1, cardinality(v_asked)) as n (i);
end $$;
ALTER FUNCTION cloison.intake_relations_v1(p_handles text[], p_locator_kind smallint, p_locator_terms bigint[], p_kinds text[], p_from timestamp with time zone[], p_until timestamp with time zone[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.intake_reseal_v1(p_changes cloison.resealed[]) RETURNS TABLE(ordinal integer, result text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select r.ordinal, r.result from reseal_v1(p_changes, 'person_changed', null, null, null) r;
$$;
ALTER FUNCTION cloison.intake_reseal_v1(p_changes cloison.resealed[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.investigation_asked_v1(p_act cloison.act) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    if p_act.kind like 'investigation.%' then
        perform investigation_read_v1(p_act);
    end if;
end $$;
ALTER FUNCTION cloison.investigation_asked_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE TABLE cloison.investigation (
    act uuid NOT NULL,
    organisation uuid NOT NULL,
    account uuid,
    purpose smallint,
    declared_at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT investigation_check CHECK (((account IS NULL) <> (purpose IS NULL))),
    CONSTRAINT investigation_check1 CHECK ((until <= (declared_at + '4416:00:00'::interval)))
);
ALTER TABLE cloison.investigation OWNER TO cloison_owner;
CREATE FUNCTION cloison.investigation_read_v1(p_act cloison.act) RETURNS cloison.investigation
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.investigation_read_v1(p_act cloison.act) OWNER TO cloison_owner;
CREATE FUNCTION cloison.invitation_v1(p_segment text, p_code_hash bytea) RETURNS TABLE(account uuid, handle text, synced boolean, aaguids uuid[])
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select a.account, a.handle, coalesce(t.synced, false), t.aaguids
    from invitation i join account a on a.segment = i.segment and a.account = i.account and a.closed_at is null
    left join signin_terms t on t.organisation = a.organisation
    where i.segment = p_segment and i.code_hash = p_code_hash and i.redeemed_at is null and i.expires_at > clock_v1();
$$;
ALTER FUNCTION cloison.invitation_v1(p_segment text, p_code_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.issue_session_v1(p_segment text, p_account uuid, p_session uuid, p_token_hash bytea, p_seconds integer, p_touched boolean) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.issue_session_v1(p_segment text, p_account uuid, p_session uuid, p_token_hash bytea, p_seconds integer, p_touched boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.keep_facts_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint, p_at bigint, p_mac bytea) RETURNS TABLE(outcome text, facts uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_outcome text;
    v_asked asked;
    v_facts uuid := gen_random_uuid();
begin
    select s.outcome into v_outcome from search_v1(p_segment, p_token, p_request, p_purpose, p_slot, p_terms, p_proof_slot,
        p_proof_terms, p_group, p_at, p_mac) s;
    if v_outcome <> 'open' then
        return query select v_outcome, null::uuid;
        return;
    end if;
    -- It is not a search any more: find_v1 would take the charge back.
    delete from asked a using holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and a.segment = p_segment and a.session = h.session
      and a.request = p_request and (h.permissions >> 11) & 1 = 1
    returning a.* into v_asked;
    if cardinality(v_asked.proof_terms) > 0 then
        insert into facts (segment, facts, account, slot, terms, proof_terms, kept_at)
        values (p_segment, v_facts, v_asked.account, v_asked.slot, v_asked.terms, v_asked.proof_terms, clock_v1());
        return query select 'open', v_facts;
    else
        return query select 'scope', null::uuid;
    end if;
end $$;
ALTER FUNCTION cloison.keep_facts_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint, p_at bigint, p_mac bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.keep_holders_v1(p_change cloison.resealed) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    d record;
begin
    for d in
        select q.kind - 1 as kind, q.term from unnest(p_change.dropped) with ordinality as q (term, kind)
        join locator l on l.kind = q.kind - 1 and l.term = q.term and l.person = p_change.person
    loop
        insert into account_holder (segment, account, kind, term)
        select h.segment, h.account, q.kind - 1, q.term
        from account_holder h cross join unnest(p_change.locators) with ordinality as q (term, kind)
        where h.kind = d.kind and h.term = d.term and q.term is not null
        on conflict do nothing;
        delete from account_holder h where h.kind = d.kind and h.term = d.term
            and exists (select from unnest(p_change.locators) q (term) where q.term is not null)
            and not exists (select from absorbed_locator a where a.kind = d.kind and a.term = d.term);
    end loop;
end $$;
ALTER FUNCTION cloison.keep_holders_v1(p_change cloison.resealed) OWNER TO cloison_owner;
CREATE FUNCTION cloison.leaf_entries_v1(p_segment text, p_first bigint, p_most integer) RETURNS TABLE(leaf bigint, entry cloison.entry)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
#variable_conflict use_column
declare
    v_from bigint := (select max(b.first) from log_batch b where b.segment = p_segment and b.first <= p_first);
    v_since timestamptz;
    v_until timestamptz;
begin
    select min(b.since), max(b.until) into v_since, v_until
    from log_batch b where b.segment = p_segment and b.first >= v_from and b.first < p_first + p_most;
    return query
    select r.leaf + n - r.number, e
    from (
        select s.account, q.number, q.count,
            b.first + sum(q.count) over (partition by b.first order by q.place) - q.count as leaf
        from log_batch b
        cross join lateral unnest(b.authors, b.numbers, b.counts) with ordinality q (author, number, count, place)
        join log_author s on s.segment = p_segment and s.author = q.author
        where b.segment = p_segment and b.first >= v_from and b.first < p_first + p_most
    ) r
    cross join lateral generate_series(
        greatest(r.number, r.number + p_first - r.leaf),
        least(r.number + r.count, r.number + p_first + p_most - r.leaf) - 1) n
    join entry e on e.segment = p_segment and e.account = r.account and e.number = n and e.at >= v_since and e.at <= v_until;
end $$;
ALTER FUNCTION cloison.leaf_entries_v1(p_segment text, p_first bigint, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.lease_lifetime_v1() RETURNS interval
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN '00:00:15'::interval;
ALTER FUNCTION cloison.lease_lifetime_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.leases_v1(p_segment text, p_tokens bytea[], p_borrowers text[], p_requests uuid[], p_persons uuid[]) RETURNS TABLE(ordinal integer, lease text, mac bytea, ledger_segment text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_ordinals integer[];
    v_lent lent[];
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'a lease needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_tokens), cardinality(p_borrowers), cardinality(p_requests), cardinality(p_persons)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_now := clock_v1();
    select array_agg(q.ordinal), array_agg(l) into v_ordinals, v_lent
    from unnest(p_tokens, p_borrowers, p_requests, p_persons) with ordinality
        as q (token, borrower, request, person, ordinal)
    join session s on s.segment = p_segment and s.token_hash = sha256(q.token)
    join lent l on l.segment = p_segment and l.session = s.session and l.request = q.request
        and l.person = q.person and l.borrower = q.borrower
    where l.lent_at > v_now - lease_lifetime_v1();
    if v_lent is null then
        return;
    end if;
    perform wait_until_flushed_v1();
    return query
    with worded as (
        select l.ordinal, 'cloison-lease-1|' || write_lease_v1(row('lease', p_segment, l.borrower, l.session, l.account,
                h.organisation, h.role, l.request, l.person, l.compartments, l.purpose, h.token_hash, h.expires_at,
                l.lent_at + lease_lifetime_v1())::lease) as lease,
            case when h.capped then h.ledger_segment end as ledger_segment
        from unnest(v_ordinals, v_lent) as l (ordinal, segment, session, request, person, borrower, account, compartments,
            purpose, lent_at)
        join holder h on h.segment = p_segment and h.session = l.session and h.expires_at > v_now and h.covered
        where not exists (select from account_freeze f where f.segment = p_segment and f.account = l.account
                          and f.lifted_at is null)
    )
    select w.ordinal, w.lease, sign_lease_v1(w.lease), w.ledger_segment from worded w order by w.ordinal;
end $$;
ALTER FUNCTION cloison.leases_v1(p_segment text, p_tokens bytea[], p_borrowers text[], p_requests uuid[], p_persons uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.lend_v1(p_segment text, p_tokens bytea[], p_borrowers text[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) RETURNS TABLE(ordinal integer, outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $_$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_locked uuid[];
    v_judged judged[];
    v_outcomes text[];
    v_waits integer[];
begin
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_tokens), cardinality(p_borrowers), cardinality(p_requests), cardinality(p_persons),
            cardinality(p_compartments), cardinality(p_purposes)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_locked := lock_ledgers_v1(p_segment, p_tokens);
    v_now := clock_v1();                                -- from here on a snapshot younger than the locks
    with asked as materialized (
        select q.*, h.session, h.account, h.role, h.touched_at, h.touch, q.borrower = p_segment as at_home,
            coalesce(q.request is not null and q.person is not null and q.compartments > 0
                and q.compartments & ~h.compartments = 0 and q.purpose between 0 and 30
                and (h.purposes >> q.purpose) & 1 = 1 and q.borrower ~ '^[0-9A-Za-z_-]{1,16}$'
                and (q.borrower <> all (h.lent_to)) is not true, false) as allowed,
            (select r.kind from relation r
             where r.segment = p_segment and q.borrower = p_segment and r.account = h.account
               and r.person = (select w.person from reachable_each_v1(array[h.account], array[q.person]) w)
               and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now)
               and (h.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
               and (q.compartments & ~r.compartments = 0) is not false
             order by r.kind limit 1) as kind
        from unnest(p_tokens, p_borrowers, p_requests, p_persons, p_compartments, p_purposes)
            with ordinality as q (token, borrower, request, person, compartments, purpose, ordinal)
        left join lateral (
            select h.* from holder h
            where h.segment = p_segment and h.token_hash = sha256(q.token) and h.expires_at > v_now
            offset 0
        ) h on true
    )
    select array_agg(row(a.ordinal, a.session, a.account, a.role, a.request, a.person, a.compartments, a.purpose, a.kind,
            case when a.kind = 'walk_in' then 'walk_in' else 'open' end, 'allowance_lent',
            case
                when a.account is null then 'no_session'
                when a.account <> all (v_locked) then 'busy'
                when exists (select from account_freeze f where f.segment = p_segment and f.account = a.account
                             and f.lifted_at is null) then 'frozen'
                when not a.allowed or (a.at_home and a.kind is null) then 'scope'
                when a.compartments & a.touch <> 0
                     and (a.touched_at > v_now - interval '5 minutes') is not true then 'step_up'
                else 'open'
            end)::judged order by a.ordinal)
        into v_judged from asked a;
    select array_agg(s.outcome order by s.ordinal), array_agg(s.retry_after order by s.ordinal)
        into v_outcomes, v_waits from settle_v1(p_segment, v_now, v_judged) s;
    insert into lent (segment, session, request, person, borrower, account, compartments, purpose, lent_at)
    select distinct on (j.session, j.request, j.person, b.borrower) p_segment, j.session, j.request, j.person, b.borrower,
        j.account, j.compartments, j.purpose, v_now
    from unnest(v_judged) j
    join unnest(p_borrowers, v_outcomes) with ordinality as b (borrower, outcome, ordinal) on b.ordinal = j.ordinal
    where b.outcome = 'open'
    order by j.session, j.request, j.person, b.borrower, j.ordinal
    on conflict (segment, session, request, person, borrower) do update
        set compartments = excluded.compartments, purpose = excluded.purpose, lent_at = excluded.lent_at;
    return query select o.ordinal::integer, o.outcome, o.wait
    from unnest(v_outcomes, v_waits) with ordinality as o (outcome, wait, ordinal) order by o.ordinal;
end $_$;
ALTER FUNCTION cloison.lend_v1(p_segment text, p_tokens bytea[], p_borrowers text[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.lift_by_owner_v1(p_protection uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_stands protection;
begin
    select * into v_stands from standing_v1(p_protection, null);
    update protection p set lifted_at = clock_v1() where p.protection = v_stands.protection;
    if found then
        perform log_protection_v1(v_stands.segment, '00000000-0000-0000-0000-000000000000', null, 'protection_lifted',
            v_stands.person, p_protection, null);
    end if;
    return v_stands.protection is not null;
end $$;
ALTER FUNCTION cloison.lift_by_owner_v1(p_protection uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.lift_protection_v1(p_segment text, p_token bytea, p_protection uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_may record;
    v_stands protection;
    v_outcome text;
begin
    select * into v_may from may_protect_v1(p_segment, p_token, 'protection_lift_asked');
    if v_may.verdict <> 'open' then
        return v_may.verdict;
    end if;
    select * into v_stands from standing_v1(p_protection, v_may.organisation);
    if v_stands.protection is null then
        return 'not_found';
    end if;
    v_outcome := second_person_v1(v_stands.segment, p_protection, '{}', v_may.account, v_may.organisation);
    if v_outcome = 'confirmed' then
        update protection p set lifted_at = clock_v1() where p.protection = p_protection;
    end if;
    perform log_protection_v1(p_segment, v_may.account, v_may.session,
        case v_outcome when 'confirmed' then 'protection_lifted' else 'protection_lift_asked' end::event,
        v_stands.person, p_protection, null);
    return case v_outcome when 'confirmed' then 'open' else v_outcome end;
end $$;
ALTER FUNCTION cloison.lift_protection_v1(p_segment text, p_token bytea, p_protection uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.link_identity_v1(p_segment text, p_code_hash bytea, p_issuer text, p_subject bytea, p_provider text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.link_identity_v1(p_segment text, p_code_hash bytea, p_issuer text, p_subject bytea, p_provider text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.list_v1(p_segment text, p_token bytea, p_request uuid, p_whole boolean, p_after uuid) RETURNS TABLE(outcome text, retry_after integer, people integer, last uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_now timestamptz;
    v_today timestamptz;                 -- not in the caller's time zone, which could be a week away
    v_holder holder;
    v_label integer := (select label_bit from profile);
    v_people uuid[];
    v_kinds relation_kind[];
    v_verdict text := 'open';
begin
    perform refuse_unsafe_caller_v1();
    v_locked := lock_ledgers_v1(p_segment, array[p_token]);
    v_now := clock_v1();
    v_today := date_trunc('day', v_now, 'UTC');
    select * into v_holder from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > v_now;
    if v_holder.session is null or p_request is null then
        return query select 'no_session', null::integer, 0, null::uuid;
        return;
    elsif v_holder.account <> all (v_locked) then
        return query select 'busy', null::integer, 0, null::uuid;
        return;
    elsif exists (select from account_freeze f where f.segment = p_segment and f.account = v_holder.account
                  and f.lifted_at is null) then
        v_verdict := 'frozen';
    end if;
    select array_agg(f.person), array_agg(f.kind) into v_people, v_kinds
    from (
        select r.person, min(r.kind) as kind from relation r
        where r.segment = p_segment and r.account = v_holder.account and (p_after is null or r.person > p_after)
          and (v_holder.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
          and case when p_whole
              then r.kind in ('caseload', 'cover') and r.valid_from <= v_now
                   and (r.valid_until is null or r.valid_until > v_now)
              else r.kind = 'inbound' and r.valid_from < v_today + interval '24 hours'
                   and (r.valid_until is null or r.valid_until > v_today) end
          and not withheld_v1(p_segment, v_holder.account, r.person)
        group by r.person order by r.person limit 50
    ) f;
    if v_verdict <> 'open' then
        v_people := null;
    end if;
    -- An empty page is an entry too: one row with nobody in it, charged to no budget.
    return query
    with settled as materialized (
        select s.ordinal, s.outcome, s.retry_after from settle_v1(p_segment, v_now, array(
            select row(q.ordinal, v_holder.session, v_holder.account, v_holder.role, p_request, q.person, v_label,
                null, v_kinds[q.ordinal], 'list', 'list', v_verdict)::judged
            from unnest(coalesce(v_people, array[null::uuid])) with ordinality as q (person, ordinal))) s
    )
    select case when v_people is null and v_verdict = 'open' then 'open'
                when bool_or(s.outcome = 'open') then 'open' else min(s.outcome) end,
        max(s.retry_after), (count(*) filter (where s.outcome = 'open' and v_people is not null))::integer,
        case when cardinality(v_people) = 50 then v_people[50] end
    from settled s;
end $$;
ALTER FUNCTION cloison.list_v1(p_segment text, p_token bytea, p_request uuid, p_whole boolean, p_after uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.lock_each_v1(p_segment text, p_segments text[], p_tokens bytea[]) RETURNS uuid[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    return array(
        select l.account
        from (select distinct q.place, s.account from unnest(p_segments, p_tokens) as q (place, token)
              join session s on s.segment = q.place and s.token_hash = sha256(q.token)
              where s.expires_at > clock_v1() and not exists (
                  select from session_end e where e.segment = q.place and e.session = s.session)) s
        join ledger l on l.segment = s.place and l.account = s.account
        order by l.account
        for update of l skip locked);
end $$;
ALTER FUNCTION cloison.lock_each_v1(p_segment text, p_segments text[], p_tokens bytea[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.lock_ledgers_v1(p_segment text, p_tokens bytea[]) RETURNS uuid[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    return lock_each_v1(p_segment, of_one_segment_v1(p_segment, p_tokens), p_tokens);
end $$;
ALTER FUNCTION cloison.lock_ledgers_v1(p_segment text, p_tokens bytea[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.lock_organisations_v1(p_organisations uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    perform from organisation o where o.organisation = any (p_organisations) order by o.organisation for no key update;
end $$;
ALTER FUNCTION cloison.lock_organisations_v1(p_organisations uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_account_v1(who cloison.holder, p_request uuid, p_event cloison.event, p_person uuid, p_subject uuid, p_purpose smallint, p_version integer, p_hash bytea) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_number bigint;
begin
    update ledger l set next_number = l.next_number + 1
    where l.segment = who.segment and l.account = who.account
    returning l.next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, request, person, subject, purpose,
        version, sealed_hash)
    values (who.segment, who.account, v_number, clock_v1(), p_event, 'open', who.session, p_request, p_person,
        p_subject, p_purpose, p_version, p_hash);
end $$;
ALTER FUNCTION cloison.log_account_v1(who cloison.holder, p_request uuid, p_event cloison.event, p_person uuid, p_subject uuid, p_purpose smallint, p_version integer, p_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_act_v1(p_segment text, p_event cloison.event, p_subject uuid, p_session uuid, p_amount integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.log_act_v1(p_segment text, p_event cloison.event, p_subject uuid, p_session uuid, p_amount integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_alarm_v1(p_segment text, p_alarm text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_kind alert_kind := ('log_' || p_alarm)::alert_kind;
    v_place text := coalesce((select h.segment from log_head h where h.segment = p_segment), '00');
    v_nobody uuid := '00000000-0000-0000-0000-000000000000';
begin
    if exists (select from alert a where a.segment = v_place and a.kind = v_kind and a.at > clock_v1() - interval '1 hour') then
        return;
    end if;
    perform log_act_v1(v_place, 'log_alarmed', null, null, null);
    insert into alert (segment, account, number, kind, at)
    select v_place, v_nobody, l.next_number - 1, v_kind, clock_v1()
    from ledger l where l.segment = v_place and l.account = v_nobody;
end $$;
ALTER FUNCTION cloison.log_alarm_v1(p_segment text, p_alarm text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_batches_v1(p_segment text, p_first bigint, p_most integer) RETURNS TABLE(first bigint, authors integer[], numbers bigint[], counts integer[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select b.first, b.authors, b.numbers, b.counts from log_batch b
    where b.segment = p_segment and b.first >= p_first order by b.first limit least(p_most, 1000);
$$;
ALTER FUNCTION cloison.log_batches_v1(p_segment text, p_first bigint, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_change_v1(p_segment text, p_person uuid, p_event cloison.event, p_account uuid, p_session uuid, p_request uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_author uuid := coalesce(p_account, '00000000-0000-0000-0000-000000000001');
    v_number bigint;
begin
    insert into ledger as l (segment, account, next_number) values (p_segment, v_author, 2)
    on conflict (segment, account) do update set next_number = l.next_number + 1
    returning next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, request, person, version, sealed_hash)
    select p_segment, v_author, v_number, clock_v1(), p_event, 'open', p_session, p_request, p_person, p.version,
        sha256(array_to_string(array(select encode(s, 'hex') from unnest(p.sealed) s), '')::bytea)
    from person p where p.segment = p_segment and p.person = p_person;
    perform note_change_v1(p_segment, p_person, p_event, (select p.version from person p where p.segment = p_segment and p.person = p_person));
end $$;
ALTER FUNCTION cloison.log_change_v1(p_segment text, p_person uuid, p_event cloison.event, p_account uuid, p_session uuid, p_request uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_heads_v1() RETURNS TABLE(segment text, size bigint, note text, signed_at timestamp with time zone, cosigned_size bigint, cosigned_at timestamp with time zone)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select h.segment, h.size, h.note, h.signed_at, h.cosigned_size, h.cosigned_at from log_head h order by h.segment;
$$;
ALTER FUNCTION cloison.log_heads_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_month_v1(p_from_now integer) RETURNS timestamp with time zone
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN ((date_trunc('month'::text, (cloison.clock_v1() AT TIME ZONE 'UTC'::text)) + make_interval(months => p_from_now)) AT TIME ZONE 'UTC'::text);
ALTER FUNCTION cloison.log_month_v1(p_from_now integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_now_v1() RETURNS timestamp with time zone
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$ select clock_v1(); $$;
ALTER FUNCTION cloison.log_now_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_own_act_v1(p_segment text, p_account uuid, p_event cloison.event, p_outcome cloison.outcome, p_session uuid, p_subject uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_number bigint;
begin
    update ledger l set next_number = l.next_number + 1 where l.segment = p_segment and l.account = p_account
    returning l.next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, subject)
    values (p_segment, p_account, v_number, clock_v1(), p_event, p_outcome, p_session, p_subject);
    return v_number;
end $$;
ALTER FUNCTION cloison.log_own_act_v1(p_segment text, p_account uuid, p_event cloison.event, p_outcome cloison.outcome, p_session uuid, p_subject uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_page_v1(p_reader uuid, p_organisation uuid, p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_segment text, p_account uuid, p_number bigint, p_most integer) RETURNS TABLE(at timestamp with time zone, segment text, account uuid, number bigint, handle text, organisation text, agency text, role text, event text, outcome text, session uuid, person uuid, compartments integer, purpose smallint, relation text, subject uuid, amount integer, version integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_asked entry;
    v_of uuid := p_organisation;
    v_accounts uuid[];
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'reading the log needs a transaction that has not written' using errcode = 'CL003';
    end if;
    select * into v_asked from entry e
    where e.account = p_reader and e.at > clock_v1() - interval '1 minute' and e.request = p_request
      and e.event = 'log_read' and e.outcome = 'open';
    if v_asked.number is null then
        raise exception 'ask_log_v1 comes first' using errcode = 'CL006';
    end if;
    perform wait_until_flushed_v1();
    select coalesce(p_organisation, o.organisation) into v_of from organisation o where o.organisation = v_asked.subject;
    v_of := coalesce(v_of, p_organisation);
    if exists (select from account a where a.account = v_asked.subject) then
        v_accounts := array(
            select a.account from account a
            where a.account = v_asked.subject and a.organisation = coalesce(p_organisation, a.organisation));
    elsif v_of is not null then
        v_accounts := array(select a.account from account a where a.organisation = v_of) || v_of;
    end if;
    return query
    select e.at, e.segment, e.account, e.number, a.handle, o.name, a.agency, r.name, e.event::text, e.outcome::text, e.session,
        e.person, e.compartments, e.purpose, e.relation::text, e.subject, e.amount, e.version
    from entries_v1(v_accounts, v_asked.person, p_since, p_until, p_at, p_segment, p_account, p_number, least(p_most, 1000)) e
    left join lateral (select x.* from account x where x.account = e.account limit 1) a on true
    left join organisation o on o.organisation = coalesce(a.organisation, e.account)
    left join role r on r.role = a.role
    order by e.at desc, e.segment desc, e.account desc, e.number desc;
end $$;
ALTER FUNCTION cloison.log_page_v1(p_reader uuid, p_organisation uuid, p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_segment text, p_account uuid, p_number bigint, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_place_v1(p_segment text, p_account uuid, p_number bigint, p_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
    select (r.first + r.before + p_number - r.number)::bigint
    from log_author s
    cross join lateral (
        select b.first, q.number, (select coalesce(sum(c.count), 0) from unnest(b.counts[:q.place - 1]) c (count)) as before
        from log_batch b
        cross join lateral unnest(b.authors, b.numbers, b.counts) with ordinality q (author, number, count, place)
        where b.segment = p_segment and b.until >= p_at and b.since <= p_at and q.author = s.author
          and p_number >= q.number and p_number < q.number + q.count
        order by b.until limit 1
    ) r
    where s.segment = p_segment and s.account = p_account and s.sequenced >= p_number;
$$;
ALTER FUNCTION cloison.log_place_v1(p_segment text, p_account uuid, p_number bigint, p_at timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_protection_v1(p_segment text, p_account uuid, p_session uuid, p_event cloison.event, p_person uuid, p_subject uuid, p_amount integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_number bigint;
begin
    insert into ledger as l (segment, account, next_number) values (p_segment, p_account, 2)
    on conflict (segment, account) do update set next_number = l.next_number + 1
    returning next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, person, subject, amount)
    values (p_segment, p_account, v_number, clock_v1(), p_event, 'open', p_session, p_person, p_subject, p_amount);
end $$;
ALTER FUNCTION cloison.log_protection_v1(p_segment text, p_account uuid, p_session uuid, p_event cloison.event, p_person uuid, p_subject uuid, p_amount integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_reading_v1(p_segment text, p_account uuid, p_session uuid, p_request uuid, p_outcome cloison.outcome, p_person uuid, p_subject uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_number bigint;
begin
    insert into ledger as l (segment, account, next_number) values (p_segment, p_account, 2)
    on conflict (segment, account) do update set next_number = l.next_number + 1
    returning next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, request, person, subject)
    values (p_segment, p_account, v_number, clock_v1(), 'log_read', p_outcome, p_session, p_request, p_person, p_subject);
end $$;
ALTER FUNCTION cloison.log_reading_v1(p_segment text, p_account uuid, p_session uuid, p_request uuid, p_outcome cloison.outcome, p_person uuid, p_subject uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_space_v1(p_segment text, p_login uuid, p_event cloison.event, p_person uuid, p_session uuid, p_amount integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.log_space_v1(p_segment text, p_login uuid, p_event cloison.event, p_person uuid, p_session uuid, p_amount integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_table_v1(p_month timestamp with time zone) RETURNS text
    LANGUAGE sql IMMUTABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN to_char((p_month AT TIME ZONE 'UTC'::text), '"entry_"YYYY"_"MM'::text);
ALTER FUNCTION cloison.log_table_v1(p_month timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_tile_v1(p_segment text, p_level smallint, p_index bigint) RETURNS bytea
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select t.hashes from log_tile t where t.segment = p_segment and t.level = p_level and t.index = p_index;
$$;
ALTER FUNCTION cloison.log_tile_v1(p_segment text, p_level smallint, p_index bigint) OWNER TO cloison_owner;
CREATE FUNCTION cloison.log_transfer_v1(who cloison.holder, p_now timestamp with time zone, p_event cloison.event, p_transfer uuid, p_taker uuid, p_people integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_number bigint;
begin
    update ledger l set next_number = l.next_number + 1
    where l.segment = who.segment and l.account = who.account
    returning l.next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, request, subject, amount)
    values (who.segment, who.account, v_number, p_now, p_event, 'open', who.session, p_transfer, p_taker, p_people);
end $$;
ALTER FUNCTION cloison.log_transfer_v1(who cloison.holder, p_now timestamp with time zone, p_event cloison.event, p_transfer uuid, p_taker uuid, p_people integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.make_agreement_v1(p_organisation uuid, p_terms jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.make_agreement_v1(p_organisation uuid, p_terms jsonb) OWNER TO cloison_owner;
CREATE FUNCTION cloison.make_log_months_v1() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
declare
    v_made integer := 0;
begin
    for i in 0 .. 2 loop
        if to_regclass('cloison.' || log_table_v1(log_month_v1(i))) is null and not exists (
                select from entry_default d where d.at >= log_month_v1(i) and d.at < log_month_v1(i + 1)) then
            execute format('create table cloison.%I partition of cloison.entry for values from (%L) to (%L)',
                log_table_v1(log_month_v1(i)), log_month_v1(i), log_month_v1(i + 1));
            v_made := v_made + 1;
        end if;
    end loop;
    return v_made;
end $$;
ALTER FUNCTION cloison.make_log_months_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.matches_v1(p_segment text, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[]) RETURNS TABLE(person uuid, proven boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $_$
begin
    if p_slot not between 1 and 8 or p_proof_slot not between 1 and 8 then
        raise exception 'there are slots 1 to 8' using errcode = 'CL002';
    end if;
    return query execute format(
        'select p.person, $4 and coalesce(p.term%s = any ($3), false) from cloison.person p '
        'where p.segment = $1 and p.term%s = any ($2) limit 100', coalesce(p_proof_slot, p_slot), p_slot)
        using p_segment, p_terms, p_proof_terms, p_proof_slot is not null;
end $_$;
ALTER FUNCTION cloison.matches_v1(p_segment text, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.may_act_v1(p_segment text, p_token bytea, p_act integer, p_purpose smallint) RETURNS TABLE(verdict text, who cloison.holder)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_locked uuid[];
    v_who holder;
begin
    perform refuse_unsafe_caller_v1();
    v_locked := lock_ledgers_v1(p_segment, array[p_token]);
    select * into v_who from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
    return query select case
        when v_who.session is null then 'no_session'
        when v_who.account <> all (v_locked) then 'busy'
        when exists (select from account_freeze f where f.segment = p_segment and f.account = v_who.account
                     and f.lifted_at is null) then 'frozen'
        when p_act is not null and (p_act between 0 and 30 and (v_who.permissions >> p_act) & 1 = 1) is not true then 'scope'
        when (p_purpose is not null or p_act <= 4)
             and (p_purpose between 0 and 30 and (v_who.purposes >> p_purpose) & 1 = 1) is not true then 'scope'
        else 'open' end, v_who;
end $$;
ALTER FUNCTION cloison.may_act_v1(p_segment text, p_token bytea, p_act integer, p_purpose smallint) OWNER TO cloison_owner;
CREATE FUNCTION cloison.may_audit_v1(p_segment text, p_token bytea) RETURNS text
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select coalesce((
        select case
            when not h.covered or exists (select from account_freeze f where f.segment = p_segment and f.account = h.account
                                          and f.lifted_at is null) then 'frozen'
            when (h.permissions >> 16) & 1 = 1
                 and (select o.service from organisation o where o.organisation = h.organisation) then 'open'
            else 'scope' end
        from holder h where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1()
    ), 'no_session');
$$;
ALTER FUNCTION cloison.may_audit_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.may_protect_v1(p_segment text, p_token bytea, p_event cloison.event) RETURNS TABLE(verdict text, account uuid, session uuid, organisation uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_who record;
    v_verdict text;
begin
    perform refuse_unsafe_caller_v1();
    v_locked := lock_ledgers_v1(p_segment, array[p_token]);
    select * into v_who from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
    v_verdict := case
        when v_who.session is null then 'no_session'
        when v_who.account <> all (v_locked) then 'busy'
        when exists (select from account_freeze f where f.segment = p_segment and f.account = v_who.account
                     and f.lifted_at is null) then 'frozen'
        when (v_who.permissions >> 7) & 1 = 1 then 'open'         -- model.Permission.PROTECT
        else 'scope' end;
    if v_verdict in ('frozen', 'scope') then
        perform from settle_v1(p_segment, clock_v1(), array[row(1, v_who.session, v_who.account, v_who.role, null,
            null, 0, null, null, 'open', p_event, v_verdict)::judged]);
    end if;
    return query select v_verdict, v_who.account, v_who.session, v_who.organisation;
end $$;
ALTER FUNCTION cloison.may_protect_v1(p_segment text, p_token bytea, p_event cloison.event) OWNER TO cloison_owner;
CREATE FUNCTION cloison.may_relate_v1(p_home text, p_organisation uuid, p_held_in text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select p_home = p_held_in or exists (
        select from agreement g where g.organisation = p_organisation and g.standing
        and (g.ends_at is null or g.ends_at > clock_v1())
        and (g.segments is null or (p_held_in = any (g.segments) and p_home = any (g.segments))));
$$;
ALTER FUNCTION cloison.may_relate_v1(p_home text, p_organisation uuid, p_held_in text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.member_v1(p_segment text, p_token bytea) RETURNS TABLE(account uuid, handle text, organisation text, role text, session uuid, touched boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select m.account, m.handle, o.name, m.role_name, m.session, coalesce(m.touched_at > clock_v1() - interval '5 minutes', false)
    from member m join organisation o on o.organisation = m.organisation
    where m.segment = p_segment and m.token_hash = sha256(p_token);
$$;
ALTER FUNCTION cloison.member_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.merge_interactions_v1(p_segment text, p_absorbed uuid, p_survivor uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_now timestamptz := clock_v1();
begin
    delete from absorbed_interaction a where a.segment = p_segment and a.person = p_absorbed;
    insert into absorbed_interaction (segment, person, feed, interaction)
    select i.segment, i.person, i.feed, i.interaction from interaction i
    where i.segment = p_segment and i.person = p_absorbed;
    update interaction i set person = p_survivor, waiting = i.waiting or i.valid_until > v_now
    where i.segment = p_segment and i.person = p_absorbed;
    if found then
        perform install_interactions_v1(v_now, array[p_segment]);
    end if;
end $$;
ALTER FUNCTION cloison.merge_interactions_v1(p_segment text, p_absorbed uuid, p_survivor uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.merge_parts_v1(p_segment text, p_token bytea, p_merge uuid) RETURNS TABLE(survivor uuid, absorbed uuid, filled smallint[])
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select m.survivor, m.absorbed, m.filled
    from holder h
    join merge m on m.segment = h.segment and m.merge = p_merge and m.state in ('merged', 'split_asked')
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1()
      and (h.permissions >> 3) & 1 = 1 and relation_now_v1(h, m.survivor) is not null;
$$;
ALTER FUNCTION cloison.merge_parts_v1(p_segment text, p_token bytea, p_merge uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.move_life_v1(p_from text, p_to text, p_person uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    update representative r set segment = p_to where r.segment = p_from and r.person = p_person;
    update representative r set representative_segment = p_to
    where r.representative_segment = p_from and r.representative = p_person;
$$;
ALTER FUNCTION cloison.move_life_v1(p_from text, p_to text, p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.move_person_v1(p_from text, p_to text, p_person uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
begin
    insert into trail (segment, person, went_to) values (p_from, p_person, p_to)
    on conflict (segment, person) do update set went_to = excluded.went_to;
    update trail t set went_to = p_to where t.person = p_person;
    delete from trail t where t.segment = p_to and t.person = p_person;
    update relation r set segment = p_to where r.segment = p_from and r.person = p_person;
    update interaction i set segment = p_to where i.segment = p_from and i.person = p_person;
    update code c set segment = p_to where c.segment = p_from and c.person = p_person;
    perform note_change_v1(p_from, p_person, 'person_moved', null);
    perform move_life_v1(p_from, p_to, p_person);
end $$;
ALTER FUNCTION cloison.move_person_v1(p_from text, p_to text, p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.named_v1(p_segment text, p_token bytea, p_organisation text, p_place text, p_handle text) RETURNS TABLE(organisation uuid, account uuid)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select coalesce(a.organisation, (select o.organisation from organisation o where o.name = p_organisation)), a.account
    from member m left join account a on a.segment = p_place and a.handle = p_handle and a.closed_at is null
    where m.segment = p_segment and m.token_hash = sha256(p_token)
      and (m.service or a.organisation is null or a.organisation = m.organisation);
$$;
ALTER FUNCTION cloison.named_v1(p_segment text, p_token bytea, p_organisation text, p_place text, p_handle text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.new_factor_v1(p_segment text, p_account uuid, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.new_factor_v1(p_segment text, p_account uuid, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.note_change_v1(p_segment text, p_person uuid, p_event cloison.event, p_version integer) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    insert into change (segment, xid, person, event, version, at)
    values (p_segment, transaction_v1(), p_person, p_event, p_version, clock_v1())
    on conflict (segment, xid, person, event) do update set version = excluded.version;
$$;
ALTER FUNCTION cloison.note_change_v1(p_segment text, p_person uuid, p_event cloison.event, p_version integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.of_one_segment_v1(p_segment text, p_tokens bytea[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN array_fill(p_segment, ARRAY[COALESCE(cardinality(p_tokens), 0)]);
ALTER FUNCTION cloison.of_one_segment_v1(p_segment text, p_tokens bytea[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.one_holder_v1(p_one uuid, p_other uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select p_one = p_other or exists (
        select from account a join account b on b.holder = a.holder where a.account = p_one and b.account = p_other
    ) or exists (
        select from account_holder h join account_holder o on o.kind = h.kind and o.term = h.term
        where h.account = p_one and o.account = p_other);
$$;
ALTER FUNCTION cloison.one_holder_v1(p_one uuid, p_other uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operated_v1(p_kind text) RETURNS boolean
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN (p_kind = ANY (ARRAY['account.create'::text, 'account.elevate'::text, 'account.recover'::text, 'account.unfreeze'::text, 'account.forget_holder'::text, 'organisation.create'::text, 'agreement.make'::text, 'feed.open'::text, 'client.register'::text, 'protection.lift'::text, 'staff.import'::text, 'limit.set'::text]));
ALTER FUNCTION cloison.operated_v1(p_kind text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_acts_v1(p_act uuid) RETURNS TABLE(act uuid, kind text, asked_by text, organisation text, details jsonb, state text, asked_at timestamp with time zone, expires_at timestamp with time zone, not_before timestamp with time zone, people_needed smallint, signed_by text[], adds integer)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select a.act, a.kind, coalesce((select c.handle from account c where c.account = a.asked_by), ''), o.name, a.details,
        case when a.state = 'waiting' and a.expires_at <= clock_v1() then 'expired' else a.state::text end,
        a.asked_at, a.expires_at, a.not_before, a.people_needed,
        array(select c.handle from act_signature s join account c on c.segment = s.segment and c.account = s.account
              where s.act = a.act order by s.signed_at),
        case when a.state = 'waiting' then act_adds_v1(a.kind, a.details) end
    from act a join organisation o on o.organisation = a.organisation
    where a.act = p_act or (p_act is null and a.asked_at > clock_v1() - interval '672 hours')
    order by a.asked_at;
$$;
ALTER FUNCTION cloison.operator_acts_v1(p_act uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_ask_log_v1(p_request uuid, p_handle text, p_organisation text, p_person uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_subject uuid := coalesce((select a.account from account a where a.handle = p_handle),
        (select o.organisation from organisation o where o.name = p_organisation));
begin
    if v_subject is null and (p_handle is not null or p_organisation is not null) then
        return 'unknown';
    end if;
    perform log_reading_v1('00', '00000000-0000-0000-0000-000000000000', null, p_request, 'open', p_person, v_subject);
    return 'open';
end $$;
ALTER FUNCTION cloison.operator_ask_log_v1(p_request uuid, p_handle text, p_organisation text, p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_ask_v1(p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    if not operated_v1(p_kind) then
        raise exception 'not an act of the operator''s' using errcode = 'CL021';
    end if;
    perform ask_unsigned_v1(p_act, p_kind, p_canonical, p_details, p_organisation, p_expires_at);
end $$;
ALTER FUNCTION cloison.operator_ask_v1(p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_grants_v1() RETURNS TABLE(act uuid, kind text, account text, organisation text, state text, given_at timestamp with time zone, until timestamp with time zone, people integer, taken integer, signed_by text[])
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.operator_grants_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_hold_v1(p_handle text, p_kinds smallint[], p_terms bigint[]) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_account account;
begin
    select * into v_account from account a where a.handle = p_handle;
    if v_account.account is null then
        return false;
    end if;
    insert into account_holder (segment, account, kind, term)
    select v_account.segment, v_account.account, q.kind, q.term from unnest(p_kinds, p_terms) q (kind, term)
    on conflict do nothing;
    perform log_act_v1(v_account.segment, 'holder_set', v_account.account, null, cardinality(p_terms));
    return true;
end $$;
ALTER FUNCTION cloison.operator_hold_v1(p_handle text, p_kinds smallint[], p_terms bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_import_v1(p_act uuid, p_first integer, p_most integer) RETURNS TABLE(next_number integer, organisations integer, accounts integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_line record;
    v_state text;
    v_next integer;
    v_place text;
    v_made integer;
    v_organisations integer := 0;
    v_accounts integer := 0;
begin
    if not exists (select from act a where a.act = p_act and a.kind = 'staff.import' and a.state = 'done'
                   and a.settled_at > clock_v1() - interval '72 hours') then
        raise exception 'not an import that was signed in the last 72 hours' using errcode = 'CL021';
    end if;
    v_next := p_first;
    begin
        for v_line in
            select s.number, s.line::jsonb as said from staged_staff s
            where s.act = p_act and s.number >= p_first order by s.number limit p_most
        loop
            v_next := v_line.number;
            v_place := concat_ws(' ', v_line.said ->> 0, v_line.said ->> -1);
            v_made := import_line_v1(v_line.said);
            if v_line.said ->> 0 = 'account' then
                v_accounts := v_accounts + v_made;
            else
                v_organisations := v_organisations + v_made;
            end if;
        end loop;
    exception when others then   -- said again with the line's number; a message of PostgreSQL's may quote values
        get stacked diagnostics v_state = returned_sqlstate;
        raise exception 'a line is refused' using errcode = v_state, detail = v_place;
    end;
    return query select (select min(s.number) from staged_staff s where s.act = p_act and s.number > v_next),
        v_organisations, v_accounts;
end $$;
ALTER FUNCTION cloison.operator_import_v1(p_act uuid, p_first integer, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_located_v1(p_kinds smallint[], p_terms bigint[]) RETURNS TABLE(segment text, person uuid)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select distinct l.segment, l.person from unnest(p_kinds, p_terms) q (kind, term)
    join locator l on l.kind = q.kind and l.term = q.term;
$$;
ALTER FUNCTION cloison.operator_located_v1(p_kinds smallint[], p_terms bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_named_v1(p_organisation text, p_handle text) RETURNS TABLE(organisation uuid, account uuid, segment text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select a.organisation, a.account, a.segment from account a where a.handle = p_handle and a.closed_at is null
    union all
    select o.organisation, null, null from organisation o
    where p_handle is null and (o.name = p_organisation or (p_organisation is null and o.service));
$$;
ALTER FUNCTION cloison.operator_named_v1(p_organisation text, p_handle text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_read_log_v1(p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_behind text, p_account uuid, p_number bigint, p_most integer) RETURNS TABLE(at timestamp with time zone, segment text, account uuid, number bigint, handle text, organisation text, agency text, role text, event text, outcome text, session uuid, person uuid, compartments integer, purpose smallint, relation text, subject uuid, amount integer, version integer)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select p.* from log_page_v1('00000000-0000-0000-0000-000000000000', null, p_request, p_since, p_until,
        p_at, p_behind, p_account, p_number, p_most) p;
$$;
ALTER FUNCTION cloison.operator_read_log_v1(p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_behind text, p_account uuid, p_number bigint, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_stage_v1(p_act uuid, p_first integer, p_lines text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    if exists (select from act a where a.act = p_act) then
        raise exception 'the act was asked for' using errcode = 'CL021';
    end if;
    delete from staged_staff s where s.staged_at < clock_v1() - interval '168 hours';   -- signed and brought in, or too late
    insert into staged_staff (act, number, line, staged_at)
    select p_act, p_first + n - 1, l.line, clock_v1() from unnest(p_lines) with ordinality l (line, n)
    on conflict (act, number) do update set line = excluded.line;
end $$;
ALTER FUNCTION cloison.operator_stage_v1(p_act uuid, p_first integer, p_lines text[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_tend_v1(p_what text, p_handle text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_account account;
begin
    select * into v_account from account a where a.handle = p_handle;
    if v_account.account is null then
        return false;
    elsif p_what = 'freeze' then
        perform freeze_v1(v_account.segment, v_account.account);
    elsif p_what = 'sign_out' then
        perform end_sessions_v1(v_account.segment, v_account.account);
    elsif p_what = 'close' then
        perform close_account_v1(v_account.segment, v_account.account);
    else
        raise exception 'not an act of one person' using errcode = 'CL021';
    end if;
    return true;
end $$;
ALTER FUNCTION cloison.operator_tend_v1(p_what text, p_handle text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.operator_withdraw_v1(p_act uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    update act a set state = 'refused', settled_at = clock_v1(), refused_by = a.asked_by
    where a.act = p_act and a.state = 'waiting' and a.asked_by = '00000000-0000-0000-0000-000000000000';
    if found then
        perform log_act_v1('00', 'act_refused', p_act, null, null);
    end if;
    return found;
end $$;
ALTER FUNCTION cloison.operator_withdraw_v1(p_act uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.own_entries_v1(p_segment text, p_person uuid, p_until timestamp with time zone) RETURNS TABLE(entry cloison.entry, about boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
    select distinct on (e.at, e.segment, e.account, e.number) e.entry, e.about
    from identities_v1(p_segment, p_person) i
    cross join lateral (
        select e as entry, true as about, e.at, e.segment, e.account, e.number, e.purpose from entry e
        where e.person = i.person and e.event in (
            'open', 'search', 'list', 'exported', 'person_read', 'person_created', 'person_changed', 'person_moved',
            'registration_ended', 'registration_resumed', 'person_deceased', 'merge_asked', 'people_merged', 'split_asked',
            'people_split', 'representative_set', 'representative_ended', 'code_sent', 'code_confirmed', 'space_invited',
            'log_read')
        union all                        -- as the one absorbed, or as somebody's representative
        select e, false, e.at, e.segment, e.account, e.number, e.purpose from entry e
        where e.subject = i.person and e.event in (
            'merge_asked', 'people_merged', 'split_asked', 'people_split', 'representative_set', 'representative_ended')
    ) e
    where e.at between i.since and least(i.until, p_until)
      and not exists (
        select from investigation v
        where v.until > clock_v1() and (v.account = e.account or (v.purpose = e.purpose and exists (
            select from account a where a.account = e.account and a.organisation = v.organisation))))
    order by e.at desc, e.segment, e.account, e.number, e.about desc;
$$;
ALTER FUNCTION cloison.own_entries_v1(p_segment text, p_person uuid, p_until timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.own_line_v1(p_segment text, p_person uuid, p_log text, p_place bigint) RETURNS TABLE(entry cloison.entry, disclosed text[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
    select w.entry, array['segment', 'at', 'event', 'outcome', 'organisation']
        || case when w.about then array['compartments', 'purpose', 'relation'] end
        || case when (w.entry).person = p_person then array['person'] end
    from (
        select b.* from log_batch b join log_head h on h.segment = b.segment and p_place < h.cosigned_size
        where b.segment = p_log and b.first <= p_place order by b.first desc limit 1
    ) b
    cross join lateral (
        select q.author, q.number + p_place - b.first - q.before as number
        from (select u.*, sum(u.count) over (order by u.place) - u.count as before
              from unnest(b.authors, b.numbers, b.counts) with ordinality u (author, number, count, place)) q
        where p_place - b.first >= q.before and p_place - b.first < q.before + q.count
    ) q
    join log_author s on s.segment = p_log and s.author = q.author
    join own_entries_v1(p_segment, p_person, 'infinity') w
        on (w.entry).segment = p_log and (w.entry).account = s.account and (w.entry).number = q.number;
$$;
ALTER FUNCTION cloison.own_line_v1(p_segment text, p_person uuid, p_log text, p_place bigint) OWNER TO cloison_owner;
CREATE FUNCTION cloison.passkeys_v1(p_segment text, p_token bytea) RETURNS TABLE(factor uuid, aaguid uuid, added_at timestamp with time zone, used_at timestamp with time zone)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select f.factor, f.aaguid, f.added_at, f.used_at
    from member m join factor f on f.segment = m.segment and f.account = m.account and f.frozen_at is null
    where m.segment = p_segment and m.token_hash = sha256(p_token)
    order by f.added_at, f.factor;
$$;
ALTER FUNCTION cloison.passkeys_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.proofs_asked_v1(p_most integer) RETURNS TABLE(proof uuid, segment text, place bigint, size bigint, note text, key bytea, entry_values bytea[], disclosed text[])
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select p.proof, p.segment, p.place, c.size, c.note, b.key, v.entry_values, l.disclosed
    from (select * from log_proof p where p.proved is null order by p.asked_at limit p_most) p
    join lateral (
        select n.size, n.note from log_cosignature n where n.segment = p.segment order by n.size desc, n.at desc limit 1
    ) c on p.place < c.size
    cross join lateral own_line_v1((select o.segment from space_login o where o.login = p.login), p.person, p.segment, p.place) l
    cross join lateral (                 -- no line of a person's has evidence
        select entry_values_v1(l.entry, (
            select a.organisation from account a where a.segment = (l.entry).segment and a.account = (l.entry).account),
            (select d.device from log_session d where d.session = (l.entry).session limit 1), null) as entry_values
    ) v
    join log_blinding b on b.segment = p.segment and b.month = date_trunc('month', (l.entry).at at time zone 'UTC')::date;
$$;
ALTER FUNCTION cloison.proofs_asked_v1(p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.protect_by_owner_v1(p_held_in text, p_person uuid, p_accounts uuid[], p_ends timestamp with time zone[], p_until timestamp with time zone) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_person uuid := stands_as_v1(p_held_in, p_person);
    v_protection uuid := add_protection_v1(p_held_in, v_person, null, p_accounts, p_ends, p_until);
begin
    perform log_protection_v1(p_held_in, '00000000-0000-0000-0000-000000000000', null, 'protection_set', v_person,
        v_protection, cardinality(p_accounts));
    return v_protection;
end $$;
ALTER FUNCTION cloison.protect_by_owner_v1(p_held_in text, p_person uuid, p_accounts uuid[], p_ends timestamp with time zone[], p_until timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.protect_v1(p_segment text, p_token bytea, p_held_in text, p_person uuid, p_audience text[], p_until timestamp with time zone) RETURNS TABLE(outcome text, protection uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_may record;
    v_accounts uuid[] := accounts_named_v1(p_audience);
    v_person uuid;
    v_protection uuid;
begin
    select * into v_may from may_protect_v1(p_segment, p_token, 'protection_set');
    if v_may.verdict = 'open' and v_accounts is null then
        v_may.verdict := 'unknown_account';
    elsif v_may.verdict = 'open' then
        v_person := stands_as_v1(p_held_in, p_person);
        v_protection := add_protection_v1(p_held_in, v_person, v_may.organisation, v_accounts, null, p_until);
        perform log_protection_v1(p_segment, v_may.account, v_may.session, 'protection_set', v_person, v_protection,
            cardinality(v_accounts));
    end if;
    return query select v_may.verdict, v_protection;
end $$;
ALTER FUNCTION cloison.protect_v1(p_segment text, p_token bytea, p_held_in text, p_person uuid, p_audience text[], p_until timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.prove_v1(p_proof uuid, p_proved text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    update log_proof p set proved = p_proved where p.proof = p_proof and p.proved is null;
$$;
ALTER FUNCTION cloison.prove_v1(p_proof uuid, p_proved text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.put_relation_v1(p_now timestamp with time zone, p_held_in text, p_account uuid, p_person uuid, p_kind cloison.relation_kind, p_from timestamp with time zone, p_until timestamp with time zone) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    insert into relation as r (segment, account, person, kind, valid_from, valid_until)
    values (p_held_in, p_account, p_person, p_kind, coalesce(p_from, p_now), p_until)
    on conflict (segment, account, person, kind) do update set
        valid_from = case when p_from is null and (r.valid_until is null or r.valid_until > p_now)
            then least(r.valid_from, p_now) else excluded.valid_from end,
        valid_until = excluded.valid_until;
$$;
ALTER FUNCTION cloison.put_relation_v1(p_now timestamp with time zone, p_held_in text, p_account uuid, p_person uuid, p_kind cloison.relation_kind, p_from timestamp with time zone, p_until timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.question_answered_v1(p_segment text, p_token bytea, p_request uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_asked question;
begin
    delete from question q using session s
    where s.segment = p_segment and s.token_hash = sha256(p_token) and q.segment = p_segment
      and q.session = s.session and q.request = p_request
    returning q.* into v_asked;
    if v_asked.person is not null and not exists (
        select from person p where p.segment = p_segment and p.person = v_asked.person
          and p.version = v_asked.version)
       and (select count(*) from search_miss m where m.segment = p_segment
            and m.search_group = questions_about_v1(v_asked.person)
            and m.missed_at > clock_v1() - interval '24 hours') <= 1 then
        perform forgive_question_v1(p_segment, v_asked);
    end if;
end $$;
ALTER FUNCTION cloison.question_answered_v1(p_segment text, p_token bytea, p_request uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.questions_about_v1(p_person uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN hashtextextended((p_person)::text, (73)::bigint);
ALTER FUNCTION cloison.questions_about_v1(p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.raise_alerts_v1(p_segment text, p_now timestamp with time zone, settled cloison.settled[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    insert into alert (segment, account, number, kind, at, person)
    select g.place, g.account, g.number, 'protected_opened', p_now, g.person
    from unnest(settled) g
    where g.event in ('open', 'person_read') and g.outcome = 'open' and g.number is not null and exists (
        select from protection p where p.person = g.person and p.lifted_at is null
            and (p.valid_until is null or p.valid_until > p_now) offset 0);
end $$;
ALTER FUNCTION cloison.raise_alerts_v1(p_segment text, p_now timestamp with time zone, settled cloison.settled[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.reach_v1(p_accounts uuid[]) RETURNS TABLE(account uuid, ways integer[], people integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.reach_v1(p_accounts uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.reachable_each_v1(p_accounts uuid[], p_persons uuid[]) RETURNS TABLE(ordinal bigint, person uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    return query
    select w.ordinal, case when w.withheld or w.own then uuid '00000000-0000-0000-0000-000000000000' else w.person end
    from withheld_each_v1(p_accounts, p_accounts, p_persons) w;
end $$;
ALTER FUNCTION cloison.reachable_each_v1(p_accounts uuid[], p_persons uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.reachable_v1(p_segment text, p_account uuid, p_person uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    return (select w.person from reachable_each_v1(array[p_account], array[p_person]) w);
end $$;
ALTER FUNCTION cloison.reachable_v1(p_segment text, p_account uuid, p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.read_for_change_v1(p_segment text, p_token bytea, p_request uuid, p_persons uuid[], p_act integer, p_compartments integer, p_purpose smallint, p_merge uuid) RETURNS TABLE(ordinal integer, outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_whole integer := (select (1 << cardinality(p.compartments)) - 1 from profile p);
    v_label integer := (select p.label_bit from profile p);
    v_may record;
    v_who holder;
    v_now timestamptz;
    v_taken_back merge;
    v_judged judged[];
begin
    if coalesce(cardinality(p_persons), 0) not between 1 and 2 or p_persons[1] is not distinct from p_persons[2] then
        raise exception 'one person, or two' using errcode = 'CL002';
    elsif (p_act between 1 and 4) is not true then      -- a caller that could name none, or any, would need none
        raise exception 'not an act that reads somebody' using errcode = 'CL002';
    end if;
    select * into v_may from may_act_v1(p_segment, p_token, p_act, p_purpose);              -- 1, 2
    v_who := v_may.who;
    v_now := clock_v1();
    if v_may.verdict in ('no_session', 'busy') or p_request is null then
        return query select o, coalesce(nullif(v_may.verdict, 'open'), 'no_session'), null::integer
            from generate_series(1, cardinality(p_persons)) o;
        return;
    end if;
    select * into v_taken_back from merge m
    where m.segment = p_segment and m.merge = p_merge and m.state in ('merged', 'split_asked')
      and m.survivor = p_persons[1] and m.absorbed = p_persons[2];
    with asked as materialized (                                                            -- 3
        select q.*, relation_now_v1(v_who, coalesce(v_taken_back.survivor, q.person)) as kind
        from unnest(p_persons) with ordinality as q (person, ordinal)
    )
    select array_agg(row(a.ordinal, v_who.session, v_who.account, v_who.role, p_request, a.person, v_whole, p_purpose,
            a.kind, case when a.kind = 'walk_in' then 'walk_in' else 'open' end, 'person_read',
            case when v_may.verdict <> 'open' then v_may.verdict
                 when a.kind is null or (p_merge is not null and v_taken_back.merge is null) then 'scope'
                 when coalesce(p_compartments, -1) & ~v_who.compartments <> 0 then 'scope'
                 when p_compartments & v_who.touch <> 0
                      and (v_who.touched_at > v_now - interval '5 minutes') is not true then 'step_up'
                 -- An organisation's cap is lent by its own ledger, which lends to the desk alone yet: nothing beyond it.
                 when v_who.capped then 'scope'
                 -- What a freeze between charge and release can still meet, as in charge_v1.
                 when a.ordinal + (select count(*) from receipt r where r.segment = p_segment
                      and r.session = v_who.session and r.compartments <> v_label
                      and r.charged_at > v_now - receipt_lifetime_v1()) > 16 then 'busy'
                 else 'open' end)::judged order by a.ordinal)
        into v_judged from asked a;
    -- Two are read together or not at all.
    if 'scope' = any (array(select j.verdict from unnest(v_judged) j)) then
        v_judged := array(select row(j.ordinal, j.session, j.account, j.role, j.request, j.person, j.compartments,
            j.purpose, j.relation, j.meter, j.event, 'scope')::judged from unnest(v_judged) j);
    end if;
    return query select * from settle_v1(p_segment, v_now, v_judged);                       -- 4
    update receipt r
    set compartments = r.compartments | change_bit_v1()
        | case when r.person = v_taken_back.absorbed then absorbed_bit_v1() else 0 end
    where r.segment = p_segment and r.session = v_who.session and r.request = p_request;
end $$;
ALTER FUNCTION cloison.read_for_change_v1(p_segment text, p_token bytea, p_request uuid, p_persons uuid[], p_act integer, p_compartments integer, p_purpose smallint, p_merge uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.read_lease_v1(p_text text, p_mac bytea) RETURNS cloison.lease
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    f text[];
begin
    if p_text !~ '^cloison-(lease|capped)-1\|' or (sha256(p_mac) = sha256(sign_lease_v1(p_text))) is not true then
        return null;
    end if;
    f := string_to_array(p_text, '|');
    return row(split_part(f[1], '-', 2), f[2], f[3], f[4]::uuid, f[5]::uuid, f[6]::uuid, f[7]::smallint, f[8]::uuid,
        f[9]::uuid, f[10]::integer, f[11]::smallint, decode(f[12], 'hex'),
        timestamptz 'epoch' + f[13]::bigint * interval '1 microsecond',
        timestamptz 'epoch' + f[14]::bigint * interval '1 microsecond')::lease;
end $$;
ALTER FUNCTION cloison.read_lease_v1(p_text text, p_mac bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.read_log_v1(p_segment text, p_token bytea, p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_behind text, p_account uuid, p_number bigint, p_most integer) RETURNS TABLE(at timestamp with time zone, segment text, account uuid, number bigint, handle text, organisation text, agency text, role text, event text, outcome text, session uuid, person uuid, compartments integer, purpose smallint, relation text, subject uuid, amount integer, version integer)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select p.* from log_reader r cross join lateral log_page_v1(
        r.account, r.organisation, p_request, p_since, p_until, p_at, p_behind, p_account, p_number, p_most) p
    where r.segment = p_segment and r.token_hash = sha256(p_token);
$$;
ALTER FUNCTION cloison.read_log_v1(p_segment text, p_token bytea, p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_behind text, p_account uuid, p_number bigint, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.receipt_lifetime_v1() RETURNS interval
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN '00:00:10'::interval;
ALTER FUNCTION cloison.receipt_lifetime_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.redeem_v1(p_segment text, p_code_hash bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.redeem_v1(p_segment text, p_code_hash bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.refuse_act_v1(p_segment text, p_token bytea, p_act uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.refuse_act_v1(p_segment text, p_token bytea, p_act uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.refuse_act_v1(who cloison.holder, p_request uuid, p_event cloison.event, p_purpose smallint, p_verdict text) RETURNS text
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select s.outcome from settle_v1(who.segment, clock_v1(), array[row(
        1, who.session, who.account, who.role, p_request, null, 0, p_purpose, null, 'open', p_event, p_verdict
    )::judged]) s;
$$;
ALTER FUNCTION cloison.refuse_act_v1(who cloison.holder, p_request uuid, p_event cloison.event, p_purpose smallint, p_verdict text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.refuse_unsafe_caller_v1() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the meter works under read committed only' using errcode = 'CL001';
    end if;
    if coalesce(current_setting('citus.function_opens_transaction_block', true), 'on') not in ('on', '') then
        raise exception 'the meter needs citus.function_opens_transaction_block on' using errcode = 'CL001';
    end if;
end $$;
ALTER FUNCTION cloison.refuse_unsafe_caller_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.refuse_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], settled cloison.settled[]) RETURNS cloison.settled[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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
ALTER FUNCTION cloison.refuse_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], settled cloison.settled[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.register_client_v1(p_act cloison.act, p_uses text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.register_client_v1(p_act cloison.act, p_uses text[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.relate_v1(p_grant cloison.break_glass, p_until timestamp with time zone) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    insert into relation as r (segment, account, person, kind, valid_from, valid_until, compartments)
    select p_grant.segment, p_grant.account, p_grant.person, 'grant', p_grant.given_at, p_until, p_grant.compartments
    where p_grant.person is not null
    on conflict (segment, account, person, kind) do update set
        valid_from = excluded.valid_from,
        compartments = excluded.compartments | case when r.valid_until > clock_v1() then r.compartments else 0 end,
        valid_until = case when r.valid_until > clock_v1() then greatest(r.valid_until, excluded.valid_until) else excluded.valid_until end;
$$;
ALTER FUNCTION cloison.relate_v1(p_grant cloison.break_glass, p_until timestamp with time zone) OWNER TO cloison_owner;
CREATE TABLE cloison.relation_limit (
    organisation uuid NOT NULL,
    account_day integer DEFAULT 60 NOT NULL,
    account_first_day integer DEFAULT 1500 NOT NULL,
    organisation_day integer DEFAULT 2000 NOT NULL,
    inbound_account_day integer DEFAULT 100 NOT NULL,
    inbound_organisation_day integer DEFAULT 20000 NOT NULL,
    inbound_hours integer DEFAULT 744 NOT NULL,
    feed_hours_ahead integer DEFAULT 1440 NOT NULL,
    feed_grace_minutes integer DEFAULT 30 NOT NULL,
    feed_misses_day integer DEFAULT 500 NOT NULL,
    cover_people integer DEFAULT 20 NOT NULL,
    cover_hours integer DEFAULT 720 NOT NULL,
    transfers_day integer DEFAULT 20 NOT NULL,
    codes_person_hour integer DEFAULT 3 NOT NULL,
    codes_account_day integer DEFAULT 30 NOT NULL,
    CONSTRAINT relation_limit_account_day_check CHECK ((account_day >= 0)),
    CONSTRAINT relation_limit_account_first_day_check CHECK ((account_first_day >= 0)),
    CONSTRAINT relation_limit_codes_account_day_check CHECK ((codes_account_day >= 0)),
    CONSTRAINT relation_limit_codes_person_hour_check CHECK ((codes_person_hour >= 0)),
    CONSTRAINT relation_limit_cover_hours_check CHECK (((cover_hours >= 1) AND (cover_hours <= 8760))),
    CONSTRAINT relation_limit_cover_people_check CHECK (((cover_people >= 0) AND (cover_people <= 100))),
    CONSTRAINT relation_limit_feed_grace_minutes_check CHECK (((feed_grace_minutes >= 0) AND (feed_grace_minutes <= 1440))),
    CONSTRAINT relation_limit_feed_hours_ahead_check CHECK (((feed_hours_ahead >= 1) AND (feed_hours_ahead <= 17520))),
    CONSTRAINT relation_limit_feed_misses_day_check CHECK ((feed_misses_day >= 0)),
    CONSTRAINT relation_limit_inbound_account_day_check CHECK ((inbound_account_day >= 0)),
    CONSTRAINT relation_limit_inbound_hours_check CHECK (((inbound_hours >= 1) AND (inbound_hours <= 8760))),
    CONSTRAINT relation_limit_inbound_organisation_day_check CHECK ((inbound_organisation_day >= 0)),
    CONSTRAINT relation_limit_organisation_day_check CHECK ((organisation_day >= 0)),
    CONSTRAINT relation_limit_transfers_day_check CHECK ((transfers_day >= 0))
);
ALTER TABLE cloison.relation_limit OWNER TO cloison_owner;
CREATE FUNCTION cloison.relation_limits_v1(p_organisation uuid) RETURNS cloison.relation_limit
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select l from relation_limit l
    where l.organisation in (p_organisation, '00000000-0000-0000-0000-000000000000')
    order by l.organisation <> p_organisation limit 1;
$$;
ALTER FUNCTION cloison.relation_limits_v1(p_organisation uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.relation_now_v1(who cloison.holder, p_person uuid) RETURNS cloison.relation_kind
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_now timestamptz := clock_v1();
begin
    return (
        select r.kind from relation r
        where r.segment = who.segment and r.account = who.account
          and r.person = (select e.person from reachable_each_v1(array[who.account], array[p_person]) e)
          and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now)
          and r.kind <> 'grant'   -- which is for reading
          and (who.relations >> (array_position(enum_range(null::relation_kind), r.kind) - 1)) & 1 = 1
        order by r.kind limit 1);
end $$;
ALTER FUNCTION cloison.relation_now_v1(who cloison.holder, p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.release_address_v1(p_segment text, p_token bytea, p_code uuid) RETURNS TABLE(person uuid, sealed bytea[], ticket text, mac bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_code code;
begin
    if pg_current_xact_id_if_assigned() is not null then                                    -- 1
        raise exception 'release needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    v_now := clock_v1();
    select c.* into v_code from code c                                                      -- 2
    join session s on s.segment = c.segment and s.session = c.session
    where c.segment = p_segment and c.code = p_code and s.token_hash = sha256(p_token) and c.released_at is null
      and c.asked_at > v_now - receipt_lifetime_v1()
    for update of c skip locked;
    if not found then
        return;
    end if;
    perform wait_until_flushed_v1();                                                        -- 3
    return query
    with used as (
        update code c set released_at = v_now                                               -- 4
        where c.segment = p_segment and c.code = p_code and c.released_at is null
          and c.asked_at > clock_v1() - receipt_lifetime_v1()
        returning c.code
    ), allowed as (
        select p.person, p.sealed, format('cloison-change-1|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', v_code.code, v_code.session,
            v_code.account, p_segment, p.cohort, p.person, p.key_id, v_code.compartment, p.version,
            floor(extract(epoch from v_now) * 1000)::bigint) as ticket
        from used u
        join holder h on h.segment = p_segment and h.session = v_code.session and h.expires_at > v_now
        join person p on p.segment = p_segment and p.person = v_code.person
        where (h.relations >> 3) & 1 = 1 and not h.capped
          and not wrote_lately_v1(p_segment, v_code.account, v_code.person)
          and not exists (select from account_freeze f where f.segment = p_segment and f.account = v_code.account
                          and f.lifted_at is null)
          and exists (select from relation r where r.segment = p_segment and r.account = v_code.account
                      and r.person = reachable_v1(p_segment, v_code.account, v_code.person) and r.kind = 'walk_in'
                      and r.valid_until > v_now)
    )
    select a.person, a.sealed, a.ticket,
        sha256(k.outer_block || sha256(k.inner_block || convert_to(a.ticket, 'UTF8')))
    from allowed a cross join ticket_key k;
end $$;
ALTER FUNCTION cloison.release_address_v1(p_segment text, p_token bytea, p_code uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.release_each_v1(p_segment text, p_segments text[], p_tokens bytea[], p_requests uuid[], p_persons uuid[]) RETURNS TABLE(ordinal integer, person uuid, version integer, compartments integer, sealed bytea[], ticket text, mac bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_ordinals integer[];
    v_receipts receipt[];
    v_visiting text[];
    v_label integer := (select label_bit from profile);
begin
    if pg_current_xact_id_if_assigned() is not null then                                    -- 1
        raise exception 'release needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    if greatest(cardinality(p_segments), cardinality(p_tokens), cardinality(p_requests), cardinality(p_persons)) > 128 then
        raise exception 'at most 128 requests in a batch' using errcode = 'CL002';
    end if;
    v_now := clock_v1();
    with mine as materialized (                                                             -- 2
        select q.ordinal, r as receipt
        from unnest(p_segments, p_tokens, p_requests, p_persons)
            with ordinality as q (place, token, request, person, ordinal)
        join lateral (
            select s.session from session s where s.segment = q.place and s.token_hash = sha256(q.token)
            union all
            select v.session from guest v where v.segment = q.place and v.token_hash = sha256(q.token)
        ) s on true
        join receipt r on r.segment = q.place and r.session = s.session and r.request = q.request
            and (q.person is null or r.person = q.person)
        where r.charged_at > v_now - receipt_lifetime_v1() and r.compartments < 1 << 30   -- else the intake door's
        for update of r skip locked
    )
    select array_agg(m.ordinal), array_agg(m.receipt) into v_ordinals, v_receipts from mine m;
    if v_receipts is null then
        return;
    end if;
    perform wait_until_flushed_v1();                                                        -- 3
    if exists (select from unnest(v_receipts) as r (place, session)
               join guest g on g.segment = r.place and g.session = r.session) then
        v_visiting := array(                                                                -- 4, of guests
            select r.place || '|' || r.session
            from unnest(v_receipts) as r (place, session, request, person, account, compartments)
            join visitor h on h.segment = r.place and h.session = r.session
            where h.expires_at > v_now
            group by r.place, r.session having bool_and(r.compartments & ~h.compartments = 0));
    end if;
    return query
    with seen as (
        -- The same request asked for twice is answered where it stands first.
        select distinct on (o.place, o.session, o.request, o.person) o.* from unnest(v_ordinals, v_receipts)
            as o (ordinal, place, session, request, person, account, compartments, charged_at, found)
        order by o.place, o.session, o.request, o.person, o.ordinal
    ), used as (
        delete from receipt r using seen s                                                  -- 4
        where r.segment = s.place and r.session = s.session and r.request = s.request and r.person = s.person
          and r.charged_at = s.charged_at and r.charged_at > clock_v1() - receipt_lifetime_v1()
        returning s.place, s.ordinal, r.session, r.request, r.person, r.account, r.compartments, r.found
    ), numbered as materialized (
        select u.*, row_number() over (order by u.ordinal, u.person) as turn from used u
    ), reach as materialized (
        select w.* from (select array_agg(n.account order by n.turn) as accounts, array_agg(n.person order by n.turn) as people
                         from numbered n) q
        cross join lateral withheld_each_v1(q.accounts, q.accounts, q.people) w
    ), allowed as (
        select u.*, p.version, p.sealed, format('cloison-ticket-1|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', u.request, u.session,
            u.account, u.place, p.cohort, u.person, p.key_id, u.compartments, p.version,
            floor(extract(epoch from v_now) * 1000)::bigint) as ticket
        from numbered u
        join reach w on w.ordinal = u.turn and not w.withheld and not w.own and not (u.found and w.shielded)
        join person p on p.segment = u.place and p.person = u.person
        where (u.place || '|' || u.session = any (v_visiting) or exists (
                   select from holder h where h.segment = u.place and h.session = u.session
                       and h.expires_at > v_now and u.compartments & ~h.compartments = 0))
          and not exists (select from account_freeze f where f.segment = u.place and f.account = u.account
                          and f.lifted_at is null)
          -- Today's list names appointments that begin later or are over; a record is for a relation of now.
          and exists (select from relation r where r.segment = u.place and r.account = u.account
                      and r.person = u.person and (u.compartments & ~(r.compartments | v_label) = 0) is not false
                      and (r.valid_until is null or r.valid_until >
                          case u.compartments when v_label then date_trunc('day', v_now, 'UTC') else v_now end))
    )
    select a.ordinal, a.person, a.version, a.compartments,
        array(select a.sealed[i + 1] from generate_series(0, cardinality(a.sealed) - 1) i
              where (a.compartments >> i) & 1 = 1 order by i),
        a.ticket, sha256(k.outer_block || sha256(k.inner_block || convert_to(a.ticket, 'UTF8')))
    from allowed a cross join ticket_key k
    order by a.ordinal, a.person;
end $$;
ALTER FUNCTION cloison.release_each_v1(p_segment text, p_segments text[], p_tokens bytea[], p_requests uuid[], p_persons uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.release_export_v1(p_segment text, p_token bytea, p_act uuid, p_request uuid) RETURNS TABLE(place text, person uuid, version integer, compartments integer, sealed bytea[], ticket text, mac bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_v1();
    v_session uuid;
    v_receipts export_receipt[];
    v_grant exporter;
    v_withheld uuid[];
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'release needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    select s.session into v_session from session s where s.segment = p_segment and s.token_hash = sha256(p_token);
    v_receipts := array(
        select r from export_receipt r
        where r.segment = p_segment and r.session = v_session and r.request = p_request and r.act = p_act
          and r.charged_at > v_now - receipt_lifetime_v1()
        for update skip locked);
    if v_receipts = '{}' then
        return;
    end if;
    perform wait_until_flushed_v1();
    v_now := clock_v1();
    select * into v_grant from exporter x
    where x.segment = p_segment and x.session = v_session and x.act = p_act and x.expires_at > v_now
      and not exists (select from account_freeze f where f.segment = p_segment and f.account = x.account and f.lifted_at is null);
    v_withheld := array(
        select w.person from withheld_each_v1(array_fill(v_grant.account, array[cardinality(v_receipts)]),
            array_fill(v_grant.account, array[cardinality(v_receipts)]), array(select r.person from unnest(v_receipts) r)) w
        where w.own or case when v_grant.person is null then w.shielded else w.withheld end);
    return query
    with used as (
        delete from export_receipt r using unnest(v_receipts) q
        where r.segment = q.segment and r.session = q.session and r.request = q.request and r.person = q.person
          and r.charged_at > clock_v1() - receipt_lifetime_v1()
        returning r.place, r.person
    ), allowed as (
        select u.place, p.person, p.version, p.sealed, format('cloison-export-1|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', p_request,
            v_session, v_grant.account, u.place, p.cohort, p.person, p.key_id, v_grant.compartments, p.version,
            floor(extract(epoch from v_now) * 1000)::bigint, p_act) as ticket
        from used u join person p on p.segment = u.place and p.person = u.person
        where u.place = any (v_grant.segments) and (v_grant.lent_to is null or u.place = any (v_grant.lent_to))
          and u.person <> all (v_withheld)
    )
    select a.place, a.person, a.version, v_grant.compartments,
        array(select a.sealed[i + 1] from generate_series(0, cardinality(a.sealed) - 1) i
              where (v_grant.compartments >> i) & 1 = 1 order by i),
        a.ticket, sha256(k.outer_block || sha256(k.inner_block || convert_to(a.ticket, 'UTF8')))
    from allowed a cross join ticket_key k
    order by a.person;
end $$;
ALTER FUNCTION cloison.release_export_v1(p_segment text, p_token bytea, p_act uuid, p_request uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.release_for_change_v1(p_segment text, p_token bytea, p_request uuid) RETURNS TABLE(person uuid, version integer, cohort integer, key_id bigint, sealed bytea[], ticket text, mac bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_receipts receipt[];
begin
    if pg_current_xact_id_if_assigned() is not null then                                    -- 1
        raise exception 'release needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    v_now := clock_v1();
    with mine as materialized (                                                             -- 2
        select r as receipt from session s
        join receipt r on r.segment = s.segment and r.session = s.session and r.request = p_request
        where s.segment = p_segment and s.token_hash = sha256(p_token) and r.compartments >= change_bit_v1()
          and r.charged_at > v_now - receipt_lifetime_v1()
        for update of r skip locked
    )
    select array_agg(m.receipt) into v_receipts from mine m;
    if v_receipts is null then
        return;
    end if;
    perform wait_until_flushed_v1();                                                        -- 3
    return query
    with used as (
        delete from receipt r using unnest(v_receipts) s                                    -- 4
        where r.segment = p_segment and r.session = s.session and r.request = s.request and r.person = s.person
          and r.charged_at = s.charged_at and r.charged_at > clock_v1() - receipt_lifetime_v1()
        returning r.session, r.request, r.person, r.account, r.compartments
    ), allowed as (
        select p.*, u.person, format('cloison-change-1|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', u.request, u.session, u.account,
            p_segment, p.cohort, u.person, p.key_id, u.compartments & ~(change_bit_v1() | absorbed_bit_v1()),
            p.version, floor(extract(epoch from v_now) * 1000)::bigint) as ticket
        from used u
        join holder h on h.segment = p_segment and h.session = u.session and h.expires_at > v_now
        cross join lateral (
            select p.version, p.cohort, p.key_id, p.sealed, p.person as related from person p
            where p.segment = p_segment and p.person = u.person and u.compartments & absorbed_bit_v1() = 0
            union all
            select p.version, p.cohort, p.key_id, p.sealed, m.survivor from absorbed p
            join merge m on m.segment = p.segment and m.absorbed = p.person
                and m.state in ('merged', 'split_asked')
            where p.segment = p_segment and p.person = u.person and u.compartments & absorbed_bit_v1() <> 0
        ) p
        where h.covered and not h.capped
          and not exists (select from account_freeze f where f.segment = p_segment and f.account = u.account
                          and f.lifted_at is null)
          and relation_now_v1(h, p.related) is not null
    )
    select a.person, a.version, a.cohort, a.key_id, a.sealed, a.ticket,
        sha256(k.outer_block || sha256(k.inner_block || convert_to(a.ticket, 'UTF8')))
    from allowed a cross join ticket_key k;
end $$;
ALTER FUNCTION cloison.release_for_change_v1(p_segment text, p_token bytea, p_request uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.release_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[]) RETURNS TABLE(ordinal integer, person uuid, version integer, compartments integer, sealed bytea[], ticket text, mac bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    return query select * from release_each_v1(p_segment, of_one_segment_v1(p_segment, p_tokens), p_tokens, p_requests,
        p_persons);
end $$;
ALTER FUNCTION cloison.release_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.remove_factor_v1(p_segment text, p_token bytea, p_factor uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.remove_factor_v1(p_segment text, p_token bytea, p_factor uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.representatives_v1(p_segment text, p_person uuid, p_minor boolean) RETURNS TABLE(segment text, person uuid, kind text, signs_in boolean, receives_notices boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select r.representative_segment, coalesce(m.survivor, r.representative), r.kind::text, bool_or(r.signs_in),
        bool_or(r.receives_notices)
    from identities_v1(p_segment, p_person) i
    join representative r on r.segment = p_segment and r.person = i.person
    left join merge m on m.absorbed = r.representative and m.state in ('merged', 'split_asked')
    where i.until = 'infinity' and r.valid_from <= clock_v1()
      and (r.valid_until is null or r.valid_until > clock_v1()) and (p_minor or r.kind <> 'parent')
    group by 1, 2, 3;
$$;
ALTER FUNCTION cloison.representatives_v1(p_segment text, p_person uuid, p_minor boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.reseal_one_v1(p_change cloison.resealed) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_row person;
    v_cell bigint;
    v_terms bigint[];
    v_next integer := 1;
begin
    select p.* into v_row from person p
    where p.segment = p_change.former_segment and p.person = p_change.person and p.version = p_change.former_version
    for update;
    if v_row.person is null or p_change.version <= v_row.version then
        return 'gone';
    end if;
    insert into locator (kind, term, segment, person)
    select q.kind - 1, q.term, p_change.segment, p_change.person
    from unnest(p_change.locators) with ordinality as q (term, kind) where q.term is not null
    order by q.kind, q.term
    on conflict (term) do nothing;
    if exists (select from unnest(p_change.locators) with ordinality as q (term, kind)
               join locator l on l.kind = q.kind - 1 and l.term = q.term where l.person <> p_change.person) then
        delete from locator l using unnest(p_change.locators) with ordinality as q (term, kind)
        where l.kind = q.kind - 1 and l.term = q.term and l.person = p_change.person and l.xmin = pg_current_xact_id()::xid;
        return 'conflict';
    end if;
    perform keep_holders_v1(p_change);
    delete from locator l using unnest(p_change.dropped) with ordinality as q (term, kind)
    where l.kind = q.kind - 1 and l.term = q.term and l.person = p_change.person;
    v_cell := v_row.cell;
    v_terms := array[v_row.term1, v_row.term2, v_row.term3, v_row.term4, v_row.term5, v_row.term6, v_row.term7,
        v_row.term8];
    for i in 1 .. 8 loop
        if (p_change.slots >> (i - 1)) & 1 = 1 then
            v_terms[i] := p_change.terms[i];
        end if;
    end loop;
    for i in 1 .. cardinality(v_row.sealed) loop
        if (p_change.compartments >> (i - 1)) & 1 = 1 then
            v_row.sealed[i] := p_change.sealed[v_next];
            v_next := v_next + 1;
        end if;
    end loop;
    if p_change.segment = p_change.former_segment then
        update person p set cohort = p_change.cohort, key_id = p_change.key_id, version = p_change.version,
            provisional = p_change.provisional, digest = coalesce(p_change.digest, p.digest), cell = p_change.cell,
            sealed = v_row.sealed, term1 = v_terms[1], term2 = v_terms[2], term3 = v_terms[3], term4 = v_terms[4],
            term5 = v_terms[5], term6 = v_terms[6], term7 = v_terms[7], term8 = v_terms[8]
        where p.segment = p_change.segment and p.person = p_change.person;
    else
        delete from person p where p.segment = p_change.former_segment and p.person = p_change.person;
        insert into person (segment, person, cohort, key_id, version, provisional, digest, cell, sealed,
            term1, term2, term3, term4, term5, term6, term7, term8)
        values (p_change.segment, p_change.person, p_change.cohort, p_change.key_id, p_change.version,
            p_change.provisional, coalesce(p_change.digest, v_row.digest), p_change.cell, v_row.sealed,
            v_terms[1], v_terms[2], v_terms[3], v_terms[4], v_terms[5], v_terms[6], v_terms[7], v_terms[8]);
        perform move_person_v1(p_change.former_segment, p_change.segment, p_change.person);
    end if;
    perform count_cells_v1(p_change.former_segment, '{}', array[v_cell]) where v_cell is not null;
    perform count_cells_v1(p_change.segment, array[p_change.cell], '{}') where p_change.cell is not null;
    return 'changed';
end $$;
ALTER FUNCTION cloison.reseal_one_v1(p_change cloison.resealed) OWNER TO cloison_owner;
CREATE FUNCTION cloison.reseal_v1(p_changes cloison.resealed[], p_event cloison.event, p_account uuid, p_session uuid, p_request uuid) RETURNS TABLE(ordinal integer, result text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_change resealed;
begin
    -- An import's ledgers first, and in one order: of two batches whose people move between the same segments, each would
    -- wait for the other's. Counters come after them, here as in intake_people_v1.
    if p_account is null then
        insert into ledger as l (segment, account, next_number)
        select s.segment, '00000000-0000-0000-0000-000000000001', 1
        from (select c.segment from unnest(p_changes) c union select c.former_segment from unnest(p_changes) c) s
        order by s.segment
        on conflict (segment, account) do update set next_number = l.next_number;
    end if;
    for i in 1 .. cardinality(p_changes) loop
        ordinal := i;
        v_change := p_changes[i];
        result := reseal_one_v1(v_change);
        if result = 'changed' then
            perform log_change_v1(v_change.segment, v_change.person,
                case when v_change.segment <> v_change.former_segment and p_account is null then 'person_moved'
                     else p_event end, p_account, p_session, p_request);
        end if;
        return next;
    end loop;
end $$;
ALTER FUNCTION cloison.reseal_v1(p_changes cloison.resealed[], p_event cloison.event, p_account uuid, p_session uuid, p_request uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.sealed_hash_v1(p_sealed bytea[]) RETURNS bytea
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN sha256(convert_to(array_to_string(ARRAY(SELECT encode(s.s, 'hex'::text) AS encode FROM unnest(sealed_hash_v1.p_sealed) s(s)), ''::text), 'UTF8'::name));
ALTER FUNCTION cloison.sealed_hash_v1(p_sealed bytea[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.search_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint, p_at bigint, p_mac bytea) RETURNS TABLE(outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_now timestamptz;
    v_holder holder;
    v_slot search_slot;
    v_proof bigint[];
    v_verdict text;
    v_outcome text;
begin
    perform refuse_unsafe_caller_v1();
    -- Without its indexes each search would read the whole register; refused here, it costs nobody anything.
    if exists (select from load) then
        raise exception 'an initial load is under way' using errcode = 'CL008';
    end if;
    if cardinality(p_terms) > 64 or cardinality(p_proof_terms) > 64 then
        raise exception 'at most 64 terms in a search' using errcode = 'CL002';
    end if;
    select * into v_slot from search_slot s where s.slot = p_slot;
    if v_slot.slot is null or (v_slot.cuts is null) <> (p_group is null) then
        raise exception 'the profile has no such search' using errcode = 'CL002';
    end if;
    -- Another slot than the profile's proves nothing: a proof is NIR or identifier, *and* birth date.
    v_proof := case when p_proof_slot = v_slot.proof_slot then p_proof_terms end;
    v_locked := lock_ledgers_v1(p_segment, array[p_token]);
    v_now := clock_v1();
    select * into v_holder from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > v_now;
    if v_holder.session is null or p_request is null then
        return query select 'no_session', null::integer;
        return;
    elsif v_holder.account <> all (v_locked) then
        return query select 'busy', null::integer;
        return;
    elsif not signed_by_keeper_v1(concat_ws('|', 'cloison-search-1', v_holder.session, p_slot,
            coalesce(array_to_string(p_terms, ','), ''), coalesce(p_proof_slot::text, ''),
            coalesce(array_to_string(p_proof_terms, ','), ''), coalesce(p_group::text, ''),
            coalesce(array_to_string(v_slot.cuts, ','), ''), p_at), p_mac) then
        raise exception 'the keeper signed no such search' using errcode = 'CL006';
    -- Either clock may be ahead of the other by some seconds.
    elsif abs(extract(epoch from v_now) * 1000 - p_at) > 15000 then
        return query select 'stale', null::integer;
        return;
    elsif exists (select from asked a where a.segment = p_segment and a.session = v_holder.session
                  and a.request = p_request and a.asked_at > v_now - receipt_lifetime_v1()
                  and row(a.purpose, a.slot, a.terms, a.proof_terms, a.search_group) is not distinct from
                      row(p_purpose, v_slot.slot, coalesce(p_terms, '{}'), v_proof, p_group)) then
        return query select 'open', null::integer;
        return;
    -- Two accounts at the same group must not both count before either has written. Not waited for, like a ledger.
    elsif p_group is not null and not pg_try_advisory_xact_lock(hashtextextended(p_segment, p_group)) then
        return query select 'busy', null::integer;
        return;
    end if;
    v_verdict := case
        when exists (select from account_freeze f where f.segment = p_segment and f.account = v_holder.account
                     and f.lifted_at is null) then 'frozen'
        when (p_purpose between 0 and 30 and (v_holder.purposes >> p_purpose) & 1 = 1) is not true then 'scope'
        when p_group is not null and (select count(*) from search_miss m where m.segment = p_segment
             and m.search_group = p_group and m.missed_at > v_now - interval '24 hours') >= 5 then 'budget'
        else 'open' end;
    select s.outcome into v_outcome from settle_v1(p_segment, v_now, array[row(
        1, v_holder.session, v_holder.account, v_holder.role, p_request, null,
        (select label_bit from profile), p_purpose, null, 'search', 'search',
        case v_verdict when 'open' then 'scope' else v_verdict end)::judged]) s;
    if v_verdict = 'open' and exists (select from session_end e where e.segment = p_segment
                                      and e.session = v_holder.session) then
        v_verdict := v_outcome;          -- one refusal too many: nothing is looked for
    elsif v_verdict = 'open' then
        insert into search_miss (segment, search_group, missed_at, account, request)
        values (p_segment, coalesce(p_group, 0), v_now, v_holder.account, p_request) on conflict do nothing;
        insert into asked (segment, session, request, account, asked_at, number, purpose, slot, terms, proof_terms,
            search_group)
        select p_segment, v_holder.session, p_request, v_holder.account, v_now, max(f.number), p_purpose, v_slot.slot,
            coalesce(p_terms, '{}'), v_proof, p_group
        from refusal f where f.segment = p_segment and f.account = v_holder.account and f.refused_at = v_now
        on conflict (segment, session, request) do update set asked_at = excluded.asked_at,
            number = excluded.number, purpose = excluded.purpose, slot = excluded.slot, terms = excluded.terms,
            proof_terms = excluded.proof_terms, search_group = excluded.search_group;
    end if;
    return query select v_verdict, null::integer;
end $$;
ALTER FUNCTION cloison.search_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint, p_at bigint, p_mac bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.second_person_v1(p_segment text, p_protection uuid, p_accounts uuid[], p_account uuid, p_organisation uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_asked protection_request;
begin
    delete from protection_request r
    where r.segment = p_segment and r.protection = p_protection and (r.asked_at <= clock_v1() - interval '24 hours'
        or exists (select from account_freeze f where f.account = r.asked_by and f.lifted_at is null)
        or not exists (select from account a where a.account = r.asked_by and a.organisation = r.organisation));
    select * into v_asked from protection_request r
    where r.segment = p_segment and r.protection = p_protection and r.accounts = p_accounts
      and r.organisation = p_organisation;
    if v_asked.asked_by = p_account then
        return 'same_person';
    elsif v_asked.asked_by is not null then
        delete from protection_request r
        where r.segment = p_segment and r.protection = p_protection and r.accounts = p_accounts
          and r.organisation = p_organisation;
        return 'confirmed';
    end if;
    insert into protection_request (segment, protection, accounts, organisation, asked_by, asked_at)
    values (p_segment, p_protection, p_accounts, p_organisation, p_account, clock_v1());
    return 'asked';
end $$;
ALTER FUNCTION cloison.second_person_v1(p_segment text, p_protection uuid, p_accounts uuid[], p_account uuid, p_organisation uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.seen_v1(p_segments text[], p_tokens bytea[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    update session s set seen_at = clock_v1()
    from unnest(p_segments, p_tokens) q (place, token)
    where s.segment = q.place and s.token_hash = sha256(q.token) and least(s.expires_at, s.seen_at + s.idle) > clock_v1();
$$;
ALTER FUNCTION cloison.seen_v1(p_segments text[], p_tokens bytea[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.session_ceilings_v1(p_segment text, p_account uuid) RETURNS TABLE(people integer[], ends double precision)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select full_people_v1(p_segment, p_account), extract(epoch from clock_v1() + interval '12 hours')::double precision;
$$;
ALTER FUNCTION cloison.session_ceilings_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.session_v1(p_segment text, p_token bytea) RETURNS TABLE(account uuid, handle text, role text, expires_at timestamp with time zone, frozen boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select h.account, h.handle, h.role_name, h.expires_at,
        not h.covered or exists (select from account_freeze f where f.segment = p_segment and f.account = h.account
                                 and f.lifted_at is null)
    from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
$$;
ALTER FUNCTION cloison.session_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.set_holder_v1(p_segment text, p_account uuid, p_kinds smallint[], p_terms bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    delete from account_holder h where h.segment = p_segment and h.account = p_account;
    insert into account_holder (segment, account, kind, term)
    select p_segment, p_account, q.kind, q.term from unnest(p_kinds, p_terms) q (kind, term);
    perform log_act_v1(p_segment, 'holder_set', p_account, null, cardinality(p_terms));
end $$;
ALTER FUNCTION cloison.set_holder_v1(p_segment text, p_account uuid, p_kinds smallint[], p_terms bigint[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.set_limit_v1(p_limit text, p_value integer, p_organisation text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $_$
declare
    v_whose uuid := '00000000-0000-0000-0000-000000000000';
    v_names text;
begin
    if not exists (select from pg_attribute t where t.attrelid = 'cloison.relation_limit'::regclass and t.attnum > 0
                   and not t.attisdropped and t.attname = p_limit and t.attname <> 'organisation') then
        raise exception 'no such limit' using errcode = 'CL029';
    end if;
    if p_organisation is not null then
        select o.organisation into v_whose from organisation o where o.name = p_organisation;
        if v_whose is null then
            raise exception 'no such organisation' using errcode = 'CL005';
        end if;
        select string_agg(quote_ident(t.attname), ', ') into v_names from pg_attribute t
        where t.attrelid = 'cloison.relation_limit'::regclass and t.attnum > 0 and not t.attisdropped and t.attname <> 'organisation';
        execute format('insert into relation_limit (organisation, %1$s) select $1, %1$s from relation_limit '
            'where organisation = $2 on conflict (organisation) do nothing', v_names)
            using v_whose, uuid '00000000-0000-0000-0000-000000000000';
    end if;
    execute format('update relation_limit set %I = $1 where organisation = $2', p_limit) using p_value, v_whose;
end $_$;
ALTER FUNCTION cloison.set_limit_v1(p_limit text, p_value integer, p_organisation text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.set_representative_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid, p_kind text, p_signs_in boolean, p_receives_notices boolean, p_from timestamp with time zone, p_until timestamp with time zone) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_may record;
    v_who holder;
begin
    select * into v_may from may_act_v1(p_segment, p_token, 4, p_purpose);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return v_may.verdict;
    elsif v_may.verdict <> 'open' or relation_now_v1(v_who, p_person) is null
          or relation_now_v1(v_who, p_representative) is null then
        return refuse_act_v1(v_who, p_request, 'representative_set', p_purpose,
            case v_may.verdict when 'open' then 'scope' else v_may.verdict end);
    end if;
    insert into representative (segment, person, representative_segment, representative, kind, signs_in,
        receives_notices, valid_from, valid_until)
    values (p_segment, p_person, p_segment, p_representative, p_kind::representative_kind, p_signs_in,
        p_receives_notices, coalesce(p_from, clock_v1()), p_until)
    on conflict (segment, person, representative) do update set kind = excluded.kind, signs_in = excluded.signs_in,
        receives_notices = excluded.receives_notices, valid_from = excluded.valid_from,
        valid_until = excluded.valid_until;
    perform log_account_v1(v_who, p_request, 'representative_set', p_person, p_representative, p_purpose, null, null);
    return 'set';
end $$;
ALTER FUNCTION cloison.set_representative_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid, p_kind text, p_signs_in boolean, p_receives_notices boolean, p_from timestamp with time zone, p_until timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.settle_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], p_places text[] DEFAULT NULL::text[]) RETURNS TABLE(ordinal integer, outcome text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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
ALTER FUNCTION cloison.settle_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], p_places text[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.shielded_v1(p_person uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    return (select w.shielded from withheld_each_v1('{null}', '{null}', array[p_person]) w);
end $$;
ALTER FUNCTION cloison.shielded_v1(p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.sign_act_v1(p_segment text, p_token bytea, p_act uuid, p_factor uuid, p_public_key bytea, p_authenticator_data bytea, p_client_data bytea, p_signature bytea) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.sign_act_v1(p_segment text, p_token bytea, p_act uuid, p_factor uuid, p_public_key bytea, p_authenticator_data bytea, p_client_data bytea, p_signature bytea) OWNER TO cloison_owner;
CREATE TABLE cloison.ticket_key (
    single boolean DEFAULT true NOT NULL,
    inner_block bytea NOT NULL,
    outer_block bytea NOT NULL,
    CONSTRAINT ticket_key_inner_block_check CHECK ((length(inner_block) = 64)),
    CONSTRAINT ticket_key_outer_block_check CHECK ((length(outer_block) = 64)),
    CONSTRAINT ticket_key_single_check CHECK (single)
);
ALTER TABLE cloison.ticket_key OWNER TO cloison_owner;
CREATE FUNCTION cloison.sign_lease_v1(p_text text) RETURNS bytea
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN (SELECT sha256((k.outer_block || sha256((k.inner_block || convert_to(sign_lease_v1.p_text, 'UTF8'::name))))) AS sha256 FROM cloison.ticket_key k);
ALTER FUNCTION cloison.sign_lease_v1(p_text text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.signed_by_keeper_v1(p_text text, p_mac bytea) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select coalesce((select sha256(k.outer_block || sha256(k.inner_block || convert_to(p_text, 'UTF8'))) = p_mac
                     from ticket_key k), false);
$$;
ALTER FUNCTION cloison.signed_by_keeper_v1(p_text text, p_mac bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.signins_v1(p_segment text, p_token bytea) RETURNS TABLE(session uuid, door text, begun_at timestamp with time zone, seen_at timestamp with time zone, factor uuid, live boolean, copied_at timestamp with time zone)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select s.session, s.door::text, s.issued_at, s.seen_at, s.factor,
        least(s.expires_at, s.seen_at + s.idle) > clock_v1() and not exists (
            select from session_end e where e.segment = s.segment and e.session = s.session), s.copied_at
    from member m join session s on s.segment = m.segment and s.account = m.account
    where m.segment = p_segment and m.token_hash = sha256(p_token)
    order by s.issued_at desc limit 20;
$$;
ALTER FUNCTION cloison.signins_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.signs_acts_v1(p_segment text, p_account uuid, p_factor uuid, p_public_key bytea) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.signs_acts_v1(p_segment text, p_account uuid, p_factor uuid, p_public_key bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_add_factor_v1(p_segment text, p_token bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_add_factor_v1(p_segment text, p_token bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_address_v1(p_segment text, p_token bytea, p_code_hash bytea) RETURNS TABLE(person uuid, sealed bytea[], ticket text, mac bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_address_v1(p_segment text, p_token bytea, p_code_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_alert_v1(p_segment text, p_login uuid, p_event cloison.event, p_kind cloison.alert_kind, p_session uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_person uuid := (select l.person from space_login l where l.segment = p_segment and l.login = p_login);
begin
    insert into alert (segment, account, number, kind, at, person)
    values (p_segment, p_login, log_space_v1(p_segment, p_login, p_event, v_person, p_session, null),
        p_kind, clock_v1(), v_person);
end $$;
ALTER FUNCTION cloison.space_alert_v1(p_segment text, p_login uuid, p_event cloison.event, p_kind cloison.alert_kind, p_session uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_ask_proof_v1(p_segment text, p_token bytea, p_log text, p_place bigint) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_mine space_live;
    v_proof uuid;
begin
    select * into v_mine from space_live s where s.segment = p_segment and s.token_hash = sha256(p_token);
    delete from log_proof p where p.asked_at < clock_v1() - interval '1 hour';
    if v_mine.session is null
       or (select count(*) from log_proof p where p.login = v_mine.login) >= 200
       or not exists (select from own_line_v1(p_segment, v_mine.person, p_log, p_place)) then
        return null;
    end if;
    insert into log_proof (segment, place, login, person, asked_at)
    values (p_log, p_place, v_mine.login, v_mine.person, clock_v1())
    returning proof into v_proof;
    return v_proof;
end $$;
ALTER FUNCTION cloison.space_ask_proof_v1(p_segment text, p_token bytea, p_log text, p_place bigint) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_begin_v1(p_segment text, p_login uuid, p_session uuid, p_token_hash bytea, p_secret_hash bytea, p_device bytea, p_kept text, p_step bigint, p_fresh text, p_way text) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_begin_v1(p_segment text, p_login uuid, p_session uuid, p_token_hash bytea, p_secret_hash bytea, p_device bytea, p_kept text, p_step bigint, p_fresh text, p_way text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_copied_v1(p_segment text, p_secret bytea, p_token bytea) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_copied_v1(p_segment text, p_secret bytea, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_delay_v1() RETURNS timestamp with time zone
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select max(v.until) from investigation v where v.until > clock_v1();
$$;
ALTER FUNCTION cloison.space_delay_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_end_v1(p_person uuid, p_but uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_end_v1(p_person uuid, p_but uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_factors_v1(p_segment text, p_login uuid) RETURNS TABLE(factor uuid, credential bytea, public_key bytea, aaguid uuid, backup_eligible boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select f.factor, f.credential, f.public_key, f.aaguid, f.backup_eligible from space_factor f
    where f.segment = p_segment and f.login = p_login and f.frozen_at is null;
$$;
ALTER FUNCTION cloison.space_factors_v1(p_segment text, p_login uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_halves_v1(p_segment text, p_code_hash bytea, p_both_hash bytea) RETURNS TABLE(login uuid)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    with tried as (
        update space_invitation i set tries = i.tries + 1
        where i.segment = p_segment and i.code_hash = p_code_hash and i.expires_at > clock_v1() and i.redeemed_at is null
          and i.tries < 20
        returning i.login, i.both_hash
    )
    select t.login from tried t where t.both_hash = p_both_hash;
$$;
ALTER FUNCTION cloison.space_halves_v1(p_segment text, p_code_hash bytea, p_both_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_history_v1(p_segment text, p_token bytea, p_at timestamp with time zone, p_skip integer, p_most integer) RETURNS TABLE(at timestamp with time zone, event text, outcome text, organisation text, agency text, role text, handle text, authority text, purpose text, compartments text[], relation text, log text, place bigint, anchored boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select (l.entry).at, (l.entry).event::text, (l.entry).outcome::text, o.name, a.agency, r.name,
        case when t.names_accounts then a.handle end,
        case when d.kind = 'grant.disclosure' then d.details ->> 'authority' end,
        f.purposes[(l.entry).purpose + 1],
        array(select c.name from unnest(f.compartments) with ordinality c (name, number)
              where l.about and ((l.entry).compartments >> (c.number - 1)::integer) & 1 = 1 order by c.number),
        (l.entry).relation::text, (l.entry).segment, p.place, coalesce(p.place < h.cosigned_size, false)
    from (
        select w.* from (
            select * from space_live s where s.segment = p_segment and s.token_hash = sha256(p_token)
        ) s
        cross join lateral own_entries_v1(s.segment, s.person, coalesce(p_at, 'infinity')) w
        order by (w.entry).at desc, (w.entry).segment, (w.entry).account, (w.entry).number
        offset p_skip limit least(p_most, 100)
    ) l
    cross join profile f cross join space_terms t
    left join lateral (select x.* from account x where x.account = (l.entry).account limit 1) a on true
    left join organisation o on o.organisation = a.organisation
    left join role r on r.role = a.role
    left join act d on d.act = (l.entry).subject and (l.entry).event = 'exported'
    left join lateral (
        select log_place_v1((l.entry).segment, (l.entry).account, (l.entry).number, (l.entry).at) as place) p on true
    left join log_head h on h.segment = (l.entry).segment
    order by (l.entry).at desc, (l.entry).segment, (l.entry).account, (l.entry).number;
$$;
ALTER FUNCTION cloison.space_history_v1(p_segment text, p_token bytea, p_at timestamp with time zone, p_skip integer, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_identity_v1(p_identity_hash bytea) RETURNS TABLE(segment text, login uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select d.segment, d.login from space_identity d where d.identity_hash = p_identity_hash;
$$;
ALTER FUNCTION cloison.space_identity_v1(p_identity_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_invitation_v1(p_segment text, p_code_hash bytea) RETURNS TABLE(login uuid)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select i.login from space_invitation i
    where i.segment = p_segment and i.code_hash = p_code_hash and i.expires_at > clock_v1() and i.redeemed_at is null
      and i.tries < 20;
$$;
ALTER FUNCTION cloison.space_invitation_v1(p_segment text, p_code_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_invite_v1(p_segment text, p_token bytea, p_home text, p_person uuid, p_code_hash bytea, p_both_hash bytea) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_invite_v1(p_segment text, p_token bytea, p_home text, p_person uuid, p_code_hash bytea, p_both_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_link_v1(p_segment text, p_code_hash bytea, p_both_hash bytea, p_identity_hash bytea) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_link_v1(p_segment text, p_code_hash bytea, p_both_hash bytea, p_identity_hash bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_linked_v1(p_segment text, p_token bytea) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select exists (
        select from space_live m join space_identity d on d.segment = m.segment and d.login = m.login
        where m.segment = p_segment and m.token_hash = sha256(p_token));
$$;
ALTER FUNCTION cloison.space_linked_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_member_v1(p_segment text, p_token bytea) RETURNS TABLE(login uuid, fresh boolean, by_password boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_member_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_new_factor_v1(p_segment text, p_login uuid, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    insert into space_factor (segment, login, credential, public_key, sign_count, aaguid, backup_eligible, added_at)
    values (p_segment, p_login, p_credential, p_public_key, p_sign_count, p_aaguid, p_backup_eligible, clock_v1());
    perform log_space_v1(p_segment, p_login, 'space_factor_added',
        (select l.person from space_login l where l.segment = p_segment and l.login = p_login), null, null);
end $$;
ALTER FUNCTION cloison.space_new_factor_v1(p_segment text, p_login uuid, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_passkeys_v1(p_segment text, p_token bytea) RETURNS TABLE(factor uuid, added_at timestamp with time zone, used_at timestamp with time zone)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select f.factor, f.added_at, f.used_at
    from space_live m join space_factor f on f.segment = m.segment and f.login = m.login and f.frozen_at is null
    where m.segment = p_segment and m.token_hash = sha256(p_token)
    order by f.added_at;
$$;
ALTER FUNCTION cloison.space_passkeys_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_proof_v1(p_segment text, p_token bytea, p_proof uuid) RETURNS text
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select p.proved from space_live s join log_proof p on p.login = s.login and p.proof = p_proof
    where s.segment = p_segment and s.token_hash = sha256(p_token);
$$;
ALTER FUNCTION cloison.space_proof_v1(p_segment text, p_token bytea, p_proof uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_redeem_v1(p_segment text, p_code_hash bytea, p_both_hash bytea, p_name_hash bytea, p_password text, p_totp bytea, p_step bigint, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_redeem_v1(p_segment text, p_code_hash bytea, p_both_hash bytea, p_name_hash bytea, p_password text, p_totp bytea, p_step bigint, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_remove_factor_v1(p_segment text, p_token bytea, p_factor uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_remove_factor_v1(p_segment text, p_token bytea, p_factor uuid) OWNER TO cloison_owner;
CREATE TABLE cloison.space_invitation (
    segment text NOT NULL COLLATE pg_catalog."C",
    person uuid NOT NULL,
    invited_at timestamp with time zone NOT NULL,
    login uuid NOT NULL,
    invitation uuid DEFAULT gen_random_uuid() NOT NULL,
    session uuid NOT NULL,
    code_hash bytea NOT NULL,
    both_hash bytea NOT NULL,
    addressed_at timestamp with time zone,
    expires_at timestamp with time zone NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    redeemed_at timestamp with time zone,
    CONSTRAINT space_invitation_both_hash_check CHECK ((length(both_hash) = 32)),
    CONSTRAINT space_invitation_code_hash_check CHECK ((length(code_hash) = 32))
);
ALTER TABLE cloison.space_invitation OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_renew_v1(p_invited cloison.space_invitation, p_name_hash bytea, p_identity_hash bytea, p_password text, p_totp bytea, p_step bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_renew_v1(p_invited cloison.space_invitation, p_name_hash bytea, p_identity_hash bytea, p_password text, p_totp bytea, p_step bigint) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_set_password_v1(p_segment text, p_token bytea, p_name_hash bytea, p_password text, p_totp bytea, p_step bigint) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_set_password_v1(p_segment text, p_token bytea, p_name_hash bytea, p_password text, p_totp bytea, p_step bigint) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_signins_v1(p_segment text, p_token bytea) RETURNS TABLE(session uuid, way text, begun_at timestamp with time zone, seen_at timestamp with time zone, live boolean, copied_at timestamp with time zone)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select s.session, s.way::text, s.issued_at, s.seen_at,
        exists (select from space_live v where v.segment = s.segment and v.session = s.session), s.copied_at
    from space_live m join space_session s on s.segment = m.segment and s.login = m.login
    where m.segment = p_segment and m.token_hash = sha256(p_token)
    order by s.issued_at desc limit 20;
$$;
ALTER FUNCTION cloison.space_signins_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_sweep_v1() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    delete from space_session where least(expires_at, ended_at) < clock_v1() - interval '672 hours';
    delete from space_invitation where expires_at < clock_v1() - interval '672 hours';
    delete from space_device where known_at < clock_v1() - interval '8760 hours';
$$;
ALTER FUNCTION cloison.space_sweep_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_touched_v1(p_segment text, p_login uuid, p_factor uuid, p_sign_count bigint, p_given_at timestamp with time zone, p_challenge bytea, p_seconds integer) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_touched_v1(p_segment text, p_login uuid, p_factor uuid, p_sign_count bigint, p_given_at timestamp with time zone, p_challenge bytea, p_seconds integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.space_try_v1(p_name_hash bytea, p_device bytea) RETURNS TABLE(segment text, login uuid, password text, totp bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.space_try_v1(p_name_hash bytea, p_device bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.spend_v1(p_hash bytea, p_seconds integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    insert into spent (hash, until) values (p_hash, clock_v1() + make_interval(secs => p_seconds)) on conflict do nothing;
    return found;
end $$;
ALTER FUNCTION cloison.spend_v1(p_hash bytea, p_seconds integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.split_interactions_v1(p_segment text, p_absorbed uuid, p_survivor uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_now timestamptz := clock_v1();
    v_accounts uuid[];
begin
    with given_back as (
        update interaction i set person = p_absorbed, waiting = i.waiting or i.valid_until > v_now
        from absorbed_interaction a
        where a.segment = p_segment and a.person = p_absorbed and i.segment = a.segment and i.feed = a.feed
          and i.interaction = a.interaction and i.person = p_survivor
        returning i.account, i.valid_until
    )
    select array_agg(distinct g.account) into v_accounts from given_back g where g.valid_until > v_now;
    delete from absorbed_interaction a where a.segment = p_segment and a.person = p_absorbed;
    if v_accounts is null then
        return;
    end if;
    delete from relation r where r.segment = p_segment and r.person = p_survivor and r.account = any (v_accounts)
        and r.kind = 'inbound';
    update interaction i set waiting = true
    where i.segment = p_segment and i.person = p_survivor and i.account = any (v_accounts) and i.valid_until > v_now;
    perform install_interactions_v1(v_now, array[p_segment]);
end $$;
ALTER FUNCTION cloison.split_interactions_v1(p_segment text, p_absorbed uuid, p_survivor uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.staged_flaw_v1(p_act uuid) RETURNS TABLE(line text, state text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $_$
    with lines as (
        select s.number, s.line::jsonb as said, concat_ws(' ', s.line::jsonb ->> 0, s.line::jsonb ->> -1) as place
        from staged_staff s where s.act = p_act
    ), named as (
        select l.said ->> 1 as name from lines l where l.said ->> 0 = 'organisation'
        union select o.name from organisation o
    ), flaws as (
        select l.number, l.place, 'CL030' as state from lines l
        where (l.said ->> 0 = 'agency' and not exists (select from named n where n.name = l.said ->> 1))
           or (l.said ->> 0 = 'account' and not exists (select from named n where n.name = l.said ->> 2))
        union all
        select l.number, l.place, 'CL005' from lines l
        where l.said ->> 0 = 'account' and not exists (select from role r where r.name = l.said ->> 5)
        union all
        select l.number, l.place, 'CL005' from lines l cross join jsonb_array_elements_text(
            case when jsonb_typeof(l.said -> 3) = 'array' then l.said -> 3 else '[]' end) x
        where l.said ->> 0 = 'organisation' and not exists (select from role r where r.name = x.value)
        union all
        select l.number, l.place, '23514' from lines l cross join jsonb_array_elements_text(case
            when l.said ->> 0 = 'organisation' then case when jsonb_typeof(l.said -> 2) = 'array' then l.said -> 2 else '[]' end
            when l.said ->> 0 = 'agency' then jsonb_build_array(l.said -> 3) else jsonb_build_array(l.said -> 4) end) x
        where x.value !~ '^[0-9A-Za-z_-]{1,16}$'
        union all
        select l.number, l.place, '23514' from lines l where l.said ->> 0 = 'account' and l.said ->> 1 !~ '^[0-9A-Za-z._-]{1,64}$'
        union all
        select l.number, l.place, '23505' from lines l
        join account a on a.handle = l.said ->> 1 join organisation o on o.organisation = a.organisation join role r on r.role = a.role
        where l.said ->> 0 = 'account'
          and (o.name, a.agency, a.segment, r.name) is distinct from (l.said ->> 2, l.said ->> 3, l.said ->> 4, l.said ->> 5)
    )
    select f.place, f.state from flaws f order by f.number limit 1;
$_$;
ALTER FUNCTION cloison.staged_flaw_v1(p_act uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.staged_staff_v1(p_act uuid) RETURNS jsonb
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select jsonb_build_object(
        'sha256', encode(sha256(convert_to(string_agg(s.line, chr(10) order by s.number), 'UTF8')), 'hex'),
        'organisations', count(*) filter (where s.line::jsonb ->> 0 = 'organisation'),
        'agencies', count(*) filter (where s.line::jsonb ->> 0 = 'agency'),
        'accounts', count(*) filter (where s.line::jsonb ->> 0 = 'account'),
        'roles', coalesce((
            select jsonb_object_agg(x.role, x.accounts) from (
                select r.line::jsonb ->> 5 as role, count(*) as accounts from staged_staff r
                where r.act = p_act and r.line::jsonb ->> 0 = 'account' group by 1
            ) x where x.role is not null), '{}'))
    from staged_staff s where s.act = p_act;
$$;
ALTER FUNCTION cloison.staged_staff_v1(p_act uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.standing_v1(p_segment text, p_token bytea) RETURNS TABLE(act uuid, canonical bytea, asked_by text, until timestamp with time zone)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.standing_v1(p_segment text, p_token bytea) OWNER TO cloison_owner;
CREATE TABLE cloison.protection (
    segment text NOT NULL COLLATE pg_catalog."C",
    protection uuid DEFAULT gen_random_uuid() NOT NULL,
    person uuid NOT NULL,
    organisation uuid,
    since timestamp with time zone NOT NULL,
    valid_until timestamp with time zone,
    lifted_at timestamp with time zone,
    CONSTRAINT protection_segment_check CHECK ((segment ~ '^[0-9A-Za-z_-]{1,16}$'::text))
);
ALTER TABLE cloison.protection OWNER TO cloison_owner;
CREATE FUNCTION cloison.standing_v1(p_protection uuid, p_organisation uuid) RETURNS SETOF cloison.protection
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select p.* from protection p where p.protection = p_protection and p.lifted_at is null
        and (p.valid_until is null or p.valid_until > clock_v1())
        and (p_organisation is null or p.organisation is null or p.organisation = p_organisation)
    for update;
$$;
ALTER FUNCTION cloison.standing_v1(p_protection uuid, p_organisation uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.stands_as_v1(p_held_in text, p_person uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
begin
    perform from person p where p.segment = p_held_in and p.person = p_person for key share;
    return survivor_v1(p_person);
end $$;
ALTER FUNCTION cloison.stands_as_v1(p_held_in text, p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.start_handed_on_v1(p_client uuid, p_assertion bytea, p_seconds integer, p_handed_on bytea, p_handed_seconds integer, p_segment text, p_parent uuid, p_session uuid, p_token_hash bytea, p_secret_hash bytea, p_device bytea) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.start_handed_on_v1(p_client uuid, p_assertion bytea, p_seconds integer, p_handed_on bytea, p_handed_seconds integer, p_segment text, p_parent uuid, p_session uuid, p_token_hash bytea, p_secret_hash bytea, p_device bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.start_session_v1(p_segment text, p_account uuid, p_session uuid, p_door cloison.door, p_token_hash bytea, p_secret_hash bytea, p_factor uuid, p_code bytea, p_seconds integer, p_device bytea) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.start_session_v1(p_segment text, p_account uuid, p_session uuid, p_door cloison.door, p_token_hash bytea, p_secret_hash bytea, p_factor uuid, p_code bytea, p_seconds integer, p_device bytea) OWNER TO cloison_owner;
CREATE FUNCTION cloison.survivor_v1(p_person uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_now uuid := p_person;
    v_next uuid;
begin
    loop
        select m.survivor into v_next from merge m where m.absorbed = v_now and m.state in ('merged', 'split_asked');
        exit when not found;
        v_now := v_next;
    end loop;
    return v_now;
end $$;
ALTER FUNCTION cloison.survivor_v1(p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.sweep_changes_v1() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    with gone as (
        delete from change c where c.at < clock_v1() - interval '672 hours' returning c.segment, c.xid, c.person, c.event
    )
    insert into change_floor as f (segment, xid, person, event)
    select distinct on (g.segment) g.segment, g.xid, g.person, g.event from gone g
    order by g.segment, g.xid desc, g.person desc, g.event desc
    on conflict (segment) do update set xid = excluded.xid, person = excluded.person, event = excluded.event
    where (f.xid, f.person, f.event) < (excluded.xid, excluded.person, excluded.event);
$$;
ALTER FUNCTION cloison.sweep_changes_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.sweep_relations_v1() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_now timestamptz := clock_v1();
begin
    perform install_interactions_v1(v_now, array(select distinct w.segment from interaction w
        where w.waiting and w.valid_from < v_now + interval '1 hour' and w.valid_until > v_now));
    delete from relation_write where written_at < v_now - interval '48 hours';
    delete from facts where kept_at < v_now - interval '80 hours';   -- as long as an act about them may wait, and more
    delete from feed_miss where missed_at < v_now - interval '48 hours';
    delete from interaction where valid_until < v_now - interval '672 hours';
    delete from absorbed_interaction a where not exists (
        select from interaction i where i.segment = a.segment and i.feed = a.feed and i.interaction = a.interaction);
    delete from code where asked_at < v_now - interval '48 hours';
end $$;
ALTER FUNCTION cloison.sweep_relations_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.sweep_v1() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.sweep_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.take_interactions_v1(p_feed uuid, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) RETURNS TABLE(ordinal integer, result text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_segments text[];
    v_room integer;
    v_asked wished_relation[];
    v_ids bytea[];
    v_refused text[];
    v_results text[];
    v_retries integer[];
begin
    perform refuse_unsafe_caller_v1();
    if coalesce(cardinality(p_interactions), 0) > 1000 then
        raise exception 'at most 1000 interactions in a batch' using errcode = 'CL002';
    end if;
    perform from feed f where f.feed = p_feed for no key update;
    perform lock_organisations_v1(array(
        select distinct a.organisation from account a where a.handle = any (p_handles)));
    v_now := clock_v1();
    select f.segments into v_segments from feed f where f.feed = p_feed and f.closed_at is null;
    if not found then
        return;
    end if;
    select l.feed_misses_day - coalesce(sum(m.misses), 0) into v_room
    from relation_limits_v1('00000000-0000-0000-0000-000000000000') l
    left join feed_miss m on m.segment = '' and m.feed = p_feed and m.missed_at > v_now - interval '24 hours'
    group by l.feed_misses_day;
    with asked as materialized (
        select q.ordinal, a.segment, a.account, a.organisation, l.segment as held_in, l.person,
            sha256(convert_to(q.interaction, 'UTF8')) as id, q.begins, q.ends, m.feed_hours_ahead, m.feed_grace_minutes,
            row_number() over (partition by q.interaction order by q.ordinal) as turn
        from unnest(p_interactions, p_handles, p_locator_kinds, p_locator_terms, p_from, p_until) with ordinality
            as q (interaction, handle, kind, term, begins, ends, ordinal)
        left join lateral (
            select a.segment, a.account, a.organisation from account a where a.handle = q.handle order by a.segment limit 1
        ) a on true
        left join located l on l.kind = q.kind and l.term = q.term
        cross join lateral relation_limits_v1(coalesce(a.organisation, '00000000-0000-0000-0000-000000000000')) m
    ), counted as (
        select a.*, count(*) filter (where a.account is null or a.person is null) over (order by a.ordinal) as misses
        from asked a
    ), checked as (
        select c.*, case
            when c.misses > v_room or v_room <= 0 then 'metered'
            when c.account is null then 'no_account' when c.person is null then 'no_person'
            when c.turn > 1 or exists (select from interaction i where i.segment = c.held_in and i.feed = p_feed
                                       and i.interaction = c.id) then 'known'
            when c.held_in <> all (v_segments) then 'not_covered'
            when not may_relate_v1(c.segment, c.organisation, c.held_in) then 'other_segment'
            when (c.ends > c.begins and c.ends - c.begins <= interval '24 hours'
                  and c.begins <= v_now + make_interval(hours => c.feed_hours_ahead)) is not true then 'time'
            when c.ends <= v_now then 'over' end as refused
        from counted c
    )
    select array_agg(row(c.ordinal, c.segment, c.account, c.organisation, c.held_in, c.person, 'inbound',
            date_trunc('day', c.begins, 'UTC'), c.ends + make_interval(mins => c.feed_grace_minutes))::wished_relation
            order by c.ordinal),
        array_agg(c.id order by c.ordinal), array_agg(c.refused order by c.ordinal)
        into v_asked, v_ids, v_refused from checked c;
    if v_asked is null then
        return;
    end if;
    insert into feed_miss as m (segment, feed, missed_at, misses)
    select '', p_feed, v_now, count(*) from unnest(v_refused) r where r in ('no_account', 'no_person') having count(*) > 0
    on conflict (segment, feed, missed_at) do update set misses = m.misses + excluded.misses;
    select array_agg(coalesce(v_refused[n.i], w.result) order by n.i),
        array_agg(coalesce(w.retry_after, case when v_refused[n.i] = 'metered' then 86400 end) order by n.i)
        into v_results, v_retries
    from generate_series(1, cardinality(v_asked)) as n (i)
    left join weigh_relations_v1(v_now, array(
        select q from unnest(v_asked) q where v_refused[q.ordinal] is null order by q.ordinal), false) w on w.ordinal = n.i;
    insert into interaction (segment, feed, interaction, account, person, valid_from, valid_until, waiting, received_at)
    select w.held_in, p_feed, v_ids[w.ordinal], w.account, w.person, w.valid_from, w.valid_until, true, v_now
    from unnest(v_asked) w where v_results[w.ordinal] = 'written';
    -- Told by a number of somebody absorbed, it is theirs again after a split.
    insert into absorbed_interaction (segment, person, feed, interaction)
    select a.segment, a.person, p_feed, v_ids[w.ordinal] from unnest(v_asked) w
    join absorbed_locator a on a.segment = w.held_in and a.kind = p_locator_kinds[w.ordinal]
        and a.term = p_locator_terms[w.ordinal] and a.person <> w.person
    where v_results[w.ordinal] = 'written';
    perform install_interactions_v1(v_now, array(
        select distinct w.held_in from unnest(v_asked) w where v_results[w.ordinal] = 'written'));
    perform log_act_v1(c.held_in, 'relations_imported', p_feed, null, c.amount)
    from (select w.held_in, count(*)::integer as amount from unnest(v_asked) w where v_results[w.ordinal] = 'written'
          group by w.held_in order by w.held_in) c;
    return query select n.i, v_results[n.i], v_retries[n.i] from generate_series(1, cardinality(v_asked)) as n (i);
end $$;
ALTER FUNCTION cloison.take_interactions_v1(p_feed uuid, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.tend_accounts_v1(p_segment text, p_token bytea, p_act text, p_place text, p_handles text[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.tend_accounts_v1(p_segment text, p_token bytea, p_act text, p_place text, p_handles text[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.term_indexes_v1() RETURNS text[]
    LANGUAGE sql IMMUTABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN ARRAY['person_term1'::text, 'person_term2'::text, 'person_term4'::text, 'person_term5'::text, 'person_term6'::text, 'person_term7'::text, 'person_term8'::text];
ALTER FUNCTION cloison.term_indexes_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.texts_v1(p_list jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN CASE WHEN (jsonb_typeof(p_list) = 'array'::text) THEN ARRAY(SELECT e.value FROM jsonb_array_elements_text(texts_v1.p_list) e(value)) ELSE NULL::text[] END;
ALTER FUNCTION cloison.texts_v1(p_list jsonb) OWNER TO cloison_owner;
CREATE FUNCTION cloison.touch_session_v1(p_segment text, p_account uuid, p_session uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.touch_session_v1(p_segment text, p_account uuid, p_session uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.touched_v1(p_segment text, p_account uuid, p_factor uuid, p_sign_count bigint, p_given_at timestamp with time zone, p_challenge bytea, p_seconds integer) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
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
ALTER FUNCTION cloison.touched_v1(p_segment text, p_account uuid, p_factor uuid, p_sign_count bigint, p_given_at timestamp with time zone, p_challenge bytea, p_seconds integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.transaction_v1() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select pg_current_xact_id()::text::bigint;
$$;
ALTER FUNCTION cloison.transaction_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.transfers_v1(p_segment text, p_token bytea, p_kind text) RETURNS TABLE(outcome text, transfer uuid, asked_by text, giver text, taker text, valid_from timestamp with time zone, valid_until timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_who holder;
begin
    perform refuse_unsafe_caller_v1();
    select * into v_who from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
    return query select case when v_who.session is null then 'no_session'
            when exists (select from account_freeze f where f.segment = p_segment and f.account = v_who.account
                         and f.lifted_at is null) then 'frozen'
            when (v_who.permissions >> 5) & 3 = 0 then 'scope' else 'open' end,
        null::uuid, null::text, null::text, null::text, null::timestamptz, null::timestamptz;
    return query select 'open', x.transfer, m.handle, g.handle, t.handle, x.valid_from, x.valid_until
    from transfer x
    join account m on m.segment = x.segment and m.account = x.asked_by and m.organisation = v_who.organisation
    join account g on g.segment = x.segment and g.account = x.giver
    join account t on t.segment = x.segment and t.account = x.taker
    where x.segment = p_segment and x.kind::text = p_kind and x.decided_at is null and (v_who.permissions >> 5) & 3 <> 0
      and x.asked_at > clock_v1() - interval '168 hours' and (x.valid_until is null or x.valid_until > clock_v1())
      and not exists (select from account_freeze f where f.segment = p_segment and f.account = v_who.account
                      and f.lifted_at is null)
    order by x.asked_at limit 100;
end $$;
ALTER FUNCTION cloison.transfers_v1(p_segment text, p_token bytea, p_kind text) OWNER TO cloison_owner;
CREATE FUNCTION cloison.unfreeze_v1(p_segment text, p_account uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    update account_freeze set lifted_at = clock_v1()
    where segment = p_segment and account = p_account and lifted_at is null;
    update account a set reviewed_at = clock_v1()      -- left unreviewed for a year it is frozen, too
    where a.segment = p_segment and a.account = p_account and a.reviewed_at < clock_v1() - interval '8760 hours';
    delete from recall where subject = p_account;
    perform log_act_v1(p_segment, 'account_unfrozen', p_account, null, null);
end $$;
ALTER FUNCTION cloison.unfreeze_v1(p_segment text, p_account uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.unsequenced_v1(p_since timestamp with time zone, p_most integer) RETURNS TABLE(segment text, account uuid, number bigint, at timestamp with time zone, follows boolean, entry_values bytea[])
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_segments text[];
    v_accounts uuid[];
    v_sequenced bigint[];
begin
    if p_since is null then
        select array_agg(w.segment), array_agg(w.account), array_agg(w.sequenced) into v_segments, v_accounts, v_sequenced
        from (
            select l.segment, l.account, coalesce(s.sequenced, 0) as sequenced,
                sum(l.next_number - 1 - coalesce(s.sequenced, 0)) over (order by l.segment, l.account rows unbounded preceding)
                    - (l.next_number - 1 - coalesce(s.sequenced, 0)) as before
            from (select l.segment, l.account, l.next_number from ledger l
                  union all select l.segment, l.organisation, l.next_number from organisation_ledger l) l
            left join log_author s on s.segment = l.segment and s.account = l.account
            where l.next_number - 1 > coalesce(s.sequenced, 0)
        ) w where w.before < p_most;
    end if;
    return query
    with waiting as (
        select e as entry, coalesce(s.sequenced, 0) as sequenced
        from entry e left join log_author s on s.segment = e.segment and s.account = e.account
        where e.at >= p_since and e.number > coalesce(s.sequenced, 0)
        union all
        select e.entry, w.sequenced
        from unnest(v_segments, v_accounts, v_sequenced) w (segment, account, sequenced)
        cross join lateral (
            select e as entry from entry e
            where e.segment = w.segment and e.account = w.account and e.number > w.sequenced
            order by e.number limit p_most
        ) e
    ), next as (
        select w.entry, (w.entry).number - w.sequenced
            = row_number() over (partition by (w.entry).segment, (w.entry).account order by (w.entry).number) as follows
        from waiting w
        order by (w.entry).segment, (w.entry).account, (w.entry).number limit p_most
    )
    select (n.entry).segment, (n.entry).account, (n.entry).number, (n.entry).at, n.follows, entry_values_v1(n.entry, coalesce(
        (select a.organisation from account a where a.segment = (n.entry).segment and a.account = (n.entry).account),
        (select o.organisation from organisation o where o.organisation = (n.entry).account)),
        (select d.device from log_session d where d.session = (n.entry).session limit 1),
        case when (n.entry).event in ('act_asked', 'act_signed') and (n.entry).outcome = 'open' then (
            select sha256(sha256(a.canonical) || sha256(s.public_key) || sha256(s.authenticator_data)
                || sha256(s.client_data) || sha256(s.signature))
            from act_signature s join act a on a.act = s.act
            where s.act = (n.entry).subject and s.account = (n.entry).account)
        when (n.entry).event = 'log_dropped' then (
            select sha256(convert_to(d.places::text, 'UTF8')) from log_drop d
            where d.segment = (n.entry).segment and to_char(d.month, 'YYYYMM')::integer = (n.entry).amount) end)
    from next n
    order by (n.entry).segment, (n.entry).account, (n.entry).number;
end $$;
ALTER FUNCTION cloison.unsequenced_v1(p_since timestamp with time zone, p_most integer) OWNER TO cloison_owner;
CREATE FUNCTION cloison.unwitnessed_v1(p_now timestamp with time zone, p_places text[], p_accounts uuid[]) RETURNS uuid[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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
ALTER FUNCTION cloison.unwitnessed_v1(p_now timestamp with time zone, p_places text[], p_accounts uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.wait_until_flushed_v1() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
declare
    v_inserted pg_lsn := pg_current_wal_insert_lsn();
    v_in_page integer := mod(v_inserted - '0/0'::pg_lsn, current_setting('wal_block_size')::numeric);
    v_patience timestamptz := clock_timestamp() + interval '5 milliseconds';
    v_deadline timestamptz := clock_timestamp() + interval '3 seconds';
    v_version integer := current_setting('server_version_num');
begin
    if v_in_page in (24, 40) then
        v_inserted := v_inserted - v_in_page::numeric;
    end if;
    while pg_current_wal_flush_lsn() < v_inserted loop
        if clock_timestamp() > v_deadline then
            raise exception 'the write-ahead log is not on disk yet' using errcode = 'CL004';
        elsif clock_timestamp() > v_patience and v_version >= 170000 then
            execute 'select pg_logical_emit_message(false, ''cloison'', text '''', true)';
        elsif clock_timestamp() > v_patience and v_version >= 160000 then
            execute 'select pg_log_standby_snapshot()';
            v_patience := v_deadline;
        elsif clock_timestamp() > v_patience then
            perform pg_logical_emit_message(false, 'cloison', repeat(' ', current_setting('wal_block_size')::integer));
            v_patience := v_deadline;
        else
            perform pg_sleep(0.0005);
        end if;
    end loop;
end $$;
ALTER FUNCTION cloison.wait_until_flushed_v1() OWNER TO cloison_owner;
CREATE FUNCTION cloison.ways_v1(p_kind integer, p_at_home boolean, p_from timestamp with time zone, p_until timestamp with time zone, p_withheld timestamp with time zone, p_shielded timestamp with time zone, p_now timestamp with time zone, p_end timestamp with time zone, p_today timestamp with time zone, p_tomorrow timestamp with time zone) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_withheld > p_end) THEN 0 ELSE (CASE WHEN ((p_from > p_end) OR (p_until <= p_now)) THEN 0 ELSE (((1 << p_kind) | CASE WHEN (p_at_home AND (p_kind < 2)) THEN (8 << p_kind) ELSE 0 END) | CASE WHEN (p_at_home AND ((p_shielded > p_end) IS NOT TRUE)) THEN (64 << p_kind) ELSE 0 END) END | CASE WHEN (p_at_home AND (p_kind = 2) AND (p_from < p_tomorrow) AND ((p_until <= p_today) IS NOT TRUE)) THEN 32 ELSE 0 END) END;
ALTER FUNCTION cloison.ways_v1(p_kind integer, p_at_home boolean, p_from timestamp with time zone, p_until timestamp with time zone, p_withheld timestamp with time zone, p_shielded timestamp with time zone, p_now timestamp with time zone, p_end timestamp with time zone, p_today timestamp with time zone, p_tomorrow timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.weigh_relations_v1(p_now timestamp with time zone, p_wished cloison.wished_relation[], p_whole boolean) RETURNS TABLE(ordinal integer, result text, retry_after integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    v_day interval := interval '24 hours';
    v_ordinals integer[];
    v_results text[];
    v_retries integer[];
    v_booked text[];                     -- segment, account, organisation and meter of each new relation
begin
    with wished as materialized (
        select w.*, s.began_at,
            case when w.kind = 'inbound' then 'inbound'
                 when w.kind = 'caseload' and (s.began_at <= p_now - v_day) is not true then 'first_day'
                 else 'caseload' end::relation_meter as meter,
            coalesce(w.valid_until <= p_now, false) as ended,
            exists (select from relation r where r.segment = w.held_in and r.account = w.account
                    and r.person = w.person and r.kind = w.kind
                    and (r.valid_until is null or r.valid_until > p_now))
            or (w.kind = 'inbound' and exists (
                select from interaction i where i.segment = w.held_in and i.account = w.account
                and i.person = w.person and i.waiting and i.valid_until > p_now)) as standing
        from unnest(p_wished) w
        left join relation_start s on s.segment = w.segment and s.account = w.account
    ), new as materialized (
        select distinct on (w.account, w.held_in, w.person, w.kind) w.* from wished w where not w.ended and not w.standing
        order by w.account, w.held_in, w.person, w.kind, w.ordinal
    ), account as materialized (
        select q.*, case q.meter when 'first_day' then l.account_first_day when 'inbound' then l.inbound_account_day
            else l.account_day end - coalesce(b.relations, 0) as room, b.oldest
        from (select distinct n.segment, n.account, n.organisation, n.meter from new n) q
        cross join lateral relation_limits_v1(q.organisation) l
        cross join lateral (
            select sum(x.relations) as relations, min(x.written_at) as oldest from relation_write x
            where x.segment = q.segment and x.account = q.account and x.meter = q.meter and x.written_at > p_now - v_day
        ) b
    ), organisation as materialized (
        select q.*, case q.meter when 'inbound' then l.inbound_organisation_day else l.organisation_day end
            - coalesce(b.relations, 0) as room, b.oldest
        from (select distinct a.organisation, a.meter from account a where a.meter <> 'first_day') q
        cross join lateral relation_limits_v1(q.organisation) l
        cross join lateral (
            select sum(x.relations) as relations, min(x.written_at) as oldest from relation_write x
            where x.organisation = q.organisation and x.meter = q.meter and x.written_at > p_now - v_day
        ) b
    ), ranked as (
        select n.*, a.room, a.oldest,
            row_number() over (partition by n.segment, n.account, n.meter order by n.ordinal) as rank
        from new n
        join account a on a.segment = n.segment and a.account = n.account and a.meter = n.meter
    ), placed as (
        select r.*, o.oldest as o_oldest, r.rank <= r.room as fits, r.rank <= r.room and (r.meter = 'first_day'
            or row_number() over (partition by r.organisation, r.meter, r.rank <= r.room order by r.ordinal) <= o.room)
            as admitted
        from ranked r
        left join organisation o on o.organisation = r.organisation and o.meter = r.meter
    ), told as (
        -- A wish that repeats another shares its fate.
        select w.*, p.ordinal = w.ordinal as booked, p.fits, p.oldest, p.o_oldest,
            w.ended or w.standing or p.admitted as admitted
        from wished w
        left join placed p on p.account = w.account and p.held_in = w.held_in and p.person = w.person
            and p.kind = w.kind and not w.ended
    ), settled as (
        select t.*, t.admitted and (not p_whole or bool_and(t.admitted) over ()) as written from told t
    )
    select array_agg(t.ordinal order by t.ordinal),
        array_agg(case when t.written then 'written' else 'metered' end order by t.ordinal),
        array_agg(case when not t.written then ceil(extract(epoch from v_day - (p_now - coalesce(
            case when t.admitted or t.fits then t.o_oldest when t.meter = 'first_day' then t.began_at else t.oldest end,
            p_now))))::integer end order by t.ordinal),
        array_agg(concat_ws('|', t.segment, t.account, t.organisation, t.meter)) filter (where t.written and t.booked)
        into v_ordinals, v_results, v_retries, v_booked
    from settled t;
    insert into relation_start (segment, account, began_at)
    select distinct split_part(b, '|', 1), split_part(b, '|', 2)::uuid, p_now
    from unnest(v_booked) b where split_part(b, '|', 4) = 'first_day'
    on conflict do nothing;
    insert into relation_write as x (segment, account, organisation, meter, written_at, relations)
    select split_part(b, '|', 1), split_part(b, '|', 2)::uuid, split_part(b, '|', 3)::uuid,
        split_part(b, '|', 4)::relation_meter, p_now, count(*)
    from unnest(v_booked) b group by b
    on conflict (segment, account, meter, written_at) do update set relations = x.relations + excluded.relations;
    return query select q.o, q.r, q.s from unnest(v_ordinals, v_results, v_retries) as q (o, r, s) order by q.o;
end $$;
ALTER FUNCTION cloison.weigh_relations_v1(p_now timestamp with time zone, p_wished cloison.wished_relation[], p_whole boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.weigh_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], p_places text[]) RETURNS cloison.settled[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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
ALTER FUNCTION cloison.weigh_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], p_places text[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.who_receives_notices_v1(p_segment text, p_person uuid, p_minor boolean) RETURNS TABLE(segment text, person uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    with told as materialized (
        select r.segment, r.person from representatives_v1(p_segment, p_person, p_minor) r where r.receives_notices
    )
    select t.segment, t.person from told t
    union
    select p_segment, p_person where not p_minor or not exists (select from told);
$$;
ALTER FUNCTION cloison.who_receives_notices_v1(p_segment text, p_person uuid, p_minor boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.who_signs_in_v1(p_segment text, p_person uuid, p_minor boolean) RETURNS TABLE(segment text, person uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    select p_segment, p_person where not p_minor
    union
    select r.segment, r.person from representatives_v1(p_segment, p_person, p_minor) r where r.signs_in;
$$;
ALTER FUNCTION cloison.who_signs_in_v1(p_segment text, p_person uuid, p_minor boolean) OWNER TO cloison_owner;
CREATE FUNCTION cloison.widen_relation_v1(p_now timestamp with time zone, p_held_in text, p_account uuid, p_person uuid, p_kind cloison.relation_kind, p_from timestamp with time zone, p_until timestamp with time zone) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
    insert into relation as r (segment, account, person, kind, valid_from, valid_until)
    values (p_held_in, p_account, p_person, p_kind, p_from, p_until)
    on conflict (segment, account, person, kind) do update set
        valid_from = case when r.valid_until is null or r.valid_until > p_now
            then least(r.valid_from, excluded.valid_from) else excluded.valid_from end,
        valid_until = case
            when r.valid_until is null or excluded.valid_until is null then null
            when r.valid_until > p_now then greatest(r.valid_until, excluded.valid_until)
            else excluded.valid_until end;
$$;
ALTER FUNCTION cloison.widen_relation_v1(p_now timestamp with time zone, p_held_in text, p_account uuid, p_person uuid, p_kind cloison.relation_kind, p_from timestamp with time zone, p_until timestamp with time zone) OWNER TO cloison_owner;
CREATE FUNCTION cloison.withheld_each_v1(p_audience uuid[], p_holders uuid[], p_persons uuid[]) RETURNS TABLE(ordinal bigint, person uuid, shielded boolean, withheld boolean, own boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_v1();
begin
    return query
    select q.ordinal, q.person, coalesce(s.shielded, false), coalesce(s.withheld, n.page < 0), coalesce(o.own, false)
    from unnest(p_audience, p_holders, p_persons) with ordinality as q (account, holder, person, ordinal)
    cross join lateral (
        select bool_or(p.valid_until is null or p.valid_until > v_now) as shielded,
            bool_or((p.valid_until is null or p.valid_until > v_now) and not exists (
                select from audience a where a.segment = p.segment and a.protection = p.protection
                    and a.account = q.account and (a.valid_until is null or a.valid_until > v_now))) as withheld
        from protection p where p.person = q.person and p.lifted_at is null
        offset 0
    ) s
    cross join lateral (
        -- 2: who is not protected costs the page of a protection and the look into an audience too.
        select (select count(*) from protection p where p.ctid = case when s.shielded is null then tid '(0,1)' end)
             + (select count(*) from audience a where a.segment = case when s.shielded is null then '' end
                and a.protection = q.person and a.account = q.account) as page
        offset 0
    ) n
    cross join lateral (
        select bool_or(l.person = q.person) as own from account_holder h
        join locator l on l.kind = h.kind and l.term = h.term
        where h.account = q.holder
        offset 0
    ) o
    order by q.ordinal;
end $$;
ALTER FUNCTION cloison.withheld_each_v1(p_audience uuid[], p_holders uuid[], p_persons uuid[]) OWNER TO cloison_owner;
CREATE FUNCTION cloison.withheld_v1(p_segment text, p_account uuid, p_person uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    AS $$
begin
    return (select w.withheld or w.own from withheld_each_v1(array[p_account], array[p_account], array[p_person]) w);
end $$;
ALTER FUNCTION cloison.withheld_v1(p_segment text, p_account uuid, p_person uuid) OWNER TO cloison_owner;
CREATE FUNCTION cloison.write_lease_v1(p_lease cloison.lease) RETURNS text
    LANGUAGE sql IMMUTABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    RETURN format('%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s'::text, (p_lease).home, (p_lease).segment, (p_lease).session, (p_lease).account, (p_lease).organisation, (p_lease).role, (p_lease).request, (p_lease).person, (p_lease).compartments, (p_lease).purpose, encode((p_lease).token_hash, 'hex'::text), ((EXTRACT(epoch FROM (p_lease).session_expires_at) * (1000000)::numeric))::bigint, ((EXTRACT(epoch FROM (p_lease).expires_at) * (1000000)::numeric))::bigint);
ALTER FUNCTION cloison.write_lease_v1(p_lease cloison.lease) OWNER TO cloison_owner;
CREATE FUNCTION cloison.wrote_lately_v1(p_segment text, p_account uuid, p_person uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'cloison', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
begin
    return exists (
        select from entry e
        where e.segment = p_segment and e.account = p_account and e.outcome = 'open'
          and e.person = any (array(select i.person from identities_v1(p_segment, p_person) i where i.until = 'infinity'))
          and e.event in ('person_created', 'person_changed', 'person_moved', 'merge_asked')
          and e.at > clock_v1() - interval '672 hours');
end $$;
ALTER FUNCTION cloison.wrote_lately_v1(p_segment text, p_account uuid, p_person uuid) OWNER TO cloison_owner;
CREATE AGGREGATE cloison.admit_v1(step integer[], room integer[]) (
    SFUNC = cloison.admit_step_v1,
    STYPE = integer[],
    INITCOND = '{0,0,0,0,0}'
);
ALTER AGGREGATE cloison.admit_v1(step integer[], room integer[]) OWNER TO cloison_owner;
CREATE TABLE cloison.absorbed (
    key_id bigint CONSTRAINT person_key_id_not_null NOT NULL,
    digest bigint,
    cell bigint,
    term1 bigint,
    term2 bigint,
    term3 bigint,
    term4 bigint,
    term5 bigint,
    term6 bigint,
    term7 bigint,
    term8 bigint,
    cohort integer CONSTRAINT person_cohort_not_null NOT NULL,
    version integer CONSTRAINT person_version_not_null NOT NULL,
    person uuid CONSTRAINT person_person_not_null NOT NULL,
    segment text CONSTRAINT person_segment_not_null NOT NULL COLLATE pg_catalog."C",
    provisional boolean CONSTRAINT person_provisional_not_null NOT NULL,
    sealed bytea[] CONSTRAINT person_sealed_not_null NOT NULL
);
ALTER TABLE ONLY cloison.absorbed ALTER COLUMN sealed SET STORAGE EXTERNAL;
ALTER TABLE cloison.absorbed OWNER TO cloison_owner;
CREATE TABLE cloison.absorbed_interaction (
    segment text NOT NULL COLLATE pg_catalog."C",
    person uuid NOT NULL,
    feed uuid NOT NULL,
    interaction bytea NOT NULL
);
ALTER TABLE cloison.absorbed_interaction OWNER TO cloison_owner;
CREATE TABLE cloison.absorbed_locator (
    segment text NOT NULL COLLATE pg_catalog."C",
    person uuid NOT NULL,
    kind smallint NOT NULL,
    term bigint NOT NULL
);
ALTER TABLE cloison.absorbed_locator OWNER TO cloison_owner;
CREATE TABLE cloison.absorbed_relation (
    segment text NOT NULL COLLATE pg_catalog."C",
    person uuid NOT NULL,
    account uuid NOT NULL,
    kind cloison.relation_kind NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone,
    added boolean NOT NULL
);
ALTER TABLE cloison.absorbed_relation OWNER TO cloison_owner;
CREATE TABLE cloison.absorbed_term (
    segment text NOT NULL COLLATE pg_catalog."C",
    person uuid NOT NULL,
    slot smallint NOT NULL,
    term bigint NOT NULL,
    proof bigint
);
ALTER TABLE cloison.absorbed_term OWNER TO cloison_owner;
CREATE TABLE cloison.account_freeze (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    frozen_at timestamp with time zone NOT NULL,
    lifted_at timestamp with time zone
);
ALTER TABLE cloison.account_freeze OWNER TO cloison_owner;
CREATE TABLE cloison.account_holder (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    kind smallint NOT NULL,
    term bigint NOT NULL
);
ALTER TABLE cloison.account_holder OWNER TO cloison_owner;
CREATE TABLE cloison.act_threshold (
    single boolean DEFAULT true NOT NULL,
    people_a_day integer NOT NULL,
    CONSTRAINT act_threshold_people_a_day_check CHECK ((people_a_day >= 0)),
    CONSTRAINT act_threshold_single_check CHECK (single)
);
ALTER TABLE cloison.act_threshold OWNER TO cloison_owner;
CREATE TABLE cloison.agency (
    organisation uuid NOT NULL,
    name text NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT agency_name_check CHECK (((length(name) >= 1) AND (length(name) <= 64))),
    CONSTRAINT agency_segment_check CHECK ((segment ~ '^[0-9A-Za-z_-]{1,16}$'::text))
);
ALTER TABLE cloison.agency OWNER TO cloison_owner;
CREATE TABLE cloison.alert (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    number bigint NOT NULL,
    kind cloison.alert_kind NOT NULL,
    at timestamp with time zone NOT NULL,
    person uuid
);
ALTER TABLE cloison.alert OWNER TO cloison_owner;
CREATE UNLOGGED TABLE cloison.asked (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    request uuid NOT NULL,
    account uuid NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    number bigint NOT NULL,
    purpose smallint NOT NULL,
    slot smallint NOT NULL,
    terms bigint[] NOT NULL,
    proof_terms bigint[],
    search_group bigint
)
WITH (fillfactor='50');
ALTER TABLE cloison.asked OWNER TO cloison_owner;
CREATE TABLE cloison.audience (
    segment text NOT NULL COLLATE pg_catalog."C",
    protection uuid NOT NULL,
    account uuid NOT NULL,
    valid_until timestamp with time zone
);
ALTER TABLE cloison.audience OWNER TO cloison_owner;
CREATE TABLE cloison.campaign (
    act uuid NOT NULL,
    organisation uuid NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    agency text NOT NULL,
    people integer NOT NULL,
    days integer NOT NULL,
    began_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    CONSTRAINT campaign_days_check CHECK (((days >= 1) AND (days <= 5))),
    CONSTRAINT campaign_people_check CHECK (((people >= 1) AND (people <= 500)))
);
ALTER TABLE cloison.campaign OWNER TO cloison_owner;
CREATE TABLE cloison.change (
    segment text NOT NULL COLLATE pg_catalog."C",
    xid bigint NOT NULL,
    person uuid NOT NULL,
    event cloison.event NOT NULL,
    version integer,
    at timestamp with time zone NOT NULL
);
ALTER TABLE cloison.change OWNER TO cloison_owner;
CREATE TABLE cloison.change_floor (
    segment text NOT NULL COLLATE pg_catalog."C",
    xid bigint NOT NULL,
    person uuid NOT NULL,
    event cloison.event NOT NULL
);
ALTER TABLE cloison.change_floor OWNER TO cloison_owner;
CREATE TABLE cloison.client (
    client uuid NOT NULL,
    name text NOT NULL,
    organisation uuid NOT NULL,
    public_key text NOT NULL,
    uses cloison.client_use[] NOT NULL,
    registered_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT client_name_check CHECK ((name ~ '^[0-9a-z][0-9a-z._-]{0,39}$'::text)),
    CONSTRAINT client_public_key_check CHECK (((length(public_key) >= 60) AND (length(public_key) <= 200))),
    CONSTRAINT client_uses_check CHECK (((cardinality(uses) >= 1) AND (cardinality(uses) <= 4)))
);
ALTER TABLE cloison.client OWNER TO cloison_owner;
CREATE TABLE cloison.client_token (
    token_hash bytea NOT NULL,
    client uuid NOT NULL,
    used_for cloison.client_use NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT client_token_token_hash_check CHECK ((length(token_hash) = 32))
);
ALTER TABLE cloison.client_token OWNER TO cloison_owner;
CREATE TABLE cloison.code (
    segment text NOT NULL COLLATE pg_catalog."C",
    code uuid NOT NULL,
    account uuid NOT NULL,
    session uuid NOT NULL,
    person uuid NOT NULL,
    compartment integer NOT NULL,
    code_hash bytea NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    released_at timestamp with time zone,
    tries integer DEFAULT 0 NOT NULL,
    confirmed_at timestamp with time zone,
    CONSTRAINT code_code_hash_check CHECK ((length(code_hash) = 32))
);
ALTER TABLE cloison.code OWNER TO cloison_owner;
CREATE TABLE cloison.counter (
    segment text NOT NULL COLLATE pg_catalog."C",
    cell bigint NOT NULL,
    people bigint NOT NULL
);
ALTER TABLE cloison.counter OWNER TO cloison_owner;
CREATE TABLE cloison.entry_default (
    at timestamp with time zone CONSTRAINT entry_at_not_null NOT NULL,
    number bigint CONSTRAINT entry_number_not_null NOT NULL,
    account uuid CONSTRAINT entry_account_not_null NOT NULL,
    session uuid,
    request uuid,
    person uuid,
    subject uuid,
    event cloison.event CONSTRAINT entry_event_not_null NOT NULL,
    outcome cloison.outcome CONSTRAINT entry_outcome_not_null NOT NULL,
    compartments integer DEFAULT 0 CONSTRAINT entry_compartments_not_null NOT NULL,
    relation cloison.relation_kind,
    amount integer,
    version integer,
    purpose smallint,
    segment text CONSTRAINT entry_segment_not_null NOT NULL COLLATE pg_catalog."C",
    sealed_hash bytea
);
ALTER TABLE cloison.entry_default OWNER TO cloison_owner;
CREATE UNLOGGED TABLE cloison.export_receipt (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    request uuid NOT NULL,
    act uuid NOT NULL,
    place text NOT NULL COLLATE pg_catalog."C",
    person uuid NOT NULL,
    charged_at timestamp with time zone NOT NULL
);
ALTER TABLE cloison.export_receipt OWNER TO cloison_owner;
CREATE TABLE cloison.export_run (
    act uuid NOT NULL,
    session uuid NOT NULL,
    began_at timestamp with time zone NOT NULL
);
ALTER TABLE cloison.export_run OWNER TO cloison_owner;
CREATE TABLE cloison.exported (
    act uuid NOT NULL,
    person uuid NOT NULL
);
ALTER TABLE cloison.exported OWNER TO cloison_owner;
CREATE VIEW cloison.exposed_account AS
 SELECT a.account,
    a.handle,
    a.segment,
    o.name AS organisation,
    a.role,
    (EXISTS ( SELECT
           FROM cloison.account_freeze f
          WHERE ((f.segment = a.segment) AND (f.account = a.account) AND (f.lifted_at IS NULL)))) AS frozen,
    COALESCE((g.standing AND ((g.ends_at IS NULL) OR (g.ends_at > cloison.clock_v1()))), false) AS agreed,
    ((a.segment <> ALL (g.segments)) IS NOT TRUE) AS segment_agreed,
    g.roles AS agreed_roles,
    ARRAY[g.minutes_5, g.hour, g.day, g.days_28] AS caps,
    COALESCE(s.sessions, 0) AS sessions,
    COALESCE(s.seconds_left, 0) AS seconds_left,
        CASE
            WHEN (c.act IS NOT NULL) THEN cloison.campaign_budget_v1(c.people, c.days)
            ELSE NULL::integer[]
        END AS campaign
   FROM ((((cloison.account a
     JOIN cloison.organisation o ON ((o.organisation = a.organisation)))
     LEFT JOIN cloison.agreement g ON (((g.organisation = a.organisation) AND g.standing)))
     LEFT JOIN ( SELECT s_1.segment,
            s_1.account,
            (count(*))::integer AS sessions,
            (ceil(EXTRACT(epoch FROM (max(LEAST(s_1.expires_at, (s_1.seen_at + s_1.idle))) - cloison.clock_v1()))))::integer AS seconds_left
           FROM cloison.session s_1
          WHERE ((s_1.door = 'desk'::cloison.door) AND (LEAST(s_1.expires_at, (s_1.seen_at + s_1.idle)) > cloison.clock_v1()) AND (NOT (EXISTS ( SELECT
                   FROM cloison.session_end e
                  WHERE ((e.segment = s_1.segment) AND (e.session = s_1.session))))))
          GROUP BY s_1.segment, s_1.account) s ON (((s.segment = a.segment) AND (s.account = a.account))))
     LEFT JOIN cloison.campaign c ON (((c.organisation = a.organisation) AND (c.segment = a.segment) AND (c.agency = a.agency) AND (c.ends_at > cloison.clock_v1()))));
ALTER VIEW cloison.exposed_account OWNER TO cloison_owner;
CREATE TABLE cloison.factor (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    factor uuid DEFAULT gen_random_uuid() NOT NULL,
    credential bytea NOT NULL,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    aaguid uuid NOT NULL,
    backup_eligible boolean NOT NULL,
    added_at timestamp with time zone NOT NULL,
    quarantined_until timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    frozen_at timestamp with time zone,
    CONSTRAINT factor_credential_check CHECK (((length(credential) >= 16) AND (length(credential) <= 1023))),
    CONSTRAINT factor_sign_count_check CHECK ((sign_count >= 0))
);
ALTER TABLE cloison.factor OWNER TO cloison_owner;
CREATE TABLE cloison.facts (
    segment text NOT NULL COLLATE pg_catalog."C",
    facts uuid NOT NULL,
    account uuid NOT NULL,
    slot smallint NOT NULL,
    terms bigint[] NOT NULL,
    proof_terms bigint[] NOT NULL,
    kept_at timestamp with time zone NOT NULL
);
ALTER TABLE cloison.facts OWNER TO cloison_owner;
CREATE TABLE cloison.feed (
    feed uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    kind cloison.feed_kind NOT NULL,
    segments text[],
    client uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT feed_name_check CHECK ((name ~ '^[0-9a-z][0-9a-z._-]{0,39}$'::text))
);
ALTER TABLE cloison.feed OWNER TO cloison_owner;
CREATE TABLE cloison.feed_miss (
    segment text NOT NULL COLLATE pg_catalog."C",
    feed uuid NOT NULL,
    missed_at timestamp with time zone NOT NULL,
    misses integer NOT NULL
);
ALTER TABLE cloison.feed_miss OWNER TO cloison_owner;
CREATE UNLOGGED TABLE cloison.guest (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    token_hash bytea NOT NULL,
    account uuid NOT NULL,
    organisation uuid NOT NULL,
    role smallint NOT NULL,
    home text NOT NULL COLLATE pg_catalog."C",
    expires_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE cloison.guest OWNER TO cloison_owner;
CREATE TABLE cloison.identity (
    issuer text NOT NULL,
    subject_hash bytea NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    linked_at timestamp with time zone NOT NULL,
    CONSTRAINT identity_issuer_check CHECK (((length(issuer) >= 1) AND (length(issuer) <= 200))),
    CONSTRAINT identity_subject_hash_check CHECK ((length(subject_hash) = 32))
);
ALTER TABLE cloison.identity OWNER TO cloison_owner;
CREATE TABLE cloison.interaction (
    segment text NOT NULL COLLATE pg_catalog."C",
    feed uuid NOT NULL,
    interaction bytea NOT NULL,
    account uuid NOT NULL,
    person uuid NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    waiting boolean NOT NULL,
    received_at timestamp with time zone NOT NULL,
    CONSTRAINT interaction_interaction_check CHECK ((length(interaction) = 32))
);
ALTER TABLE cloison.interaction OWNER TO cloison_owner;
CREATE TABLE cloison.invitation (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    act uuid,
    invited_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    code_hash bytea,
    handed_by uuid,
    redeemed_at timestamp with time zone,
    CONSTRAINT invitation_code_hash_check CHECK ((length(code_hash) = 32))
);
ALTER TABLE cloison.invitation OWNER TO cloison_owner;
CREATE TABLE cloison.ledger (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    next_number bigint DEFAULT 1 NOT NULL,
    at_most integer[],
    counted_at timestamp with time zone,
    quarantined_until timestamp with time zone,
    CONSTRAINT ledger_at_most_check CHECK ((cardinality(at_most) = 4))
)
WITH (fillfactor='50');
ALTER TABLE cloison.ledger OWNER TO cloison_owner;
CREATE UNLOGGED TABLE cloison.lent (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    request uuid NOT NULL,
    person uuid NOT NULL,
    borrower text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    compartments integer NOT NULL,
    purpose smallint NOT NULL,
    lent_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE cloison.lent OWNER TO cloison_owner;
CREATE TABLE cloison.load (
    single boolean DEFAULT true NOT NULL,
    began_at timestamp with time zone NOT NULL,
    CONSTRAINT load_single_check CHECK (single)
);
ALTER TABLE cloison.load OWNER TO cloison_owner;
CREATE TABLE cloison.locator (
    term bigint NOT NULL,
    person uuid NOT NULL,
    kind smallint NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE cloison.locator OWNER TO cloison_owner;
CREATE TABLE cloison.trail (
    segment text NOT NULL COLLATE pg_catalog."C",
    person uuid NOT NULL,
    went_to text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE cloison.trail OWNER TO cloison_owner;
CREATE VIEW cloison.located AS
 SELECT l.kind,
    l.term,
    COALESCE(t.went_to, l.segment) AS segment,
    l.person
   FROM (cloison.locator l
     LEFT JOIN cloison.trail t ON (((t.segment = l.segment) AND (t.person = l.person))));
ALTER VIEW cloison.located OWNER TO cloison_owner;
CREATE TABLE cloison.log_author (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    author integer NOT NULL,
    sequenced bigint NOT NULL,
    sequenced_at timestamp with time zone NOT NULL
)
WITH (fillfactor='70');
ALTER TABLE cloison.log_author OWNER TO cloison_owner;
CREATE TABLE cloison.log_batch (
    segment text NOT NULL COLLATE pg_catalog."C",
    first bigint NOT NULL,
    size integer NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    authors integer[] NOT NULL,
    numbers bigint[] NOT NULL,
    counts integer[] NOT NULL,
    CONSTRAINT log_batch_size_check CHECK ((size > 0))
);
ALTER TABLE cloison.log_batch OWNER TO cloison_owner;
CREATE TABLE cloison.log_blinding (
    segment text NOT NULL COLLATE pg_catalog."C",
    month date NOT NULL,
    key bytea NOT NULL,
    CONSTRAINT log_blinding_key_check CHECK ((length(key) = 32))
);
ALTER TABLE cloison.log_blinding OWNER TO cloison_owner;
CREATE TABLE cloison.log_cosignature (
    segment text NOT NULL COLLATE pg_catalog."C",
    witness text NOT NULL COLLATE pg_catalog."C",
    size bigint NOT NULL,
    note text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT log_cosignature_note_check CHECK ((length(note) <= 4000))
)
WITH (fillfactor='50');
ALTER TABLE cloison.log_cosignature OWNER TO cloison_owner;
CREATE TABLE cloison.log_drop (
    segment text NOT NULL COLLATE pg_catalog."C",
    month date NOT NULL,
    places int8multirange NOT NULL
);
ALTER TABLE cloison.log_drop OWNER TO cloison_owner;
CREATE TABLE cloison.log_forward (
    destination text NOT NULL COLLATE pg_catalog."C",
    segment text NOT NULL COLLATE pg_catalog."C",
    next bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT log_forward_destination_check CHECK ((destination ~ '^[a-z0-9_-]{1,40}$'::text)),
    CONSTRAINT log_forward_next_check CHECK ((next >= 0))
)
WITH (fillfactor='50');
ALTER TABLE cloison.log_forward OWNER TO cloison_owner;
CREATE TABLE cloison.log_head (
    segment text NOT NULL COLLATE pg_catalog."C",
    begun_at timestamp with time zone NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    signed_at timestamp with time zone,
    cosigned_size bigint DEFAULT 0 NOT NULL,
    cosigned_at timestamp with time zone
)
WITH (fillfactor='50');
ALTER TABLE cloison.log_head OWNER TO cloison_owner;
CREATE TABLE cloison.log_proof (
    proof uuid DEFAULT gen_random_uuid() NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    place bigint NOT NULL,
    login uuid NOT NULL,
    person uuid NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    proved text
);
ALTER TABLE cloison.log_proof OWNER TO cloison_owner;
CREATE VIEW cloison.log_reader AS
 SELECT h.segment,
    h.session,
    h.token_hash,
    h.account,
        CASE
            WHEN (o.service AND (((h.permissions >> 17) & 1) = 1)) THEN NULL::uuid
            ELSE h.organisation
        END AS organisation
   FROM (cloison.holder h
     JOIN cloison.organisation o ON ((o.organisation = h.organisation)))
  WHERE ((h.expires_at > cloison.clock_v1()) AND h.covered AND ((o.service AND (((h.permissions >> 17) & 1) = 1)) OR (((h.permissions >> 18) & 1) = 1)) AND (NOT (EXISTS ( SELECT
           FROM cloison.account_freeze f
          WHERE ((f.segment = h.segment) AND (f.account = h.account) AND (f.lifted_at IS NULL))))));
ALTER VIEW cloison.log_reader OWNER TO cloison_owner;
CREATE TABLE cloison.log_session (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    device bytea NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT log_session_device_check CHECK ((length(device) = 32))
);
ALTER TABLE cloison.log_session OWNER TO cloison_owner;
CREATE TABLE cloison.log_terms (
    single boolean DEFAULT true NOT NULL,
    most_unwitnessed interval,
    CONSTRAINT log_terms_single_check CHECK (single)
);
ALTER TABLE cloison.log_terms OWNER TO cloison_owner;
CREATE TABLE cloison.log_tile (
    segment text NOT NULL COLLATE pg_catalog."C",
    level smallint NOT NULL,
    index bigint NOT NULL,
    hashes bytea NOT NULL,
    CONSTRAINT log_tile_hashes_check CHECK ((((length(hashes) % 32) = 0) AND (length(hashes) >= 32) AND (length(hashes) <= 8192)))
);
ALTER TABLE ONLY cloison.log_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
ALTER TABLE cloison.log_tile OWNER TO cloison_owner;
CREATE TABLE cloison.opening (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    meter cloison.meter NOT NULL,
    person uuid NOT NULL,
    last_opened timestamp with time zone NOT NULL
);
ALTER TABLE cloison.opening OWNER TO cloison_owner;
CREATE TABLE cloison.organisation_ledger (
    segment text NOT NULL COLLATE pg_catalog."C",
    organisation uuid NOT NULL,
    next_number bigint DEFAULT 1 NOT NULL,
    at_most integer[] NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE cloison.organisation_ledger OWNER TO cloison_owner;
CREATE TABLE cloison.organisation_opening (
    segment text NOT NULL COLLATE pg_catalog."C",
    organisation uuid NOT NULL,
    account uuid NOT NULL,
    person uuid NOT NULL,
    last_opened timestamp with time zone NOT NULL
);
ALTER TABLE cloison.organisation_opening OWNER TO cloison_owner;
CREATE TABLE cloison.person (
    key_id bigint NOT NULL,
    digest bigint,
    cell bigint,
    term1 bigint,
    term2 bigint,
    term3 bigint,
    term4 bigint,
    term5 bigint,
    term6 bigint,
    term7 bigint,
    term8 bigint,
    cohort integer NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    person uuid NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    provisional boolean DEFAULT false NOT NULL,
    sealed bytea[] NOT NULL,
    CONSTRAINT person_segment_check CHECK ((segment ~ '^[0-9A-Za-z_-]{1,16}$'::text))
);
ALTER TABLE ONLY cloison.person ALTER COLUMN sealed SET STORAGE EXTERNAL;
ALTER TABLE cloison.person OWNER TO cloison_owner;
CREATE TABLE cloison.profile (
    single boolean DEFAULT true NOT NULL,
    name text NOT NULL,
    compartments text[] NOT NULL,
    label_bit integer NOT NULL,
    address_bit integer NOT NULL,
    purposes text[] NOT NULL,
    CONSTRAINT profile_single_check CHECK (single)
);
ALTER TABLE cloison.profile OWNER TO cloison_owner;
CREATE TABLE cloison.protection_request (
    segment text NOT NULL COLLATE pg_catalog."C",
    protection uuid NOT NULL,
    accounts uuid[] NOT NULL,
    organisation uuid NOT NULL,
    asked_by uuid NOT NULL,
    asked_at timestamp with time zone NOT NULL
);
ALTER TABLE cloison.protection_request OWNER TO cloison_owner;
CREATE TABLE cloison.recall (
    subject uuid NOT NULL,
    until timestamp with time zone
);
ALTER TABLE cloison.recall OWNER TO cloison_owner;
CREATE UNLOGGED TABLE cloison.receipt (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    request uuid NOT NULL,
    person uuid NOT NULL,
    account uuid NOT NULL,
    compartments integer NOT NULL,
    charged_at timestamp with time zone NOT NULL,
    found boolean NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE cloison.receipt OWNER TO cloison_owner;
CREATE TABLE cloison.refusal (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    refused_at timestamp with time zone NOT NULL,
    number bigint NOT NULL
);
ALTER TABLE cloison.refusal OWNER TO cloison_owner;
CREATE TABLE cloison.relation (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    person uuid NOT NULL,
    kind cloison.relation_kind NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone,
    compartments integer
);
ALTER TABLE cloison.relation OWNER TO cloison_owner;
CREATE TABLE cloison.relation_start (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    began_at timestamp with time zone NOT NULL
);
ALTER TABLE cloison.relation_start OWNER TO cloison_owner;
CREATE TABLE cloison.relation_write (
    segment text NOT NULL COLLATE pg_catalog."C",
    account uuid NOT NULL,
    meter cloison.relation_meter NOT NULL,
    written_at timestamp with time zone NOT NULL,
    organisation uuid NOT NULL,
    relations integer NOT NULL
);
ALTER TABLE cloison.relation_write OWNER TO cloison_owner;
CREATE TABLE cloison.representative (
    segment text NOT NULL COLLATE pg_catalog."C",
    person uuid NOT NULL,
    representative_segment text NOT NULL COLLATE pg_catalog."C",
    representative uuid NOT NULL,
    kind cloison.representative_kind NOT NULL,
    signs_in boolean NOT NULL,
    receives_notices boolean NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone,
    CONSTRAINT representative_check CHECK ((person <> representative))
);
ALTER TABLE cloison.representative OWNER TO cloison_owner;
CREATE TABLE cloison.role_budget (
    role smallint NOT NULL,
    meter cloison.meter NOT NULL,
    minutes_5 integer NOT NULL,
    hour integer NOT NULL,
    day integer NOT NULL,
    days_28 integer NOT NULL,
    CONSTRAINT role_budget_day_check CHECK ((day >= 0)),
    CONSTRAINT role_budget_days_28_check CHECK ((days_28 >= 0)),
    CONSTRAINT role_budget_hour_check CHECK ((hour >= 0)),
    CONSTRAINT role_budget_minutes_5_check CHECK ((minutes_5 >= 0))
);
ALTER TABLE cloison.role_budget OWNER TO cloison_owner;
CREATE TABLE cloison.schema_version (
    single boolean DEFAULT true NOT NULL,
    version integer NOT NULL,
    CONSTRAINT schema_version_single_check CHECK (single)
);
ALTER TABLE cloison.schema_version OWNER TO cloison_owner;
CREATE TABLE cloison.search_miss (
    segment text NOT NULL COLLATE pg_catalog."C",
    search_group bigint NOT NULL,
    missed_at timestamp with time zone NOT NULL,
    account uuid NOT NULL,
    request uuid NOT NULL
);
ALTER TABLE cloison.search_miss OWNER TO cloison_owner;
CREATE TABLE cloison.search_slot (
    slot smallint NOT NULL,
    proof_slot smallint,
    cuts integer[],
    CONSTRAINT search_slot_proof_slot_check CHECK (((proof_slot >= 1) AND (proof_slot <= 8))),
    CONSTRAINT search_slot_slot_check CHECK (((slot >= 1) AND (slot <= 8)))
);
ALTER TABLE cloison.search_slot OWNER TO cloison_owner;
CREATE TABLE cloison.signin_terms (
    organisation uuid NOT NULL,
    synced boolean DEFAULT false NOT NULL,
    aaguids uuid[],
    provider text,
    idle_seconds integer DEFAULT 1800 NOT NULL,
    session_seconds integer DEFAULT 36000 NOT NULL,
    CONSTRAINT signin_terms_aaguids_check CHECK ((cardinality(aaguids) > 0)),
    CONSTRAINT signin_terms_idle_seconds_check CHECK (((idle_seconds >= 60) AND (idle_seconds <= 28800))),
    CONSTRAINT signin_terms_session_seconds_check CHECK (((session_seconds >= 60) AND (session_seconds <= 43200)))
);
ALTER TABLE cloison.signin_terms OWNER TO cloison_owner;
CREATE TABLE cloison.space_decoy (
    slot smallint NOT NULL,
    tries bigint DEFAULT 0 NOT NULL,
    CONSTRAINT space_decoy_slot_check CHECK (((slot >= 0) AND (slot <= 255)))
);
ALTER TABLE cloison.space_decoy OWNER TO cloison_owner;
CREATE TABLE cloison.space_device (
    segment text NOT NULL COLLATE pg_catalog."C",
    login uuid NOT NULL,
    thumbprint bytea NOT NULL,
    known_at timestamp with time zone NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    CONSTRAINT space_device_thumbprint_check CHECK ((length(thumbprint) = 32)),
    CONSTRAINT space_device_tries_check CHECK (((tries >= 0) AND (tries <= 10)))
);
ALTER TABLE cloison.space_device OWNER TO cloison_owner;
CREATE TABLE cloison.space_factor (
    segment text NOT NULL COLLATE pg_catalog."C",
    login uuid NOT NULL,
    factor uuid DEFAULT gen_random_uuid() NOT NULL,
    credential bytea NOT NULL,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    aaguid uuid NOT NULL,
    backup_eligible boolean NOT NULL,
    added_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    frozen_at timestamp with time zone,
    CONSTRAINT space_factor_credential_check CHECK (((length(credential) >= 16) AND (length(credential) <= 1023))),
    CONSTRAINT space_factor_sign_count_check CHECK ((sign_count >= 0))
);
ALTER TABLE cloison.space_factor OWNER TO cloison_owner;
CREATE TABLE cloison.space_identity (
    identity_hash bytea NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    login uuid NOT NULL,
    linked_at timestamp with time zone NOT NULL,
    CONSTRAINT space_identity_identity_hash_check CHECK ((length(identity_hash) = 32))
);
ALTER TABLE cloison.space_identity OWNER TO cloison_owner;
CREATE TABLE cloison.space_login (
    segment text NOT NULL COLLATE pg_catalog."C",
    login uuid NOT NULL,
    person uuid NOT NULL,
    made_at timestamp with time zone NOT NULL,
    password text,
    totp bytea,
    totp_step bigint DEFAULT 0 NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    CONSTRAINT space_login_check CHECK (((password IS NULL) = (totp IS NULL))),
    CONSTRAINT space_login_password_check CHECK (((length(password) >= 1) AND (length(password) <= 300))),
    CONSTRAINT space_login_totp_check CHECK (((length(totp) >= 29) AND (length(totp) <= 200))),
    CONSTRAINT space_login_tries_check CHECK (((tries >= 0) AND (tries <= 10)))
);
ALTER TABLE cloison.space_login OWNER TO cloison_owner;
CREATE TABLE cloison.space_session (
    segment text NOT NULL COLLATE pg_catalog."C",
    session uuid NOT NULL,
    login uuid NOT NULL,
    token_hash bytea NOT NULL,
    secret_hash bytea NOT NULL,
    way cloison.space_way NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    copied_at timestamp with time zone,
    CONSTRAINT space_session_secret_hash_check CHECK ((length(secret_hash) = 32)),
    CONSTRAINT space_session_token_hash_check CHECK ((length(token_hash) = 32))
);
ALTER TABLE cloison.space_session OWNER TO cloison_owner;
CREATE VIEW cloison.space_live AS
 SELECT s.segment,
    s.session,
    s.token_hash,
    s.login,
    s.issued_at,
    s.seen_at,
    l.person
   FROM (cloison.space_session s
     JOIN cloison.space_login l ON (((l.segment = s.segment) AND (l.login = s.login))))
  WHERE ((s.ended_at IS NULL) AND (LEAST(s.expires_at, (s.seen_at + '00:20:00'::interval)) > cloison.clock_v1()));
ALTER VIEW cloison.space_live OWNER TO cloison_owner;
CREATE TABLE cloison.space_name (
    name_hash bytea NOT NULL,
    segment text NOT NULL COLLATE pg_catalog."C",
    login uuid NOT NULL,
    CONSTRAINT space_name_name_hash_check CHECK ((length(name_hash) = 32))
);
ALTER TABLE cloison.space_name OWNER TO cloison_owner;
CREATE TABLE cloison.space_terms (
    single boolean DEFAULT true NOT NULL,
    names_accounts boolean DEFAULT false NOT NULL,
    CONSTRAINT space_terms_single_check CHECK (single)
);
ALTER TABLE cloison.space_terms OWNER TO cloison_owner;
CREATE TABLE cloison.spent (
    hash bytea NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT spent_hash_check CHECK ((length(hash) = 32))
);
ALTER TABLE cloison.spent OWNER TO cloison_owner;
CREATE TABLE cloison.staged_staff (
    act uuid NOT NULL,
    number integer NOT NULL,
    line text NOT NULL,
    staged_at timestamp with time zone NOT NULL,
    CONSTRAINT staged_staff_line_check CHECK ((length(line) <= 4000)),
    CONSTRAINT staged_staff_number_check CHECK ((number >= 0))
);
ALTER TABLE cloison.staged_staff OWNER TO cloison_owner;
CREATE TABLE cloison.transfer (
    segment text NOT NULL COLLATE pg_catalog."C",
    transfer uuid DEFAULT gen_random_uuid() NOT NULL,
    kind cloison.transfer_kind NOT NULL,
    asked_by uuid NOT NULL,
    giver uuid NOT NULL,
    taker uuid NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone,
    asked_at timestamp with time zone NOT NULL,
    decided_by uuid,
    decided_at timestamp with time zone,
    people integer
);
ALTER TABLE cloison.transfer OWNER TO cloison_owner;
CREATE VIEW cloison.visitor AS
 SELECT v.segment,
    v.session,
    v.token_hash,
    v.account,
    v.expires_at,
    r.compartments
   FROM ((cloison.guest v
     JOIN cloison.role r ON ((r.role = v.role)))
     JOIN cloison.agreement g ON (((g.organisation = v.organisation) AND g.standing)))
  WHERE (
        CASE
            WHEN ((v.segment <> ALL (g.segments)) OR (v.home <> ALL (g.segments)) OR (v.role <> ALL (g.roles))) THEN false
            WHEN (g.ends_at IS NULL) THEN true
            ELSE (g.ends_at > cloison.clock_v1())
        END AND (NOT (EXISTS ( SELECT
           FROM cloison.session_end e
          WHERE ((e.segment = v.segment) AND (e.session = v.session))))) AND (NOT (EXISTS ( SELECT
           FROM cloison.recall c
          WHERE (c.subject = ANY (ARRAY[v.session, v.account]))))));
ALTER VIEW cloison.visitor OWNER TO cloison_owner;
ALTER TABLE ONLY cloison.entry ATTACH PARTITION cloison.entry_default DEFAULT;
ALTER TABLE ONLY cloison.absorbed_interaction
    ADD CONSTRAINT absorbed_interaction_pkey PRIMARY KEY (segment, person, feed, interaction);
ALTER TABLE ONLY cloison.absorbed_locator
    ADD CONSTRAINT absorbed_locator_pkey PRIMARY KEY (segment, person, kind, term);
ALTER TABLE ONLY cloison.absorbed
    ADD CONSTRAINT absorbed_pkey PRIMARY KEY (segment, person);
ALTER TABLE ONLY cloison.absorbed_relation
    ADD CONSTRAINT absorbed_relation_pkey PRIMARY KEY (segment, person, account, kind);
ALTER TABLE ONLY cloison.absorbed_term
    ADD CONSTRAINT absorbed_term_pkey PRIMARY KEY (segment, person, slot);
ALTER TABLE ONLY cloison.account_freeze
    ADD CONSTRAINT account_freeze_pkey PRIMARY KEY (segment, account, frozen_at);
ALTER TABLE ONLY cloison.account_holder
    ADD CONSTRAINT account_holder_pkey PRIMARY KEY (segment, account, kind, term);
ALTER TABLE ONLY cloison.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (segment, account);
ALTER TABLE ONLY cloison.account
    ADD CONSTRAINT account_segment_handle_key UNIQUE (segment, handle);
ALTER TABLE ONLY cloison.act
    ADD CONSTRAINT act_pkey PRIMARY KEY (act);
ALTER TABLE ONLY cloison.act_signature
    ADD CONSTRAINT act_signature_pkey PRIMARY KEY (act, account);
ALTER TABLE ONLY cloison.act_threshold
    ADD CONSTRAINT act_threshold_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cloison.agency
    ADD CONSTRAINT agency_pkey PRIMARY KEY (organisation, name);
ALTER TABLE ONLY cloison.agreement
    ADD CONSTRAINT agreement_pkey PRIMARY KEY (organisation, valid_from);
ALTER TABLE ONLY cloison.alert
    ADD CONSTRAINT alert_pkey PRIMARY KEY (segment, account, number);
ALTER TABLE ONLY cloison.asked
    ADD CONSTRAINT asked_pkey PRIMARY KEY (segment, session, request);
ALTER TABLE ONLY cloison.audience
    ADD CONSTRAINT audience_pkey PRIMARY KEY (segment, protection, account);
ALTER TABLE ONLY cloison.break_glass
    ADD CONSTRAINT break_glass_pkey PRIMARY KEY (act);
ALTER TABLE ONLY cloison.campaign
    ADD CONSTRAINT campaign_pkey PRIMARY KEY (act);
ALTER TABLE ONLY cloison.change_floor
    ADD CONSTRAINT change_floor_pkey PRIMARY KEY (segment);
ALTER TABLE ONLY cloison.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (segment, xid, person, event);
ALTER TABLE ONLY cloison.client
    ADD CONSTRAINT client_name_key UNIQUE (name);
ALTER TABLE ONLY cloison.client
    ADD CONSTRAINT client_pkey PRIMARY KEY (client);
ALTER TABLE ONLY cloison.client_token
    ADD CONSTRAINT client_token_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY cloison.code
    ADD CONSTRAINT code_pkey PRIMARY KEY (segment, code);
ALTER TABLE ONLY cloison.counter
    ADD CONSTRAINT counter_pkey PRIMARY KEY (segment, cell);
ALTER TABLE ONLY cloison.export
    ADD CONSTRAINT export_pkey PRIMARY KEY (act);
ALTER TABLE ONLY cloison.export_receipt
    ADD CONSTRAINT export_receipt_pkey PRIMARY KEY (segment, session, request, person);
ALTER TABLE ONLY cloison.export_run
    ADD CONSTRAINT export_run_pkey PRIMARY KEY (act, session);
ALTER TABLE ONLY cloison.exported
    ADD CONSTRAINT exported_pkey PRIMARY KEY (act, person);
ALTER TABLE ONLY cloison.factor
    ADD CONSTRAINT factor_pkey PRIMARY KEY (segment, account, factor);
ALTER TABLE ONLY cloison.factor
    ADD CONSTRAINT factor_segment_account_credential_key UNIQUE (segment, account, credential);
ALTER TABLE ONLY cloison.facts
    ADD CONSTRAINT facts_pkey PRIMARY KEY (segment, facts);
ALTER TABLE ONLY cloison.feed
    ADD CONSTRAINT feed_client_key UNIQUE (client);
ALTER TABLE ONLY cloison.feed_miss
    ADD CONSTRAINT feed_miss_pkey PRIMARY KEY (segment, feed, missed_at);
ALTER TABLE ONLY cloison.feed
    ADD CONSTRAINT feed_name_key UNIQUE (name);
ALTER TABLE ONLY cloison.feed
    ADD CONSTRAINT feed_pkey PRIMARY KEY (feed);
ALTER TABLE ONLY cloison.guest
    ADD CONSTRAINT guest_pkey PRIMARY KEY (segment, session);
ALTER TABLE ONLY cloison.guest
    ADD CONSTRAINT guest_segment_token_hash_key UNIQUE (segment, token_hash);
ALTER TABLE ONLY cloison.identity
    ADD CONSTRAINT identity_pkey PRIMARY KEY (issuer, subject_hash);
ALTER TABLE ONLY cloison.interaction
    ADD CONSTRAINT interaction_pkey PRIMARY KEY (segment, feed, interaction);
ALTER TABLE ONLY cloison.investigation
    ADD CONSTRAINT investigation_pkey PRIMARY KEY (act);
ALTER TABLE ONLY cloison.invitation
    ADD CONSTRAINT invitation_pkey PRIMARY KEY (segment, account, invited_at);
ALTER TABLE ONLY cloison.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (segment, account);
ALTER TABLE ONLY cloison.lent
    ADD CONSTRAINT lent_pkey PRIMARY KEY (segment, session, request, person, borrower);
ALTER TABLE ONLY cloison.load
    ADD CONSTRAINT load_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cloison.locator
    ADD CONSTRAINT locator_pkey PRIMARY KEY (term);
ALTER TABLE ONLY cloison.log_author
    ADD CONSTRAINT log_author_pkey PRIMARY KEY (segment, account);
ALTER TABLE ONLY cloison.log_author
    ADD CONSTRAINT log_author_segment_author_key UNIQUE (segment, author);
ALTER TABLE ONLY cloison.log_batch
    ADD CONSTRAINT log_batch_pkey PRIMARY KEY (segment, first);
ALTER TABLE ONLY cloison.log_blinding
    ADD CONSTRAINT log_blinding_pkey PRIMARY KEY (segment, month);
ALTER TABLE ONLY cloison.log_cosignature
    ADD CONSTRAINT log_cosignature_pkey PRIMARY KEY (segment, witness);
ALTER TABLE ONLY cloison.log_drop
    ADD CONSTRAINT log_drop_pkey PRIMARY KEY (segment, month);
ALTER TABLE ONLY cloison.log_forward
    ADD CONSTRAINT log_forward_pkey PRIMARY KEY (destination, segment);
ALTER TABLE ONLY cloison.log_head
    ADD CONSTRAINT log_head_pkey PRIMARY KEY (segment);
ALTER TABLE ONLY cloison.log_proof
    ADD CONSTRAINT log_proof_pkey PRIMARY KEY (proof);
ALTER TABLE ONLY cloison.log_session
    ADD CONSTRAINT log_session_pkey PRIMARY KEY (session, segment);
ALTER TABLE ONLY cloison.log_terms
    ADD CONSTRAINT log_terms_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cloison.log_tile
    ADD CONSTRAINT log_tile_pkey PRIMARY KEY (segment, level, index);
ALTER TABLE ONLY cloison.merge
    ADD CONSTRAINT merge_pkey PRIMARY KEY (segment, merge);
ALTER TABLE ONLY cloison.opening
    ADD CONSTRAINT opening_pkey PRIMARY KEY (segment, account, meter, person);
ALTER TABLE ONLY cloison.organisation_ledger
    ADD CONSTRAINT organisation_ledger_pkey PRIMARY KEY (segment, organisation);
ALTER TABLE ONLY cloison.organisation
    ADD CONSTRAINT organisation_name_key UNIQUE (name);
ALTER TABLE ONLY cloison.organisation_opening
    ADD CONSTRAINT organisation_opening_pkey PRIMARY KEY (segment, organisation, account, person);
ALTER TABLE ONLY cloison.organisation
    ADD CONSTRAINT organisation_pkey PRIMARY KEY (organisation);
ALTER TABLE ONLY cloison.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (segment, person);
ALTER TABLE ONLY cloison.planned
    ADD CONSTRAINT planned_pkey PRIMARY KEY (segment, merge);
ALTER TABLE ONLY cloison.profile
    ADD CONSTRAINT profile_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cloison.protection
    ADD CONSTRAINT protection_pkey PRIMARY KEY (segment, protection);
ALTER TABLE ONLY cloison.protection
    ADD CONSTRAINT protection_protection_key UNIQUE (protection);
ALTER TABLE ONLY cloison.protection_request
    ADD CONSTRAINT protection_request_pkey PRIMARY KEY (segment, protection, accounts, organisation);
ALTER TABLE ONLY cloison.question
    ADD CONSTRAINT question_pkey PRIMARY KEY (segment, session, request);
ALTER TABLE ONLY cloison.recall
    ADD CONSTRAINT recall_pkey PRIMARY KEY (subject);
ALTER TABLE ONLY cloison.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (segment, session, request, person);
ALTER TABLE ONLY cloison.refusal
    ADD CONSTRAINT refusal_pkey PRIMARY KEY (segment, account, refused_at, number);
ALTER TABLE ONLY cloison.relation_limit
    ADD CONSTRAINT relation_limit_pkey PRIMARY KEY (organisation);
ALTER TABLE ONLY cloison.relation
    ADD CONSTRAINT relation_pkey PRIMARY KEY (segment, account, person, kind);
ALTER TABLE ONLY cloison.relation_start
    ADD CONSTRAINT relation_start_pkey PRIMARY KEY (segment, account);
ALTER TABLE ONLY cloison.relation_write
    ADD CONSTRAINT relation_write_pkey PRIMARY KEY (segment, account, meter, written_at);
ALTER TABLE ONLY cloison.representative
    ADD CONSTRAINT representative_pkey PRIMARY KEY (segment, person, representative);
ALTER TABLE ONLY cloison.role_budget
    ADD CONSTRAINT role_budget_pkey PRIMARY KEY (role, meter);
ALTER TABLE ONLY cloison.role
    ADD CONSTRAINT role_name_key UNIQUE (name);
ALTER TABLE ONLY cloison.role
    ADD CONSTRAINT role_pkey PRIMARY KEY (role);
ALTER TABLE ONLY cloison.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cloison.search_miss
    ADD CONSTRAINT search_miss_pkey PRIMARY KEY (segment, search_group, missed_at, account, request);
ALTER TABLE ONLY cloison.search_slot
    ADD CONSTRAINT search_slot_pkey PRIMARY KEY (slot);
ALTER TABLE ONLY cloison.session_end
    ADD CONSTRAINT session_end_pkey PRIMARY KEY (segment, session);
ALTER TABLE ONLY cloison.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (segment, session);
ALTER TABLE ONLY cloison.session
    ADD CONSTRAINT session_segment_token_hash_key UNIQUE (segment, token_hash);
ALTER TABLE ONLY cloison.signin_terms
    ADD CONSTRAINT signin_terms_pkey PRIMARY KEY (organisation);
ALTER TABLE ONLY cloison.space_decoy
    ADD CONSTRAINT space_decoy_pkey PRIMARY KEY (slot);
ALTER TABLE ONLY cloison.space_device
    ADD CONSTRAINT space_device_pkey PRIMARY KEY (segment, login, thumbprint);
ALTER TABLE ONLY cloison.space_factor
    ADD CONSTRAINT space_factor_pkey PRIMARY KEY (segment, login, factor);
ALTER TABLE ONLY cloison.space_factor
    ADD CONSTRAINT space_factor_segment_login_credential_key UNIQUE (segment, login, credential);
ALTER TABLE ONLY cloison.space_identity
    ADD CONSTRAINT space_identity_pkey PRIMARY KEY (identity_hash);
ALTER TABLE ONLY cloison.space_invitation
    ADD CONSTRAINT space_invitation_pkey PRIMARY KEY (segment, person, invited_at);
ALTER TABLE ONLY cloison.space_invitation
    ADD CONSTRAINT space_invitation_segment_code_hash_key UNIQUE (segment, code_hash);
ALTER TABLE ONLY cloison.space_login
    ADD CONSTRAINT space_login_pkey PRIMARY KEY (segment, login);
ALTER TABLE ONLY cloison.space_login
    ADD CONSTRAINT space_login_segment_person_key UNIQUE (segment, person);
ALTER TABLE ONLY cloison.space_name
    ADD CONSTRAINT space_name_pkey PRIMARY KEY (name_hash);
ALTER TABLE ONLY cloison.space_session
    ADD CONSTRAINT space_session_pkey PRIMARY KEY (segment, session);
ALTER TABLE ONLY cloison.space_session
    ADD CONSTRAINT space_session_segment_token_hash_key UNIQUE (segment, token_hash);
ALTER TABLE ONLY cloison.space_terms
    ADD CONSTRAINT space_terms_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cloison.spent
    ADD CONSTRAINT spent_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY cloison.staged_staff
    ADD CONSTRAINT staged_staff_pkey PRIMARY KEY (act, number);
ALTER TABLE ONLY cloison.ticket_key
    ADD CONSTRAINT ticket_key_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cloison.trail
    ADD CONSTRAINT trail_pkey PRIMARY KEY (segment, person);
ALTER TABLE ONLY cloison.transfer
    ADD CONSTRAINT transfer_pkey PRIMARY KEY (segment, transfer);
CREATE INDEX absorbed_locator_term ON cloison.absorbed_locator USING btree (kind, term);
CREATE INDEX absorbed_term_found ON cloison.absorbed_term USING btree (segment, slot, term);
CREATE INDEX account_handle ON cloison.account USING btree (handle);
CREATE INDEX account_holder_account ON cloison.account_holder USING btree (account);
CREATE INDEX account_holder_term ON cloison.account_holder USING btree (kind, term);
CREATE INDEX account_number ON cloison.account USING btree (account);
CREATE INDEX act_signature_account ON cloison.act_signature USING btree (account, signed_at);
CREATE INDEX act_waiting ON cloison.act USING btree (organisation, asked_at) WHERE (state = 'waiting'::cloison.act_state);
CREATE UNIQUE INDEX agreement_standing ON cloison.agreement USING btree (organisation) WHERE standing;
CREATE INDEX alert_recent ON cloison.alert USING btree (at);
CREATE INDEX break_glass_account ON cloison.break_glass USING btree (segment, account, given_at);
CREATE INDEX campaign_agency ON cloison.campaign USING btree (organisation, segment, agency, ends_at);
CREATE INDEX change_at ON cloison.change USING btree (at);
CREATE INDEX client_token_client ON cloison.client_token USING btree (client);
CREATE INDEX code_account ON cloison.code USING btree (segment, account, asked_at);
CREATE INDEX code_person ON cloison.code USING btree (segment, person, asked_at);
CREATE INDEX entry_account ON ONLY cloison.entry USING btree (account);
CREATE INDEX entry_at ON ONLY cloison.entry USING brin (at) WITH (pages_per_range='16', autosummarize='on');
CREATE INDEX entry_default_account_idx ON cloison.entry_default USING btree (account);
CREATE INDEX entry_default_at_idx ON cloison.entry_default USING brin (at) WITH (pages_per_range='16', autosummarize='on');
CREATE INDEX entry_person ON ONLY cloison.entry USING btree (person) WHERE (person IS NOT NULL);
CREATE INDEX entry_default_person_idx ON cloison.entry_default USING btree (person) WHERE (person IS NOT NULL);
CREATE INDEX entry_subject ON ONLY cloison.entry USING btree (subject) WHERE (subject IS NOT NULL);
CREATE INDEX entry_default_subject_idx ON cloison.entry_default USING btree (subject) WHERE (subject IS NOT NULL);
CREATE INDEX export_account ON cloison.export USING btree (segment, account, given_at);
CREATE INDEX interaction_person ON cloison.interaction USING btree (segment, person);
CREATE INDEX interaction_waiting ON cloison.interaction USING btree (segment, account, person, valid_from) WHERE waiting;
CREATE INDEX investigation_until ON cloison.investigation USING btree (until);
CREATE INDEX locator_person ON cloison.locator USING btree (person);
CREATE INDEX log_batch_until ON cloison.log_batch USING btree (segment, until);
CREATE INDEX log_proof_login ON cloison.log_proof USING btree (login, asked_at);
CREATE INDEX log_proof_waiting ON cloison.log_proof USING btree (asked_at) WHERE (proved IS NULL);
CREATE INDEX merge_absorbed ON cloison.merge USING btree (absorbed);
CREATE INDEX merge_survivor ON cloison.merge USING btree (survivor);
CREATE INDEX opening_recent ON cloison.opening USING btree (segment, account, meter, last_opened);
CREATE INDEX organisation_opening_recent ON cloison.organisation_opening USING btree (segment, organisation, last_opened);
CREATE UNIQUE INDEX organisation_service ON cloison.organisation USING btree (service) WHERE service;
CREATE INDEX person_term1 ON cloison.person USING btree (segment, term1) WHERE (term1 IS NOT NULL);
CREATE INDEX person_term2 ON cloison.person USING btree (segment, term2) WHERE (term2 IS NOT NULL);
CREATE INDEX person_term4 ON cloison.person USING btree (segment, term4) WHERE (term4 IS NOT NULL);
CREATE INDEX person_term5 ON cloison.person USING btree (segment, term5) WHERE (term5 IS NOT NULL);
CREATE INDEX person_term6 ON cloison.person USING btree (segment, term6) WHERE (term6 IS NOT NULL);
CREATE INDEX person_term7 ON cloison.person USING btree (segment, term7) WHERE (term7 IS NOT NULL);
CREATE INDEX person_term8 ON cloison.person USING btree (segment, term8) WHERE (term8 IS NOT NULL);
CREATE INDEX protection_person ON cloison.protection USING btree (person) WHERE (lifted_at IS NULL);
CREATE INDEX relation_person ON cloison.relation USING btree (segment, person);
CREATE INDEX relation_write_organisation ON cloison.relation_write USING btree (organisation, meter, written_at);
CREATE INDEX representative_of ON cloison.representative USING btree (representative_segment, representative);
CREATE INDEX session_account ON cloison.session USING btree (segment, account, issued_at);
CREATE INDEX session_client ON cloison.session USING btree (client) WHERE (client IS NOT NULL);
CREATE INDEX space_identity_login ON cloison.space_identity USING btree (segment, login);
CREATE INDEX space_login_person ON cloison.space_login USING btree (person);
CREATE INDEX space_name_login ON cloison.space_name USING btree (segment, login);
CREATE INDEX space_session_login ON cloison.space_session USING btree (segment, login, issued_at);
CREATE INDEX space_session_secret ON cloison.space_session USING btree (segment, secret_hash);
CREATE INDEX trail_person ON cloison.trail USING btree (person);
CREATE INDEX transfer_asked ON cloison.transfer USING btree (segment, asked_by, asked_at);
ALTER INDEX cloison.entry_account ATTACH PARTITION cloison.entry_default_account_idx;
ALTER INDEX cloison.entry_at ATTACH PARTITION cloison.entry_default_at_idx;
ALTER INDEX cloison.entry_person ATTACH PARTITION cloison.entry_default_person_idx;
ALTER INDEX cloison.entry_subject ATTACH PARTITION cloison.entry_default_subject_idx;
ALTER TABLE ONLY cloison.account_holder
    ADD CONSTRAINT account_holder_segment_account_fkey FOREIGN KEY (segment, account) REFERENCES cloison.account(segment, account);
ALTER TABLE ONLY cloison.account
    ADD CONSTRAINT account_organisation_fkey FOREIGN KEY (organisation) REFERENCES cloison.organisation(organisation);
ALTER TABLE ONLY cloison.account
    ADD CONSTRAINT account_role_fkey FOREIGN KEY (role) REFERENCES cloison.role(role);
ALTER TABLE ONLY cloison.act
    ADD CONSTRAINT act_organisation_fkey FOREIGN KEY (organisation) REFERENCES cloison.organisation(organisation);
ALTER TABLE ONLY cloison.act_signature
    ADD CONSTRAINT act_signature_act_fkey FOREIGN KEY (act) REFERENCES cloison.act(act);
ALTER TABLE ONLY cloison.agency
    ADD CONSTRAINT agency_organisation_fkey FOREIGN KEY (organisation) REFERENCES cloison.organisation(organisation);
ALTER TABLE ONLY cloison.agreement
    ADD CONSTRAINT agreement_organisation_fkey FOREIGN KEY (organisation) REFERENCES cloison.organisation(organisation);
ALTER TABLE ONLY cloison.audience
    ADD CONSTRAINT audience_segment_protection_fkey FOREIGN KEY (segment, protection) REFERENCES cloison.protection(segment, protection);
ALTER TABLE ONLY cloison.break_glass
    ADD CONSTRAINT break_glass_act_fkey FOREIGN KEY (act) REFERENCES cloison.act(act);
ALTER TABLE ONLY cloison.campaign
    ADD CONSTRAINT campaign_act_fkey FOREIGN KEY (act) REFERENCES cloison.act(act);
ALTER TABLE ONLY cloison.campaign
    ADD CONSTRAINT campaign_organisation_fkey FOREIGN KEY (organisation) REFERENCES cloison.organisation(organisation);
ALTER TABLE ONLY cloison.client
    ADD CONSTRAINT client_organisation_fkey FOREIGN KEY (organisation) REFERENCES cloison.organisation(organisation);
ALTER TABLE ONLY cloison.client_token
    ADD CONSTRAINT client_token_client_fkey FOREIGN KEY (client) REFERENCES cloison.client(client);
ALTER TABLE ONLY cloison.export
    ADD CONSTRAINT export_act_fkey FOREIGN KEY (act) REFERENCES cloison.act(act);
ALTER TABLE ONLY cloison.export_run
    ADD CONSTRAINT export_run_act_fkey FOREIGN KEY (act) REFERENCES cloison.export(act);
ALTER TABLE ONLY cloison.exported
    ADD CONSTRAINT exported_act_fkey FOREIGN KEY (act) REFERENCES cloison.export(act);
ALTER TABLE ONLY cloison.factor
    ADD CONSTRAINT factor_segment_account_fkey FOREIGN KEY (segment, account) REFERENCES cloison.account(segment, account);
ALTER TABLE ONLY cloison.feed
    ADD CONSTRAINT feed_client_fkey FOREIGN KEY (client) REFERENCES cloison.client(client);
ALTER TABLE ONLY cloison.investigation
    ADD CONSTRAINT investigation_act_fkey FOREIGN KEY (act) REFERENCES cloison.act(act);
ALTER TABLE ONLY cloison.investigation
    ADD CONSTRAINT investigation_organisation_fkey FOREIGN KEY (organisation) REFERENCES cloison.organisation(organisation);
ALTER TABLE ONLY cloison.invitation
    ADD CONSTRAINT invitation_act_fkey FOREIGN KEY (act) REFERENCES cloison.act(act);
ALTER TABLE ONLY cloison.protection
    ADD CONSTRAINT protection_organisation_fkey FOREIGN KEY (organisation) REFERENCES cloison.organisation(organisation);
ALTER TABLE ONLY cloison.protection_request
    ADD CONSTRAINT protection_request_segment_protection_fkey FOREIGN KEY (segment, protection) REFERENCES cloison.protection(segment, protection);
ALTER TABLE ONLY cloison.role_budget
    ADD CONSTRAINT role_budget_role_fkey FOREIGN KEY (role) REFERENCES cloison.role(role) ON DELETE CASCADE;
ALTER TABLE ONLY cloison.session
    ADD CONSTRAINT session_segment_account_fkey FOREIGN KEY (segment, account) REFERENCES cloison.account(segment, account);
ALTER TABLE ONLY cloison.signin_terms
    ADD CONSTRAINT signin_terms_organisation_fkey FOREIGN KEY (organisation) REFERENCES cloison.organisation(organisation);
ALTER TABLE ONLY cloison.space_device
    ADD CONSTRAINT space_device_segment_login_fkey FOREIGN KEY (segment, login) REFERENCES cloison.space_login(segment, login);
ALTER TABLE ONLY cloison.space_factor
    ADD CONSTRAINT space_factor_segment_login_fkey FOREIGN KEY (segment, login) REFERENCES cloison.space_login(segment, login);
ALTER TABLE ONLY cloison.space_session
    ADD CONSTRAINT space_session_segment_login_fkey FOREIGN KEY (segment, login) REFERENCES cloison.space_login(segment, login);
GRANT USAGE ON SCHEMA cloison TO cloison_desk;
GRANT USAGE ON SCHEMA cloison TO cloison_intake;
GRANT USAGE ON SCHEMA cloison TO cloison_reaper;
GRANT USAGE ON SCHEMA cloison TO cloison_statistics;
GRANT USAGE ON SCHEMA cloison TO cloison_signin;
GRANT USAGE ON SCHEMA cloison TO cloison_space;
GRANT USAGE ON SCHEMA cloison TO cloison_operator;
GRANT USAGE ON SCHEMA cloison TO cloison_sequencer;
GRANT USAGE ON SCHEMA cloison TO cloison_witness;
GRANT USAGE ON SCHEMA cloison TO cloison_forwarder;
REVOKE ALL ON LANGUAGE plpgsql FROM PUBLIC;
GRANT ALL ON LANGUAGE plpgsql TO cloison_owner;
REVOKE ALL ON TYPE cloison.act_state FROM PUBLIC;
REVOKE ALL ON TYPE cloison.alert_kind FROM PUBLIC;
REVOKE ALL ON TYPE cloison.client_use FROM PUBLIC;
REVOKE ALL ON TYPE cloison.door FROM PUBLIC;
REVOKE ALL ON TYPE cloison.event FROM PUBLIC;
REVOKE ALL ON TYPE cloison.feed_kind FROM PUBLIC;
REVOKE ALL ON TYPE cloison.meter FROM PUBLIC;
REVOKE ALL ON TYPE cloison.relation_kind FROM PUBLIC;
REVOKE ALL ON TYPE cloison.judged FROM PUBLIC;
REVOKE ALL ON TYPE cloison.lease FROM PUBLIC;
REVOKE ALL ON TYPE cloison.merge_state FROM PUBLIC;
REVOKE ALL ON TYPE cloison.newcomer FROM PUBLIC;
REVOKE ALL ON TYPE cloison.organisation_charge FROM PUBLIC;
REVOKE ALL ON TYPE cloison.outcome FROM PUBLIC;
REVOKE ALL ON TYPE cloison.relation_meter FROM PUBLIC;
REVOKE ALL ON TYPE cloison.representative_kind FROM PUBLIC;
REVOKE ALL ON TYPE cloison.resealed FROM PUBLIC;
REVOKE ALL ON TYPE cloison.settled FROM PUBLIC;
REVOKE ALL ON TYPE cloison.space_way FROM PUBLIC;
REVOKE ALL ON TYPE cloison.transfer_kind FROM PUBLIC;
REVOKE ALL ON TYPE cloison.wished_relation FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.absorbed_bit_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.absorbed_matches_v1(p_segment text, p_slot integer, p_terms bigint[], p_proof_terms bigint[], p_nobody uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.account_state_v1(p_segment text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.accounts_named_v1(p_handles text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.act_adds_v1(p_kind text, p_details jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.act_adds_v1(p_kind text, p_details jsonb) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.act_right_v1(p_kind text, p_asks boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.act_void_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.acts_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.acts_v1(p_segment text, p_token bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.add_factor_v1(p_segment text, p_token bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.add_factor_v1(p_segment text, p_token bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.add_protection_v1(p_held_in text, p_person uuid, p_organisation uuid, p_accounts uuid[], p_ends timestamp with time zone[], p_until timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.admit_step_v1(state integer[], step integer[], room integer[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.agree_v1(p_organisation uuid, p_segments text[], p_roles text[], p_ends_at timestamp with time zone, p_accounts_most integer, p_caps integer[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.agreement_adds_v1(p_terms jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.alerts_counted_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.alerts_counted_v1() TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.append_log_v1(p_segment text, p_first bigint, p_accounts uuid[], p_numbers bigint[], p_counts integer[], p_since timestamp with time zone[], p_until timestamp with time zone[], p_levels smallint[], p_indexes bigint[], p_hashes bytea[], p_note text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.append_log_v1(p_segment text, p_first bigint, p_accounts uuid[], p_numbers bigint[], p_counts integer[], p_since timestamp with time zone[], p_until timestamp with time zone[], p_levels smallint[], p_indexes bigint[], p_hashes bytea[], p_note text) TO cloison_sequencer;
REVOKE ALL ON FUNCTION cloison.approval_patience_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.approve_merge_v1(p_segment text, p_token bytea, p_request uuid, p_merge uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.approve_merge_v1(p_segment text, p_token bytea, p_request uuid, p_merge uuid) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.approver_charged_v1(p_grant cloison.break_glass, p_approver cloison.act_signature) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.ask_act_v1(p_segment text, p_token bytea, p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone, p_factor uuid, p_public_key bytea, p_authenticator_data bytea, p_client_data bytea, p_signature bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.ask_act_v1(p_segment text, p_token bytea, p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone, p_factor uuid, p_public_key bytea, p_authenticator_data bytea, p_client_data bytea, p_signature bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.ask_code_v1(p_segment text, p_token bytea, p_code uuid, p_person uuid, p_compartment integer, p_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.ask_code_v1(p_segment text, p_token bytea, p_code uuid, p_person uuid, p_compartment integer, p_hash bytea) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.ask_counters_v1(p_segment text, p_cells integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.ask_counters_v1(p_segment text, p_cells integer) TO cloison_statistics;
REVOKE ALL ON FUNCTION cloison.ask_locators_v1(p_segment text, p_token bytea, p_request uuid, p_act integer, p_purpose smallint, p_person uuid, p_groups bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.ask_locators_v1(p_segment text, p_token bytea, p_request uuid, p_act integer, p_purpose smallint, p_person uuid, p_groups bigint[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.ask_log_v1(p_segment text, p_token bytea, p_request uuid, p_handle text, p_organisation text, p_person uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.ask_log_v1(p_segment text, p_token bytea, p_request uuid, p_handle text, p_organisation text, p_person uuid) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.ask_merge_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_merge uuid, p_survivor uuid, p_absorbed uuid, p_reason text, p_versions integer[], p_filled smallint[], p_change cloison.resealed[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.ask_merge_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_merge uuid, p_survivor uuid, p_absorbed uuid, p_reason text, p_versions integer[], p_filled smallint[], p_change cloison.resealed[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.ask_transfer_v1(p_segment text, p_token bytea, p_kind text, p_giver text, p_taker text, p_from timestamp with time zone, p_until timestamp with time zone, p_people uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.ask_transfer_v1(p_segment text, p_token bytea, p_kind text, p_giver text, p_taker text, p_from timestamp with time zone, p_until timestamp with time zone, p_people uuid[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.ask_unsigned_v1(p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.audit_notes_v1(p_segment text, p_token bytea, p_log text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.audit_notes_v1(p_segment text, p_token bytea, p_log text) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.audit_tiles_v1(p_segment text, p_token bytea, p_log text, p_levels smallint[], p_indexes bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.audit_tiles_v1(p_segment text, p_token bytea, p_log text, p_levels smallint[], p_indexes bigint[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.blinding_v1(p_segment text, p_month date, p_key bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.blinding_v1(p_segment text, p_month date, p_key bytea) TO cloison_sequencer;
REVOKE ALL ON FUNCTION cloison.break_glass_v1(p_act cloison.act, p_emergency boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.campaign_asked_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.campaign_budget_v1(p_people integer, p_days integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.campaigning_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], p_places text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.cap_v1(p_segment text, p_leases text[], p_macs bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.cap_v1(p_segment text, p_leases text[], p_macs bytea[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.capped_v1(p_segment text, p_leases text[], p_macs bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.capped_v1(p_segment text, p_leases text[], p_macs bytea[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.carry_out_merge_v1(merging cloison.merge, plan cloison.planned) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.carry_out_split_v1(merging cloison.merge, plan cloison.planned) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.change_audience_v1(p_segment text, p_token bytea, p_protection uuid, p_audience text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.change_audience_v1(p_segment text, p_token bytea, p_protection uuid, p_audience text[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.change_bit_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.change_person_v1(p_segment text, p_token bytea, p_request uuid, p_act integer, p_event cloison.event, p_purpose smallint, p_change cloison.resealed[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.change_person_v1(p_segment text, p_token bytea, p_request uuid, p_act integer, p_event cloison.event, p_purpose smallint, p_change cloison.resealed[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.changes_v1(p_segment text, p_token bytea, p_xid bigint, p_person uuid, p_event cloison.event, p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.changes_v1(p_segment text, p_token bytea, p_xid bigint, p_person uuid, p_event cloison.event, p_most integer) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.charge_each_v1(p_segment text, p_segments text[], p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.charge_each_v1(p_segment text, p_segments text[], p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.charge_lent_v1(p_segment text, p_tokens bytea[], p_leases text[], p_macs bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.charge_lent_v1(p_segment text, p_tokens bytea[], p_leases text[], p_macs bytea[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.charge_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.charge_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.client_key_v1(p_client uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.client_key_v1(p_client uuid) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.client_of_v1(p_token bytea, p_use cloison.client_use) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.client_open_v1(p_client uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.client_token_v1(p_client uuid, p_assertion bytea, p_seconds integer, p_use text, p_token_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.client_token_v1(p_client uuid, p_assertion bytea, p_seconds integer, p_use text, p_token_hash bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.clock_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.clock_v1() TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.close_account_v1(p_segment text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.close_client_v1(p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.close_client_v1(p_name text) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.close_feed_v1(p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.close_feed_v1(p_name text) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.compartments_of_v1(p_account uuid, p_names text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.confirm_code_v1(p_segment text, p_token bytea, p_person uuid, p_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.confirm_code_v1(p_segment text, p_token bytea, p_person uuid, p_hash bytea) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.copied_v1(p_segment text, p_secret bytea, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.copied_v1(p_segment text, p_secret bytea, p_token bytea) TO cloison_desk;
GRANT ALL ON FUNCTION cloison.copied_v1(p_segment text, p_secret bytea, p_token bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.cosign_v1(p_segment text, p_size bigint, p_note text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.cosign_v1(p_segment text, p_size bigint, p_note text) TO cloison_witness;
REVOKE ALL ON FUNCTION cloison.count_cells_v1(p_segment text, p_gained bigint[], p_lost bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.counted_segments_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.counted_segments_v1() TO cloison_statistics;
REVOKE ALL ON FUNCTION cloison.counters_v1(p_segment text, p_cells bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.counters_v1(p_segment text, p_cells bigint[]) TO cloison_statistics;
REVOKE ALL ON FUNCTION cloison.create_account_v1(p_segment text, p_handle text, p_organisation uuid, p_agency text, p_role text, p_holder text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.create_feed_v1(p_name text, p_kind cloison.feed_kind, p_segments text[], p_client uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.create_person_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_to text, p_person cloison.newcomer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.create_person_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_to text, p_person cloison.newcomer[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.cutoffs_v1(p_now timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.decide_transfer_v1(p_segment text, p_token bytea, p_kind text, p_transfer uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.decide_transfer_v1(p_segment text, p_token bytea, p_kind text, p_transfer uuid) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.decisions_v1(p_segment text, p_token bytea, p_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.decisions_v1(p_segment text, p_token bytea, p_days integer) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.directory_ask_v1(p_token bytea, p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.directory_ask_v1(p_token bytea, p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.directory_close_v1(p_token bytea, p_user uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.directory_close_v1(p_token bytea, p_user uuid) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.directory_users_v1(p_token bytea, p_user uuid, p_handle text, p_holder text, p_skip integer, p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.directory_users_v1(p_token bytea, p_user uuid, p_handle text, p_holder text, p_skip integer, p_most integer) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.directory_v1(p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.directory_v1(p_token bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.disclosures_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.do_act_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.do_campaign_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.do_export_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.do_grant_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.do_investigation_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.do_operated_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.drop_log_month_v1(p_months integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.drop_log_month_v1(p_months integer) TO cloison_sequencer;
REVOKE ALL ON FUNCTION cloison.emergencies_v1(p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.end_agreement_v1(p_organisation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.end_agreement_v1(p_organisation uuid) TO cloison_operator;
GRANT SELECT ON TABLE cloison.account TO cloison_operator;
GRANT SELECT ON TABLE cloison.organisation TO cloison_operator;
GRANT SELECT ON TABLE cloison.role TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.end_campaign_v1(p_who cloison.member, p_act uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.end_export_v1(p_who cloison.member, p_act uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.end_factor_sessions_v1(p_segment text, p_account uuid, p_factors uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.end_grant_v1(p_act uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.end_investigation_v1(p_who cloison.member, p_act uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.end_representative_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.end_representative_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.end_sessions_v1(p_segment text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.entries_v1(p_accounts uuid[], p_person uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_segment text, p_account uuid, p_number bigint, p_most integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.entry_values_v1(e cloison.entry, p_organisation uuid, p_device bytea, p_evidence bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.export_asked_v1(p_act cloison.act) FROM PUBLIC;
GRANT SELECT ON TABLE cloison.agreement TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.export_candidates_v1(p_grant cloison.exporter, p_place text, p_after uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.export_charged_v1(p_holder cloison.holder, p_grant cloison.exporter, p_request uuid, p_place text, p_people uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.export_page_people_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.export_read_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.export_v1(p_segment text, p_token bytea, p_act uuid, p_request uuid, p_place text, p_after uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.export_v1(p_segment text, p_token bytea, p_act uuid, p_request uuid, p_place text, p_after uuid) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.exports_of_v1(p_segment text, p_account uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.exports_of_v1(p_segment text, p_account uuid) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.exports_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.exports_v1(p_segment text, p_token bytea) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.factors_v1(p_segment text, p_account uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.factors_v1(p_segment text, p_account uuid) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.feed_file_v1(p_name text, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.feed_file_v1(p_name text, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.feed_interactions_v1(p_token bytea, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.feed_interactions_v1(p_token bytea, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.feed_known_v1(p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.feed_known_v1(p_token bytea) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.find_v1(p_segment text, p_token bytea, p_request uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.find_v1(p_segment text, p_token bytea, p_request uuid) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.forgive_question_v1(p_segment text, asked cloison.question) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.forward_behind_v1(p_destination text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.forward_behind_v1(p_destination text) TO cloison_forwarder;
REVOKE ALL ON FUNCTION cloison.forward_entries_v1(p_segment text, p_first bigint, p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.forward_entries_v1(p_segment text, p_first bigint, p_most integer) TO cloison_forwarder;
REVOKE ALL ON FUNCTION cloison.forward_heads_v1(p_destination text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.forward_heads_v1(p_destination text) TO cloison_forwarder;
REVOKE ALL ON FUNCTION cloison.forwarded_v1(p_destination text, p_segments text[], p_nexts bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.forwarded_v1(p_destination text, p_segments text[], p_nexts bigint[]) TO cloison_forwarder;
REVOKE ALL ON FUNCTION cloison.freeze_factors_v1(p_segment text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.freeze_v1(p_segment text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.full_people_v1(p_segment text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.grant_asked_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.grants_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.grants_v1(p_segment text, p_token bytea) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.hand_on_v1(p_segment text, p_token bytea, p_client uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.hand_on_v1(p_segment text, p_token bytea, p_client uuid) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.hand_over_v1(p_segment text, p_token bytea, p_place text, p_handle text, p_code_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.hand_over_v1(p_segment text, p_token bytea, p_place text, p_handle text, p_code_hash bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.handed_lately_v1(p_one uuid, p_other uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.history_v1(p_segment text, p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.identities_v1(p_segment text, p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.identity_v1(p_issuer text, p_subject bytea, p_provider text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.identity_v1(p_issuer text, p_subject bytea, p_provider text) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.import_line_v1(p_line jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.inherit_protection_v1(p_from uuid, p_to_segment text, p_to uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.install_interactions_v1(p_now timestamp with time zone, p_segments text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.intake_begin_load_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_begin_load_v1() TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.intake_compare_v1(p_segments text[], p_persons uuid[], p_slots integer[], p_proofs bigint[], p_digests bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_compare_v1(p_segments text[], p_persons uuid[], p_slots integer[], p_proofs bigint[], p_digests bigint[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.intake_end_load_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_end_load_v1() TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.intake_find_v1(p_kinds integer, p_terms bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_find_v1(p_kinds integer, p_terms bigint[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.intake_leave_load_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_leave_load_v1() TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.intake_people_v1(p_segment text, p_people cloison.newcomer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_people_v1(p_segment text, p_people cloison.newcomer[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.intake_relations_v1(p_handles text[], p_locator_kind smallint, p_locator_terms bigint[], p_kinds text[], p_from timestamp with time zone[], p_until timestamp with time zone[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_relations_v1(p_handles text[], p_locator_kind smallint, p_locator_terms bigint[], p_kinds text[], p_from timestamp with time zone[], p_until timestamp with time zone[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.intake_reseal_v1(p_changes cloison.resealed[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.intake_reseal_v1(p_changes cloison.resealed[]) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.investigation_asked_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.investigation_read_v1(p_act cloison.act) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.invitation_v1(p_segment text, p_code_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.invitation_v1(p_segment text, p_code_hash bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.issue_session_v1(p_segment text, p_account uuid, p_session uuid, p_token_hash bytea, p_seconds integer, p_touched boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.keep_facts_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint, p_at bigint, p_mac bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.keep_facts_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint, p_at bigint, p_mac bytea) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.keep_holders_v1(p_change cloison.resealed) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.leaf_entries_v1(p_segment text, p_first bigint, p_most integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.lease_lifetime_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.leases_v1(p_segment text, p_tokens bytea[], p_borrowers text[], p_requests uuid[], p_persons uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.leases_v1(p_segment text, p_tokens bytea[], p_borrowers text[], p_requests uuid[], p_persons uuid[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.lend_v1(p_segment text, p_tokens bytea[], p_borrowers text[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.lend_v1(p_segment text, p_tokens bytea[], p_borrowers text[], p_requests uuid[], p_persons uuid[], p_compartments integer[], p_purposes smallint[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.lift_by_owner_v1(p_protection uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.lift_protection_v1(p_segment text, p_token bytea, p_protection uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.lift_protection_v1(p_segment text, p_token bytea, p_protection uuid) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.link_identity_v1(p_segment text, p_code_hash bytea, p_issuer text, p_subject bytea, p_provider text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.link_identity_v1(p_segment text, p_code_hash bytea, p_issuer text, p_subject bytea, p_provider text) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.list_v1(p_segment text, p_token bytea, p_request uuid, p_whole boolean, p_after uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.list_v1(p_segment text, p_token bytea, p_request uuid, p_whole boolean, p_after uuid) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.lock_each_v1(p_segment text, p_segments text[], p_tokens bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.lock_ledgers_v1(p_segment text, p_tokens bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.lock_organisations_v1(p_organisations uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_account_v1(who cloison.holder, p_request uuid, p_event cloison.event, p_person uuid, p_subject uuid, p_purpose smallint, p_version integer, p_hash bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_act_v1(p_segment text, p_event cloison.event, p_subject uuid, p_session uuid, p_amount integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_alarm_v1(p_segment text, p_alarm text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.log_alarm_v1(p_segment text, p_alarm text) TO cloison_witness;
REVOKE ALL ON FUNCTION cloison.log_batches_v1(p_segment text, p_first bigint, p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.log_batches_v1(p_segment text, p_first bigint, p_most integer) TO cloison_witness;
REVOKE ALL ON FUNCTION cloison.log_change_v1(p_segment text, p_person uuid, p_event cloison.event, p_account uuid, p_session uuid, p_request uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_heads_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.log_heads_v1() TO cloison_sequencer;
GRANT ALL ON FUNCTION cloison.log_heads_v1() TO cloison_witness;
REVOKE ALL ON FUNCTION cloison.log_month_v1(p_from_now integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_now_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.log_now_v1() TO cloison_sequencer;
GRANT ALL ON FUNCTION cloison.log_now_v1() TO cloison_witness;
REVOKE ALL ON FUNCTION cloison.log_own_act_v1(p_segment text, p_account uuid, p_event cloison.event, p_outcome cloison.outcome, p_session uuid, p_subject uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_page_v1(p_reader uuid, p_organisation uuid, p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_segment text, p_account uuid, p_number bigint, p_most integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_place_v1(p_segment text, p_account uuid, p_number bigint, p_at timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_protection_v1(p_segment text, p_account uuid, p_session uuid, p_event cloison.event, p_person uuid, p_subject uuid, p_amount integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_reading_v1(p_segment text, p_account uuid, p_session uuid, p_request uuid, p_outcome cloison.outcome, p_person uuid, p_subject uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_space_v1(p_segment text, p_login uuid, p_event cloison.event, p_person uuid, p_session uuid, p_amount integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_table_v1(p_month timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.log_tile_v1(p_segment text, p_level smallint, p_index bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.log_tile_v1(p_segment text, p_level smallint, p_index bigint) TO cloison_sequencer;
GRANT ALL ON FUNCTION cloison.log_tile_v1(p_segment text, p_level smallint, p_index bigint) TO cloison_witness;
REVOKE ALL ON FUNCTION cloison.log_transfer_v1(who cloison.holder, p_now timestamp with time zone, p_event cloison.event, p_transfer uuid, p_taker uuid, p_people integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.make_agreement_v1(p_organisation uuid, p_terms jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.make_log_months_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.make_log_months_v1() TO cloison_sequencer;
REVOKE ALL ON FUNCTION cloison.matches_v1(p_segment text, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.may_act_v1(p_segment text, p_token bytea, p_act integer, p_purpose smallint) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.may_audit_v1(p_segment text, p_token bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.may_protect_v1(p_segment text, p_token bytea, p_event cloison.event) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.may_relate_v1(p_home text, p_organisation uuid, p_held_in text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.member_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.member_v1(p_segment text, p_token bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.merge_interactions_v1(p_segment text, p_absorbed uuid, p_survivor uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.merge_parts_v1(p_segment text, p_token bytea, p_merge uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.merge_parts_v1(p_segment text, p_token bytea, p_merge uuid) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.move_life_v1(p_from text, p_to text, p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.move_person_v1(p_from text, p_to text, p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.named_v1(p_segment text, p_token bytea, p_organisation text, p_place text, p_handle text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.named_v1(p_segment text, p_token bytea, p_organisation text, p_place text, p_handle text) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.new_factor_v1(p_segment text, p_account uuid, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.note_change_v1(p_segment text, p_person uuid, p_event cloison.event, p_version integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.of_one_segment_v1(p_segment text, p_tokens bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.one_holder_v1(p_one uuid, p_other uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.operated_v1(p_kind text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.operator_acts_v1(p_act uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_acts_v1(p_act uuid) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_ask_log_v1(p_request uuid, p_handle text, p_organisation text, p_person uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_ask_log_v1(p_request uuid, p_handle text, p_organisation text, p_person uuid) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_ask_v1(p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_ask_v1(p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamp with time zone) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_grants_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_grants_v1() TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_hold_v1(p_handle text, p_kinds smallint[], p_terms bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_hold_v1(p_handle text, p_kinds smallint[], p_terms bigint[]) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_import_v1(p_act uuid, p_first integer, p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_import_v1(p_act uuid, p_first integer, p_most integer) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_located_v1(p_kinds smallint[], p_terms bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_located_v1(p_kinds smallint[], p_terms bigint[]) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_named_v1(p_organisation text, p_handle text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_named_v1(p_organisation text, p_handle text) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_read_log_v1(p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_behind text, p_account uuid, p_number bigint, p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_read_log_v1(p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_behind text, p_account uuid, p_number bigint, p_most integer) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_stage_v1(p_act uuid, p_first integer, p_lines text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_stage_v1(p_act uuid, p_first integer, p_lines text[]) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_tend_v1(p_what text, p_handle text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_tend_v1(p_what text, p_handle text) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.operator_withdraw_v1(p_act uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.operator_withdraw_v1(p_act uuid) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.own_entries_v1(p_segment text, p_person uuid, p_until timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.own_line_v1(p_segment text, p_person uuid, p_log text, p_place bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.passkeys_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.passkeys_v1(p_segment text, p_token bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.proofs_asked_v1(p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.proofs_asked_v1(p_most integer) TO cloison_sequencer;
REVOKE ALL ON FUNCTION cloison.protect_by_owner_v1(p_held_in text, p_person uuid, p_accounts uuid[], p_ends timestamp with time zone[], p_until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.protect_by_owner_v1(p_held_in text, p_person uuid, p_accounts uuid[], p_ends timestamp with time zone[], p_until timestamp with time zone) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.protect_v1(p_segment text, p_token bytea, p_held_in text, p_person uuid, p_audience text[], p_until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.protect_v1(p_segment text, p_token bytea, p_held_in text, p_person uuid, p_audience text[], p_until timestamp with time zone) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.prove_v1(p_proof uuid, p_proved text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.prove_v1(p_proof uuid, p_proved text) TO cloison_sequencer;
REVOKE ALL ON FUNCTION cloison.put_relation_v1(p_now timestamp with time zone, p_held_in text, p_account uuid, p_person uuid, p_kind cloison.relation_kind, p_from timestamp with time zone, p_until timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.question_answered_v1(p_segment text, p_token bytea, p_request uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.question_answered_v1(p_segment text, p_token bytea, p_request uuid) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.questions_about_v1(p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.raise_alerts_v1(p_segment text, p_now timestamp with time zone, settled cloison.settled[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.reach_v1(p_accounts uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.reachable_each_v1(p_accounts uuid[], p_persons uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.reachable_v1(p_segment text, p_account uuid, p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.read_for_change_v1(p_segment text, p_token bytea, p_request uuid, p_persons uuid[], p_act integer, p_compartments integer, p_purpose smallint, p_merge uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.read_for_change_v1(p_segment text, p_token bytea, p_request uuid, p_persons uuid[], p_act integer, p_compartments integer, p_purpose smallint, p_merge uuid) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.read_lease_v1(p_text text, p_mac bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.read_log_v1(p_segment text, p_token bytea, p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_behind text, p_account uuid, p_number bigint, p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.read_log_v1(p_segment text, p_token bytea, p_request uuid, p_since timestamp with time zone, p_until timestamp with time zone, p_at timestamp with time zone, p_behind text, p_account uuid, p_number bigint, p_most integer) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.receipt_lifetime_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.redeem_v1(p_segment text, p_code_hash bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.redeem_v1(p_segment text, p_code_hash bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.refuse_act_v1(p_segment text, p_token bytea, p_act uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.refuse_act_v1(p_segment text, p_token bytea, p_act uuid) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.refuse_act_v1(who cloison.holder, p_request uuid, p_event cloison.event, p_purpose smallint, p_verdict text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.refuse_unsafe_caller_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.refuse_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], settled cloison.settled[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.register_client_v1(p_act cloison.act, p_uses text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.relate_v1(p_grant cloison.break_glass, p_until timestamp with time zone) FROM PUBLIC;
GRANT SELECT ON TABLE cloison.relation_limit TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.relation_limits_v1(p_organisation uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.relation_now_v1(who cloison.holder, p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.release_address_v1(p_segment text, p_token bytea, p_code uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.release_address_v1(p_segment text, p_token bytea, p_code uuid) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.release_each_v1(p_segment text, p_segments text[], p_tokens bytea[], p_requests uuid[], p_persons uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.release_each_v1(p_segment text, p_segments text[], p_tokens bytea[], p_requests uuid[], p_persons uuid[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.release_export_v1(p_segment text, p_token bytea, p_act uuid, p_request uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.release_export_v1(p_segment text, p_token bytea, p_act uuid, p_request uuid) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.release_for_change_v1(p_segment text, p_token bytea, p_request uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.release_for_change_v1(p_segment text, p_token bytea, p_request uuid) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.release_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.release_v1(p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[]) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.remove_factor_v1(p_segment text, p_token bytea, p_factor uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.remove_factor_v1(p_segment text, p_token bytea, p_factor uuid) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.representatives_v1(p_segment text, p_person uuid, p_minor boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.reseal_one_v1(p_change cloison.resealed) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.reseal_v1(p_changes cloison.resealed[], p_event cloison.event, p_account uuid, p_session uuid, p_request uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.sealed_hash_v1(p_sealed bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.search_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint, p_at bigint, p_mac bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.search_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[], p_proof_slot integer, p_proof_terms bigint[], p_group bigint, p_at bigint, p_mac bytea) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.second_person_v1(p_segment text, p_protection uuid, p_accounts uuid[], p_account uuid, p_organisation uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.seen_v1(p_segments text[], p_tokens bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.seen_v1(p_segments text[], p_tokens bytea[]) TO cloison_desk;
GRANT ALL ON FUNCTION cloison.seen_v1(p_segments text[], p_tokens bytea[]) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.session_ceilings_v1(p_segment text, p_account uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.session_ceilings_v1(p_segment text, p_account uuid) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.session_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.session_v1(p_segment text, p_token bytea) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.set_holder_v1(p_segment text, p_account uuid, p_kinds smallint[], p_terms bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.set_limit_v1(p_limit text, p_value integer, p_organisation text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.set_representative_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid, p_kind text, p_signs_in boolean, p_receives_notices boolean, p_from timestamp with time zone, p_until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.set_representative_v1(p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid, p_kind text, p_signs_in boolean, p_receives_notices boolean, p_from timestamp with time zone, p_until timestamp with time zone) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.settle_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], p_places text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.shielded_v1(p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.sign_act_v1(p_segment text, p_token bytea, p_act uuid, p_factor uuid, p_public_key bytea, p_authenticator_data bytea, p_client_data bytea, p_signature bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.sign_act_v1(p_segment text, p_token bytea, p_act uuid, p_factor uuid, p_public_key bytea, p_authenticator_data bytea, p_client_data bytea, p_signature bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.sign_lease_v1(p_text text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) TO cloison_desk;
GRANT ALL ON FUNCTION cloison.sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.signed_by_keeper_v1(p_text text, p_mac bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.signins_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.signins_v1(p_segment text, p_token bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.signs_acts_v1(p_segment text, p_account uuid, p_factor uuid, p_public_key bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.space_add_factor_v1(p_segment text, p_token bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_add_factor_v1(p_segment text, p_token bytea, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_address_v1(p_segment text, p_token bytea, p_code_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_address_v1(p_segment text, p_token bytea, p_code_hash bytea) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.space_alert_v1(p_segment text, p_login uuid, p_event cloison.event, p_kind cloison.alert_kind, p_session uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.space_ask_proof_v1(p_segment text, p_token bytea, p_log text, p_place bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_ask_proof_v1(p_segment text, p_token bytea, p_log text, p_place bigint) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_begin_v1(p_segment text, p_login uuid, p_session uuid, p_token_hash bytea, p_secret_hash bytea, p_device bytea, p_kept text, p_step bigint, p_fresh text, p_way text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_begin_v1(p_segment text, p_login uuid, p_session uuid, p_token_hash bytea, p_secret_hash bytea, p_device bytea, p_kept text, p_step bigint, p_fresh text, p_way text) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_copied_v1(p_segment text, p_secret bytea, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_copied_v1(p_segment text, p_secret bytea, p_token bytea) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_delay_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_delay_v1() TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_end_v1(p_person uuid, p_but uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.space_factors_v1(p_segment text, p_login uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_factors_v1(p_segment text, p_login uuid) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_halves_v1(p_segment text, p_code_hash bytea, p_both_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_halves_v1(p_segment text, p_code_hash bytea, p_both_hash bytea) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_history_v1(p_segment text, p_token bytea, p_at timestamp with time zone, p_skip integer, p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_history_v1(p_segment text, p_token bytea, p_at timestamp with time zone, p_skip integer, p_most integer) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_identity_v1(p_identity_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_identity_v1(p_identity_hash bytea) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_invitation_v1(p_segment text, p_code_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_invitation_v1(p_segment text, p_code_hash bytea) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_invite_v1(p_segment text, p_token bytea, p_home text, p_person uuid, p_code_hash bytea, p_both_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_invite_v1(p_segment text, p_token bytea, p_home text, p_person uuid, p_code_hash bytea, p_both_hash bytea) TO cloison_intake;
REVOKE ALL ON FUNCTION cloison.space_link_v1(p_segment text, p_code_hash bytea, p_both_hash bytea, p_identity_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_link_v1(p_segment text, p_code_hash bytea, p_both_hash bytea, p_identity_hash bytea) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_linked_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_linked_v1(p_segment text, p_token bytea) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_member_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_member_v1(p_segment text, p_token bytea) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_new_factor_v1(p_segment text, p_login uuid, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.space_passkeys_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_passkeys_v1(p_segment text, p_token bytea) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_proof_v1(p_segment text, p_token bytea, p_proof uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_proof_v1(p_segment text, p_token bytea, p_proof uuid) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_redeem_v1(p_segment text, p_code_hash bytea, p_both_hash bytea, p_name_hash bytea, p_password text, p_totp bytea, p_step bigint, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_redeem_v1(p_segment text, p_code_hash bytea, p_both_hash bytea, p_name_hash bytea, p_password text, p_totp bytea, p_step bigint, p_challenge bytea, p_seconds integer, p_credential bytea, p_public_key bytea, p_sign_count bigint, p_aaguid uuid, p_backup_eligible boolean) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_remove_factor_v1(p_segment text, p_token bytea, p_factor uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_remove_factor_v1(p_segment text, p_token bytea, p_factor uuid) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_renew_v1(p_invited cloison.space_invitation, p_name_hash bytea, p_identity_hash bytea, p_password text, p_totp bytea, p_step bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.space_set_password_v1(p_segment text, p_token bytea, p_name_hash bytea, p_password text, p_totp bytea, p_step bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_set_password_v1(p_segment text, p_token bytea, p_name_hash bytea, p_password text, p_totp bytea, p_step bigint) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_sign_out_v1(p_segment text, p_token bytea, p_everywhere boolean) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_signins_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_signins_v1(p_segment text, p_token bytea) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_sweep_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_sweep_v1() TO cloison_reaper;
REVOKE ALL ON FUNCTION cloison.space_touched_v1(p_segment text, p_login uuid, p_factor uuid, p_sign_count bigint, p_given_at timestamp with time zone, p_challenge bytea, p_seconds integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_touched_v1(p_segment text, p_login uuid, p_factor uuid, p_sign_count bigint, p_given_at timestamp with time zone, p_challenge bytea, p_seconds integer) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.space_try_v1(p_name_hash bytea, p_device bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.space_try_v1(p_name_hash bytea, p_device bytea) TO cloison_space;
REVOKE ALL ON FUNCTION cloison.spend_v1(p_hash bytea, p_seconds integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.split_interactions_v1(p_segment text, p_absorbed uuid, p_survivor uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.staged_flaw_v1(p_act uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.staged_staff_v1(p_act uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.staged_staff_v1(p_act uuid) TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.standing_v1(p_segment text, p_token bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.standing_v1(p_segment text, p_token bytea) TO cloison_signin;
GRANT SELECT ON TABLE cloison.protection TO cloison_operator;
REVOKE ALL ON FUNCTION cloison.standing_v1(p_protection uuid, p_organisation uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.stands_as_v1(p_held_in text, p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.start_handed_on_v1(p_client uuid, p_assertion bytea, p_seconds integer, p_handed_on bytea, p_handed_seconds integer, p_segment text, p_parent uuid, p_session uuid, p_token_hash bytea, p_secret_hash bytea, p_device bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.start_handed_on_v1(p_client uuid, p_assertion bytea, p_seconds integer, p_handed_on bytea, p_handed_seconds integer, p_segment text, p_parent uuid, p_session uuid, p_token_hash bytea, p_secret_hash bytea, p_device bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.start_session_v1(p_segment text, p_account uuid, p_session uuid, p_door cloison.door, p_token_hash bytea, p_secret_hash bytea, p_factor uuid, p_code bytea, p_seconds integer, p_device bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.start_session_v1(p_segment text, p_account uuid, p_session uuid, p_door cloison.door, p_token_hash bytea, p_secret_hash bytea, p_factor uuid, p_code bytea, p_seconds integer, p_device bytea) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.survivor_v1(p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.sweep_changes_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.sweep_changes_v1() TO cloison_reaper;
REVOKE ALL ON FUNCTION cloison.sweep_relations_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.sweep_relations_v1() TO cloison_reaper;
REVOKE ALL ON FUNCTION cloison.sweep_v1() FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.sweep_v1() TO cloison_reaper;
REVOKE ALL ON FUNCTION cloison.take_interactions_v1(p_feed uuid, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[], p_from timestamp with time zone[], p_until timestamp with time zone[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.tend_accounts_v1(p_segment text, p_token bytea, p_act text, p_place text, p_handles text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.tend_accounts_v1(p_segment text, p_token bytea, p_act text, p_place text, p_handles text[]) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.term_indexes_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.texts_v1(p_list jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.touch_session_v1(p_segment text, p_account uuid, p_session uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.touch_session_v1(p_segment text, p_account uuid, p_session uuid) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.touched_v1(p_segment text, p_account uuid, p_factor uuid, p_sign_count bigint, p_given_at timestamp with time zone, p_challenge bytea, p_seconds integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.touched_v1(p_segment text, p_account uuid, p_factor uuid, p_sign_count bigint, p_given_at timestamp with time zone, p_challenge bytea, p_seconds integer) TO cloison_signin;
REVOKE ALL ON FUNCTION cloison.transaction_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.transfers_v1(p_segment text, p_token bytea, p_kind text) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.transfers_v1(p_segment text, p_token bytea, p_kind text) TO cloison_desk;
REVOKE ALL ON FUNCTION cloison.unfreeze_v1(p_segment text, p_account uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.unsequenced_v1(p_since timestamp with time zone, p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION cloison.unsequenced_v1(p_since timestamp with time zone, p_most integer) TO cloison_sequencer;
REVOKE ALL ON FUNCTION cloison.unwitnessed_v1(p_now timestamp with time zone, p_places text[], p_accounts uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.wait_until_flushed_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.ways_v1(p_kind integer, p_at_home boolean, p_from timestamp with time zone, p_until timestamp with time zone, p_withheld timestamp with time zone, p_shielded timestamp with time zone, p_now timestamp with time zone, p_end timestamp with time zone, p_today timestamp with time zone, p_tomorrow timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.weigh_relations_v1(p_now timestamp with time zone, p_wished cloison.wished_relation[], p_whole boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.weigh_v1(p_segment text, p_now timestamp with time zone, judged cloison.judged[], p_places text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.who_receives_notices_v1(p_segment text, p_person uuid, p_minor boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.who_signs_in_v1(p_segment text, p_person uuid, p_minor boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.widen_relation_v1(p_now timestamp with time zone, p_held_in text, p_account uuid, p_person uuid, p_kind cloison.relation_kind, p_from timestamp with time zone, p_until timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.withheld_each_v1(p_audience uuid[], p_holders uuid[], p_persons uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.withheld_v1(p_segment text, p_account uuid, p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.write_lease_v1(p_lease cloison.lease) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.wrote_lately_v1(p_segment text, p_account uuid, p_person uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cloison.admit_v1(integer[], integer[]) FROM PUBLIC;
GRANT SELECT ON TABLE cloison.agency TO cloison_operator;
GRANT SELECT ON TABLE cloison.alert TO cloison_operator;
GRANT SELECT ON TABLE cloison.audience TO cloison_operator;
GRANT SELECT ON TABLE cloison.client TO cloison_operator;
GRANT SELECT ON TABLE cloison.feed TO cloison_operator;
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;
