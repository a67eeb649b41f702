-- Exports and disclosures: the only ways in which more people are read than an account's budgets hold, or by who has no
-- relation with them. Rules, in order:
--   1. two people of the service sign (81_acts.sql), neither of whom, nor whose other account, is the executor: who, why,
--      how many people, which compartments, of which segments, until when, and to whose public key it is written. A
--      disclosure names one person, the authority that asks and its legal basis;
--   2. the executor's role must have the compartments (and, of an export, the purpose), its agreement the segments, at
--      each page: a grant adds people, never compartments;
--   3. a session begins a grant with a touch of its passkey in the last 5 minutes, and none reads while the account has
--      a fifth of its budgets for a new passkey (80_signin.sql);
--   4. a page is charged in a transaction of its own, under the lock of the grant: each person counts once in it, and no
--      more are charged than it has; somebody charged again is free. Each is an audit entry all the same;
--   5. it is given out in a later transaction, as in 62_release.sql, where session, freeze, agreement and grant are looked
--      at again, with tickets that name the grant: the keeper counts them apart (keeper/exporting.py);
--   6. left out are people who are protected (of a disclosure: from the executor), the executor's own holder, and people
--      whose retention has ended.
-- Left out on purpose: the caps of the executor's organisation. Two of the service said how many.

-- How many people a page looks at. The keeper takes twice as many tickets at once.
create or replace function cloison.export_page_people_v1() returns integer
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return 100;

-- Reads an export out of a signed act, for asking and again for doing; raises CL028 where it may not be.
create or replace function cloison.export_read_v1(p_act cloison.act) returns cloison.export
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    d jsonb := p_act.details;
    v_disclosure boolean := p_act.kind = 'grant.disclosure';
    v_export export;
    v_allowed boolean;
begin
    v_export.act := p_act.act;
    v_export.segment := d ->> 'segment';
    v_export.account := (d ->> 'executor')::uuid;
    v_export.people := case when v_disclosure then 1 else (d ->> 'people')::integer end;
    v_export.segments := case when v_disclosure then array[d ->> 'held_in'] else texts_v1(d -> 'segments') end;
    v_export.person := case when v_disclosure then (d ->> 'person')::uuid end;
    v_export.recipient := d ->> 'recipient';
    v_export.given_at := clock_v1();
    v_export.valid_until := clock_v1() + make_interval(hours => (d ->> 'hours')::integer);
    v_export.compartments := compartments_of_v1(v_export.account, texts_v1(d -> 'compartments'));
    select case when not v_disclosure then array_position(p.purposes, d ->> 'purpose') - 1 end into v_export.purpose
    from profile p;
    select g.standing and (v_disclosure or (r.purposes >> v_export.purpose) & 1 = 1)
        and (g.segments is null or v_export.segments <@ g.segments)
    into v_allowed
    from account a join role r on r.role = a.role join agreement g on g.organisation = a.organisation and g.standing
    where a.segment = v_export.segment and a.account = v_export.account and a.organisation = p_act.organisation
      and account_state_v1(a.segment, a.account) = 'open';
    if v_allowed is not true or v_export.compartments is null
       or (v_export.people between 1 and 1000000) is not true
       or ((d ->> 'hours')::integer between 1 and 72) is not true
       or (cardinality(v_export.segments) between 1 and 200) is not true or array_position(v_export.segments, null) is not null
       or (v_disclosure and v_export.person is null)
       or (v_disclosure and 3 > (select count(*) from unnest(array['authority', 'legal_basis', 'reference']) n
                                 where length(d ->> n) between 1 and 200))
       or (v_export.recipient ~ '^age1[02-9ac-hj-np-z]{58}$') is not true then
        raise exception 'not what the executor may export' using errcode = 'CL028';
    end if;
    return v_export;
end $$;

-- What is looked at when one is asked for, in the transaction that writes the act.
create or replace function cloison.export_asked_v1(p_act cloison.act) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    if p_act.kind in ('grant.bulk', 'grant.disclosure') then
        perform export_read_v1(p_act);
    end if;
end $$;

-- Done by the signature that completes the act; its hours begin now.
create or replace function cloison.do_export_v1(p_act cloison.act) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_export export := export_read_v1(p_act);
begin
    insert into export select v_export.act, v_export.segment, v_export.account, v_export.purpose, v_export.compartments,
        v_export.people, 0, v_export.segments, v_export.person, v_export.recipient, v_export.given_at, v_export.valid_until, null;
    perform log_own_act_v1(v_export.segment, v_export.account, 'grant_given', 'open', null, p_act.act);
end $$;

-- Ends one before its time; whether it stood. By who asked for it, or one person who may sign such: it only takes away.
create or replace function cloison.end_export_v1(p_who cloison.member, p_act uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    update export x set ended_at = clock_v1() from act a
    where x.act = p_act and a.act = p_act and x.ended_at is null and x.valid_until > clock_v1()
      and (a.asked_by = p_who.account
           or (p_who.service and (p_who.permissions >> act_right_v1(a.kind, false)) & 1 = 1));
    if found then
        perform log_own_act_v1(p_who.segment, p_who.account, 'grant_ended', 'open', p_who.session, p_act);
        return true;
    end if;
    return false;
end $$;

-- The grants that a session of the desk's may read by now, by rules 2 and 5. Not expiry of the session, not its account's freeze.
create or replace view cloison.exporter as
select h.segment, h.session, h.token_hash, h.account, h.role, h.expires_at, h.touched_at, h.lent_to,
       x.act, x.purpose, x.compartments, x.people, x.segments, x.person, x.recipient, x.valid_until
from cloison.holder h
join cloison.export x on x.segment = h.segment and x.account = h.account
where x.ended_at is null and x.valid_until > cloison.clock_v1() and h.covered and x.compartments & ~h.compartments = 0
  and (x.purpose is null or (h.purposes >> x.purpose) & 1 = 1);

-- The people of a page: who is behind p_after, in order, at most so many; `kept`: nothing of rule 6 leaves them out.
create or replace function cloison.export_candidates_v1(p_grant cloison.exporter, p_place text, p_after uuid)
returns table (person uuid, kept boolean)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
#variable_conflict use_column
declare
    v_today timestamp := clock_v1() at time zone 'UTC';
    v_cohort integer := extract(year from v_today) * 4 + extract(quarter from v_today) - 1;
    v_people uuid[];
begin
    v_people := array(
        select p.person from person p
        where p.segment = p_place and p.person > coalesce(p_after, '00000000-0000-0000-0000-000000000000')
          and p.cohort >= v_cohort and (p_grant.person is null or p.person = p_grant.person)
        order by p.person limit export_page_people_v1());
    return query
    select w.person, not w.own and not case when p_grant.person is null then w.shielded else w.withheld end
    from withheld_each_v1(array_fill(p_grant.account, array[cardinality(v_people)]),
        array_fill(p_grant.account, array[cardinality(v_people)]), v_people) w;
end $$;

-- Rules 2 to 4: charges the page behind p_after. `open`, or why not; how many people are to be released, and the last one
-- that was looked at: null at the segment's end. `budget`: somebody is there whom the grant has no room for.
create or replace function cloison.export_v1(p_segment text, p_token bytea, p_act uuid, p_request uuid, p_place text, p_after uuid)
returns table (outcome text, people integer, last uuid)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_holder holder;
    v_grant exporter;
    v_verdict text;
    v_room integer;
    v_looked uuid[];
    v_people uuid[];
    v_last uuid;
begin
    perform refuse_unsafe_caller_v1();
    v_locked := lock_ledgers_v1(p_segment, array[p_token]);
    select * into v_holder from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
    select * into v_grant from exporter x where x.segment = p_segment and x.session = v_holder.session and x.act = p_act;
    v_verdict := case
        when v_holder.session is null or p_request is null then 'no_session'
        when v_holder.account <> all (v_locked) then 'busy'
        when exists (select from account_freeze f where f.segment = p_segment and f.account = v_holder.account
                     and f.lifted_at is null) then 'frozen'
        when v_grant.act is null or (p_place = any (v_grant.segments)) is not true
             or (v_grant.lent_to is not null and p_place <> all (v_grant.lent_to))
             or exists (select from ledger l where l.segment = p_segment and l.account = v_holder.account
                        and l.quarantined_until > clock_v1()) then 'scope'
        when (v_holder.touched_at > clock_v1() - interval '5 minutes') is not true and not exists (
            select from export_run r where r.act = p_act and r.session = v_holder.session) then 'step_up'
        else 'open' end;
    if v_verdict in ('frozen', 'scope', 'step_up') then
        perform from settle_v1(p_segment, clock_v1(), array[row(1, v_holder.session, v_holder.account, v_holder.role, p_request,
            null, 0, null, null, 'open', 'exported', v_verdict)::judged]);
    end if;
    if v_verdict <> 'open' then
        return query select v_verdict, 0, null::uuid;
        return;
    end if;
    if unwitnessed_v1(clock_v1(), array[p_segment], array[v_holder.account]) <> '{}' then
        raise exception 'the audit log is not witnessed' using errcode = 'CL038';
    end if;
    insert into export_run (act, session, began_at) values (p_act, v_holder.session, clock_v1()) on conflict do nothing;

    -- Sessions of the account have waited at its ledger; who ends the grant waits here. What follows has a younger snapshot.
    select x.people - x.taken into v_room from export x where x.act = p_act and x.ended_at is null for update;
    if v_room is null then
        return query select 'scope', 0, null::uuid;
        return;
    end if;
    with looked as materialized (
        select c.person, c.kept, count(*) filter (where c.kept and e.person is null) over (order by c.person) <= v_room as fits
        from export_candidates_v1(v_grant, p_place, p_after) c
        left join exported e on e.act = p_act and e.person = c.person
    )
    select coalesce(array_agg(l.person order by l.person), '{}'),
        coalesce(array_agg(l.person order by l.person) filter (where l.fits and l.kept), '{}'),
        (array_agg(l.person order by l.person desc) filter (where l.fits))[1]
    into v_looked, v_people, v_last from looked l;
    perform export_charged_v1(v_holder, v_grant, p_request, p_place, v_people);
    return query select
        case when v_last is null and v_looked <> '{}' then 'budget' else 'open' end, cardinality(v_people),
        case when v_last = v_looked[export_page_people_v1()] or v_last is distinct from v_looked[cardinality(v_looked)] then v_last end;
end $$;

-- Writes a page down: whom the grant counts, an entry a person (one for a page with nobody in it), and receipts.
create or replace function cloison.export_charged_v1(
    p_holder cloison.holder, p_grant cloison.exporter, p_request uuid, p_place text, p_people uuid[]
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
    v_new integer;
    v_number bigint;
begin
    insert into exported (act, person) select p_grant.act, q.person from unnest(p_people) q (person) on conflict do nothing;
    get diagnostics v_new = row_count;
    update export x set taken = x.taken + v_new where x.act = p_grant.act;
    update ledger l set next_number = l.next_number + greatest(cardinality(p_people), 1)
    where l.segment = p_holder.segment and l.account = p_holder.account
    returning l.next_number - greatest(cardinality(p_people), 1) into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, request, person, compartments, purpose, subject)
    select p_holder.segment, p_holder.account, v_number + q.ordinal - 1, v_now, 'exported', 'open', p_holder.session, p_request,
        q.person, p_grant.compartments, p_grant.purpose, p_grant.act
    from unnest(case when p_people = '{}' then array[null::uuid] else p_people end) with ordinality q (person, ordinal);
    insert into export_receipt (segment, session, request, act, place, person, charged_at)
    select p_holder.segment, p_holder.session, p_request, p_grant.act, p_place, q.person, v_now from unnest(p_people) q (person)
    on conflict (segment, session, request, person) do update set act = excluded.act, place = excluded.place, charged_at = excluded.charged_at;
end $$;

-- Rule 5: gives a page out.
create or replace function cloison.release_export_v1(p_segment text, p_token bytea, p_act uuid, p_request uuid)
returns table (place text, person uuid, version integer, compartments integer, sealed bytea[], ticket text, mac bytea)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_v1();
    v_session uuid;
    v_receipts export_receipt[];
    v_grant exporter;
    v_withheld uuid[];
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'release needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    select s.session into v_session from session s where s.segment = p_segment and s.token_hash = sha256(p_token);
    v_receipts := array(
        select r from export_receipt r
        where r.segment = p_segment and r.session = v_session and r.request = p_request and r.act = p_act
          and r.charged_at > v_now - receipt_lifetime_v1()
        for update skip locked);
    if v_receipts = '{}' then
        return;
    end if;
    perform wait_until_flushed_v1();
    v_now := clock_v1();
    select * into v_grant from exporter x
    where x.segment = p_segment and x.session = v_session and x.act = p_act and x.expires_at > v_now
      and not exists (select from account_freeze f where f.segment = p_segment and f.account = x.account and f.lifted_at is null);
    v_withheld := array(
        select w.person from withheld_each_v1(array_fill(v_grant.account, array[cardinality(v_receipts)]),
            array_fill(v_grant.account, array[cardinality(v_receipts)]), array(select r.person from unnest(v_receipts) r)) w
        where w.own or case when v_grant.person is null then w.shielded else w.withheld end);
    return query
    with used as (
        delete from export_receipt r using unnest(v_receipts) q
        where r.segment = q.segment and r.session = q.session and r.request = q.request and r.person = q.person
          and r.charged_at > clock_v1() - receipt_lifetime_v1()
        returning r.place, r.person
    ), allowed as (
        select u.place, p.person, p.version, p.sealed, format('cloison-export-1|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', p_request,
            v_session, v_grant.account, u.place, p.cohort, p.person, p.key_id, v_grant.compartments, p.version,
            floor(extract(epoch from v_now) * 1000)::bigint, p_act) as ticket
        from used u join person p on p.segment = u.place and p.person = u.person
        where u.place = any (v_grant.segments) and (v_grant.lent_to is null or u.place = any (v_grant.lent_to))
          and u.person <> all (v_withheld)
    )
    select a.place, a.person, a.version, v_grant.compartments,
        array(select a.sealed[i + 1] from generate_series(0, cardinality(a.sealed) - 1) i
              where (v_grant.compartments >> i) & 1 = 1 order by i),
        a.ticket, sha256(k.outer_block || sha256(k.inner_block || convert_to(a.ticket, 'UTF8')))
    from allowed a cross join ticket_key k
    order by a.person;
end $$;

-- The grants that this session's account may read now.
create or replace function cloison.exports_v1(p_segment text, p_token bytea) returns table (
    act uuid, purpose text, compartments integer, people integer, taken integer, segments text[], recipient text,
    valid_until timestamptz, disclosure boolean
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select x.act, p.purposes[x.purpose + 1], x.compartments, x.people, (select e.taken from export e where e.act = x.act),
        x.segments, x.recipient, x.valid_until, x.person is not null
    from exporter x cross join profile p
    where x.segment = p_segment and x.token_hash = sha256(p_token) and x.expires_at > clock_v1()
    order by x.valid_until, x.act;
$$;

-- The same for the sign-in door, which tells the keeper when the executor's session begins; `ends` in seconds since 1970.
create or replace function cloison.exports_of_v1(p_segment text, p_account uuid) returns table (
    act uuid, people integer, compartments integer, ends double precision
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select x.act, x.people, x.compartments, extract(epoch from x.valid_until)::double precision from export x
    where x.segment = p_segment and x.account = p_account and x.ended_at is null and x.valid_until > clock_v1();
$$;

-- The register of disclosures: to whom, on which basis, who signed, and whether it was fetched. The person as a number.
create or replace function cloison.disclosures_v1() returns table (
    act uuid, given_at timestamptz, authority text, legal_basis text, reference text, person uuid, compartments text[],
    signed_by text[], executor text, fetched_at timestamptz
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select x.act, x.given_at, a.details ->> 'authority', a.details ->> 'legal_basis', a.details ->> 'reference', x.person,
        texts_v1(a.details -> 'compartments'),
        array(select c.handle from act_signature s join account c on c.account = s.account where s.act = x.act order by s.signed_at),
        (select c.handle from account c where c.segment = x.segment and c.account = x.account),
        (select min(e.at) from entry e where e.segment = x.segment and e.account = x.account and e.subject = x.act
            and e.person = x.person and e.event = 'exported')
    from export x join act a on a.act = x.act
    where x.person is not null
    order by x.given_at;
$$;
