-- Which records changed, for systems that keep something about the same people. The rules, in order:
--   1. a change is noted in the transaction that makes it, so that there is one if and only if the other is there;
--   2. changes are read in the order of their transactions' numbers, and only below the oldest one that is under way: who
--      commits late is never passed over, and a transaction that takes long holds readers up, but loses nothing;
--   3. a client reads them in the segments of its organisation's agreement; it learns a person's number, which opens
--      nobody, what kind of change it was, and when;
--   4. they are kept for 28 days; whoever asks from further back is told that some are missing.

create or replace function cloison.transaction_v1() returns bigint
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select pg_current_xact_id()::text::bigint;
$$;

-- Rule 1; p_version: null where the record is not there any more.
create or replace function cloison.note_change_v1(p_segment text, p_person uuid, p_event cloison.event, p_version integer)
returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    insert into change (segment, xid, person, event, version, at)
    values (p_segment, transaction_v1(), p_person, p_event, p_version, clock_v1())
    on conflict (segment, xid, person, event) do update set version = excluded.version;
$$;

-- Rules 2 to 4: the changes of a segment behind (p_xid, p_person, p_event), p_most of them; without these, all that are kept.
-- One row that is no change where there is none: `open`; `no_client`, `scope`, `missed`.
create or replace function cloison.changes_v1(
    p_segment text, p_token bytea, p_xid bigint, p_person uuid, p_event cloison.event, p_most integer
) returns table (verdict text, xid bigint, person uuid, event text, version integer, at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
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

-- Rule 4: forgets what is older, and notes how far.
create or replace function cloison.sweep_changes_v1() returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    with gone as (
        delete from change c where c.at < clock_v1() - interval '672 hours' returning c.segment, c.xid, c.person, c.event
    )
    insert into change_floor as f (segment, xid, person, event)
    select distinct on (g.segment) g.segment, g.xid, g.person, g.event from gone g
    order by g.segment, g.xid desc, g.person desc, g.event desc
    on conflict (segment) do update set xid = excluded.xid, person = excluded.person, event = excluded.event
    where (f.xid, f.person, f.event) < (excluded.xid, excluded.person, excluded.event);
$$;
