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
--   known      their locators are all somebody's, one person's; nothing was written for them
--   conflict   their locators belong to different people, or to somebody and to nobody; nothing was written for them
create or replace function cloison.intake_people_v1(
    p_segment text, p_persons uuid[], p_cohorts integer[], p_key_ids bigint[], p_sealed bytea[], p_terms bigint[],
    p_locator_kinds smallint[], p_locator_terms bigint[], p_locator_ordinals integer[]
) returns table (ordinal integer, result text)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_compartments integer := (select cardinality(compartments) from profile);
    v_people integer := cardinality(p_persons);
    v_results text[];
begin
    if cardinality(p_sealed) <> v_people * v_compartments or cardinality(p_terms) <> v_people * 8 then
        raise exception 'intake arrays do not fit together' using errcode = 'CL002';
    end if;

    -- The unique key of locator decides between two imports at once; who comes second waits, then is `known`.
    -- In the order of the key, so that two imports never wait for each other in a circle.
    insert into locator (kind, term, segment, person)
    select q.kind, q.term, p_segment, p.person
    from unnest(p_locator_kinds, p_locator_terms, p_locator_ordinals) as q (kind, term, ordinal)
    join unnest(p_persons) with ordinality as p (person, ordinal) on p.ordinal = q.ordinal
    order by q.kind, q.term, q.ordinal
    on conflict (kind, term) do nothing;

    select array_agg(case when coalesce(h.own, true) then 'inserted' when h.mixed then 'conflict' else 'known' end
        order by p.ordinal)
    into v_results
    from unnest(p_persons) with ordinality as p (person, ordinal)
    left join (
        select q.ordinal, bool_and(l.person = p.person) as own, count(distinct l.person) > 1 as mixed
        from unnest(p_locator_kinds, p_locator_terms, p_locator_ordinals) as q (kind, term, ordinal)
        join unnest(p_persons) with ordinality as p (person, ordinal) on p.ordinal = q.ordinal
        join locator l on l.kind = q.kind and l.term = q.term
        group by q.ordinal
    ) h on h.ordinal = p.ordinal;

    insert into person (segment, person, cohort, key_id, sealed, term1, term2, term3, term4, term5, term6, term7,
        term8)
    select p_segment, p.person, p.cohort, p.key_id, s.sealed,
        t.terms[1], t.terms[2], t.terms[3], t.terms[4], t.terms[5], t.terms[6], t.terms[7], t.terms[8]
    from unnest(p_persons, p_cohorts, p_key_ids, v_results) with ordinality
        as p (person, cohort, key_id, result, ordinal)
    join (
        select (i - 1) / v_compartments + 1 as ordinal, array_agg(sealed order by i) as sealed
        from unnest(p_sealed) with ordinality as q (sealed, i) group by 1
    ) s on s.ordinal = p.ordinal
    join (
        select (i - 1) / 8 + 1 as ordinal, array_agg(term order by i) as terms
        from unnest(p_terms) with ordinality as q (term, i) group by 1
    ) t on t.ordinal = p.ordinal
    where p.result = 'inserted';

    -- A locator written for a person who is then refused must not stay behind.
    if 'known' = any (v_results) or 'conflict' = any (v_results) then
        delete from locator l
        using unnest(p_locator_kinds, p_locator_terms, p_locator_ordinals) as q (kind, term, ordinal)
        join unnest(p_persons, v_results) with ordinality as p (person, result, ordinal) on p.ordinal = q.ordinal
        where p.result <> 'inserted' and l.kind = q.kind and l.term = q.term and l.person = p.person;
    end if;
    perform log_act_v1(p_segment, 'people_imported', null, null, v_people);
    return query select o::integer, r from unnest(v_results) with ordinality as q (r, o) order by o;
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
