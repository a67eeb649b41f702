-- Protected people (victims of violence, staff and their relatives, public figures), whose record each account's holder
-- is, and alerts. Rules: 55_protection.sql. The first four tables are small and the same everywhere (a distributed engine
-- has them on every node): a protection follows its person to another segment, and is looked for by person alone.

-- While one stands, nobody opens or lists the person but its audience, and nobody finds them. Several may stand at once,
-- set by different people: then only who is in the audience of each opens the person. Officers of `organisation` alone
-- change one or lift it.
create table cloison.protection (
    segment text collate "C" not null check (segment ~ '^[0-9A-Za-z_-]{1,16}$'),   -- where the person was then
    protection uuid not null default gen_random_uuid(),
    person uuid not null,                -- also where nobody is there
    organisation uuid references cloison.organisation,   -- of whoever set it; null: the owner did
    since timestamptz not null,
    valid_until timestamptz,             -- null: until it is lifted
    lifted_at timestamptz,
    primary key (segment, protection),
    unique (protection)
);
create index protection_person on cloison.protection (person) where lifted_at is null;

-- Who may open the person, by a relation as ever. Rows stay when they have ended.
create table cloison.audience (
    segment text collate "C" not null,
    protection uuid not null,
    account uuid not null,
    valid_until timestamptz,
    primary key (segment, protection, account),
    foreign key (segment, protection) references cloison.protection
);

-- What one person asked and another of the same organisation must confirm within a day: to lift a protection, or to let
-- accounts in.
create table cloison.protection_request (
    segment text collate "C" not null,
    protection uuid not null,
    accounts uuid[] not null,            -- to let in, in order; empty: to lift it
    organisation uuid not null,          -- of whoever asked
    asked_by uuid not null,
    asked_at timestamptz not null,
    primary key (segment, protection, accounts, organisation),
    foreign key (segment, protection) references cloison.protection
);

-- Whose record an account's holder is, as keyed hashes to be looked up in `locator`: it holds for somebody who registers
-- later, and wherever they move.
create table cloison.account_holder (
    segment text collate "C" not null,
    account uuid not null,
    kind smallint not null,
    term bigint not null,
    primary key (segment, account, kind, term),
    foreign key (segment, account) references cloison.account
);
create index account_holder_account on cloison.account_holder (account);
create index account_holder_term on cloison.account_holder (kind, term);

create type cloison.alert_kind as enum (
    'protected_opened', 'token_copied', 'factor_cloned',
    -- of a witness of the audit log, 89_witness.sql
    'log_unsigned', 'log_rolled_back', 'log_forked', 'log_out_of_order', 'log_stalled', 'log_clock'
);

-- What somebody should look at. Append-only, written with the charge; number is that of the audit entry.
create table cloison.alert (
    segment text collate "C" not null,
    account uuid not null,
    number bigint not null,
    kind cloison.alert_kind not null,
    at timestamptz not null,
    person uuid,
    primary key (segment, account, number)
);
create index alert_recent on cloison.alert (at);
