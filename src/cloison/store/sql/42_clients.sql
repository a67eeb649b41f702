-- Systems that call for themselves: known by a public key, never by a secret, and none of them opens anybody. Rules:
-- 86_clients.sql. Small, and the same everywhere (a distributed engine has them on every node).

-- A feed tells of interactions (42_feeds.sql); scim says who joins and leaves its organisation; delegate acts for advisers
-- who hand their session on; changes reads which records changed.
create type cloison.client_use as enum ('feed', 'scim', 'delegate', 'changes');

create table cloison.client (
    client uuid primary key,             -- the number of the act that registered it
    name text not null unique check (name ~ '^[0-9a-z][0-9a-z._-]{0,39}$'),
    organisation uuid not null references cloison.organisation,
    public_key text not null check (length(public_key) between 60 and 200),   -- a JWK of P-256, as RFC 7638 hashes it
    uses cloison.client_use[] not null check (cardinality(uses) between 1 and 4),
    registered_at timestamptz not null,
    closed_at timestamptz
);

-- What a client shows for ten minutes: bound to the key that it proves its requests with, as a session is.
create table cloison.client_token (
    token_hash bytea primary key check (length(token_hash) = 32),
    client uuid not null references cloison.client,
    used_for cloison.client_use not null,
    expires_at timestamptz not null
);
create index client_token_client on cloison.client_token (client);
