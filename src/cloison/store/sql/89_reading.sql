-- Who reads the log. The rules, in order:
--   1. staff read it by a right: that of the service reads all of it, that of an organisation what its own accounts did,
--      never who else looked at a person. The machine's operator reads all of it;
--   2. a page is asked for first, which is an entry; it is read in a later transaction, within a minute, once that entry is
--      committed and flushed, and of what that entry says: a reading that was rolled back shows nothing;
--   3. each page is found by an index: by person all at once, newest first; else by time, in stretches that double from five
--      minutes on, back from where the page begins;
--   4. people read, in their own space, what was done with their record, under all numbers that they had. Nothing of it is
--      about anybody else: of a merge or a representative they see that it was, of an account its organisation, agency and
--      role; its handle only where the deployer decided so;
--   5. what an investigation is declared about they see when it is over. Everybody is told meanwhile that some of it may come
--      later, and when at the latest: whoever is investigated learns nothing from who is told;
--   6. a line is proved by its leaf, its place in the tree and some of its fields. The sequencer makes the proof, as it
--      alone has entries and blinding keys; the space door passes on what it made.

-- -- staff -------------------------------------------------------------------------------------------------------------------

-- Rule 1: sessions of the desk's that may read; `organisation`: whose accounts alone, null: everybody's.
create or replace view cloison.log_reader as
select h.segment, h.session, h.token_hash, h.account,
       case when o.service and (h.permissions >> 17) & 1 = 1 then null else h.organisation end as organisation
from cloison.holder h join cloison.organisation o on o.organisation = h.organisation
where h.expires_at > cloison.clock_v1() and h.covered
  and ((o.service and (h.permissions >> 17) & 1 = 1) or (h.permissions >> 18) & 1 = 1)
  and not exists (select from cloison.account_freeze f
                  where f.segment = h.segment and f.account = h.account and f.lifted_at is null);

create or replace function cloison.log_reading_v1(
    p_segment text, p_account uuid, p_session uuid, p_request uuid, p_outcome cloison.outcome, p_person uuid, p_subject uuid
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_number bigint;
begin
    insert into ledger as l (segment, account, next_number) values (p_segment, p_account, 2)
    on conflict (segment, account) do update set next_number = l.next_number + 1
    returning next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, request, person, subject)
    values (p_segment, p_account, v_number, clock_v1(), 'log_read', p_outcome, p_session, p_request, p_person, p_subject);
end $$;

-- Rule 2: asks for a page about an account (by its handle) or an organisation (by its name), a person, both, or everybody.
-- `open`, `scope`, `unknown` (only who reads everything is told so), `no_session`.
create or replace function cloison.ask_log_v1(
    p_segment text, p_token bytea, p_request uuid, p_handle text, p_organisation text, p_person uuid
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_holder holder;
    v_who log_reader;
    v_subject uuid;
    v_whose uuid;
begin
    select * into v_holder from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
    if v_holder.session is null then
        return 'no_session';
    end if;
    select * into v_who from log_reader r where r.segment = p_segment and r.session = v_holder.session;
    if p_handle is not null then
        select a.account, a.organisation into v_subject, v_whose from account a where a.handle = p_handle;
    elsif p_organisation is not null then
        select o.organisation, o.organisation into v_subject, v_whose from organisation o where o.name = p_organisation;
    end if;
    if v_who.session is null or (v_subject is null and (p_handle is not null or p_organisation is not null))
       or (v_who.organisation is not null and v_whose <> v_who.organisation) then
        perform log_reading_v1(p_segment, v_holder.account, v_holder.session, p_request, 'scope', p_person, v_subject);
        return case when v_who.session is not null and v_who.organisation is null then 'unknown' else 'scope' end;
    end if;
    perform log_reading_v1(p_segment, v_who.account, v_who.session, p_request, 'open', p_person, v_subject);
    return 'open';
end $$;

-- Rule 3: p_most entries from p_since on and before p_until, newest first, behind (p_at, p_segment, p_account, p_number) where
-- that is given: of these authors alone (null: of all), of this person alone (null: of all).
create or replace function cloison.entries_v1(
    p_accounts uuid[], p_person uuid, p_since timestamptz, p_until timestamptz,
    p_at timestamptz, p_segment text, p_account uuid, p_number bigint, p_most integer
) returns setof cloison.entry
language plpgsql stable security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_custom_plan as $$
declare
    v_since timestamptz := coalesce(p_since, clock_v1() - interval '28000 hours');   -- before the oldest that may be kept
    v_to timestamptz := least(p_until, clock_v1() + interval '1 hour', p_at + interval '1 microsecond');
    v_from timestamptz;
    v_length interval := case when p_person is null then interval '5 minutes' else interval '28000 hours' end;
    v_left integer := p_most;
    v_found integer;
begin
    while v_left > 0 and v_to > v_since loop
        v_from := greatest(v_since, v_to - v_length);
        return query
        select e.* from entry e
        where e.at >= v_from and e.at < v_to
          and (p_person is null or e.person = p_person) and (p_accounts is null or e.account = any (p_accounts))
          and (p_at is null or (e.at, e.segment, e.account, e.number) < (p_at, p_segment, p_account, p_number))
        order by e.at desc, e.segment desc, e.account desc, e.number desc limit v_left;
        get diagnostics v_found = row_count;
        v_left := v_left - v_found;
        v_to := v_from;
        v_length := v_length * 2;
    end loop;
end $$;

-- A page for who asked: p_organisation as in log_reader. Raises CL003 and CL006.
create or replace function cloison.log_page_v1(
    p_reader uuid, p_organisation uuid, p_request uuid, p_since timestamptz, p_until timestamptz,
    p_at timestamptz, p_segment text, p_account uuid, p_number bigint, p_most integer
) returns table (
    at timestamptz, segment text, account uuid, number bigint, handle text, organisation text, agency text, role text,
    event text, outcome text, session uuid, person uuid, compartments integer, purpose smallint, relation text, subject uuid,
    amount integer, version integer
)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
#variable_conflict use_column
declare
    v_asked entry;
    v_of uuid := p_organisation;
    v_accounts uuid[];
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'reading the log needs a transaction that has not written' using errcode = 'CL003';
    end if;
    select * into v_asked from entry e
    where e.account = p_reader and e.at > clock_v1() - interval '1 minute' and e.request = p_request
      and e.event = 'log_read' and e.outcome = 'open';
    if v_asked.number is null then
        raise exception 'ask_log_v1 comes first' using errcode = 'CL006';
    end if;
    perform wait_until_flushed_v1();
    select coalesce(p_organisation, o.organisation) into v_of from organisation o where o.organisation = v_asked.subject;
    v_of := coalesce(v_of, p_organisation);
    if exists (select from account a where a.account = v_asked.subject) then
        v_accounts := array(
            select a.account from account a
            where a.account = v_asked.subject and a.organisation = coalesce(p_organisation, a.organisation));
    elsif v_of is not null then
        v_accounts := array(select a.account from account a where a.organisation = v_of) || v_of;
    end if;
    return query
    select e.at, e.segment, e.account, e.number, a.handle, o.name, a.agency, r.name, e.event::text, e.outcome::text, e.session,
        e.person, e.compartments, e.purpose, e.relation::text, e.subject, e.amount, e.version
    from entries_v1(v_accounts, v_asked.person, p_since, p_until, p_at, p_segment, p_account, p_number, least(p_most, 1000)) e
    left join lateral (select x.* from account x where x.account = e.account limit 1) a on true
    left join organisation o on o.organisation = coalesce(a.organisation, e.account)
    left join role r on r.role = a.role
    order by e.at desc, e.segment desc, e.account desc, e.number desc;
end $$;

-- Rule 2: the page that a session asked for.
create or replace function cloison.read_log_v1(
    p_segment text, p_token bytea, p_request uuid, p_since timestamptz, p_until timestamptz,
    p_at timestamptz, p_behind text, p_account uuid, p_number bigint, p_most integer
) returns table (
    at timestamptz, segment text, account uuid, number bigint, handle text, organisation text, agency text, role text,
    event text, outcome text, session uuid, person uuid, compartments integer, purpose smallint, relation text, subject uuid,
    amount integer, version integer
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select p.* from log_reader r cross join lateral log_page_v1(
        r.account, r.organisation, p_request, p_since, p_until, p_at, p_behind, p_account, p_number, p_most) p
    where r.segment = p_segment and r.token_hash = sha256(p_token);
$$;

-- The same for the machine's operator, under the nil account.
create or replace function cloison.operator_ask_log_v1(p_request uuid, p_handle text, p_organisation text, p_person uuid)
returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_subject uuid := coalesce((select a.account from account a where a.handle = p_handle),
        (select o.organisation from organisation o where o.name = p_organisation));
begin
    if v_subject is null and (p_handle is not null or p_organisation is not null) then
        return 'unknown';
    end if;
    perform log_reading_v1('00', '00000000-0000-0000-0000-000000000000', null, p_request, 'open', p_person, v_subject);
    return 'open';
end $$;

create or replace function cloison.operator_read_log_v1(
    p_request uuid, p_since timestamptz, p_until timestamptz,
    p_at timestamptz, p_behind text, p_account uuid, p_number bigint, p_most integer
) returns table (
    at timestamptz, segment text, account uuid, number bigint, handle text, organisation text, agency text, role text,
    event text, outcome text, session uuid, person uuid, compartments integer, purpose smallint, relation text, subject uuid,
    amount integer, version integer
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select p.* from log_page_v1('00000000-0000-0000-0000-000000000000', null, p_request, p_since, p_until,
        p_at, p_behind, p_account, p_number, p_most) p;
$$;

-- -- people -----------------------------------------------------------------------------------------------------------------

-- Rules 4 and 5: what a person sees. `about`: it is about their record, not only their part in another one's. Events of their own space are
-- theirs, what is counted behind the scenes is nobody's reading, and that somebody is protected no page says aloud.
create or replace function cloison.own_entries_v1(p_segment text, p_person uuid, p_until timestamptz)
returns table (entry cloison.entry, about boolean)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_custom_plan as $$
    select distinct on (e.at, e.segment, e.account, e.number) e.entry, e.about
    from identities_v1(p_segment, p_person) i
    cross join lateral (
        select e as entry, true as about, e.at, e.segment, e.account, e.number, e.purpose from entry e
        where e.person = i.person and e.event in (
            'open', 'search', 'list', 'exported', 'person_read', 'person_created', 'person_changed', 'person_moved',
            'registration_ended', 'registration_resumed', 'person_deceased', 'merge_asked', 'people_merged', 'split_asked',
            'people_split', 'representative_set', 'representative_ended', 'code_sent', 'code_confirmed', 'space_invited',
            'log_read')
        union all                        -- as the one absorbed, or as somebody's representative
        select e, false, e.at, e.segment, e.account, e.number, e.purpose from entry e
        where e.subject = i.person and e.event in (
            'merge_asked', 'people_merged', 'split_asked', 'people_split', 'representative_set', 'representative_ended')
    ) e
    where e.at between i.since and least(i.until, p_until)
      and not exists (
        select from investigation v
        where v.until > clock_v1() and (v.account = e.account or (v.purpose = e.purpose and exists (
            select from account a where a.account = e.account and a.organisation = v.organisation))))
    order by e.at desc, e.segment, e.account, e.number, e.about desc;
$$;

-- At which leaf an author's entry of that instant stands; null: at none yet.
create or replace function cloison.log_place_v1(p_segment text, p_account uuid, p_number bigint, p_at timestamptz) returns bigint
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
    select (r.first + r.before + p_number - r.number)::bigint
    from log_author s
    cross join lateral (
        select b.first, q.number, (select coalesce(sum(c.count), 0) from unnest(b.counts[:q.place - 1]) c (count)) as before
        from log_batch b
        cross join lateral unnest(b.authors, b.numbers, b.counts) with ordinality q (author, number, count, place)
        where b.segment = p_segment and b.until >= p_at and b.since <= p_at and q.author = s.author
          and p_number >= q.number and p_number < q.number + q.count
        order by b.until limit 1
    ) r
    where s.segment = p_segment and s.account = p_account and s.sequenced >= p_number;
$$;

-- Rule 4: p_most lines of the session's person, newest first, from p_at on but for the p_skip of that instant that were shown
-- already. `log`, `place`: where the line stands in the tree; `anchored`: a witness has signed for it.
create or replace function cloison.space_history_v1(
    p_segment text, p_token bytea, p_at timestamptz, p_skip integer, p_most integer
) returns table (
    at timestamptz, event text, outcome text, organisation text, agency text, role text, handle text, authority text,
    purpose text, compartments text[], relation text, log text, place bigint, anchored boolean
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select (l.entry).at, (l.entry).event::text, (l.entry).outcome::text, o.name, a.agency, r.name,
        case when t.names_accounts then a.handle end,
        case when d.kind = 'grant.disclosure' then d.details ->> 'authority' end,
        f.purposes[(l.entry).purpose + 1],
        array(select c.name from unnest(f.compartments) with ordinality c (name, number)
              where l.about and ((l.entry).compartments >> (c.number - 1)::integer) & 1 = 1 order by c.number),
        (l.entry).relation::text, (l.entry).segment, p.place, coalesce(p.place < h.cosigned_size, false)
    from (
        select w.* from (
            select * from space_live s where s.segment = p_segment and s.token_hash = sha256(p_token)
        ) s
        cross join lateral own_entries_v1(s.segment, s.person, coalesce(p_at, 'infinity')) w
        order by (w.entry).at desc, (w.entry).segment, (w.entry).account, (w.entry).number
        offset p_skip limit least(p_most, 100)
    ) l
    cross join profile f cross join space_terms t
    left join lateral (select x.* from account x where x.account = (l.entry).account limit 1) a on true
    left join organisation o on o.organisation = a.organisation
    left join role r on r.role = a.role
    left join act d on d.act = (l.entry).subject and (l.entry).event = 'exported'
    left join lateral (
        select log_place_v1((l.entry).segment, (l.entry).account, (l.entry).number, (l.entry).at) as place) p on true
    left join log_head h on h.segment = (l.entry).segment
    order by (l.entry).at desc, (l.entry).segment, (l.entry).account, (l.entry).number;
$$;

-- Rule 5: until when at the latest something may be shown later; null: no investigation is declared.
create or replace function cloison.space_delay_v1() returns timestamptz
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select max(v.until) from investigation v where v.until > clock_v1();
$$;

-- Rule 6: asks for the proof of a line of one's own; its number. Null: there is no such line, or they were too many this hour.
create or replace function cloison.space_ask_proof_v1(p_segment text, p_token bytea, p_log text, p_place bigint) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_mine space_live;
    v_proof uuid;
begin
    select * into v_mine from space_live s where s.segment = p_segment and s.token_hash = sha256(p_token);
    delete from log_proof p where p.asked_at < clock_v1() - interval '1 hour';
    if v_mine.session is null
       or (select count(*) from log_proof p where p.login = v_mine.login) >= 200
       or not exists (select from own_line_v1(p_segment, v_mine.person, p_log, p_place)) then
        return null;
    end if;
    insert into log_proof (segment, place, login, person, asked_at)
    values (p_log, p_place, v_mine.login, v_mine.person, clock_v1())
    returning proof into v_proof;
    return v_proof;
end $$;

-- What was answered, once it is; null: not yet, or never.
create or replace function cloison.space_proof_v1(p_segment text, p_token bytea, p_proof uuid) returns text
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select p.proved from space_live s join log_proof p on p.login = s.login and p.proof = p_proof
    where s.segment = p_segment and s.token_hash = sha256(p_token);
$$;

-- Rules 4 and 6: the line at a place of a log, if it is the person's and a witness has signed for it; and which fields they see.
create or replace function cloison.own_line_v1(p_segment text, p_person uuid, p_log text, p_place bigint)
returns table (entry cloison.entry, disclosed text[])
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
    select w.entry, array['segment', 'at', 'event', 'outcome', 'organisation']
        || case when w.about then array['compartments', 'purpose', 'relation'] end
        || case when (w.entry).person = p_person then array['person'] end
    from (
        select b.* from log_batch b join log_head h on h.segment = b.segment and p_place < h.cosigned_size
        where b.segment = p_log and b.first <= p_place order by b.first desc limit 1
    ) b
    cross join lateral (
        select q.author, q.number + p_place - b.first - q.before as number
        from (select u.*, sum(u.count) over (order by u.place) - u.count as before
              from unnest(b.authors, b.numbers, b.counts) with ordinality u (author, number, count, place)) q
        where p_place - b.first >= q.before and p_place - b.first < q.before + q.count
    ) q
    join log_author s on s.segment = p_log and s.author = q.author
    join own_entries_v1(p_segment, p_person, 'infinity') w
        on (w.entry).segment = p_log and (w.entry).account = s.account and (w.entry).number = q.number;
$$;

-- Rule 6: the oldest proofs that wait, with what they are made of; for the sequencer.
create or replace function cloison.proofs_asked_v1(p_most integer) returns table (
    proof uuid, segment text, place bigint, size bigint, note text, key bytea, entry_values bytea[], disclosed text[]
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select p.proof, p.segment, p.place, c.size, c.note, b.key, v.entry_values, l.disclosed
    from (select * from log_proof p where p.proved is null order by p.asked_at limit p_most) p
    join lateral (
        select n.size, n.note from log_cosignature n where n.segment = p.segment order by n.size desc, n.at desc limit 1
    ) c on p.place < c.size
    cross join lateral own_line_v1((select o.segment from space_login o where o.login = p.login), p.person, p.segment, p.place) l
    cross join lateral (                 -- no line of a person's has evidence
        select entry_values_v1(l.entry, (
            select a.organisation from account a where a.segment = (l.entry).segment and a.account = (l.entry).account),
            (select d.device from log_session d where d.session = (l.entry).session limit 1), null) as entry_values
    ) v
    join log_blinding b on b.segment = p.segment and b.month = date_trunc('month', (l.entry).at at time zone 'UTC')::date;
$$;

create or replace function cloison.prove_v1(p_proof uuid, p_proved text) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    update log_proof p set proved = p_proved where p.proof = p_proof and p.proved is null;
$$;
