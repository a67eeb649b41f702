-- The log of the entries: a Merkle tree a segment (RFC 6962), kept as tiles. The sequencer puts committed entries into it,
-- each author's by their numbers, and nobody takes one out. The forms stand in docs/audit-format.md.

-- How many of each author's entries are in the tree, and when the last of them was written. `author`: what batches name it by.
create table cloison.log_author (
    segment text collate "C" not null,
    account uuid not null,
    author integer not null,
    sequenced bigint not null,
    sequenced_at timestamptz not null,
    primary key (segment, account),
    unique (segment, author)
) with (fillfactor = 70);

-- Which entries stand at which leaves, from `first` on: of each of `authors` in turn so many, from a number on. All are of one
-- month of UTC, between `since` and `until`.
create table cloison.log_batch (
    segment text collate "C" not null,
    first bigint not null,
    size integer not null check (size > 0),
    since timestamptz not null,
    until timestamptz not null,
    authors integer[] not null,
    numbers bigint[] not null,
    counts integer[] not null,
    primary key (segment, first)
);

-- Up to 256 hashes of complete subtrees of 256 ^ level leaves.
create table cloison.log_tile (
    segment text collate "C" not null,
    level smallint not null,
    index bigint not null,
    hashes bytea not null check (length(hashes) % 32 = 0 and length(hashes) >= 32 and length(hashes) <= 8192),
    primary key (segment, level, index)
);
alter table cloison.log_tile alter column hashes set storage external;   -- hashes cannot be compressed

-- The newest checkpoint of each log, and how far a witness has cosigned it; what the witnesses signed is in log_cosignature.
create table cloison.log_head (
    segment text collate "C" primary key,
    begun_at timestamptz not null,
    size bigint not null default 0,
    note text not null default '',
    signed_at timestamptz,
    cosigned_size bigint not null default 0,
    cosigned_at timestamptz
) with (fillfactor = 50);

-- What blinds the leaves of a month: without it they say nothing, and the tree still holds.
create table cloison.log_blinding (
    segment text collate "C" not null,
    month date not null,
    key bytea not null check (length(key) = 32),
    primary key (segment, month)
);

-- Which leaves of a month that was dropped have no entries any more; the entry `log_dropped` has the hash of it.
create table cloison.log_drop (
    segment text collate "C" not null,
    month date not null,
    places int8multirange not null,
    primary key (segment, month)
);

-- For which device a session was: the thumbprint of its key. Kept as long as entries that say it.
create table cloison.log_session (
    segment text collate "C" not null,
    session uuid not null,
    device bytea not null check (length(device) = 32),
    until timestamptz not null,
    primary key (session, segment)
);

-- For how long doors open people's records of a segment whose log no witness has signed; null: for ever, in a throw-away
-- database. The owner's `cloison serve` writes it.
create table cloison.log_terms (
    single boolean primary key default true check (single),
    most_unwitnessed interval
);
insert into cloison.log_terms default values;
