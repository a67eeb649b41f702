-- The entire list of rights, one a line, each with its reason. Whatever is not here, no login but the owner has.
-- PUBLIC may execute every new function by default: 00_schema.sql takes that back for all functions to come.

-- Doors and services see the schema's names, nothing in it.
grant usage on schema cloison to cloison_desk;
grant usage on schema cloison to cloison_intake;
grant usage on schema cloison to cloison_reaper;
grant usage on schema cloison to cloison_statistics;

-- The desk: an adviser's session opens, searches and lists, always in several transactions: charge, (find,) release.
grant execute on function cloison.charge_each_v1(text, text[], bytea[], uuid[], uuid[], integer[], smallint[]) to cloison_desk;
grant execute on function cloison.release_each_v1(text, text[], bytea[], uuid[], uuid[]) to cloison_desk;
grant execute on function cloison.charge_v1(text, bytea[], uuid[], uuid[], integer[], smallint[]) to cloison_desk;
grant execute on function cloison.search_v1(text, bytea, uuid, smallint, integer, bigint[], integer, bigint[], bigint, bigint, bytea) to cloison_desk;
grant execute on function cloison.find_v1(text, bytea, uuid) to cloison_desk;
grant execute on function cloison.list_v1(text, bytea, uuid, boolean, uuid) to cloison_desk;
grant execute on function cloison.release_v1(text, bytea[], uuid[], uuid[]) to cloison_desk;
grant execute on function cloison.session_v1(text, bytea) to cloison_desk;

-- The desk: where another ledger counts than the person's segment's, leases are asked for first, in pairs of transactions.
grant execute on function cloison.lend_v1(text, bytea[], text[], uuid[], uuid[], integer[], smallint[]) to cloison_desk;
grant execute on function cloison.leases_v1(text, bytea[], text[], uuid[], uuid[]) to cloison_desk;
grant execute on function cloison.cap_v1(text, text[], bytea[]) to cloison_desk;
grant execute on function cloison.capped_v1(text, text[], bytea[]) to cloison_desk;
grant execute on function cloison.charge_lent_v1(text, bytea[], text[], bytea[]) to cloison_desk;

-- A manager asks that a colleague stands in or takes over, another approves; who asks never gains anything.
grant execute on function cloison.ask_transfer_v1(text, bytea, text, text, text, timestamptz, timestamptz, uuid[]) to cloison_desk;
grant execute on function cloison.decide_transfer_v1(text, bytea, text, uuid) to cloison_desk;
grant execute on function cloison.transfers_v1(text, bytea, text) to cloison_desk;

-- The desk: an officer protects somebody, which opens nobody and tells nothing; how many alerts there were is a figure.
grant execute on function cloison.protect_v1(text, bytea, text, uuid, text[], timestamptz) to cloison_desk;
grant execute on function cloison.change_audience_v1(text, bytea, uuid, text[]) to cloison_desk;
grant execute on function cloison.lift_protection_v1(text, bytea, uuid) to cloison_desk;
grant execute on function cloison.alerts_counted_v1() to cloison_desk;

-- Intake: brings people and relations in, learns nothing but whether they were there.
grant execute on function cloison.intake_find_v1(integer, bigint[]) to cloison_intake;
grant execute on function cloison.intake_compare_v1(text[], uuid[], integer[], bigint[], bigint[]) to cloison_intake;
grant execute on function cloison.intake_people_v1(text, cloison.newcomer[]) to cloison_intake;
grant execute on function cloison.intake_reseal_v1(cloison.resealed[]) to cloison_intake;
grant execute on function cloison.intake_begin_load_v1() to cloison_intake;
grant execute on function cloison.intake_end_load_v1() to cloison_intake;
grant execute on function cloison.intake_leave_load_v1() to cloison_intake;
grant execute on function cloison.intake_relations_v1(text[], smallint, bigint[], text[], timestamptz[], timestamptz[]) to cloison_intake;

-- Sources of interactions, by their own token or the operator's file; codes that the desk's login can neither make nor
-- confirm.
grant execute on function cloison.feed_known_v1(bytea) to cloison_intake;
grant execute on function cloison.feed_interactions_v1(bytea, text[], text[], smallint[], bigint[], timestamptz[], timestamptz[]) to cloison_intake;
grant execute on function cloison.feed_file_v1(text, text[], text[], smallint[], bigint[], timestamptz[], timestamptz[]) to cloison_intake;
grant execute on function cloison.ask_code_v1(text, bytea, uuid, uuid, integer, bytea) to cloison_intake;
grant execute on function cloison.release_address_v1(text, bytea, uuid) to cloison_intake;
grant execute on function cloison.confirm_code_v1(text, bytea, uuid, bytea) to cloison_intake;

-- The intake door: changes people on behalf of the session whose token it shows; it reads whom that session may change, in
-- two transactions as the desk does, writes what it sealed, and asks nothing without a token.
grant execute on function cloison.read_for_change_v1(text, bytea, uuid, uuid[], integer, integer, smallint, uuid) to cloison_intake;
grant execute on function cloison.release_for_change_v1(text, bytea, uuid) to cloison_intake;
grant execute on function cloison.ask_locators_v1(text, bytea, uuid, integer, smallint, uuid, bigint[]) to cloison_intake;
grant execute on function cloison.question_answered_v1(text, bytea, uuid) to cloison_intake;
grant execute on function cloison.change_person_v1(text, bytea, uuid, integer, cloison.event, smallint, cloison.resealed[]) to cloison_intake;
grant execute on function cloison.create_person_v1(text, bytea, uuid, smallint, text, cloison.newcomer[]) to cloison_intake;
grant execute on function cloison.merge_parts_v1(text, bytea, uuid) to cloison_intake;
grant execute on function cloison.ask_merge_v1(text, bytea, uuid, smallint, uuid, uuid, uuid, text, integer[], smallint[], cloison.resealed[]) to cloison_intake;
grant execute on function cloison.approve_merge_v1(text, bytea, uuid, uuid) to cloison_intake;
grant execute on function cloison.set_representative_v1(text, bytea, uuid, smallint, uuid, uuid, text, boolean, boolean, timestamptz, timestamptz) to cloison_intake;
grant execute on function cloison.end_representative_v1(text, bytea, uuid, smallint, uuid, uuid) to cloison_intake;

-- The reaper ends transactions of the doors that hold locks too long (through its membership in their roles) and sweeps.
grant execute on function cloison.sweep_v1() to cloison_reaper;
grant execute on function cloison.sweep_relations_v1() to cloison_reaper;

-- Statistics: how many people are counted under a number, once it is noted that it is asked for; which cell that is, the
-- keeper says.
grant execute on function cloison.counted_segments_v1() to cloison_statistics;
grant execute on function cloison.ask_counters_v1(text, integer) to cloison_statistics;
grant execute on function cloison.counters_v1(text, bigint[]) to cloison_statistics;
