-- The entire list of rights, one a line, each with its reason. Whatever is not here, no login but the owner has.
-- PUBLIC may execute every new function by default: 00_schema.sql takes that back for all functions to come.

-- Doors and services see the schema's names, nothing in it.
grant usage on schema cloison to cloison_desk;
grant usage on schema cloison to cloison_intake;
grant usage on schema cloison to cloison_reaper;

-- The desk: an adviser's session opens, searches and lists, always in several transactions: charge, (find,) release.
grant execute on function cloison.charge_v1(text, bytea[], uuid[], uuid[], integer[], smallint[]) to cloison_desk;
grant execute on function cloison.search_v1(text, bytea, uuid, smallint, integer, bigint[], integer, bigint[], bigint) to cloison_desk;
grant execute on function cloison.find_v1(text, bytea, uuid) to cloison_desk;
grant execute on function cloison.list_v1(text, bytea, uuid, boolean, uuid) to cloison_desk;
grant execute on function cloison.release_v1(text, bytea[], uuid[], uuid[]) to cloison_desk;
grant execute on function cloison.session_v1(text, bytea) to cloison_desk;

-- Intake: brings people and relations in, learns nothing but whether they were there.
grant execute on function cloison.intake_known_v1(smallint[], bigint[]) to cloison_intake;
grant execute on function cloison.intake_people_v1(text, uuid[], integer[], bigint[], bytea[], bigint[], smallint[], bigint[], integer[]) to cloison_intake;
grant execute on function cloison.intake_relations_v1(text[], smallint, bigint[], text[], timestamptz[], timestamptz[]) to cloison_intake;

-- The reaper ends transactions of the doors that hold locks too long (through its membership in their roles) and sweeps.
grant execute on function cloison.sweep_v1() to cloison_reaper;
