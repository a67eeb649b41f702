-- The database's clock is the clock. Everything that counts time asks here, so that the replay's throw-away database
-- can put a simulated clock in this function's place; no other database may.
create or replace function cloison.clock_v1() returns timestamptz
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp
return clock_timestamp();

-- Refuses a caller whose settings would let a charge read from a stale snapshot or lose its lock.
-- READ COMMITTED only: under REPEATABLE READ a revoked session and relation were still seen.
-- citus.function_opens_transaction_block off: inner statements would commit one by one, and the lock would be gone.
create or replace function cloison.refuse_unsafe_caller_v1() returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the meter works under read committed only' using errcode = 'CL001';
    end if;
    if coalesce(current_setting('citus.function_opens_transaction_block', true), 'on') not in ('on', '') then
        raise exception 'the meter needs citus.function_opens_transaction_block on' using errcode = 'CL001';
    end if;
end $$;

-- How long a receipt can be released. Windows are counted this much longer, because a budget bounds *releases*.
create or replace function cloison.receipt_lifetime_v1() returns interval
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return interval '10 seconds';
