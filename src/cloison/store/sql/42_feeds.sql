-- Why somebody may be opened, as far as staff cannot make it up: how many relations may be written, which sources tell
-- of interactions, who asked that a colleague stands in, and the codes that people at the counter are sent.

-- What a new relation is counted as: of an account's first day, when a whole caseload comes in; any later one to follow or
-- to cover somebody; an interaction.
create type cloison.relation_meter as enum ('first_day', 'caseload', 'inbound');
create type cloison.feed_kind as enum ('appointments', 'space', 'telephone');
create type cloison.transfer_kind as enum ('cover', 'handover');

-- Limits are data: the nil organisation's row is everybody's who has none. A day is any 24 hours.
create table cloison.relation_limit (
    organisation uuid primary key,
    account_day integer not null default 60 check (account_day >= 0),             -- new relations an account
    account_first_day integer not null default 1500 check (account_first_day >= 0),   -- in the 24 hours from its first one
    organisation_day integer not null default 2000 check (organisation_day >= 0), -- first days not counted
    inbound_account_day integer not null default 100 check (inbound_account_day >= 0),   -- people an account meets
    inbound_organisation_day integer not null default 20000 check (inbound_organisation_day >= 0),
    inbound_hours integer not null default 744 check (inbound_hours between 1 and 8760),   -- the longest interaction in a file
    feed_hours_ahead integer not null default 1440 check (feed_hours_ahead between 1 and 17520),
    feed_grace_minutes integer not null default 30 check (feed_grace_minutes between 0 and 1440),
    feed_misses_day integer not null default 500 check (feed_misses_day >= 0),    -- accounts or people that are not there
    cover_people integer not null default 20 check (cover_people between 0 and 100),   -- that one manager gives alone
    cover_hours integer not null default 720 check (cover_hours between 1 and 8760),
    transfers_day integer not null default 20 check (transfers_day >= 0),         -- asked for by an account
    codes_person_hour integer not null default 3 check (codes_person_hour >= 0),
    codes_account_day integer not null default 30 check (codes_account_day >= 0)
);

-- When an account's first caseload began to come in: it has one first day in its life.
create table cloison.relation_start (
    segment text collate "C" not null,   -- the account's home, here and in relation_write
    account uuid not null,
    began_at timestamptz not null,
    primary key (segment, account)
);

-- New relations, a row for each account and transaction. Who counts or writes here has locked the organisation before.
create table cloison.relation_write (
    segment text collate "C" not null,
    account uuid not null,
    meter cloison.relation_meter not null,
    written_at timestamptz not null,
    organisation uuid not null,
    relations integer not null,
    primary key (segment, account, meter, written_at)
);
create index relation_write_organisation on cloison.relation_write (organisation, meter, written_at);

-- A relation to be written, matched by ordinal; `segment` is the account's home, `held_in` the person's.
create type cloison.wished_relation as (
    ordinal integer, segment text, account uuid, organisation uuid, held_in text, person uuid,
    kind cloison.relation_kind, valid_from timestamptz, valid_until timestamptz
);

-- A source of interactions that no account can write, told by one client.
create table cloison.feed (
    feed uuid primary key default gen_random_uuid(),
    name text not null unique check (name ~ '^[0-9a-z][0-9a-z._-]{0,39}$'),
    kind cloison.feed_kind not null,
    segments text[],                     -- null: all
    client uuid not null unique references cloison.client,
    created_at timestamptz not null,
    closed_at timestamptz
);

-- Accounts and people that a source named and that are not there: one that guesses is stopped.
create table cloison.feed_miss (
    segment text collate "C" not null,   -- empty: they are nowhere
    feed uuid not null,
    missed_at timestamptz not null,
    misses integer not null,
    primary key (segment, feed, missed_at)
);

-- What sources told, without anything of the person: the source's own name of it is kept as a hash.
-- `waiting`: another interaction of the same account and person comes first; installed when that one is over.
create table cloison.interaction (
    segment text collate "C" not null,   -- the person's
    feed uuid not null,
    interaction bytea not null check (length(interaction) = 32),
    account uuid not null,
    person uuid not null,
    valid_from timestamptz not null,
    valid_until timestamptz not null,
    waiting boolean not null,
    received_at timestamptz not null,
    primary key (segment, feed, interaction)
);
create index interaction_waiting on cloison.interaction (segment, account, person, valid_from) where waiting;
create index interaction_person on cloison.interaction (segment, person);

-- A caseload to be covered or handed over: asked for by one manager, decided by another; named people are given at once.
create table cloison.transfer (
    segment text collate "C" not null,   -- the home of everybody concerned
    transfer uuid not null default gen_random_uuid(),
    kind cloison.transfer_kind not null,
    asked_by uuid not null,
    giver uuid not null,
    taker uuid not null,
    valid_from timestamptz not null,
    valid_until timestamptz,
    asked_at timestamptz not null,
    decided_by uuid,
    decided_at timestamptz,
    people integer,
    primary key (segment, transfer)
);
create index transfer_asked on cloison.transfer (segment, asked_by, asked_at);

-- Codes sent to people at the counter; the code itself is nowhere, its keyed hash is made by the intake door.
create table cloison.code (
    segment text collate "C" not null,
    code uuid not null,
    account uuid not null,
    session uuid not null,
    person uuid not null,
    compartment integer not null,        -- the bit of the one that holds the address
    code_hash bytea not null check (length(code_hash) = 32),
    asked_at timestamptz not null,
    expires_at timestamptz not null,
    released_at timestamptz,             -- when the address was released to the intake door, once
    tries integer not null default 0,
    confirmed_at timestamptz,
    primary key (segment, code)
);
create index code_person on cloison.code (segment, person, asked_at);
create index code_account on cloison.code (segment, account, asked_at);
