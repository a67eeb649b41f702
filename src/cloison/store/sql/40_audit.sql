-- The audit log: who consulted whom, when, why, with what outcome. Append-only; never holds a person's data.
-- Each account's entries in a segment are numbered without gaps. The account of an act of the owner's is the nil UUID.

create type cloison.event as enum (
    'open', 'search', 'list',                       -- of people, by an account
    'refusals_exceeded',                            -- one counting entry for refusals beyond their budget
    'session_issued', 'session_ended',
    'account_created', 'account_frozen', 'account_unfrozen', 'holder_set',
    'people_imported', 'relations_imported', 'statistics_read',
    'person_read',                                  -- opened as a whole, by the intake door, to be changed
    'person_created', 'person_changed', 'person_moved',
    'registration_ended', 'registration_resumed', 'person_deceased',
    'merge_asked', 'people_merged', 'split_asked', 'people_split',
    'representative_set', 'representative_ended',
    'protection_set', 'protection_lift_asked', 'protection_lifted',
    'cover_asked', 'cover_given', 'handover_asked', 'handover_done',
    'code_sent', 'code_confirmed',
    'feed_created', 'feed_closed',
    'agreement_made', 'agreement_ended', 'allowance_lent',
    'factor_added', 'factor_frozen', 'identity_linked', 'session_touched', 'token_copied',
    'act_asked', 'act_signed', 'act_refused', 'act_done', 'grant_given', 'grant_ended', 'exported',
    'invitation_handed_over', 'invitation_redeemed',
    'client_registered', 'client_closed', 'client_signed_in', 'session_handed_on',
    'account_recovered', 'account_elevated', 'account_reviewed', 'account_closed',
    'space_invited', 'space_redeemed', 'space_signed_in', 'space_signed_out', 'space_blocked',   -- people, in their own space
    'space_factor_added', 'space_factor_frozen', 'space_ended',
    'log_dropped',                                  -- a month of this log, too old to be kept
    'log_alarmed',                                  -- what a witness of this log has found
    'log_read', 'investigation_declared', 'investigation_ended'
);

-- In this order no byte is lost between columns, and a row has 140. The numbers have no index: whoever needs an author's
-- entries reads all of a month, which takes a tenth of the space (docs/adr/0025-log-by-months.md).
create table cloison.entry (
    at timestamptz not null,
    number bigint not null,
    account uuid not null,
    session uuid,
    request uuid,
    person uuid,                         -- as asked for, also where nobody is there
    subject uuid,                        -- of an administrative act: the account it is about
    event cloison.event not null,
    outcome cloison.outcome not null,
    compartments integer not null default 0,
    relation cloison.relation_kind,
    amount integer,                      -- of a counting entry, a list or an import
    version integer,                     -- of a change: the row's version from then on
    purpose smallint,
    segment text collate "C" not null,
    sealed_hash bytea                    -- of a change: SHA-256 of its sealed compartments, one after the other
) partition by range (at);

-- A table a month, made ahead by keep_log_v1; here is what has none: time that is simulated, or the log unattended.
create table cloison.entry_default partition of cloison.entry default;

create index entry_account on cloison.entry (account);
create index entry_person on cloison.entry (person) where person is not null;
create index entry_subject on cloison.entry (subject) where subject is not null;
create index entry_at on cloison.entry using brin (at) with (pages_per_range = 16, autosummarize = on);

-- A request after judgement by session, freeze, relation and role, before its budgets; what settle_v1 takes.
-- `verdict` is an outcome, or `no_session`, or `busy` (the ledger is locked by somebody else).
create type cloison.judged as (
    ordinal integer, session uuid, account uuid, role smallint, request uuid, person uuid, compartments integer,
    purpose smallint, relation cloison.relation_kind, meter cloison.meter, event cloison.event, verdict text
);

-- A request after its budgets: what settle_v1 writes down. `place`: the segment where; `number` of its audit entry, null
-- where it has none; `beyond`: it is refused beyond the refusals' budget, which `amount` requests of this account are.
create type cloison.settled as (
    place text, ordinal integer, session uuid, account uuid, request uuid, person uuid, compartments integer, purpose smallint,
    relation cloison.relation_kind, meter cloison.meter, event cloison.event, outcome text, retry_after integer,
    beyond boolean, amount integer, number bigint, at_most integer[]
);
