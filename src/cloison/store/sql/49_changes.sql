-- Which records changed, for systems that keep something about the same people: who and how, nothing of what the record
-- says. In the order in which transactions were begun, read only as far as all have ended (87_changes.sql).

create table cloison.change (
    segment text collate "C" not null,
    xid bigint not null,                 -- of the transaction that changed them
    person uuid not null,
    event cloison.event not null,
    version integer,                     -- of the record from then on; null: it is not here any more
    at timestamptz not null,
    primary key (segment, xid, person, event)
);
create index change_at on cloison.change (at);

-- The last of those that are kept no more: whoever has read less than that has missed some.
create table cloison.change_floor (
    segment text collate "C" primary key,
    xid bigint not null,
    person uuid not null,
    event cloison.event not null
);
