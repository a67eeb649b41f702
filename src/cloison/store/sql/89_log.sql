-- The log's own login, the sequencer's: it reads entries and adds to the tree. Witnesses: 89_witness.sql.
-- Rules:
--   1. an entry is known to the sequencer once it is committed; which authors have new ones is looked for by time, and from
--      time to time by all numbers; what is taken of each author, and in which order, goes by numbers alone;
--   2. a batch begins where the tree ends and takes each author's next numbers, or it is refused: CL036. Of two sequencers
--      one fails, whatever it read before;
--   3. leaves are only ever added: tiles grow, and no tile is written anew;
--   4. a month is dropped whole: no sooner than six months after its end, once a witness has signed all of it, by an entry in
--      each of its logs. Its leaves stay, and its blinding keys go with it.

-- An entry's fields as docs/audit-format.md writes them, in its order.
create or replace function cloison.entry_values_v1(
    e cloison.entry, p_organisation uuid, p_device bytea, p_evidence bytea
) returns bytea[]
language sql immutable as $$
    select array[
        convert_to(e.segment, 'UTF8'), uuid_send(e.account), int8send(e.number),
        int8send((extract(epoch from e.at) * 1000000)::bigint),
        convert_to(e.event::text, 'UTF8'), convert_to(e.outcome::text, 'UTF8'), uuid_send(p_organisation),
        uuid_send(e.session), p_device, uuid_send(e.request), uuid_send(e.person), int8send(e.compartments),
        int8send(e.purpose), convert_to(e.relation::text, 'UTF8'), uuid_send(e.subject), int8send(e.amount),
        int8send(e.version), e.sealed_hash, p_evidence];
$$;

-- Rule 1: entries that are not in the tree, by segment, author and number; p_most at most. Those written since p_since; null:
-- of all authors whose ledgers have counted more than is in the tree, of each the next ones.
-- `follows`: none is missing before it, here.
create or replace function cloison.unsequenced_v1(p_since timestamptz, p_most integer)
returns table (segment text, account uuid, number bigint, at timestamptz, follows boolean, entry_values bytea[])
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_segments text[];
    v_accounts uuid[];
    v_sequenced bigint[];
begin
    if p_since is null then
        select array_agg(w.segment), array_agg(w.account), array_agg(w.sequenced) into v_segments, v_accounts, v_sequenced
        from (
            select l.segment, l.account, coalesce(s.sequenced, 0) as sequenced,
                sum(l.next_number - 1 - coalesce(s.sequenced, 0)) over (order by l.segment, l.account rows unbounded preceding)
                    - (l.next_number - 1 - coalesce(s.sequenced, 0)) as before
            from (select l.segment, l.account, l.next_number from ledger l
                  union all select l.segment, l.organisation, l.next_number from organisation_ledger l) l
            left join log_author s on s.segment = l.segment and s.account = l.account
            where l.next_number - 1 > coalesce(s.sequenced, 0)
        ) w where w.before < p_most;
    end if;
    return query
    with waiting as (
        select e as entry, coalesce(s.sequenced, 0) as sequenced
        from entry e left join log_author s on s.segment = e.segment and s.account = e.account
        where e.at >= p_since and e.number > coalesce(s.sequenced, 0)
        union all
        select e.entry, w.sequenced
        from unnest(v_segments, v_accounts, v_sequenced) w (segment, account, sequenced)
        cross join lateral (
            select e as entry from entry e
            where e.segment = w.segment and e.account = w.account and e.number > w.sequenced
            order by e.number limit p_most
        ) e
    ), next as (
        select w.entry, (w.entry).number - w.sequenced
            = row_number() over (partition by (w.entry).segment, (w.entry).account order by (w.entry).number) as follows
        from waiting w
        order by (w.entry).segment, (w.entry).account, (w.entry).number limit p_most
    )
    select (n.entry).segment, (n.entry).account, (n.entry).number, (n.entry).at, n.follows, entry_values_v1(n.entry, coalesce(
        (select a.organisation from account a where a.segment = (n.entry).segment and a.account = (n.entry).account),
        (select o.organisation from organisation o where o.organisation = (n.entry).account)),
        (select d.device from log_session d where d.session = (n.entry).session limit 1),
        case when (n.entry).event in ('act_asked', 'act_signed') and (n.entry).outcome = 'open' then (
            select sha256(sha256(a.canonical) || sha256(s.public_key) || sha256(s.authenticator_data)
                || sha256(s.client_data) || sha256(s.signature))
            from act_signature s join act a on a.act = s.act
            where s.act = (n.entry).subject and s.account = (n.entry).account)
        when (n.entry).event = 'log_dropped' then (
            select sha256(convert_to(d.places::text, 'UTF8')) from log_drop d
            where d.segment = (n.entry).segment and to_char(d.month, 'YYYYMM')::integer = (n.entry).amount) end)
    from next n
    order by (n.entry).segment, (n.entry).account, (n.entry).number;
end $$;

-- The key that blinds a month's leaves; p_key, where there is none yet.
create or replace function cloison.blinding_v1(p_segment text, p_month date, p_key bytea) returns bytea
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    insert into log_blinding (segment, month, key) values (p_segment, p_month, p_key) on conflict do nothing;
    return (select b.key from log_blinding b where b.segment = p_segment and b.month = p_month);
end $$;

-- Rules 2 and 3. p_since, p_until: of the first and the last of each author's entries. Raises CL036.
create or replace function cloison.append_log_v1(
    p_segment text, p_first bigint, p_accounts uuid[], p_numbers bigint[], p_counts integer[],
    p_since timestamptz[], p_until timestamptz[], p_levels smallint[], p_indexes bigint[], p_hashes bytea[], p_note text
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_added integer := coalesce((select sum(c) from unnest(p_counts) c), 0);
    v_changed integer;
begin
    insert into log_head (segment, begun_at) values (p_segment, clock_v1()) on conflict do nothing;
    perform from log_head h where h.segment = p_segment for update;
    if exists (select from log_head h where h.segment = p_segment and h.size <> p_first)
       or exists (
            select from unnest(p_accounts, p_numbers) q (account, number)
            left join log_author s on s.segment = p_segment and s.account = q.account
            where q.number <> coalesce(s.sequenced, 0) + 1) then
        raise exception 'the tree has grown meanwhile' using errcode = 'CL036';
    end if;
    if v_added > 0 then
        insert into log_author as s (segment, account, author, sequenced, sequenced_at)
        select p_segment, q.account,
            coalesce((select max(a.author) from log_author a where a.segment = p_segment), 0)
                + row_number() over (order by s.author nulls first),
            q.number + q.count - 1, q.until
        from unnest(p_accounts, p_numbers, p_counts, p_until) q (account, number, count, until)
        left join log_author s on s.segment = p_segment and s.account = q.account
        on conflict (segment, account) do update
            set sequenced = excluded.sequenced, sequenced_at = excluded.sequenced_at;
        insert into log_batch (segment, first, size, since, until, authors, numbers, counts)
        select p_segment, p_first, v_added, (select min(t) from unnest(p_since) t), (select max(t) from unnest(p_until) t),
            array_agg(s.author order by q.place), p_numbers, p_counts
        from unnest(p_accounts) with ordinality q (account, place)
        join log_author s on s.segment = p_segment and s.account = q.account;
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

-- -- months -------------------------------------------------------------------------------------------------------------

-- The first instant of a month of UTC, so many months from now.
create or replace function cloison.log_month_v1(p_from_now integer) returns timestamptz
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp
return (date_trunc('month', cloison.clock_v1() at time zone 'UTC') + make_interval(months => p_from_now)) at time zone 'UTC';

create or replace function cloison.log_table_v1(p_month timestamptz) returns text
language sql immutable security definer set search_path = pg_catalog, cloison, pg_temp
return to_char(p_month at time zone 'UTC', '"entry_"YYYY"_"MM');

-- Makes tables for this month and the two to come; not where entries of it stand in entry_default. How many are new.
create or replace function cloison.make_log_months_v1() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp set lock_timeout = '2s' as $$
declare
    v_made integer := 0;
begin
    for i in 0 .. 2 loop
        if to_regclass('cloison.' || log_table_v1(log_month_v1(i))) is null and not exists (
                select from entry_default d where d.at >= log_month_v1(i) and d.at < log_month_v1(i + 1)) then
            execute format('create table cloison.%I partition of cloison.entry for values from (%L) to (%L)',
                log_table_v1(log_month_v1(i)), log_month_v1(i), log_month_v1(i + 1));
            v_made := v_made + 1;
        end if;
    end loop;
    return v_made;
end $$;

-- Rule 4: drops the oldest month that ended more than p_months months ago; which. Null: there is none, or it has to wait for the
-- sequencer or a witness. Raises CL037.
create or replace function cloison.drop_log_month_v1(p_months integer) returns date
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp set lock_timeout = '2s' as $$
declare
    v_month date := (select min(b.month) from log_blinding b);
    v_from timestamptz := v_month::timestamp at time zone 'UTC';
    v_to timestamptz := (v_month + make_interval(months => 1)) at time zone 'UTC';
begin
    if p_months < 6 or p_months > 36 then
        raise exception 'entries are kept for 6 to 36 months' using errcode = 'CL037';
    elsif v_month is null or v_to > log_month_v1(-p_months) then
        return null;
    elsif exists (
            select from log_batch b join log_head h on h.segment = b.segment
            where b.since < v_to and b.until >= v_from and b.first + b.size > h.cosigned_size)
        or exists (
            select from (select e.segment, e.account, max(e.number) as number from entry e
                         where e.at >= v_from and e.at < v_to group by e.segment, e.account) e
            left join log_author s on s.segment = e.segment and s.account = e.account
            where e.number > coalesce(s.sequenced, 0)) then
        return null;
    end if;
    insert into log_drop (segment, month, places)
    select b.segment, v_month, range_agg(int8range(b.first, b.first + b.size))
    from log_batch b where b.since < v_to and b.until >= v_from group by b.segment
    on conflict do nothing;
    perform log_act_v1(b.segment, 'log_dropped', null, null, to_char(v_month, 'YYYYMM')::integer)
    from log_blinding b where b.month = v_month;
    delete from log_blinding b where b.month = v_month;
    if to_regclass('cloison.' || log_table_v1(v_from)) is not null then
        execute format('drop table cloison.%I', log_table_v1(v_from));
    end if;
    delete from entry_default d where d.at >= v_from and d.at < v_to;
    -- A session ends within a day, and what is said of it afterwards within months.
    delete from log_session l where l.until < v_from - interval '2400 hours';
    return v_month;
end $$;
