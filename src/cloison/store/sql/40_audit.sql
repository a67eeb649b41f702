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
    'space_factor_added', 'space_factor_frozen', 'space_ended'
);

create table cloison.entry (
    segment text collate "C" not null,
    account uuid not null,
    number bigint not null,
    at timestamptz not null,
    event cloison.event not null,
    outcome cloison.outcome not null,
    session uuid,
    request uuid,
    person uuid,                         -- as asked for, also where nobody is there
    compartments integer not null default 0,
    purpose smallint,
    relation cloison.relation_kind,
    subject uuid,                        -- of an administrative act: the account it is about
    amount integer,                      -- of a counting entry, a list or an import
    version integer,                     -- of a change: the row's version from then on
    sealed_hash bytea,                   -- and SHA-256 of its sealed compartments, one after the other
    constraint entry_numbered unique (segment, account, number)
);
create index entry_person on cloison.entry (segment, person, at) where person is not null;

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
