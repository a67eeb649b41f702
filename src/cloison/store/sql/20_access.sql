-- Who works in the register, in which role, and why they may open whom.

create table cloison.organisation (
    organisation uuid primary key default gen_random_uuid(),
    name text not null unique check (length(name) between 1 and 200),
    service boolean not null default false   -- the service itself, whose people are the second ones of all others
);
create unique index organisation_service on cloison.organisation (service) where service;

create table cloison.role (
    role smallint primary key,
    name text not null unique,
    relations integer not null,          -- masks: bit i is the i-th of relation_kind, of the profile's lists
    compartments integer not null,
    touch integer not null,              -- compartments that ask for a fresh touch of the passkey
    purposes integer not null,
    permissions integer not null default 0   -- what it may do beside opening; bits as in model.Permission
);

-- Limits are data: how many distinct people (for `refusal`: how many refusals) in any window of that length.
create table cloison.role_budget (
    role smallint not null references cloison.role on delete cascade,
    meter cloison.meter not null,
    minutes_5 integer not null check (minutes_5 >= 0),
    hour integer not null check (hour >= 0),
    day integer not null check (day >= 0),
    days_28 integer not null check (days_28 >= 0),
    primary key (role, meter)
);

create table cloison.account (
    segment text collate "C" not null check (segment ~ '^[0-9A-Za-z_-]{1,16}$'),   -- the account's home
    account uuid not null default gen_random_uuid(),
    handle text not null check (handle ~ '^[0-9A-Za-z._-]{1,64}$'),
    organisation uuid not null references cloison.organisation,
    agency text not null check (length(agency) between 1 and 64),
    role smallint not null references cloison.role,
    holder text not null check (length(holder) between 1 and 64),   -- whose it is, such as a staff number: one a human
    reviewed_at timestamptz not null,    -- when it was last said that it is still needed; unreviewed for a year it opens nobody
    closed_at timestamptz,
    primary key (segment, account),
    unique (segment, handle)
);
create index account_handle on cloison.account (handle);

-- A session is for one door, and for one device: its token is known by the SHA-256 of the token's secret and of the
-- thumbprint of the device's key together, so that no function takes one with another key's proof.
create type cloison.door as enum ('desk', 'signin');

create table cloison.session (
    segment text collate "C" not null,
    session uuid not null default gen_random_uuid(),
    account uuid not null,
    door cloison.door not null default 'desk',
    token_hash bytea not null check (length(token_hash) = 32),
    secret_hash bytea check (length(secret_hash) = 32),   -- of the secret alone: a token that is shown with another key is known by it
    factor uuid,                         -- that it began with; null: another provider's, or a throw-away database's
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    seen_at timestamptz not null,        -- when it was last used, to the minute
    idle interval not null default '24 hours',   -- unused for so long, it has ended
    touched_at timestamptz,              -- when a passkey was last touched for this session
    copied_at timestamptz,               -- when its token was last shown with another key
    client uuid,                         -- the system that it was handed on to, whose key it is bound to
    parent uuid,                         -- the session of the account's that was handed on: it ends with that one
    primary key (segment, session),
    unique (segment, token_hash),
    foreign key (segment, account) references cloison.account
);

-- Ends of sessions and freezes are rows of their own, so that writing one waits for no ledger's lock.
create index session_account on cloison.session (segment, account, issued_at);
create index session_client on cloison.session (client) where client is not null;

create table cloison.session_end (
    segment text collate "C" not null,
    session uuid not null,
    ended_at timestamptz not null,
    primary key (segment, session)
);

create table cloison.account_freeze (
    segment text collate "C" not null,
    account uuid not null,
    frozen_at timestamptz not null,
    lifted_at timestamptz,
    primary key (segment, account, frozen_at)
);

create table cloison.relation (
    segment text collate "C" not null,
    account uuid not null,
    person uuid not null,
    kind cloison.relation_kind not null,
    valid_from timestamptz not null,
    valid_until timestamptz,             -- null: until further notice
    compartments integer,                -- of a grant; null: all of the role's
    primary key (segment, account, person, kind)
);
create index relation_person on cloison.relation (segment, person);
