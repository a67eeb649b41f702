-- What PostgreSQL gives to PUBLIC and no login of ours needs. Run in our database by an administrator who may; where he
-- may not (a hosted PostgreSQL), `cloison doctor` names what stays open, and docs/threat-model.md what it means.

-- Blocks of code would let a door loop and time inside the server.
revoke usage on language plpgsql from public;

-- By name, so that a newer PostgreSQL's functions are among them:
--   lo_…, lowrite, loread   large objects are storage that no rule of ours covers;
--   pg_stat_get_…           counters of rows and pages, of the database and the server too, would tell a person out of
--                           reach from nobody; who monitors has them through pg_monitor; what runs (…_activity) hides
--                           the statements of other logins by itself;
--   …advisory…              a million locks leave none for the doors; search_v1 takes one as the owner;
--   pg_logical_emit_message writes to the log without end; release_v1 flushes by it, as the owner;
--   pg_terminate_backend, pg_cancel_backend   a door could end its honest siblings; the reaper ends doors.
do $$
declare
    f record;
begin
    for f in
        select p.oid::regprocedure as name, p.proname like 'pg\_stat%' as counter,
            p.proname in ('pg_logical_emit_message', 'pg_try_advisory_xact_lock') as ours
        from pg_proc p
        where p.pronamespace = 'pg_catalog'::regnamespace
          and p.proname ~ '^(lo_.*|lowrite|loread|pg_stat_get_.*|pg_.*advisory.*|pg_logical_emit_message|pg_(terminate|cancel)_backend)$'
          and p.proname <> 'pg_stat_get_activity'
    loop
        execute format('revoke execute on function %s from public', f.name);
        if f.counter then
            execute format('grant execute on function %s to pg_monitor', f.name);
        elsif f.ours then
            execute format('grant execute on function %s to cloison_owner', f.name);
        end if;
    end loop;
    if to_regprocedure('pg_catalog.pg_log_standby_snapshot()') is not null then   -- release_v1 on PostgreSQL 16
        execute 'grant execute on function pg_log_standby_snapshot() to cloison_owner';
    end if;
end $$;
grant execute on function pg_terminate_backend(integer, bigint) to cloison_reaper;

-- Other databases of the server have none of this, and show its counters: a register has its server for itself.
do $$
declare
    d name;
begin
    for d in select datname from pg_database where datname in ('postgres', 'template1') loop
        execute format('revoke connect, temporary on database %I from public', d);
    end loop;
end $$;
