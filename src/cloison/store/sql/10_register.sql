-- The register: people, their sealed compartments and their search terms; and the profile that names them.
-- `segment` is the first column of every key. Nothing here is readable: `sealed` is noise without the keeper.

create type cloison.relation_kind as enum ('caseload', 'cover', 'inbound', 'walk_in', 'grant');
create type cloison.meter as enum ('open', 'walk_in', 'list', 'search', 'refusal', 'campaign');
create type cloison.outcome as enum ('open', 'scope', 'budget', 'step_up', 'frozen', 'stale');

-- One row: the profile this register was made with. Bit i of a compartment mask is compartments[i + 1].
create table cloison.profile (
    single boolean primary key default true check (single),
    name text not null,
    compartments text[] not null,
    label_bit integer not null,          -- the mask of the derived compartment that lists and cards show
    address_bit integer not null,        -- of the one that holds the address which codes are sent to; 0: none does
    purposes text[] not null
);

-- What the profile lets people be searched by. No row: not searched by that slot.
create table cloison.search_slot (
    slot smallint primary key check (slot between 1 and 8),
    proof_slot smallint check (proof_slot between 1 and 8),   -- whose term proves the second fact; null: none does
    cuts integer[]                       -- misses that share a budget (search_miss) have these many leading characters
);                                       -- of each fact in common (0: all, -1: none); null: they share none

-- Long columns first: there are tens of millions of rows, and PostgreSQL puts gaps before a long one behind a short one.
create table cloison.person (
    key_id bigint not null,              -- the number of this person's key in the keeper's store
    digest bigint,                       -- keyed hash of what was imported last: the same again changes nothing
    cell bigint,                         -- keyed hash of the statistics' cell that counts the person
    term1 bigint, term2 bigint, term3 bigint, term4 bigint,   -- keyed hashes of what can be searched by;
    term5 bigint, term6 bigint, term7 bigint, term8 bigint,   -- the profile says which is which
    cohort integer not null,             -- year * 4 + quarter - 1 of the quarter in which retention ends
    version integer not null default 1,
    person uuid not null,
    segment text collate "C" not null check (segment ~ '^[0-9A-Za-z_-]{1,16}$'),
    provisional boolean not null default false,   -- the first locator (jobseekers-fr: the NIR) is a provisional one
    sealed bytea[] not null,             -- one item a compartment, in the profile's order
    primary key (segment, person)
);
alter table cloison.person alter column sealed set storage external;   -- ciphertext does not compress

-- With the segment, although a term alone would lead to one segment's people by an index a third smaller: a door may have
-- terms made for another segment, and must not see whether they are somebody's there by what looking for them costs.
create index person_term1 on cloison.person (segment, term1) where term1 is not null;
create index person_term2 on cloison.person (segment, term2) where term2 is not null;
-- term3 proves a second fact about a person already found by term2 (jobseekers-fr: the birth date); no index.
create index person_term4 on cloison.person (segment, term4) where term4 is not null;
create index person_term5 on cloison.person (segment, term5) where term5 is not null;
create index person_term6 on cloison.person (segment, term6) where term6 is not null;
create index person_term7 on cloison.person (segment, term7) where term7 is not null;
create index person_term8 on cloison.person (segment, term8) where term8 is not null;

-- How many people each cell of the statistics holds; only the keeper can tell which cell is which.
create table cloison.counter (
    segment text collate "C" not null,
    cell bigint not null,
    people bigint not null,
    primary key (segment, cell)
);

-- A row while an initial load is under way: the indexes of search terms are made at its end.
create table cloison.load (
    single boolean primary key default true check (single),
    began_at timestamptz not null
);

-- Which segment holds a value that is unique in the whole register (jobseekers-fr: NIR, identifier).
create table cloison.locator (
    term bigint primary key,             -- of kind and value, so that one of another kind is another term
    person uuid not null,
    kind smallint not null,
    segment text collate "C" not null
);
create index locator_person on cloison.locator (person);   -- a merge, an erasure: all that lead to somebody

-- Who went from one segment to another, so that a locator written before still leads to them.
create table cloison.trail (
    segment text collate "C" not null,
    person uuid not null,
    went_to text collate "C" not null,   -- where they are now, however often they moved
    primary key (segment, person)
);
create index trail_person on cloison.trail (person);

-- Somebody new, as intake brings them; sealed compartments and search terms (8) in order, locators by kind, null where
-- there is none.
create type cloison.newcomer as (
    person uuid, cohort integer, key_id bigint, provisional boolean, digest bigint, cell bigint,
    sealed bytea[], terms bigint[], locators bigint[]
);

-- Somebody sealed anew. `sealed` holds the compartments of the mask `compartments`, `terms` counts where the mask
-- `slots` (bit i: term i + 1) says so; `digest` null: as it was. `dropped`: locators, by kind, that are theirs no more.
create type cloison.resealed as (
    former_segment text, former_version integer, segment text, version integer, person uuid, cohort integer, key_id bigint,
    provisional boolean, digest bigint, cell bigint, compartments integer, sealed bytea[], slots integer, terms bigint[],
    locators bigint[], dropped bigint[]
);
