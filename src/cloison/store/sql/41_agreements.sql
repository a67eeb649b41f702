-- What organisations may do here, what they have done of it, and what one ledger lends to another segment.
-- agreement, agency and recall are small and the same everywhere (a distributed engine has them on every node), so that
-- each segment can look by itself. Rules of lending: 65_lease.sql.

-- An agreement holds until it ends or another takes its place; without one that stands, an account opens nobody.
create table cloison.agreement (
    organisation uuid not null references cloison.organisation,
    valid_from timestamptz not null,
    ends_at timestamptz,                 -- null: until further notice
    standing boolean not null,           -- false: it was ended, or another has taken its place
    segments text[] check (cardinality(segments) > 0),             -- null: all
    roles smallint[] check (cardinality(roles) > 0),               -- null: all
    accounts_most integer check (accounts_most >= 0),              -- null: any number
    -- Caps: account-person pairs opened in any window of that length, by all accounts together. Null: no cap.
    minutes_5 integer check (minutes_5 >= 0),
    hour integer check (hour >= 0),
    day integer check (day >= 0),
    days_28 integer check (days_28 >= 0),
    ledger_segment text collate "C" not null check (ledger_segment ~ '^[0-9A-Za-z_-]{1,16}$'),
    primary key (organisation, valid_from)
);
create unique index agreement_standing on cloison.agreement (organisation) where standing;

-- The organisation's local offices; an account belongs to one of them, where any are named.
create table cloison.agency (
    organisation uuid not null references cloison.organisation,
    name text not null check (length(name) between 1 and 64),
    segment text collate "C" not null check (segment ~ '^[0-9A-Za-z_-]{1,16}$'),
    primary key (organisation, name)
);

-- Accounts that are frozen and sessions that were ended, for the segments they visit: a lease lent before opens nothing.
create table cloison.recall (
    subject uuid primary key,            -- an account or a session
    until timestamptz                    -- null: until it is lifted; else no lease lent before lives longer
);

-- The row that is locked when an organisation's cap is charged, in its agreement's ledger_segment.
create table cloison.organisation_ledger (
    segment text collate "C" not null,
    organisation uuid not null,
    next_number bigint not null default 1,   -- of the organisation's next audit entry here
    at_most integer[] not null,          -- pairs of the four windows: never fewer than there are, now and then counted
    primary key (segment, organisation)
) with (fillfactor = 50);

-- Pairs that the cap counts; last_opened is when the lease ends under which they were opened last.
create table cloison.organisation_opening (
    segment text collate "C" not null,
    organisation uuid not null,
    account uuid not null,
    person uuid not null,
    last_opened timestamptz not null,
    primary key (segment, organisation, account, person)
);
create index organisation_opening_recent on cloison.organisation_opening (segment, organisation, last_opened);

-- What the home's ledger has lent: this person, to this segment. Unlogged like receipts: after a crash it is lent anew.
create unlogged table cloison.lent (
    segment text collate "C" not null,   -- the account's home
    session uuid not null,
    request uuid not null,
    person uuid not null,
    borrower text collate "C" not null,  -- the segment that may open the person
    account uuid not null,
    compartments integer not null,
    purpose smallint not null,
    lent_at timestamptz not null,
    primary key (segment, session, request, person, borrower)
) with (fillfactor = 50);

-- Sessions of accounts at home elsewhere, as leases told this segment. Unlogged: each lease tells it again.
create unlogged table cloison.guest (
    segment text collate "C" not null,
    session uuid not null,
    token_hash bytea not null,
    account uuid not null,
    organisation uuid not null,
    role smallint not null,
    home text collate "C" not null,
    expires_at timestamptz not null,     -- of the session
    seen_at timestamptz not null,
    primary key (segment, session),
    unique (segment, token_hash)
) with (fillfactor = 50);

-- A lease, read from its text: the home's ledger (kind `lease`), and the organisation's too (`capped`), has counted that
-- this account opens this person, from now until it expires. read_lease_v1 makes it.
create type cloison.lease as (
    kind text, home text, segment text, session uuid, account uuid, organisation uuid, role smallint, request uuid,
    person uuid, compartments integer, purpose smallint, token_hash bytea, session_expires_at timestamptz,
    expires_at timestamptz
);

-- A lease charged to its organisation, or refused; what cap_v1 writes down.
create type cloison.organisation_charge as (
    ordinal integer, organisation uuid, account uuid, person uuid, session uuid, request uuid,
    expires_at timestamptz, outcome text, retry_after integer, at_most integer[]
);
