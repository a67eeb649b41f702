-- The entire list of rights, one a line, each with its reason. Whatever is not here, no login but the owner has.
-- PUBLIC may execute every new function by default: 00_schema.sql takes that back for all functions to come.

-- Doors and services see the schema's names, nothing in it.
grant usage on schema cloison to cloison_desk;
grant usage on schema cloison to cloison_intake;
grant usage on schema cloison to cloison_reaper;
grant usage on schema cloison to cloison_statistics;
grant usage on schema cloison to cloison_signin;
grant usage on schema cloison to cloison_space;
grant usage on schema cloison to cloison_operator;
grant usage on schema cloison to cloison_sequencer;
grant usage on schema cloison to cloison_witness;
grant usage on schema cloison to cloison_forwarder;

-- The desk: an adviser's session opens, searches and lists, always in several transactions: charge, (find,) release.
grant execute on function cloison.charge_each_v1(text, text[], bytea[], uuid[], uuid[], integer[], smallint[]) to cloison_desk;
grant execute on function cloison.release_each_v1(text, text[], bytea[], uuid[], uuid[]) to cloison_desk;
grant execute on function cloison.charge_v1(text, bytea[], uuid[], uuid[], integer[], smallint[]) to cloison_desk;
grant execute on function cloison.search_v1(text, bytea, uuid, smallint, integer, bigint[], integer, bigint[], bigint, bigint, bytea) to cloison_desk;
grant execute on function cloison.find_v1(text, bytea, uuid) to cloison_desk;
grant execute on function cloison.list_v1(text, bytea, uuid, boolean, uuid) to cloison_desk;
grant execute on function cloison.release_v1(text, bytea[], uuid[], uuid[]) to cloison_desk;
grant execute on function cloison.session_v1(text, bytea) to cloison_desk;
grant execute on function cloison.sign_out_v1(text, bytea, boolean) to cloison_desk;
grant execute on function cloison.seen_v1(text[], bytea[]) to cloison_desk;
grant execute on function cloison.copied_v1(text, bytea, bytea) to cloison_desk;

-- The desk: where another ledger counts than the person's segment's, leases are asked for first, in pairs of transactions.
grant execute on function cloison.lend_v1(text, bytea[], text[], uuid[], uuid[], integer[], smallint[]) to cloison_desk;
grant execute on function cloison.leases_v1(text, bytea[], text[], uuid[], uuid[]) to cloison_desk;
grant execute on function cloison.cap_v1(text, text[], bytea[]) to cloison_desk;
grant execute on function cloison.capped_v1(text, text[], bytea[]) to cloison_desk;
grant execute on function cloison.charge_lent_v1(text, bytea[], text[], bytea[]) to cloison_desk;

-- The desk: facts about somebody whom an account asks to open without a relation, and what became of it.
grant execute on function cloison.keep_facts_v1(text, bytea, uuid, smallint, integer, bigint[], integer, bigint[], bigint, bigint, bytea) to cloison_desk;
grant execute on function cloison.grants_v1(text, bytea) to cloison_desk;

-- The desk: exports that two of the service signed, a page in two transactions; which of them a session may read.
grant execute on function cloison.export_v1(text, bytea, uuid, uuid, text, uuid) to cloison_desk;
grant execute on function cloison.release_export_v1(text, bytea, uuid, uuid) to cloison_desk;
grant execute on function cloison.exports_v1(text, bytea) to cloison_desk;

-- A manager asks that a colleague stands in or takes over, another approves; who asks never gains anything.
grant execute on function cloison.ask_transfer_v1(text, bytea, text, text, text, timestamptz, timestamptz, uuid[]) to cloison_desk;
grant execute on function cloison.decide_transfer_v1(text, bytea, text, uuid) to cloison_desk;
grant execute on function cloison.transfers_v1(text, bytea, text) to cloison_desk;

-- The desk: an officer protects somebody, which opens nobody and tells nothing; how many alerts there were is a figure.
grant execute on function cloison.protect_v1(text, bytea, text, uuid, text[], timestamptz) to cloison_desk;
grant execute on function cloison.change_audience_v1(text, bytea, uuid, text[]) to cloison_desk;
grant execute on function cloison.lift_protection_v1(text, bytea, uuid) to cloison_desk;
grant execute on function cloison.alerts_counted_v1() to cloison_desk;

-- The desk: an officer or the DPO reads checkpoints and hashes of the audit log, which say nothing of an entry.
grant execute on function cloison.audit_notes_v1(text, bytea, text) to cloison_desk;
grant execute on function cloison.audit_tiles_v1(text, bytea, text, smallint[], bigint[]) to cloison_desk;

-- Intake: brings people and relations in, learns nothing but whether they were there.
grant execute on function cloison.intake_find_v1(integer, bigint[]) to cloison_intake;
grant execute on function cloison.intake_compare_v1(text[], uuid[], integer[], bigint[], bigint[]) to cloison_intake;
grant execute on function cloison.intake_people_v1(text, cloison.newcomer[]) to cloison_intake;
grant execute on function cloison.intake_reseal_v1(cloison.resealed[]) to cloison_intake;
grant execute on function cloison.intake_begin_load_v1() to cloison_intake;
grant execute on function cloison.intake_end_load_v1() to cloison_intake;
grant execute on function cloison.intake_leave_load_v1() to cloison_intake;
grant execute on function cloison.intake_relations_v1(text[], smallint, bigint[], text[], timestamptz[], timestamptz[]) to cloison_intake;

-- Systems that read which records changed: no session, a client's token.
grant execute on function cloison.changes_v1(text, bytea, bigint, uuid, cloison.event, integer) to cloison_desk;

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
grant execute on function cloison.space_sweep_v1() to cloison_reaper;
grant execute on function cloison.sweep_changes_v1() to cloison_reaper;

-- Statistics: how many people are counted under a number, once it is noted that it is asked for; which cell that is, the
-- keeper says.
grant execute on function cloison.counted_segments_v1() to cloison_statistics;
grant execute on function cloison.ask_counters_v1(text, integer) to cloison_statistics;
grant execute on function cloison.counters_v1(text, bigint[]) to cloison_statistics;

-- The sign-in door alone begins sessions, adds passkeys, and takes signatures of acts; it reads nobody, not even a name.
grant execute on function cloison.factors_v1(text, uuid) to cloison_signin;
grant execute on function cloison.touched_v1(text, uuid, uuid, bigint, timestamptz, bytea, integer) to cloison_signin;
grant execute on function cloison.session_ceilings_v1(text, uuid) to cloison_signin;
grant execute on function cloison.exports_of_v1(text, uuid) to cloison_signin;
grant execute on function cloison.start_session_v1(text, uuid, uuid, cloison.door, bytea, bytea, uuid, bytea, integer, bytea) to cloison_signin;
grant execute on function cloison.identity_v1(text, bytea, text) to cloison_signin;
grant execute on function cloison.link_identity_v1(text, bytea, text, bytea, text) to cloison_signin;
grant execute on function cloison.touch_session_v1(text, uuid, uuid) to cloison_signin;
grant execute on function cloison.member_v1(text, bytea) to cloison_signin;
grant execute on function cloison.signins_v1(text, bytea) to cloison_signin;
grant execute on function cloison.passkeys_v1(text, bytea) to cloison_signin;
grant execute on function cloison.sign_out_v1(text, bytea, boolean) to cloison_signin;
grant execute on function cloison.seen_v1(text[], bytea[]) to cloison_signin;
grant execute on function cloison.copied_v1(text, bytea, bytea) to cloison_signin;
grant execute on function cloison.add_factor_v1(text, bytea, bytea, integer, bytea, bytea, bigint, uuid, boolean) to cloison_signin;
grant execute on function cloison.remove_factor_v1(text, bytea, uuid) to cloison_signin;
grant execute on function cloison.ask_act_v1(text, bytea, uuid, text, bytea, jsonb, uuid, timestamptz, uuid, bytea, bytea, bytea, bytea) to cloison_signin;
grant execute on function cloison.named_v1(text, bytea, text, text, text) to cloison_signin;
grant execute on function cloison.act_adds_v1(text, jsonb) to cloison_signin;
grant execute on function cloison.sign_act_v1(text, bytea, uuid, uuid, bytea, bytea, bytea, bytea) to cloison_signin;
grant execute on function cloison.refuse_act_v1(text, bytea, uuid) to cloison_signin;
grant execute on function cloison.acts_v1(text, bytea) to cloison_signin;
grant execute on function cloison.standing_v1(text, bytea) to cloison_signin;
grant execute on function cloison.decisions_v1(text, bytea, integer) to cloison_signin;
grant execute on function cloison.hand_over_v1(text, bytea, text, text, bytea) to cloison_signin;
grant execute on function cloison.invitation_v1(text, bytea) to cloison_signin;
grant execute on function cloison.redeem_v1(text, bytea, bytea, integer, bytea, bytea, bigint, uuid, boolean) to cloison_signin;
grant execute on function cloison.tend_accounts_v1(text, bytea, text, text, text[]) to cloison_signin;

-- The sign-in door: systems show their assertions, advisers hand a session on to one, a directory says who joins and leaves.
grant execute on function cloison.client_key_v1(uuid) to cloison_signin;
grant execute on function cloison.client_token_v1(uuid, bytea, integer, text, bytea) to cloison_signin;
grant execute on function cloison.hand_on_v1(text, bytea, uuid) to cloison_signin;
grant execute on function cloison.start_handed_on_v1(uuid, bytea, integer, bytea, integer, text, uuid, uuid, bytea, bytea, bytea) to cloison_signin;
grant execute on function cloison.directory_v1(bytea) to cloison_signin;
grant execute on function cloison.directory_users_v1(bytea, uuid, text, text, integer, integer) to cloison_signin;
grant execute on function cloison.directory_ask_v1(bytea, uuid, text, bytea, jsonb, uuid, timestamptz) to cloison_signin;
grant execute on function cloison.directory_close_v1(bytea, uuid) to cloison_signin;

-- People's own space: intake gives out invitations, on behalf of a session that has just opened the person; the space door
-- alone takes them and begins people's sessions. It reads nobody.
grant execute on function cloison.space_invite_v1(text, bytea, text, uuid, bytea, bytea) to cloison_intake;
grant execute on function cloison.space_address_v1(text, bytea, bytea) to cloison_intake;
grant execute on function cloison.space_invitation_v1(text, bytea) to cloison_space;
grant execute on function cloison.space_halves_v1(text, bytea, bytea) to cloison_space;
grant execute on function cloison.space_redeem_v1(text, bytea, bytea, bytea, text, bytea, bigint, bytea, integer, bytea, bytea, bigint, uuid, boolean) to cloison_space;
grant execute on function cloison.space_try_v1(bytea, bytea) to cloison_space;
grant execute on function cloison.space_begin_v1(text, uuid, uuid, bytea, bytea, bytea, text, bigint, text, text) to cloison_space;
grant execute on function cloison.space_link_v1(text, bytea, bytea, bytea) to cloison_space;
grant execute on function cloison.space_identity_v1(bytea) to cloison_space;
grant execute on function cloison.space_linked_v1(text, bytea) to cloison_space;
grant execute on function cloison.space_factors_v1(text, uuid) to cloison_space;
grant execute on function cloison.space_touched_v1(text, uuid, uuid, bigint, timestamptz, bytea, integer) to cloison_space;
grant execute on function cloison.space_member_v1(text, bytea) to cloison_space;
grant execute on function cloison.space_signins_v1(text, bytea) to cloison_space;
grant execute on function cloison.space_sign_out_v1(text, bytea, boolean) to cloison_space;
grant execute on function cloison.space_copied_v1(text, bytea, bytea) to cloison_space;
grant execute on function cloison.space_add_factor_v1(text, bytea, bytea, integer, bytea, bytea, bigint, uuid, boolean) to cloison_space;
grant execute on function cloison.space_passkeys_v1(text, bytea) to cloison_space;
grant execute on function cloison.space_remove_factor_v1(text, bytea, uuid) to cloison_space;
grant execute on function cloison.space_set_password_v1(text, bytea, bytea, text, bytea, bigint) to cloison_space;
grant execute on function cloison.space_history_v1(text, bytea, timestamptz, integer, integer) to cloison_space;
grant execute on function cloison.space_delay_v1() to cloison_space;
grant execute on function cloison.space_ask_proof_v1(text, bytea, text, bigint) to cloison_space;
grant execute on function cloison.space_proof_v1(text, bytea, uuid) to cloison_space;

-- Reading the log: staff with the right to, at the desk; the operator. Each page is asked for, which is an entry, then read.
grant execute on function cloison.ask_log_v1(text, bytea, uuid, text, text, uuid) to cloison_desk;
grant execute on function cloison.read_log_v1(text, bytea, uuid, timestamptz, timestamptz, timestamptz, text, uuid, bigint, integer) to cloison_desk;
grant execute on function cloison.operator_ask_log_v1(uuid, text, text, uuid) to cloison_operator;
grant execute on function cloison.operator_read_log_v1(uuid, timestamptz, timestamptz, timestamptz, text, uuid, bigint, integer) to cloison_operator;

-- The sequencer makes the proofs that people asked for: it has entries and blinding keys anyway.
grant execute on function cloison.proofs_asked_v1(integer) to cloison_sequencer;
grant execute on function cloison.prove_v1(uuid, text) to cloison_sequencer;

-- The operator of the machine: asks for acts that officers sign, and takes rights away at once.
grant execute on function cloison.operator_ask_v1(uuid, text, bytea, jsonb, uuid, timestamptz) to cloison_operator;
grant execute on function cloison.operator_named_v1(text, text) to cloison_operator;
grant execute on function cloison.operator_acts_v1(uuid) to cloison_operator;
grant execute on function cloison.operator_withdraw_v1(uuid) to cloison_operator;
grant execute on function cloison.operator_grants_v1() to cloison_operator;
grant execute on function cloison.operator_stage_v1(uuid, integer, text[]) to cloison_operator;
grant execute on function cloison.staged_staff_v1(uuid) to cloison_operator;
grant execute on function cloison.operator_import_v1(uuid, integer, integer) to cloison_operator;
grant execute on function cloison.operator_tend_v1(text, text) to cloison_operator;
grant execute on function cloison.operator_hold_v1(text, smallint[], bigint[]) to cloison_operator;
grant execute on function cloison.operator_located_v1(smallint[], bigint[]) to cloison_operator;
grant execute on function cloison.protect_by_owner_v1(text, uuid, uuid[], timestamptz[], timestamptz) to cloison_operator;
grant execute on function cloison.end_agreement_v1(uuid) to cloison_operator;
grant execute on function cloison.close_feed_v1(text) to cloison_operator;
grant execute on function cloison.close_client_v1(text) to cloison_operator;
grant execute on function cloison.clock_v1() to cloison_operator;

-- The operator lists accounts, organisations and what was agreed, sources, protections and alerts: nobody's record.
grant select on table cloison.account to cloison_operator;
grant select on table cloison.organisation to cloison_operator;
grant select on table cloison.agency to cloison_operator;
grant select on table cloison.agreement to cloison_operator;
grant select on table cloison.role to cloison_operator;
grant select on table cloison.feed to cloison_operator;
grant select on table cloison.client to cloison_operator;
grant select on table cloison.relation_limit to cloison_operator;
grant select on table cloison.protection to cloison_operator;
grant select on table cloison.audience to cloison_operator;
grant select on table cloison.alert to cloison_operator;

-- The sequencer: reads entries, which hold no person's data, and adds to the tree; it changes no entry and no tile.
grant execute on function cloison.unsequenced_v1(timestamptz, integer) to cloison_sequencer;
grant execute on function cloison.blinding_v1(text, date, bytea) to cloison_sequencer;
grant execute on function cloison.append_log_v1(text, bigint, uuid[], bigint[], integer[], timestamptz[], timestamptz[], smallint[], bigint[], bytea[], text) to cloison_sequencer;
grant execute on function cloison.log_now_v1() to cloison_sequencer;
grant execute on function cloison.log_heads_v1() to cloison_sequencer;
grant execute on function cloison.log_tile_v1(text, smallint, bigint) to cloison_sequencer;

grant execute on function cloison.make_log_months_v1() to cloison_sequencer;
grant execute on function cloison.drop_log_month_v1(integer) to cloison_sequencer;

-- A witness: sees checkpoints, hashes and numbers, adds its signature, and tells what it found.
grant execute on function cloison.log_now_v1() to cloison_witness;
grant execute on function cloison.log_heads_v1() to cloison_witness;
grant execute on function cloison.log_tile_v1(text, smallint, bigint) to cloison_witness;
grant execute on function cloison.log_batches_v1(text, bigint, integer) to cloison_witness;
grant execute on function cloison.cosign_v1(text, bigint, text) to cloison_witness;
grant execute on function cloison.log_alarm_v1(text, text) to cloison_witness;

-- The forwarder: reads entries that stand in the tree, and notes how far it is; it changes nothing else.
grant execute on function cloison.forward_heads_v1(text) to cloison_forwarder;
grant execute on function cloison.forward_entries_v1(text, bigint, integer) to cloison_forwarder;
grant execute on function cloison.forwarded_v1(text, text[], bigint[]) to cloison_forwarder;
grant execute on function cloison.forward_behind_v1(text) to cloison_forwarder;
