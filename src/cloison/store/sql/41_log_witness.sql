-- The newest checkpoint that each witness has signed of each log: the note with the log's signature and its own. `witness` is the
-- login that gave it, so that none can put its own in another's place.
create table cloison.log_cosignature (
    segment text collate "C" not null,
    witness text collate "C" not null,
    size bigint not null,
    note text not null check (length(note) <= 4000),
    at timestamptz not null,
    primary key (segment, witness)
) with (fillfactor = 50);
