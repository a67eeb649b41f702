-- release_each_v1: the second half of opening people, in a later transaction. See docs/walk.md, step 5.
--
-- Rules, in order:
--   1. it refuses a transaction that has written: a charge in the same transaction could still be rolled back;
--   2. receipts that are visible here belong to committed charges; only those seconds old count; one that another
--      transaction is just releasing is skipped, not waited for;
--   3. the log is flushed past the insert position sampled *after* they were seen, so that no crash can take the charge
--      back, whatever synchronous_commit the caller chose;
--   4. session, agreement, freeze, protection and relation are looked at again, in a newer snapshot; a receipt is used
--      up by being released.
-- p_segments: where each is asked for, p_segment as in charge_each_v1. p_persons may hold null: then all people of that request (a search's cards, a list).
create or replace function cloison.release_each_v1(
    p_segment text, p_segments text[], p_tokens bytea[], p_requests uuid[], p_persons uuid[]
) returns table (
    ordinal integer, person uuid, version integer, compartments integer, sealed bytea[], ticket text, mac bytea
)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
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

-- The same for requests of one segment.
create or replace function cloison.release_v1(
    p_segment text, p_tokens bytea[], p_requests uuid[], p_persons uuid[]
) returns table (
    ordinal integer, person uuid, version integer, compartments integer, sealed bytea[], ticket text, mac bytea
)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    return query select * from release_each_v1(p_segment, of_one_segment_v1(p_segment, p_tokens), p_tokens, p_requests,
        p_persons);
end $$;

-- Waits until the write-ahead log is on disk up to where it was inserted when this is called.
-- An insert position just behind a page's header is the end of the page before it, where a flush stops: the header
-- (24 bytes, 40 at the beginning of a segment file) is taken off, or an idle server would be waited for in vain.
-- The next commit of anybody flushes. Where none comes, behind an idle transaction or a hint bit of our own reading, we
-- flush ourselves from PostgreSQL 17 on; 16's WAL writer flushes behind the record that we make it write; 15's flushes
-- whole pages, so we fill the page, and wait until it wakes (25 times wal_writer_delay at most, where nothing happens).
-- Where that is longer than our patience the caller is told to ask again.
create or replace function cloison.wait_until_flushed_v1() returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
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
