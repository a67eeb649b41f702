-- What a witness's login may do: see checkpoints, hashes and how many entries of which nameless author stand where, and tell
-- what it found. It reads no entry. Rules:
--   1. each witness signs for itself: what it gives is kept under its login, and replaces nobody else's;
--   2. nor its own of more leaves. Doors ask for the newest of all: any one of several suffices;
--   3. an alarm is told once an hour and log, as an entry of the log and an alert.

-- Rules 1 and 2: whether it is kept.
create or replace function cloison.cosign_v1(p_segment text, p_size bigint, p_note text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
begin
    perform from log_head h where h.segment = p_segment and p_size between 0 and h.size for update;
    if not found then
        return false;
    end if;
    insert into log_cosignature as c (segment, witness, size, note, at)
    values (p_segment, session_user, p_size, p_note, v_now)
    on conflict (segment, witness) do update set size = excluded.size, note = excluded.note, at = excluded.at
        where c.size <= excluded.size;
    if not found then
        return false;
    end if;
    update log_head h set cosigned_size = p_size, cosigned_at = v_now where h.segment = p_segment and h.cosigned_size <= p_size;
    return true;
end $$;

-- Which entries stand at the leaves of the batches from p_first on, by number and by author, who has a number and no name here.
create or replace function cloison.log_batches_v1(p_segment text, p_first bigint, p_most integer)
returns table (first bigint, authors integer[], numbers bigint[], counts integer[])
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select b.first, b.authors, b.numbers, b.counts from log_batch b
    where b.segment = p_segment and b.first >= p_first order by b.first limit least(p_most, 1000);
$$;

-- Rule 3. p_alarm: such as forked; a log that is not there any more is told of at the service's own place.
create or replace function cloison.log_alarm_v1(p_segment text, p_alarm text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_kind alert_kind := ('log_' || p_alarm)::alert_kind;
    v_place text := coalesce((select h.segment from log_head h where h.segment = p_segment), '00');
    v_nobody uuid := '00000000-0000-0000-0000-000000000000';
begin
    if exists (select from alert a where a.segment = v_place and a.kind = v_kind and a.at > clock_v1() - interval '1 hour') then
        return;
    end if;
    perform log_act_v1(v_place, 'log_alarmed', null, null, null);
    insert into alert (segment, account, number, kind, at)
    select v_place, v_nobody, l.next_number - 1, v_kind, clock_v1()
    from ledger l where l.segment = v_place and l.account = v_nobody;
end $$;
