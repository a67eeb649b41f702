-- The schema, and what nobody gets by default. Run as the owner of the database.
create schema if not exists cloison;

-- PUBLIC may execute every new function unless this is taken back before the function is made.
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;

create table if not exists cloison.schema_version (
    single boolean primary key default true check (single),
    version integer not null              -- the number of migrations that this schema has had
);
