-- The log of the entries: a Merkle tree a segment (RFC 6962), kept as tiles. The sequencer puts committed entries into it,
-- each author's by their numbers, and nobody takes one out. The forms stand in docs/audit-format.md.

-- How many of each author's entries are in the tree.
create table cloison.log_author (
    segment text collate "C" not null,
    account uuid not null,
    sequenced bigint not null,
    primary key (segment, account)
) with (fillfactor = 70);

-- Which entries stand at which leaves, from `first` on: of each of `accounts` in turn so many, from a number on.
create table cloison.log_batch (
    segment text collate "C" not null,
    first bigint not null,
    size integer not null check (size > 0),
    accounts uuid[] not null,
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

-- The newest checkpoint of each log, and the newest that a witness has cosigned.
create table cloison.log_head (
    segment text collate "C" primary key,
    size bigint not null default 0,
    note text not null default '',
    signed_at timestamptz,
    cosigned_size bigint not null default 0,
    cosigned_note text not null default '',
    cosigned_at timestamptz
) with (fillfactor = 50);

-- What blinds the leaves of a month: without it they say nothing, and the tree still holds.
create table cloison.log_blinding (
    segment text collate "C" not null,
    month date not null,
    key bytea not null check (length(key) = 32),
    primary key (segment, month)
);

-- Authors of late entries are found by their time, in the order in which they lie; what is in the tree goes by numbers.
create index entry_late on cloison.entry using brin (at) with (pages_per_range = 16);
