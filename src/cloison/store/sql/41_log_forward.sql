-- How far each log has been forwarded: of a destination's, by its name, every leaf before `next` is the receiver's.
create table cloison.log_forward (
    destination text collate "C" not null check (destination ~ '^[a-z0-9_-]{1,40}$'),
    segment text collate "C" not null,
    next bigint not null check (next >= 0),
    at timestamptz not null,
    primary key (destination, segment)
) with (fillfactor = 50);
