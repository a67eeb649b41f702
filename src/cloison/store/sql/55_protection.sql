-- Who is withheld from whom, and how a protection is set, widened and lifted.
--
-- Rules, in order:
--   1. a person is withheld from all accounts that are not in the audience of each protection that stands, and from the
--      account whose own holder they are;
--   2. being withheld is being out of reach: the same answer, charge and work. So each look below touches as much for
--      somebody protected as for somebody who is not, or is nobody;
--   3. whoever has the act may protect, or narrow an audience, alone, also somebody who does not exist: no answer tells.
--      To widen an audience or to lift a protection takes two of the organisation whose officer set it; to any other it
--      is not there. What the owner set, two of any one organisation may lift: who else has its number is up to them;
--   4. the owner's acts stand beside: *_by_owner_v1, which no door may execute.

-- Of each person: whether a protection stands, for whoever it may be, or without this account in its audience; and
-- whether they are this account's holder. One call a batch.
create or replace function cloison.withheld_each_v1(p_audience uuid[], p_holders uuid[], p_persons uuid[])
returns table (ordinal bigint, person uuid, shielded boolean, withheld boolean, own boolean)
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp
    -- Planned once: for a single pair, planning anew each time costs several times the look itself.
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
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

-- Rule 1, for one pair. p_segment: where the person is asked for; what is looked at is the same everywhere.
create or replace function cloison.withheld_v1(p_segment text, p_account uuid, p_person uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    return (select w.withheld or w.own from withheld_each_v1(array[p_account], array[p_account], array[p_person]) w);
end $$;

-- The same for one person, whoever asks.
create or replace function cloison.shielded_v1(p_person uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    return (select w.shielded from withheld_each_v1('{null}', '{null}', array[p_person]) w);
end $$;

-- Each of these, or nobody where the person is withheld from the account: who looks for a relation with whom this answers
-- finds none, after the same work, and all that follows is as if there were none.
create or replace function cloison.reachable_each_v1(p_accounts uuid[], p_persons uuid[])
returns table (ordinal bigint, person uuid)
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    return query
    select w.ordinal, case when w.withheld or w.own then uuid '00000000-0000-0000-0000-000000000000' else w.person end
    from withheld_each_v1(p_accounts, p_accounts, p_persons) w;
end $$;

create or replace function cloison.reachable_v1(p_segment text, p_account uuid, p_person uuid) returns uuid
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    return (select w.person from reachable_each_v1(array[p_account], array[p_person]) w);
end $$;

-- An alert for each opening of somebody protected, by whom the audience names: in the transaction of the charge.
create or replace function cloison.raise_alerts_v1(p_segment text, p_now timestamptz, settled cloison.settled[])
returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
begin
    insert into alert (segment, account, number, kind, at, person)
    select g.place, g.account, g.number, 'protected_opened', p_now, g.person
    from unnest(settled) g
    where g.event in ('open', 'person_read') and g.outcome = 'open' and g.number is not null and exists (
        select from protection p where p.person = g.person and p.lifted_at is null
            and (p.valid_until is null or p.valid_until > p_now) offset 0);
end $$;

-- How many alerts there were, by kind, for the figures that the desk shows.
create or replace function cloison.alerts_counted_v1() returns table (kind text, alerts bigint)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select k::text, (select count(*) from alert a where a.kind = k) from unnest(enum_range(null::alert_kind)) k;
$$;

-- The next entry of an account whose ledger is locked, or of the owner: about a person, and the protection (p_subject).
create or replace function cloison.log_protection_v1(
    p_segment text, p_account uuid, p_session uuid, p_event cloison.event, p_person uuid, p_subject uuid, p_amount integer
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_number bigint;
begin
    insert into ledger as l (segment, account, next_number) values (p_segment, p_account, 2)
    on conflict (segment, account) do update set next_number = l.next_number + 1
    returning next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, person, subject, amount)
    values (p_segment, p_account, v_number, clock_v1(), p_event, 'open', p_session, p_person, p_subject, p_amount);
end $$;

-- The accounts of these handles, in order and each once; null where one of them is nobody's.
create or replace function cloison.accounts_named_v1(p_handles text[]) returns uuid[]
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select case when count(*) filter (where a.account is null) = 0
                then coalesce(array_agg(distinct a.account order by a.account), '{}') end
    from unnest(coalesce(p_handles, '{}')) h (handle) left join account a on a.handle = h.handle;
$$;

-- The number under which somebody stands in the register now: the survivor's, where a merge absorbed them.
create or replace function cloison.survivor_v1(p_person uuid) returns uuid
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- The same, locked against a merge at the same moment, which would not see the protection yet.
create or replace function cloison.stands_as_v1(p_held_in text, p_person uuid) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
begin
    perform from person p where p.segment = p_held_in and p.person = p_person for key share;
    return survivor_v1(p_person);
end $$;

-- Writes a protection and its audience down.
create or replace function cloison.add_protection_v1(
    p_held_in text, p_person uuid, p_organisation uuid, p_accounts uuid[], p_ends timestamptz[], p_until timestamptz
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- Who asks, and whether they have the act `protect`; without it, it is a refusal like any other.
create or replace function cloison.may_protect_v1(p_segment text, p_token bytea, p_event cloison.event)
returns table (verdict text, account uuid, session uuid, organisation uuid)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- Withholds a person from all but an audience. Outcomes beside the verdicts: unknown_account.
create or replace function cloison.protect_v1(
    p_segment text, p_token bytea, p_held_in text, p_person uuid, p_audience text[], p_until timestamptz
) returns table (outcome text, protection uuid)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- The protection that stands, locked against a second request at the same moment; nothing where it does not, or where
-- another organisation than p_organisation (null: the owner asks) set it.
create or replace function cloison.standing_v1(p_protection uuid, p_organisation uuid) returns setof cloison.protection
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select p.* from protection p where p.protection = p_protection and p.lifted_at is null
        and (p.valid_until is null or p.valid_until > clock_v1())
        and (p_organisation is null or p.organisation is null or p.organisation = p_organisation)
    for update;
$$;

-- Whether another account of this organisation asked for the same within a day, is of it still and is not frozen; else
-- this request is kept for the next who asks. Answers confirmed, asked, or same_person: nobody confirms their own.
create or replace function cloison.second_person_v1(
    p_segment text, p_protection uuid, p_accounts uuid[], p_account uuid, p_organisation uuid
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- Makes these accounts the audience. Who is not among them is out at once; who comes in, when a second person asks for
-- the same. Outcomes beside the verdicts: unknown_account, not_found, same_person, asked.
create or replace function cloison.change_audience_v1(
    p_segment text, p_token bytea, p_protection uuid, p_audience text[]
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- Lifts a protection when a second person asks for it too. Outcomes as above.
create or replace function cloison.lift_protection_v1(p_segment text, p_token bytea, p_protection uuid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- When two records become one, or one two again, what protects the one protects the other too.
create or replace function cloison.inherit_protection_v1(p_from uuid, p_to_segment text, p_to uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- The owner's acts, each logged under the nil account.
create or replace function cloison.protect_by_owner_v1(
    p_held_in text, p_person uuid, p_accounts uuid[], p_ends timestamptz[], p_until timestamptz
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_person uuid := stands_as_v1(p_held_in, p_person);
    v_protection uuid := add_protection_v1(p_held_in, v_person, null, p_accounts, p_ends, p_until);
begin
    perform log_protection_v1(p_held_in, '00000000-0000-0000-0000-000000000000', null, 'protection_set', v_person,
        v_protection, cardinality(p_accounts));
    return v_protection;
end $$;

create or replace function cloison.lift_by_owner_v1(p_protection uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- Says whose record an account's holder is, by locators; none: it is not known.
create or replace function cloison.set_holder_v1(p_segment text, p_account uuid, p_kinds smallint[], p_terms bigint[])
returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    delete from account_holder h where h.segment = p_segment and h.account = p_account;
    insert into account_holder (segment, account, kind, term)
    select p_segment, p_account, q.kind, q.term from unnest(p_kinds, p_terms) q (kind, term);
    perform log_act_v1(p_segment, 'holder_set', p_account, null, cardinality(p_terms));
end $$;

-- Somebody's numbers change: where one of them said whose record an account's holder is, those that they have from now
-- on say it. Called before the lost ones are taken away. One that a split gives back to an absorbed record still says it
-- of that.
create or replace function cloison.keep_holders_v1(p_change cloison.resealed) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
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
