-- A clock that the owner turns, for attacks that take days: put in place of cloison.clock_v1() in a throw-away database
-- that was cloned for it. Nowhere else: turned forward 28 days it refills every budget. Run by the owner.
do $$
begin
    if current_database() = 'cloison' then
        raise exception 'a register never runs on a simulated clock' using errcode = 'CL006';
    end if;
end $$;

create table cloison.simulated_clock (
    single boolean primary key default true check (single),
    at timestamptz not null
);
insert into cloison.simulated_clock (at) values (clock_timestamp());

create or replace function cloison.clock_v1() returns timestamptz
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp
return (select c.at from cloison.simulated_clock c);

-- Turns the clock; nobody but the owner may.
create function cloison.set_clock_v1(p_at timestamptz) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp
begin atomic
    update cloison.simulated_clock set at = p_at;
end;
