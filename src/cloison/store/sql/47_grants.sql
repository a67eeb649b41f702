-- Break-glass: whom accounts were let open without a relation. Rules: 83_grants.sql. Never a fact, always its keyed hash.

-- Facts about one person, given by an account so that it may ask to open them; whether anybody is meant nobody has looked.
create table cloison.facts (
    segment text collate "C" not null,
    facts uuid not null,
    account uuid not null,
    slot smallint not null,
    terms bigint[] not null,
    proof_terms bigint[] not null,
    kept_at timestamptz not null,
    primary key (segment, facts)
);

create table cloison.break_glass (
    act uuid primary key references cloison.act,
    segment text collate "C" not null,
    account uuid not null,
    person uuid,                         -- null: the facts were nobody's, or of somebody out of everybody's reach
    compartments integer not null,
    given_at timestamptz not null,
    valid_until timestamptz not null,    -- once it is approved
    emergency boolean not null,
    approved_by uuid,
    ended_at timestamptz,                -- before its time
    forgiven_at timestamptz              -- two others let the account ask again, after an emergency that nobody approved
);
create index break_glass_account on cloison.break_glass (segment, account, given_at);

-- A time in which an agency's accounts may open so many more people of their own caseloads. Rules: 88_campaigns.sql. Small,
-- and the same everywhere.
create table cloison.campaign (
    act uuid primary key references cloison.act,
    organisation uuid not null references cloison.organisation,
    segment text collate "C" not null,
    agency text not null,
    people integer not null check (people between 1 and 500),   -- a day and account
    days integer not null check (days between 1 and 5),
    began_at timestamptz not null,
    ends_at timestamptz not null
);
create index campaign_agency on cloison.campaign (organisation, segment, agency, ends_at);
