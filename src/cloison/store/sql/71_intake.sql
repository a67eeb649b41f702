-- What intake may do: bring people in and seal them anew. It compares and answers; it never returns what is sealed.

-- Locators as they lead today: whoever went to another segment is found there.
create or replace view cloison.located as
select l.kind, l.term, coalesce(t.went_to, l.segment) as segment, l.person
from cloison.locator l left join cloison.trail t on t.segment = l.segment and t.person = l.person;

-- Who is there already. p_terms: the locators of people, p_kinds of them for each, null where there is none.
-- Answers, for those who have one that is known, how many people their locators lead to, and one of them: where they
-- stand, a reference and no data.
create or replace function cloison.intake_find_v1(p_kinds integer, p_terms bigint[])
returns table (ordinal integer, people integer, segment text, person uuid, cohort integer, key_id bigint, version integer)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
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

-- Whether people who are there are who a file says, and whether it tells anything new. p_proofs: for each of them the
-- terms that p_slots name, made with their own keys: locator and birth date, the strongest first, and last the name
-- and birth date (slot 0: the profile has none). p_digests: of what the file tells. Answers, in order:
--   conflict   the strongest that both have is another (a different birth date, a different NIR); or it agrees, a weaker
--              one is another, and so is the name: two people with one NIR
--   same       told before
--   changed
create or replace function cloison.intake_compare_v1(
    p_segments text[], p_persons uuid[], p_slots integer[], p_proofs bigint[], p_digests bigint[]
) returns table (ordinal integer, result text)
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
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

-- Brings in people of one segment. Answers, in order: `inserted`, or `known` (one of their locators is somebody's by now;
-- nothing was written for them).
create or replace function cloison.intake_people_v1(p_segment text, p_people cloison.newcomer[])
returns table (ordinal integer, result text)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- Writes people sealed anew over their rows, each as a whole or not at all, and moves them where they go; on behalf of an
-- account whose session the caller has proved, or of an import (p_account null).
-- Answers, in order: `changed`, `conflict` (one of their locators is somebody else's), `gone` (the row is not at the
-- version it was read at: read it again).
create or replace function cloison.reseal_v1(
    p_changes cloison.resealed[], p_event cloison.event, p_account uuid, p_session uuid, p_request uuid
) returns table (ordinal integer, result text)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
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

-- The same for intake's own login: an import.
create or replace function cloison.intake_reseal_v1(p_changes cloison.resealed[])
returns table (ordinal integer, result text)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select r.ordinal, r.result from reseal_v1(p_changes, 'person_changed', null, null, null) r;
$$;

create or replace function cloison.reseal_one_v1(p_change cloison.resealed) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
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

-- Takes along, in the same transaction, what hangs on somebody who goes to another segment.
create or replace function cloison.move_person_v1(p_from text, p_to text, p_person uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
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

-- The entry of a change: who, the row's version from then on, and the hash of what is sealed. An account's is numbered in
-- its own ledger of that segment.
create or replace function cloison.log_change_v1(
    p_segment text, p_person uuid, p_event cloison.event, p_account uuid, p_session uuid, p_request uuid
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- An initial load: while the register is empty the indexes of search terms are taken away, and made at the end; nobody
-- searches meanwhile. Answers whether one is under way; several imports may take part in it.
create or replace function cloison.intake_begin_load_v1() returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

create or replace function cloison.intake_end_load_v1() returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set maintenance_work_mem = '256MB' set max_parallel_maintenance_workers = 2 as $$
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
end $$;

-- An import that stops before its end: a small register has its indexes at once, so that a first file which is refused
-- leaves nobody without searches. A large one waits for the import that ends it. Answers whether it does.
create or replace function cloison.intake_leave_load_v1() returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    if (select count(*) from (select from person limit 100001) few) <= 100000 then
        perform intake_end_load_v1();
    end if;
    return exists (select from load);
end $$;

create or replace function cloison.term_indexes_v1() returns text[]
language sql immutable security definer set search_path = pg_catalog, cloison, pg_temp
return array['person_term1', 'person_term2', 'person_term4', 'person_term5', 'person_term6', 'person_term7', 'person_term8'];
