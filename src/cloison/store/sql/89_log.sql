-- The log's own logins. The sequencer reads entries and adds to the tree; the witness sees heads and tiles, no entry.
-- Rules:
--   1. an entry is known to the sequencer once it is committed; which authors have new ones is looked for by time, and from
--      time to time by all numbers; what is taken of each author, and in which order, goes by numbers alone;
--   2. a batch begins where the tree ends and takes each author's next numbers, or it is refused: CL036. Of two sequencers
--      one fails, whatever it read before;
--   3. leaves are only ever added: tiles grow, and no tile is written anew;
--   4. a witness's signature is kept with the checkpoint that it is for, and never replaced by one of fewer leaves.

-- An entry's fields as docs/audit-format.md writes them, in its order.
create or replace function cloison.entry_values_v1(e cloison.entry, p_organisation uuid, p_evidence bytea) returns bytea[]
language sql immutable as $$
    select array[
        convert_to(e.segment, 'UTF8'), uuid_send(e.account), int8send(e.number),
        int8send((extract(epoch from e.at) * 1000000)::bigint),
        convert_to(e.event::text, 'UTF8'), convert_to(e.outcome::text, 'UTF8'), uuid_send(p_organisation),
        uuid_send(e.session), null, uuid_send(e.request), uuid_send(e.person), int8send(e.compartments),
        int8send(e.purpose), convert_to(e.relation::text, 'UTF8'), uuid_send(e.subject), int8send(e.amount),
        int8send(e.version), e.sealed_hash, p_evidence];
$$;

-- Rule 1: entries that are not in the tree, of authors who wrote one since p_since (null: of all); p_most at most, of each
-- author the next ones. `follows`: none is missing before it.
create or replace function cloison.unsequenced_v1(p_since timestamptz, p_most integer)
returns table (segment text, account uuid, number bigint, follows boolean, entry_values bytea[])
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
begin
    return query
    with author as materialized (
        select distinct e.segment, e.account from entry e where e.at >= p_since
        union
        select l.segment, l.account from ledger l where p_since is null
        union
        select l.segment, l.organisation from organisation_ledger l where p_since is null
    )
    select e.segment, e.account, e.number,
        e.number - coalesce(s.sequenced, 0) = row_number() over (partition by e.segment, e.account order by e.number),
        entry_values_v1(e, coalesce(
        (select a.organisation from account a where a.segment = e.segment and a.account = e.account),
        (select o.organisation from organisation o where o.organisation = e.account)),
        case when e.event in ('act_asked', 'act_signed') and e.outcome = 'open' then (
            select sha256(sha256(a.canonical) || sha256(s.public_key) || sha256(s.authenticator_data)
                || sha256(s.client_data) || sha256(s.signature))
            from act_signature s join act a on a.act = s.act where s.act = e.subject and s.account = e.account) end)
    from author w
    left join log_author s on s.segment = w.segment and s.account = w.account
    cross join lateral (
        select e.* from entry e
        where e.segment = w.segment and e.account = w.account and e.number > coalesce(s.sequenced, 0)
        order by e.number limit p_most
    ) e
    order by e.segment, e.account, e.number limit p_most;
end $$;

-- The key that blinds a month's leaves; p_key, where there is none yet.
create or replace function cloison.blinding_v1(p_segment text, p_month date, p_key bytea) returns bytea
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    insert into log_blinding (segment, month, key) values (p_segment, p_month, p_key) on conflict do nothing;
    return (select b.key from log_blinding b where b.segment = p_segment and b.month = p_month);
end $$;

-- Rules 2 and 3. Raises CL036.
create or replace function cloison.append_log_v1(
    p_segment text, p_first bigint, p_accounts uuid[], p_numbers bigint[], p_counts integer[],
    p_levels smallint[], p_indexes bigint[], p_hashes bytea[], p_note text
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_added integer := coalesce((select sum(c) from unnest(p_counts) c), 0);
    v_changed integer;
begin
    insert into log_head (segment) values (p_segment) on conflict do nothing;
    perform from log_head h where h.segment = p_segment for update;
    if exists (select from log_head h where h.segment = p_segment and h.size <> p_first)
       or exists (
            select from unnest(p_accounts, p_numbers) q (account, number)
            left join log_author s on s.segment = p_segment and s.account = q.account
            where q.number <> coalesce(s.sequenced, 0) + 1) then
        raise exception 'the tree has grown meanwhile' using errcode = 'CL036';
    end if;
    if v_added > 0 then
        insert into log_batch (segment, first, size, accounts, numbers, counts)
        values (p_segment, p_first, v_added, p_accounts, p_numbers, p_counts);
        insert into log_author as s (segment, account, sequenced)
        select p_segment, q.account, q.number + q.count - 1 from unnest(p_accounts, p_numbers, p_counts) q (account, number, count)
        on conflict (segment, account) do update set sequenced = excluded.sequenced;
        insert into log_tile as t (segment, level, index, hashes)
        select p_segment, q.level, q.index, q.hashes from unnest(p_levels, p_indexes, p_hashes) q (level, index, hashes)
        on conflict (segment, level, index) do update set hashes = excluded.hashes
            where substring(excluded.hashes for length(t.hashes)) = t.hashes;
        get diagnostics v_changed = row_count;
        if v_changed <> cardinality(p_levels) then
            raise exception 'a tile is not what was there' using errcode = 'CL036';
        end if;
    end if;
    update log_head h set size = p_first + v_added, note = p_note, signed_at = clock_v1() where h.segment = p_segment;
end $$;

-- The database's time, by which instants in the log go.
create or replace function cloison.log_now_v1() returns timestamptz
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$ select clock_v1(); $$;

-- The newest checkpoints.
create or replace function cloison.log_heads_v1() returns table (
    segment text, size bigint, note text, signed_at timestamptz, cosigned_size bigint, cosigned_at timestamptz
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select h.segment, h.size, h.note, h.signed_at, h.cosigned_size, h.cosigned_at from log_head h order by h.segment;
$$;

create or replace function cloison.log_tile_v1(p_segment text, p_level smallint, p_index bigint) returns bytea
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select t.hashes from log_tile t where t.segment = p_segment and t.level = p_level and t.index = p_index;
$$;

-- Rule 4: whether it is kept.
create or replace function cloison.cosign_v1(p_segment text, p_size bigint, p_note text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    update log_head h set cosigned_size = p_size, cosigned_note = p_note, cosigned_at = clock_v1()
    where h.segment = p_segment and p_size between h.cosigned_size and h.size;
    return found;
end $$;
