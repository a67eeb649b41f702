-- What the intake door asks: read a person's whole record in order to change it, ask whether a NIR is somebody's, merge
-- and split, say who speaks for whom. It asks with the token of whoever sits before it, and every rule that the desk's
-- own questions meet is met here too: session, freeze, relation, role, budgets, audit entry, commit, then release.
-- An adviser never gets what is read here; the door does, changes it, and seals it again.

-- A receipt of the door's has these bits beside the compartments, so that release_v1 passes it over; the second says
-- that the record is one that a merge took out.
create or replace function cloison.change_bit_v1() returns integer
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return 1 << 30;
create or replace function cloison.absorbed_bit_v1() returns integer
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return 1 << 29;

-- Whether the holder of this token may do an act (a bit of role.permissions; null: is asked later) for a purpose (null: for
-- none, which no act that changes somebody may have), and who that is. Verdicts: open, no_session, busy, frozen, scope. The account's ledger is locked from here on.
create or replace function cloison.may_act_v1(
    p_segment text, p_token bytea, p_act integer, p_purpose smallint
) returns table (verdict text, who cloison.holder)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- The narrowest relation of the holder to somebody now; null where there is none, or where the person is withheld.
create or replace function cloison.relation_now_v1(who cloison.holder, p_person uuid) returns cloison.relation_kind
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- The next entry of an account whose ledger is locked, for an act that opened nobody.
create or replace function cloison.log_account_v1(
    who cloison.holder, p_request uuid, p_event cloison.event, p_person uuid, p_subject uuid, p_purpose smallint,
    p_version integer, p_hash bytea
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- What a change's entry holds of the row, as log_change_v1 has it.
create or replace function cloison.sealed_hash_v1(p_sealed bytea[]) returns bytea
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return sha256(convert_to(array_to_string(array(select encode(s, 'hex') from unnest(p_sealed) s), ''), 'UTF8'));

-- A refusal of an act: an entry, counted in the refusals' budget like any other.
create or replace function cloison.refuse_act_v1(
    who cloison.holder, p_request uuid, p_event cloison.event, p_purpose smallint, p_verdict text
) returns text
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select s.outcome from settle_v1(who.segment, clock_v1(), array[row(
        1, who.session, who.account, who.role, p_request, null, 0, p_purpose, null, 'open', p_event, p_verdict
    )::judged]) s;
$$;

-- The charge half of changing one person, or of merging or splitting two. The person's whole record is charged, on the
-- budgets of opening. Rules, in order:
--   1. a caller whose settings would undo the rules below is refused;
--   2. the account's ledger is locked; one that somebody holds is `busy`;
--   3. in a new statement: session, freeze, act, purpose, relation; p_compartments are those that the change is about:
--      they must be the role's, with a fresh touch where it asks for one;
--   4. settle_v1: budgets, entries, receipts, which only release_for_change_v1 takes.
-- p_merge: to take it back. Whoever has a relation with the survivor reads both.
create or replace function cloison.read_for_change_v1(
    p_segment text, p_token bytea, p_request uuid, p_persons uuid[], p_act integer, p_compartments integer,
    p_purpose smallint, p_merge uuid
) returns table (ordinal integer, outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- The release half, in a later transaction; the rules are those of release_v1, by the same numbers. The ticket opens for
-- the keeper's caller `intake` alone.
create or replace function cloison.release_for_change_v1(p_segment text, p_token bytea, p_request uuid)
returns table (
    person uuid, version integer, cohort integer, key_id bigint, sealed bytea[], ticket text, mac bytea
)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- Asks whether a value that is unique in the register is somebody's: whoever creates a person or corrects a NIR learns it
-- from `known` or `conflict`, so it is charged like a search that finds nobody, and committed before it is answered.
-- Only for accounts with walk-in right, who would be told by a search with both facts (promise 10). p_groups: see
-- search_miss; these misses stay, whatever the answer: 999 people created one after another would be an answer too.
create or replace function cloison.ask_locators_v1(
    p_segment text, p_token bytea, p_request uuid, p_act integer, p_purpose smallint, p_person uuid, p_groups bigint[]
) returns table (outcome text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- Takes the refusal of a question back.
create or replace function cloison.forgive_question_v1(p_segment text, asked cloison.question) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    delete from refusal f where f.segment = p_segment and f.account = asked.account and f.number = asked.number;
$$;

-- What all questions about one person's own new numbers are counted under.
create or replace function cloison.questions_about_v1(p_person uuid) returns bigint
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return hashtextextended(p_person::text, 73);

-- The question about somebody's new NIR was answered by changing the record, which told no more than that nobody has it:
-- its refusal is taken back, of one person once a day. Who gave the same person one number after another would learn
-- for nothing which of them are nobody's. Nothing happens where the record did not change.
create or replace function cloison.question_answered_v1(p_segment text, p_token bytea, p_request uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- Writes the record that the door read in this request and sealed anew, in the name of whoever asked. Answers changed,
-- conflict (a locator is somebody else's), gone (changed meanwhile: read again), scope, or as may_act_v1.
create or replace function cloison.change_person_v1(
    p_segment text, p_token bytea, p_request uuid, p_act integer, p_event cloison.event, p_purpose smallint,
    p_change cloison.resealed[]
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- Brings in somebody of whom the door asked in an earlier, committed transaction (ask_locators_v1). Rules, in order:
--   1. as in release_v1: a transaction that has not written, a question that is committed, on disk and seconds old;
--   2. the unique key of locator decides; nobody is written twice;
--   3. created: charged like somebody opened, on the budget of opening, and whoever created can open them for half an
--      hour as a walk-in, as after a search with both facts;
--   4. known: they are there, and within reach: the question told nothing and is forgiven. conflict: somebody out of
--      reach, or several people, has these locators: the question's refusal stays, and nothing more is said.
create or replace function cloison.create_person_v1(
    p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_to text, p_person cloison.newcomer[]
) returns table (outcome text, retry_after integer, person uuid, held_in text)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- What hangs on somebody who goes to another segment; move_person_v1 calls it in the same transaction.
create or replace function cloison.move_life_v1(p_from text, p_to text, p_person uuid) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    update representative r set segment = p_to where r.segment = p_from and r.person = p_person;
    update representative r set representative_segment = p_to
    where r.representative_segment = p_from and r.representative = p_person;
$$;
