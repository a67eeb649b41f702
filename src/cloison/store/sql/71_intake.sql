-- What intake may do: bring people and relations in. It compares and answers; it never returns data.

-- Which of these locators exist already, in order.
create or replace function cloison.intake_known_v1(p_kinds smallint[], p_terms bigint[]) returns boolean[]
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select array(
        select exists (select from locator l where l.kind = q.kind and l.term = q.term)
        from unnest(p_kinds, p_terms) with ordinality as q (kind, term, ordinal) order by q.ordinal);
$$;

-- Brings in people of one segment. Flattened arrays: p_sealed holds one item a compartment for each person, p_terms
-- eight; p_locator_ordinals says whose (1-based) each locator is. Answers, in order, one of
--   inserted   the person is in the register now
--   known      a locator of theirs was there before, or came twice in this call; nothing was written for them
--   conflict   their locators belong to different people; nothing was written for them
create or replace function cloison.intake_people_v1(
    p_segment text, p_persons uuid[], p_cohorts integer[], p_key_ids bigint[], p_sealed bytea[], p_terms bigint[],
    p_locator_kinds smallint[], p_locator_terms bigint[], p_locator_ordinals integer[]
) returns table (ordinal integer, result text)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_compartments integer := (select cardinality(compartments) from profile);
    v_people integer := cardinality(p_persons);
begin
    if cardinality(p_sealed) <> v_people * v_compartments or cardinality(p_terms) <> v_people * 8 then
        raise exception 'intake arrays do not fit together' using errcode = 'CL002';
    end if;

    -- The unique key of locator decides between two imports at once; who comes second waits, then is `known`.
    -- In the order of the key, so that two imports never wait for each other in a circle.
    insert into locator (kind, term, segment, person)
    select q.kind, q.term, p_segment, p_persons[q.ordinal]
    from unnest(p_locator_kinds, p_locator_terms, p_locator_ordinals) as q (kind, term, ordinal)
    order by q.kind, q.term, q.ordinal
    on conflict (kind, term) do nothing;

    return query
    with held as materialized (
        -- bool_and: all of this person's locators are theirs. Else they are somebody's, of one person or of several.
        select q.ordinal, bool_and(l.person = p_persons[q.ordinal]) as own,
            count(distinct l.person) filter (where l.person <> p_persons[q.ordinal]) > 1 as mixed
        from unnest(p_locator_kinds, p_locator_terms, p_locator_ordinals) as q (kind, term, ordinal)
        join locator l on l.kind = q.kind and l.term = q.term
        group by q.ordinal
    ), wrote as (
        insert into person (segment, person, cohort, key_id, sealed, term1, term2, term3, term4, term5, term6, term7,
            term8)
        select p_segment, p_persons[o], p_cohorts[o], p_key_ids[o],
            p_sealed[(o - 1) * v_compartments + 1 : o * v_compartments],
            p_terms[o * 8 - 7], p_terms[o * 8 - 6], p_terms[o * 8 - 5], p_terms[o * 8 - 4], p_terms[o * 8 - 3],
            p_terms[o * 8 - 2], p_terms[o * 8 - 1], p_terms[o * 8]
        from generate_series(1, v_people) o
        where coalesce((select own from held where ordinal = o), true)
    ), freed as (
        -- A locator written for a person who is then refused must not stay behind.
        delete from locator l using held h
        where not h.own and l.person = p_persons[h.ordinal]
    )
    select o, case when coalesce(h.own, true) then 'inserted' when h.mixed then 'conflict' else 'known' end
    from generate_series(1, v_people) o left join held h on h.ordinal = o
    order by o;

    perform log_act_v1(p_segment, 'people_imported', null, null, v_people);
end $$;

-- Brings in relations between accounts and people of one segment. Accounts by handle, people by locator.
-- Answers, in order: written, no_account, no_person, other_segment.
create or replace function cloison.intake_relations_v1(
    p_handles text[], p_locator_kind smallint, p_locator_terms bigint[], p_kinds text[], p_from timestamptz[],
    p_until timestamptz[]
) returns table (ordinal integer, result text)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
begin
    return query
    with asked as materialized (
        select q.*, a.segment, a.account, l.segment as held_in, l.person
        from unnest(p_handles, p_locator_terms, p_kinds, p_from, p_until) with ordinality
            as q (handle, term, kind, valid_from, valid_until, ordinal)
        left join account a on a.handle = q.handle
        left join locator l on l.kind = p_locator_kind and l.term = q.term
    ), wrote as (
        insert into relation (segment, account, person, kind, valid_from, valid_until)
        select distinct on (segment, account, person, kind)
            segment, account, person, kind::relation_kind, coalesce(valid_from, clock_v1()), valid_until
        from asked where segment = held_in
        order by segment, account, person, kind, ordinal desc
        on conflict (segment, account, person, kind)
            do update set valid_from = excluded.valid_from, valid_until = excluded.valid_until
    ), acts as (
        select log_act_v1(c.segment, 'relations_imported', null, null, c.amount)
        from (select segment, count(*)::integer as amount from asked where segment = held_in group by segment
              order by segment) c
    )
    select a.ordinal::integer, case when a.account is null then 'no_account' when a.person is null then 'no_person'
        when a.segment <> a.held_in then 'other_segment' else 'written' end
    from asked a where (select count(*) from acts) >= 0
    order by a.ordinal;
end $$;
