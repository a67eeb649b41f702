-- Counters of the statistics: how many people each cell holds. Only the keeper can tell which cell is which, so that
-- nothing here says more than that some people share one.

-- Counts people of one segment into their new cells and out of their old ones; a cell named twice counts twice.
-- One upsert in the order of the key, losses among gains, so that two imports never wait for each other in a circle.
create or replace function cloison.count_cells_v1(p_segment text, p_gained bigint[], p_lost bigint[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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

-- The segments in which people are counted.
create or replace function cloison.counted_segments_v1() returns table (segment text)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select distinct c.segment from counter c order by c.segment;
$$;

-- Notes that so many cells of a segment are about to be read.
create or replace function cloison.ask_counters_v1(p_segment text, p_cells integer) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select log_act_v1(p_segment, 'statistics_read', null, null, p_cells);
$$;

-- The counters of these cells, by their place among p_cells; those that are not there count nobody. Read within a minute
-- of an entry that is committed, in a transaction that has not written: rolled back, it would be no entry.
create or replace function cloison.counters_v1(p_segment text, p_cells bigint[])
returns table (ordinal integer, people bigint)
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
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
