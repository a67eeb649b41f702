-- How accounts come to be, who agreed to it, and what their holders sign in with. Rules: 80_signin.sql, 81_acts.sql.
-- All but factor are small and the same everywhere (a distributed engine has them on every node).

-- What an agreement demands of who signs in, beside the touch of a passkey or a provider's proof of two factors.
create table cloison.signin_terms (
    organisation uuid primary key references cloison.organisation,
    synced boolean not null default false,   -- passkeys that a vendor's cloud may copy to other devices
    aaguids uuid[] check (cardinality(aaguids) > 0),   -- the only models of authenticators; null: any
    provider text,                       -- its own OpenID provider, by its name in cloison.toml; null: none
    idle_seconds integer not null default 1800 check (idle_seconds between 60 and 28800),
    session_seconds integer not null default 36000 check (session_seconds between 60 and 43200)
);

-- A passkey of an account. A frozen one signs nobody in: it was recovered away, removed, or seems to have been copied.
create table cloison.factor (
    segment text collate "C" not null,
    account uuid not null,
    factor uuid not null default gen_random_uuid(),
    credential bytea not null check (length(credential) between 16 and 1023),
    public_key bytea not null,           -- COSE
    sign_count bigint not null check (sign_count >= 0),
    aaguid uuid not null,
    backup_eligible boolean not null,
    added_at timestamptz not null,
    quarantined_until timestamptz not null,   -- it is new: 80_signin.sql, rule 4
    used_at timestamptz,
    frozen_at timestamptz,
    primary key (segment, account, factor),
    unique (segment, account, credential),
    foreign key (segment, account) references cloison.account
);

-- Who somebody is at an OpenID provider, linked to an account that was approved here.
create table cloison.identity (
    issuer text not null check (length(issuer) between 1 and 200),
    subject_hash bytea not null check (length(subject_hash) = 32),   -- SHA-256 of the provider's name of them
    segment text collate "C" not null,
    account uuid not null,
    linked_at timestamptz not null,
    primary key (issuer, subject_hash)
);

-- From how many people a day that an act may add on, it takes a third person and a day; no row: 200.
create table cloison.act_threshold (
    single boolean primary key default true check (single),
    people_a_day integer not null check (people_a_day >= 0)
);

-- Challenges and codes that were used: each is good once. Who made them says until when they would have been good.
create table cloison.spent (
    hash bytea primary key check (length(hash) = 32),
    until timestamptz not null
);

-- What takes more than one person. Inserted with its asker's signature; done by the signature that completes it.
create type cloison.act_state as enum ('waiting', 'done', 'refused');

create table cloison.act (
    act uuid primary key,
    kind text not null check (length(kind) between 1 and 40),
    canonical bytea not null,            -- what is signed: JSON, RFC 8785
    details jsonb not null,              -- the same, for the functions that do it
    organisation uuid not null references cloison.organisation,   -- that it is about
    asked_by uuid not null,              -- the nil account: the operator of the machine
    asked_at timestamptz not null,
    expires_at timestamptz not null,
    people_needed smallint not null check (people_needed between 2 and 3),   -- who asks is one of them, but the operator
    not_before timestamptz not null,     -- of the last signature
    state cloison.act_state not null,
    settled_at timestamptz,
    refused_by uuid
);
create index act_waiting on cloison.act (organisation, asked_at) where state = 'waiting';

-- A person's signature of an act: the passkey's assertion whose challenge is the SHA-256 of the act.
create table cloison.act_signature (
    act uuid not null references cloison.act,
    account uuid not null,
    segment text collate "C" not null,
    factor uuid not null,
    public_key bytea not null,
    authenticator_data bytea not null,
    client_data bytea not null,
    signature bytea not null,
    signed_at timestamptz not null,
    primary key (act, account)
);
create index act_signature_account on cloison.act_signature (account, signed_at);

-- Lines of a file of staff that the operator wants to bring in, as canonical JSON: an act is asked with their SHA-256. They
-- change no more once it is asked.
create table cloison.staged_staff (
    act uuid not null,
    number integer not null check (number >= 0),
    line text not null check (length(line) <= 4000),
    staged_at timestamptz not null,
    primary key (act, number)
);

-- A new account's, or a recovered one's, way to its first passkey: a code, handed over by somebody who is signed in.
create table cloison.invitation (
    segment text collate "C" not null,
    account uuid not null,
    act uuid references cloison.act,     -- null: one of the first two officers'
    invited_at timestamptz not null,
    expires_at timestamptz not null,
    code_hash bytea check (length(code_hash) = 32),   -- of the code handed over last; null: none yet
    handed_by uuid,
    redeemed_at timestamptz,
    primary key (segment, account, invited_at)
);
