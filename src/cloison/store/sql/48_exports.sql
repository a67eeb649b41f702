-- Exports that two people of the service signed, each with a budget of its own. Rules: 84_exports.sql. Like acts they are
-- small and the same everywhere, but for `exported`.

create table cloison.export (
    act uuid primary key references cloison.act,
    segment text collate "C" not null,   -- the executor's home
    account uuid not null,
    purpose smallint,                    -- null: a disclosure, whose purpose is its legal basis
    compartments integer not null,
    people integer not null check (people between 1 and 1000000),
    taken integer not null default 0,    -- distinct people so far; what a page locks
    segments text[] collate "C" not null,   -- where the people are
    person uuid,                         -- of a disclosure: the only one
    recipient text not null,             -- public key, age's form
    given_at timestamptz not null,
    valid_until timestamptz not null,
    ended_at timestamptz,                -- before its time
    constraint export_budget check (taken <= people)
);
create index export_account on cloison.export (segment, account, given_at);

-- Sessions that began an export, each with a fresh touch.
create table cloison.export_run (
    act uuid not null references cloison.export,
    session uuid not null,
    began_at timestamptz not null,
    primary key (act, session)
);

-- Whom an export has counted; again they cost nothing.
create table cloison.exported (
    act uuid not null references cloison.export,
    person uuid not null,
    primary key (act, person)
);

-- What a page was charged for and not given out yet. A table beside `receipt`: a relation's release must not use these up,
-- which were counted on another budget.
create unlogged table cloison.export_receipt (
    segment text collate "C" not null,
    session uuid not null,
    request uuid not null,
    act uuid not null,
    place text collate "C" not null,
    person uuid not null,
    charged_at timestamptz not null,
    primary key (segment, session, request, person)
);
