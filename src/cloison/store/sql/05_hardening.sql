-- What PostgreSQL gives to PUBLIC and no login of ours needs. Run in our database by an administrator who may; where he
-- may not (a hosted PostgreSQL), `cloison doctor` names what stays open, and docs/threat-model.md what it means.

-- Blocks of code would let a door loop and time inside the server.
revoke usage on language plpgsql from public;

-- Large objects are storage that no rule of ours covers.
revoke execute on function lo_create(oid) from public;
revoke execute on function lo_creat(integer) from public;
revoke execute on function lo_from_bytea(oid, bytea) from public;
revoke execute on function lo_open(oid, integer) from public;
revoke execute on function lo_put(oid, bigint, bytea) from public;
revoke execute on function lowrite(integer, bytea) from public;

-- Counters of rows fetched would tell a person out of reach from nobody.
revoke execute on function pg_stat_get_tuples_returned(oid) from public;
revoke execute on function pg_stat_get_tuples_fetched(oid) from public;
revoke execute on function pg_stat_get_tuples_inserted(oid) from public;
revoke execute on function pg_stat_get_blocks_fetched(oid) from public;
revoke execute on function pg_stat_get_blocks_hit(oid) from public;
revoke execute on function pg_stat_get_xact_tuples_returned(oid) from public;
revoke execute on function pg_stat_get_xact_tuples_fetched(oid) from public;
revoke execute on function pg_stat_get_xact_blocks_fetched(oid) from public;
revoke execute on function pg_stat_get_xact_blocks_hit(oid) from public;

-- Advisory locks: nothing of ours takes one, so nobody needs to.
revoke execute on function pg_advisory_lock(bigint) from public;
revoke execute on function pg_advisory_lock(integer, integer) from public;
