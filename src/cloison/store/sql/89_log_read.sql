-- The log for auditors, at the desk: checkpoints and hashes, which say nothing of an entry. Whoever reads them can check what
-- they are shown of it, and that nobody is shown another log.

-- Whether a session may: open, no_session, frozen, or scope where its role has not model.Permission.AUDIT.
create or replace function cloison.may_audit_v1(p_segment text, p_token bytea) returns text
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select coalesce((
        select case
            when not h.covered or exists (select from account_freeze f where f.segment = p_segment and f.account = h.account
                                          and f.lifted_at is null) then 'frozen'
            when (h.permissions >> 16) & 1 = 1
                 and (select o.service from organisation o where o.organisation = h.organisation) then 'open'
            else 'scope' end
        from holder h where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1()
    ), 'no_session');
$$;

-- The newest checkpoint of a log that each witness has signed, and the log's own. One row without a note at least.
create or replace function cloison.audit_notes_v1(p_segment text, p_token bytea, p_log text)
returns table (verdict text, note text)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select m.verdict, n.note from (select may_audit_v1(p_segment, p_token)) m (verdict)
    left join (
        select c.note from log_cosignature c where c.segment = p_log
        union all select h.note from log_head h where h.segment = p_log and h.note <> ''
    ) n on m.verdict = 'open';
$$;

-- Tiles of a log, as many of those asked for as there are. One row without a tile at least.
create or replace function cloison.audit_tiles_v1(
    p_segment text, p_token bytea, p_log text, p_levels smallint[], p_indexes bigint[]
) returns table (verdict text, level smallint, index bigint, hashes bytea)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select m.verdict, t.level, t.index, t.hashes from (select may_audit_v1(p_segment, p_token)) m (verdict)
    left join (
        select t.level, t.index, t.hashes from unnest(p_levels[:64], p_indexes[:64]) q (level, index)
        join log_tile t on t.segment = p_log and t.level = q.level and t.index = q.index
    ) t on m.verdict = 'open';
$$;
