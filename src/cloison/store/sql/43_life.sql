-- The life of a record: questions about what is unique, merges and splits, and who speaks for whom.

create type cloison.merge_state as enum ('asked', 'merged', 'split_asked', 'split');
create type cloison.representative_kind as enum ('parent', 'guardian', 'curator', 'proxy');

-- A question whether a NIR or identifier is somebody's already, charged as a refusal before it is answered. It is taken
-- back where the answer told nothing. Unlogged like receipts.
create unlogged table cloison.question (
    segment text collate "C" not null,
    session uuid not null,
    request uuid not null,
    account uuid not null,
    asked_at timestamptz not null,
    number bigint not null,              -- of the refusal that the question was charged as
    person uuid,                         -- whose record is to be changed; null: somebody new
    version integer,                     -- that the record had then
    primary key (segment, session, request)
) with (fillfactor = 50);

-- Two records that are one person's: asked for by one account, carried out when another approves, taken back likewise.
create table cloison.merge (
    segment text collate "C" not null,
    merge uuid not null,
    survivor uuid not null,
    absorbed uuid not null,
    state cloison.merge_state not null,
    reason text not null check (reason ~ '^[a-z_]{1,32}$'),   -- one of a closed list: a sentence could name somebody
    asked_by uuid not null,
    asked_at timestamptz not null,
    merged_by uuid,
    merged_at timestamptz,
    filled smallint[] not null default '{}',    -- numbers of the fields that the survivor got from the absorbed record
    split_asked_by uuid,
    split_asked_at timestamptz,
    split_by uuid,
    split_at timestamptz,
    primary key (segment, merge)
);
create index merge_survivor on cloison.merge (survivor);
create index merge_absorbed on cloison.merge (absorbed);

-- The survivor as it shall be once a merge or a split is approved: sealed by the door when it was asked for, as whoever
-- approves opens nothing. Of no use once the survivor has changed otherwise.
create table cloison.planned (
    segment text collate "C" not null,
    merge uuid not null,
    version integer not null,            -- of the survivor when it was sealed
    absorbed_version integer not null,
    change cloison.resealed,             -- null: the survivor stays as it is
    primary key (segment, merge)
);

-- The record that a merge took out of the register, as it was.
create table cloison.absorbed (
    like cloison.person including storage,
    primary key (segment, person)
);

-- By what of it was unique (a proof belongs to it) the survivor is found, whatever number is on a letter.
create table cloison.absorbed_term (
    segment text collate "C" not null,
    person uuid not null,
    slot smallint not null,
    term bigint not null,
    proof bigint,                        -- the term that proves the second fact
    primary key (segment, person, slot)
);
create index absorbed_term_found on cloison.absorbed_term (segment, slot, term);

-- What the absorbed record had: locators, which lead to the survivor now, relations, and interactions, also those that
-- sources told of since. `added`: the survivor had none of that account and kind that stood.
create table cloison.absorbed_locator (
    segment text collate "C" not null,
    person uuid not null,
    kind smallint not null,
    term bigint not null,
    primary key (segment, person, kind, term)
);
create index absorbed_locator_term on cloison.absorbed_locator (kind, term);
create table cloison.absorbed_relation (
    segment text collate "C" not null,
    person uuid not null,
    account uuid not null,
    kind cloison.relation_kind not null,
    valid_from timestamptz not null,
    valid_until timestamptz,
    added boolean not null,
    primary key (segment, person, account, kind)
);
create table cloison.absorbed_interaction (
    segment text collate "C" not null,
    person uuid not null,
    feed uuid not null,
    interaction bytea not null,
    primary key (segment, person, feed, interaction)
);

-- Who speaks for whom, from when to when.
create table cloison.representative (
    segment text collate "C" not null,
    person uuid not null,
    representative_segment text collate "C" not null,
    representative uuid not null,
    kind cloison.representative_kind not null,
    signs_in boolean not null,           -- in the person's place
    receives_notices boolean not null,
    valid_from timestamptz not null,
    valid_until timestamptz,             -- null: until further notice
    primary key (segment, person, representative),
    check (person <> representative)
);
create index representative_of on cloison.representative (representative_segment, representative);
