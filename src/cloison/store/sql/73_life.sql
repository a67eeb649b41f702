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

-- Whether the holder of this token may do an act (a bit of role.acts; null: is asked later) for a purpose (null: for
-- none), and who that is. Verdicts: open, no_session, busy, frozen, scope. The account's ledger is locked from here on.
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
        when p_act is not null and (p_act between 0 and 30 and (v_who.acts >> p_act) & 1 = 1) is not true then 'scope'
        when p_purpose is not null
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
        where h.covered
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
        select p_segment, g, v_now, v_who.account, p_request from unnest(p_groups) g on conflict do nothing;
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

-- The question about somebody's new NIR was answered by changing the record, which told nothing about anybody else: its
-- refusal is taken back. Nothing happens where the record did not change.
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
          and p.version = v_asked.version) then
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
begin
    if cardinality(p_change) <> 1 then
        raise exception 'one change at a time' using errcode = 'CL002';
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
    return (select r.result from reseal_v1(p_change, case
        when v_change.segment <> v_change.former_segment then 'person_moved' else p_event end,
        v_who.account, v_who.session, p_request) r);
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

-- Merging: asked for by one account, which was charged for both records and has them before it; carried out when
-- somebody else of the same organisation approves, who opens nothing. ---------------------------------------------------

-- How long a request waits for its approval.
create or replace function cloison.approval_patience_v1() returns interval
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return interval '168 hours';

-- Notes that two records shall be one, or (p_merge given) that a merge shall be taken back. p_versions: of survivor and
-- absorbed, as the door read them. p_change: the survivor as it shall be, sealed; empty: as it is. Answers pending, scope, stale, protected
-- (the record that would go is), or as may_act_v1; and the merge's number.
create or replace function cloison.ask_merge_v1(
    p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_merge uuid, p_survivor uuid, p_absorbed uuid,
    p_reason text, p_versions integer[], p_filled smallint[], p_change cloison.resealed[]
) returns table (outcome text, merge uuid)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_merge merge;
    v_number uuid := coalesce(p_merge, gen_random_uuid());
    v_versions integer[];
begin
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
    if relation_now_v1(v_who, p_survivor) is null
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

-- Which records a merge is about, and which fields were filled in, for whoever may ask to take it back.
create or replace function cloison.merge_parts_v1(p_segment text, p_token bytea, p_merge uuid)
returns table (survivor uuid, absorbed uuid, filled smallint[])
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select m.survivor, m.absorbed, m.filled
    from holder h
    join merge m on m.segment = h.segment and m.merge = p_merge and m.state in ('merged', 'split_asked')
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1()
      and (h.acts >> 3) & 1 = 1 and relation_now_v1(h, m.survivor) is not null;
$$;

-- What the door must tell the keeper before a merge or split is approved: which compartments of whose key are about to
-- be the newest. Nothing where nobody waits for this account's approval, or nothing is sealed anew.
create or replace function cloison.planned_v1(p_segment text, p_token bytea, p_merge uuid)
returns table (survivor uuid, cohort integer, key_id bigint, version integer, compartments integer)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select p.person, p.cohort, p.key_id, p.version, (q.change).compartments
    from holder h
    join merge m on m.segment = h.segment and m.merge = p_merge and m.state in ('asked', 'split_asked')
    join account a on a.segment = m.segment
        and a.account = case m.state when 'asked' then m.asked_by else m.split_asked_by end
    join planned q on q.segment = m.segment and q.merge = m.merge
    join person p on p.segment = m.segment and p.person = m.survivor and p.version = q.version
        and p.key_id = (q.change).key_id
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1()
      and (h.acts >> 5) & 1 = 1 and a.account <> h.account and a.organisation = h.organisation;
$$;

-- Approves what somebody else of the same organisation asked: a merge becomes merged, a split split. Answers done, scope
-- (no such request, one's own, another organisation's, too old), stale (a record changed since; ask anew), or as
-- may_act_v1; and the survivor with the version of its row, for the keeper.
create or replace function cloison.approve_merge_v1(p_segment text, p_token bytea, p_request uuid, p_merge uuid)
returns table (outcome text, state text, survivor uuid, absorbed uuid, key_id bigint, version integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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
    return query select 'done', case v_merge.state when 'asked' then 'merged' else 'split' end,
        v_merge.survivor, v_merge.absorbed, v_standing.key_id, v_standing.version;
end $$;

-- The absorbed record leaves the register as it is, its locators and relations lead to the survivor, and the survivor
-- takes the fields that it lacked.
create or replace function cloison.carry_out_merge_v1(merging cloison.merge, plan cloison.planned) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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
    insert into absorbed select p.* from person p where p.segment = v_segment and p.person = merging.absorbed;
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
                    and s.account = r.account and s.kind = r.kind)
    from relation r where r.segment = v_segment and r.person = merging.absorbed;
    delete from relation r where r.segment = v_segment and r.person = merging.absorbed;
    insert into relation (segment, account, person, kind, valid_from, valid_until)
    select v_segment, r.account, merging.survivor, r.kind, r.valid_from, r.valid_until
    from absorbed_relation r where r.segment = v_segment and r.person = merging.absorbed and r.added;
    return 'done';
end $$;

-- The absorbed record comes back as it was, with its locators and relations; the survivor gives back what it took, but
-- for what was corrected since.
create or replace function cloison.carry_out_split_v1(merging cloison.merge, plan cloison.planned) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

    -- Also one that the survivor gave up meanwhile, or the record could be brought in twice.
    insert into locator (kind, term, segment, person)
    select a.kind, a.term, v_segment, merging.absorbed from absorbed_locator a
    where a.segment = v_segment and a.person = merging.absorbed
    on conflict (kind, term) do update set person = excluded.person, segment = excluded.segment
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
    return 'done';
end $$;

-- All numbers under which somebody was ever kept, and from when to when their entries speak of this person too: those that
-- were absorbed, and, while absorbed, the survivor's. So an exposure follows both.
create or replace function cloison.identities_v1(p_segment text, p_person uuid)
returns table (person uuid, since timestamptz, until timestamptz)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- What was done with somebody's record, oldest first, under all numbers they had: what the person will see.
create or replace function cloison.history_v1(p_segment text, p_person uuid)
returns table (
    at timestamptz, person uuid, organisation text, role text, event text, outcome text, purpose text,
    compartments integer, version integer
)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- Representatives -----------------------------------------------------------------------------------------------------

-- Says who speaks for somebody, or changes what was said. The door has read both records in this request; here is looked
-- at once more whom the account may change. Answers set, scope, or as may_act_v1.
create or replace function cloison.set_representative_v1(
    p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid,
    p_kind text, p_signs_in boolean, p_receives_notices boolean, p_from timestamptz, p_until timestamptz
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- Ends it now. Opens nobody, so that a relation with the person represented is enough. Answers ended, scope (no such
-- representative, too), or as may_act_v1.
create or replace function cloison.end_representative_v1(
    p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
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

-- Who speaks for somebody now, merges followed on both sides. p_minor: whether the person is too young to act alone, as the
-- door that opened the record knows; the database has no birth dates. A parent speaks for a minor only.
create or replace function cloison.representatives_v1(p_segment text, p_person uuid, p_minor boolean)
returns table (segment text, person uuid, kind text, signs_in boolean, receives_notices boolean)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select r.representative_segment, coalesce(m.survivor, r.representative), r.kind::text, bool_or(r.signs_in),
        bool_or(r.receives_notices)
    from identities_v1(p_segment, p_person) i
    join representative r on r.segment = p_segment and r.person = i.person
    left join merge m on m.absorbed = r.representative and m.state in ('merged', 'split_asked')
    where i.until = 'infinity' and r.valid_from <= clock_v1()
      and (r.valid_until is null or r.valid_until > clock_v1()) and (p_minor or r.kind <> 'parent')
    group by 1, 2, 3;
$$;

-- Who may sign in where somebody's space is: the person, but for a minor, and whoever signs in in their place.
create or replace function cloison.who_signs_in_v1(p_segment text, p_person uuid, p_minor boolean)
returns table (segment text, person uuid)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select p_segment, p_person where not p_minor
    union
    select r.segment, r.person from representatives_v1(p_segment, p_person, p_minor) r where r.signs_in;
$$;

-- Who is written to about somebody: their representatives who receive notices, and the person too, but for a minor who has
-- such a representative.
create or replace function cloison.who_receives_notices_v1(p_segment text, p_person uuid, p_minor boolean)
returns table (segment text, person uuid)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    with told as materialized (
        select r.segment, r.person from representatives_v1(p_segment, p_person, p_minor) r where r.receives_notices
    )
    select t.segment, t.person from told t
    union
    select p_segment, p_person where not p_minor or not exists (select from told);
$$;
