-- What an account was released, and what it was refused. Only functions of 50_charge.sql ff. write here.

-- The row that a charge locks: one an account, in its home segment.
create table cloison.ledger (
    segment text collate "C" not null,
    account uuid not null,
    next_number bigint not null default 1,   -- of the account's next audit entry
    -- How many people its windows of the meter `open` hold at most, since then; null: not counted yet. See 60_settle.sql.
    at_most integer[] check (cardinality(at_most) = 4),
    counted_at timestamptz,
    quarantined_until timestamptz,       -- a session began with a new passkey: a fifth of the budgets until then
    primary key (segment, account)
) with (fillfactor = 50);

-- Distinct people: one row an account, meter and person. Every opening, a repeated one too, refreshes last_opened.
create table cloison.opening (
    segment text collate "C" not null,
    account uuid not null,
    meter cloison.meter not null,
    person uuid not null,
    last_opened timestamptz not null,
    primary key (segment, account, meter, person)
);
create index opening_recent on cloison.opening (segment, account, meter, last_opened);

create table cloison.refusal (
    segment text collate "C" not null,
    account uuid not null,
    refused_at timestamptz not null,
    number bigint not null,              -- of the refusal's audit entry
    primary key (segment, account, refused_at, number)
);

-- Misses of searches by facts that share a group (jobseekers-fr: sex, birth date and place of a NIR).
create table cloison.search_miss (
    segment text collate "C" not null,
    search_group bigint not null,
    missed_at timestamptz not null,
    account uuid not null,
    request uuid not null,
    primary key (segment, search_group, missed_at, account, request)
);

-- What was charged and not yet released. Unlogged: after a crash nothing is released without a new charge.
create unlogged table cloison.receipt (
    segment text collate "C" not null,
    session uuid not null,
    request uuid not null,
    person uuid not null,
    account uuid not null,
    compartments integer not null,
    charged_at timestamptz not null,
    found boolean not null,              -- by a search, which finds nobody protected
    primary key (segment, session, request, person)
) with (fillfactor = 50);

-- Searches charged and not yet answered. Unlogged like receipts.
create unlogged table cloison.asked (
    segment text collate "C" not null,
    session uuid not null,
    request uuid not null,
    account uuid not null,
    asked_at timestamptz not null,
    number bigint not null,              -- of the refusal that the search was charged as
    purpose smallint not null,
    slot smallint not null,
    terms bigint[] not null,
    proof_terms bigint[],
    search_group bigint,
    primary key (segment, session, request)
) with (fillfactor = 50);

-- The key that signs tickets, as the two padded blocks of HMAC (RFC 2104), since core SQL has sha256() but no hmac().
create table cloison.ticket_key (
    single boolean primary key default true check (single),
    inner_block bytea not null check (length(inner_block) = 64),
    outer_block bytea not null check (length(outer_block) = 64)
);
