-- The forwarder's own login: follows the trees and notes how far it is. It locks nothing that a charge takes, so that
-- whatever a receiver does, the register goes on.
-- Rules:
--   1. only what stands in the tree goes out, in the tree's order, so that a log and a leaf's number are one entry for ever;
--   2. a position never goes back, and never beyond the tree.

-- Of a segment's leaves, up to p_most from p_first on, the entries that are there: looked for between the instants that their
-- batches name, with a plan for these.
create or replace function cloison.leaf_entries_v1(p_segment text, p_first bigint, p_most integer)
returns table (leaf bigint, entry cloison.entry)
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp set plan_cache_mode = force_custom_plan as $$
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

-- Every log: how many leaves it has, and the first that is not known to be the receiver's.
create or replace function cloison.forward_heads_v1(p_destination text)
returns table (segment text, size bigint, next bigint)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select h.segment, h.size, coalesce(f.next, 0)
    from log_head h left join log_forward f on f.destination = p_destination and f.segment = h.segment
    order by h.segment;
$$;

-- Rule 1: the entries at up to p_most leaves, as docs/audit-format.md writes them. What is gone is left out.
create or replace function cloison.forward_entries_v1(p_segment text, p_first bigint, p_most integer)
returns table (leaf bigint, entry_values bytea[])
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select l.leaf, entry_values_v1(l.entry, coalesce(
        (select a.organisation from account a where a.segment = (l.entry).segment and a.account = (l.entry).account),
        (select o.organisation from organisation o where o.organisation = (l.entry).account)),
        (select d.device from log_session d where d.session = (l.entry).session limit 1), null)
    from leaf_entries_v1(p_segment, p_first, p_most) l order by l.leaf;
$$;

-- Rule 2.
create or replace function cloison.forwarded_v1(p_destination text, p_segments text[], p_nexts bigint[]) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    insert into log_forward as f (destination, segment, next, at)
    select p_destination, h.segment, least(q.next, h.size), clock_v1()
    from unnest(p_segments, p_nexts) q (segment, next) join log_head h on h.segment = q.segment
    on conflict (destination, segment) do update set next = greatest(f.next, excluded.next), at = excluded.at;
$$;

-- How many entries wait for this destination, and since when at the earliest the oldest one does.
create or replace function cloison.forward_behind_v1(p_destination text) returns table (entries bigint, since timestamptz)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select coalesce(sum(h.size - h.next), 0)::bigint, min(b.since)
    from forward_heads_v1(p_destination) h
    left join lateral (
        select b.since from log_batch b where b.segment = h.segment and b.first <= h.next order by b.first desc limit 1
    ) b on true
    where h.size > h.next;
$$;
