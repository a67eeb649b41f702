-- People's logins for their own space: what leads to them, what they sign in with, their sessions. Rules: 82_space.sql.
-- Nothing here can be read: names and identities are keyed hashes, secrets enciphered, the keys of both are the space door's.

-- A person's login. It stays where it was made; the person may have gone to another segment since (trail).
create table cloison.space_login (
    segment text collate "C" not null,
    login uuid not null,
    person uuid not null,
    made_at timestamptz not null,
    password text check (length(password) between 1 and 300),   -- argon2id of a keyed hash; null: passkeys alone
    totp bytea check (length(totp) between 29 and 200),   -- the phone's secret, enciphered
    totp_step bigint not null default 0,   -- the last 30 seconds whose code was used
    tries integer not null default 0 check (tries between 0 and 10),   -- by password, since the last sign-in
    primary key (segment, login),
    unique (segment, person),
    check ((password is null) = (totp is null))
);
create index space_login_person on cloison.space_login (person);   -- wherever it was made

-- Which login a name leads to, wherever it is; by term alone, like locator.
create table cloison.space_name (
    name_hash bytea primary key check (length(name_hash) = 32),
    segment text collate "C" not null,
    login uuid not null
);
create index space_name_login on cloison.space_name (segment, login);

-- Which login an identity at an OpenID provider leads to, by term alone as well.
create table cloison.space_identity (
    identity_hash bytea primary key check (length(identity_hash) = 32),
    segment text collate "C" not null,
    login uuid not null,
    linked_at timestamptz not null
);
create index space_identity_login on cloison.space_identity (segment, login);

-- What is written for a name that is nobody's, so that a try costs the same.
create table cloison.space_decoy (
    slot smallint primary key check (slot between 0 and 255),
    tries bigint not null default 0
);

create table cloison.space_factor (
    segment text collate "C" not null,
    login uuid not null,
    factor uuid not null default gen_random_uuid(),
    credential bytea not null check (length(credential) between 16 and 1023),
    public_key bytea not null,           -- COSE
    sign_count bigint not null check (sign_count >= 0),
    aaguid uuid not null,
    backup_eligible boolean not null,
    added_at timestamptz not null,
    used_at timestamptz,
    frozen_at timestamptz,
    primary key (segment, login, factor),
    unique (segment, login, credential),
    foreign key (segment, login) references cloison.space_login
);

-- Devices, by their key's thumbprint, on which a login signed in: each has tries of its own.
create table cloison.space_device (
    segment text collate "C" not null,
    login uuid not null,
    thumbprint bytea not null check (length(thumbprint) = 32),
    known_at timestamptz not null,
    tries integer not null default 0 check (tries between 0 and 10),
    primary key (segment, login, thumbprint),
    foreign key (segment, login) references cloison.space_login
);

-- Two halves of a code by which a person makes a login, or makes it anew: one is mailed, the other one given by hand.
-- `login`: the one that they have, or will have. `session`: of who invited, which may have the address read once.
create table cloison.space_invitation (
    segment text collate "C" not null,
    person uuid not null,
    invited_at timestamptz not null,
    login uuid not null,
    invitation uuid not null default gen_random_uuid(),
    session uuid not null,
    code_hash bytea not null check (length(code_hash) = 32),   -- of the mailed half
    both_hash bytea not null check (length(both_hash) = 32),   -- of both
    addressed_at timestamptz,            -- when the address was given out, to mail the code there
    expires_at timestamptz not null,
    tries integer not null default 0,    -- of redeeming it, two a go
    redeemed_at timestamptz,
    primary key (segment, person, invited_at),
    unique (segment, code_hash)
);

create type cloison.space_way as enum ('password', 'passkey', 'provider');

create table cloison.space_session (
    segment text collate "C" not null,
    session uuid not null,
    login uuid not null,
    token_hash bytea not null check (length(token_hash) = 32),    -- of the token's secret and the device's key together
    secret_hash bytea not null check (length(secret_hash) = 32),
    way cloison.space_way not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    seen_at timestamptz not null,        -- when it was last used, to the minute
    ended_at timestamptz,
    copied_at timestamptz,               -- when its token was last shown with another key
    primary key (segment, session),
    unique (segment, token_hash),
    foreign key (segment, login) references cloison.space_login
);
create index space_session_login on cloison.space_session (segment, login, issued_at);
create index space_session_secret on cloison.space_session (segment, secret_hash);
