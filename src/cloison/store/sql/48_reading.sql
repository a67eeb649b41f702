-- What reading the log takes beside it: how lines are found again in the tree, and what delays them. Rules: 89_reading.sql.

create index log_batch_until on cloison.log_batch (segment, until);
create index account_number on cloison.account (account);   -- of an author, whose entry is in another segment than its home

-- What the deployer decided about people's own space; `cloison init` writes it.
create table cloison.space_terms (
    single boolean primary key default true check (single),
    names_accounts boolean not null default false   -- whether people see the handle of who looked at them
);
insert into cloison.space_terms default values;

-- Until when people do not see what an account did, or an organisation for one purpose. Small, and the same everywhere.
create table cloison.investigation (
    act uuid primary key references cloison.act,
    organisation uuid not null references cloison.organisation,
    account uuid,                        -- null: the purpose of all of the organisation's
    purpose smallint,
    declared_at timestamptz not null,
    until timestamptz not null,
    check ((account is null) <> (purpose is null)),
    check (until <= declared_at + interval '4416 hours')   -- 184 days: six months
);
create index investigation_until on cloison.investigation (until);

-- Proofs that somebody asked for in their own space, and what the sequencer answered; gone within the hour.
create table cloison.log_proof (
    proof uuid primary key default gen_random_uuid(),
    segment text collate "C" not null,   -- of the log
    place bigint not null,
    login uuid not null,
    person uuid not null,
    asked_at timestamptz not null,
    proved text                          -- JSON; null: not answered yet
);
create index log_proof_waiting on cloison.log_proof (asked_at) where proved is null;
create index log_proof_login on cloison.log_proof (login, asked_at);
