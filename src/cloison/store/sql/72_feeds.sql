-- Who writes relations, and how many. Writing a relation is access, so that it is metered like opening:
--   1. organisations are locked in id order, in a statement of its own: the snapshots below are younger than the lock, so
--      that two imports at once cannot both see the same room;
--   2. `weigh_relations_v1` says which new relations fit the account's and the organisation's limits in any 24 hours, and
--      books them; renewing, shortening and ending one is free, taking somebody else in instead of one ended is not;
--   3. only what was booked is written.
-- Lengths of time are in hours: how long a day is depends on the caller's time zone.

insert into cloison.relation_limit (organisation) values ('00000000-0000-0000-0000-000000000000')
on conflict (organisation) do nothing;

-- The limits of an organisation, else everybody's.
create or replace function cloison.relation_limits_v1(p_organisation uuid) returns cloison.relation_limit
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select l from relation_limit l
    where l.organisation in (p_organisation, '00000000-0000-0000-0000-000000000000')
    order by l.organisation <> p_organisation limit 1;
$$;

-- Whether an account may have a relation with somebody of that segment: at home, or where its organisation's agreement
-- reaches.
create or replace function cloison.may_relate_v1(p_home text, p_organisation uuid, p_held_in text) returns boolean
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select p_home = p_held_in or exists (
        select from agreement g where g.organisation = p_organisation and g.standing
        and (g.ends_at is null or g.ends_at > clock_v1())
        and (g.segments is null or (p_held_in = any (g.segments) and p_home = any (g.segments))));
$$;

-- Rule 1: whoever writes relations of these organisations comes one after the other.
create or replace function cloison.lock_organisations_v1(p_organisations uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    perform from organisation o where o.organisation = any (p_organisations) order by o.organisation for no key update;
end $$;

-- Rule 2: `written` or `metered` for each wish, in order, with the seconds after which there is room again. p_whole: all
-- or none. Of the same account, person and kind twice, both count as one.
create or replace function cloison.weigh_relations_v1(
    p_now timestamptz, p_wished cloison.wished_relation[], p_whole boolean
) returns table (ordinal integer, result text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_day interval := interval '24 hours';
    v_ordinals integer[];
    v_results text[];
    v_retries integer[];
    v_booked text[];                     -- segment, account, organisation and meter of each new relation
begin
    with wished as materialized (
        select w.*, s.began_at,
            case when w.kind = 'inbound' then 'inbound'
                 when w.kind = 'caseload' and (s.began_at <= p_now - v_day) is not true then 'first_day'
                 else 'caseload' end::relation_meter as meter,
            coalesce(w.valid_until <= p_now, false) as ended,
            exists (select from relation r where r.segment = w.held_in and r.account = w.account
                    and r.person = w.person and r.kind = w.kind
                    and (r.valid_until is null or r.valid_until > p_now))
            or (w.kind = 'inbound' and exists (
                select from interaction i where i.segment = w.held_in and i.account = w.account
                and i.person = w.person and i.waiting and i.valid_until > p_now)) as standing
        from unnest(p_wished) w
        left join relation_start s on s.segment = w.segment and s.account = w.account
    ), new as materialized (
        select distinct on (w.account, w.held_in, w.person, w.kind) w.* from wished w where not w.ended and not w.standing
        order by w.account, w.held_in, w.person, w.kind, w.ordinal
    ), account as materialized (
        select q.*, case q.meter when 'first_day' then l.account_first_day when 'inbound' then l.inbound_account_day
            else l.account_day end - coalesce(b.relations, 0) as room, b.oldest
        from (select distinct n.segment, n.account, n.organisation, n.meter from new n) q
        cross join lateral relation_limits_v1(q.organisation) l
        cross join lateral (
            select sum(x.relations) as relations, min(x.written_at) as oldest from relation_write x
            where x.segment = q.segment and x.account = q.account and x.meter = q.meter and x.written_at > p_now - v_day
        ) b
    ), organisation as materialized (
        select q.*, case q.meter when 'inbound' then l.inbound_organisation_day else l.organisation_day end
            - coalesce(b.relations, 0) as room, b.oldest
        from (select distinct a.organisation, a.meter from account a where a.meter <> 'first_day') q
        cross join lateral relation_limits_v1(q.organisation) l
        cross join lateral (
            select sum(x.relations) as relations, min(x.written_at) as oldest from relation_write x
            where x.organisation = q.organisation and x.meter = q.meter and x.written_at > p_now - v_day
        ) b
    ), ranked as (
        select n.*, a.room, a.oldest,
            row_number() over (partition by n.segment, n.account, n.meter order by n.ordinal) as rank
        from new n
        join account a on a.segment = n.segment and a.account = n.account and a.meter = n.meter
    ), placed as (
        select r.*, o.oldest as o_oldest, r.rank <= r.room as fits, r.rank <= r.room and (r.meter = 'first_day'
            or row_number() over (partition by r.organisation, r.meter, r.rank <= r.room order by r.ordinal) <= o.room)
            as admitted
        from ranked r
        left join organisation o on o.organisation = r.organisation and o.meter = r.meter
    ), told as (
        -- A wish that repeats another shares its fate.
        select w.*, p.ordinal = w.ordinal as booked, p.fits, p.oldest, p.o_oldest,
            w.ended or w.standing or p.admitted as admitted
        from wished w
        left join placed p on p.account = w.account and p.held_in = w.held_in and p.person = w.person
            and p.kind = w.kind and not w.ended
    ), settled as (
        select t.*, t.admitted and (not p_whole or bool_and(t.admitted) over ()) as written from told t
    )
    select array_agg(t.ordinal order by t.ordinal),
        array_agg(case when t.written then 'written' else 'metered' end order by t.ordinal),
        array_agg(case when not t.written then ceil(extract(epoch from v_day - (p_now - coalesce(
            case when t.admitted or t.fits then t.o_oldest when t.meter = 'first_day' then t.began_at else t.oldest end,
            p_now))))::integer end order by t.ordinal),
        array_agg(concat_ws('|', t.segment, t.account, t.organisation, t.meter)) filter (where t.written and t.booked)
        into v_ordinals, v_results, v_retries, v_booked
    from settled t;

    insert into relation_start (segment, account, began_at)
    select distinct split_part(b, '|', 1), split_part(b, '|', 2)::uuid, p_now
    from unnest(v_booked) b where split_part(b, '|', 4) = 'first_day'
    on conflict do nothing;

    insert into relation_write as x (segment, account, organisation, meter, written_at, relations)
    select split_part(b, '|', 1), split_part(b, '|', 2)::uuid, split_part(b, '|', 3)::uuid,
        split_part(b, '|', 4)::relation_meter, p_now, count(*)
    from unnest(v_booked) b group by b
    on conflict (segment, account, meter, written_at) do update set relations = x.relations + excluded.relations;

    return query select q.o, q.r, q.s from unnest(v_ordinals, v_results, v_retries) as q (o, r, s) order by q.o;
end $$;

-- Writes down in `relation` what was admitted. p_from null: from now on, or as it stood; a standing relation keeps its
-- beginning then, so that a file brought in twice says the same.
create or replace function cloison.put_relation_v1(
    p_now timestamptz, p_held_in text, p_account uuid, p_person uuid, p_kind cloison.relation_kind,
    p_from timestamptz, p_until timestamptz
) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    insert into relation as r (segment, account, person, kind, valid_from, valid_until)
    values (p_held_in, p_account, p_person, p_kind, coalesce(p_from, p_now), p_until)
    on conflict (segment, account, person, kind) do update set
        valid_from = case when p_from is null and (r.valid_until is null or r.valid_until > p_now)
            then least(r.valid_from, p_now) else excluded.valid_from end,
        valid_until = excluded.valid_until;
$$;

-- The same, but a standing relation is only ever widened: what covers and codes give takes nothing away.
create or replace function cloison.widen_relation_v1(
    p_now timestamptz, p_held_in text, p_account uuid, p_person uuid, p_kind cloison.relation_kind,
    p_from timestamptz, p_until timestamptz
) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    insert into relation as r (segment, account, person, kind, valid_from, valid_until)
    values (p_held_in, p_account, p_person, p_kind, p_from, p_until)
    on conflict (segment, account, person, kind) do update set
        valid_from = case when r.valid_until is null or r.valid_until > p_now
            then least(r.valid_from, excluded.valid_from) else excluded.valid_from end,
        valid_until = case
            when r.valid_until is null or excluded.valid_until is null then null
            when r.valid_until > p_now then greatest(r.valid_until, excluded.valid_until)
            else excluded.valid_until end;
$$;

-- The operator's file: relations between accounts by handle and people by locator. Answers, in order: written, metered,
-- no_account, no_person, other_segment, relation (one that no file brings), until (a cover or an interaction that lasts
-- too long). A cover or an interaction without an end ends by itself.
create or replace function cloison.intake_relations_v1(
    p_handles text[], p_locator_kind smallint, p_locator_terms bigint[], p_kinds text[], p_from timestamptz[],
    p_until timestamptz[]
) returns table (ordinal integer, result text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_asked wished_relation[];
    v_refused text[];
    v_results text[];
    v_retries integer[];
begin
    perform refuse_unsafe_caller_v1();
    if coalesce(cardinality(p_handles), 0) > 2000 then
        raise exception 'at most 2000 relations in a batch' using errcode = 'CL002';
    end if;
    perform lock_organisations_v1(array(
        select distinct a.organisation from account a where a.handle = any (p_handles)));
    v_now := clock_v1();

    with asked as (
        select q.ordinal, a.segment, a.account, a.organisation, l.segment as held_in, l.person, q.kind, q.valid_from,
            coalesce(q.valid_until, coalesce(q.valid_from, v_now) + case q.kind
                when 'cover' then make_interval(hours => m.cover_hours)
                when 'inbound' then interval '24 hours' end) as valid_until, m.cover_hours, m.inbound_hours
        from unnest(p_handles, p_locator_terms, p_kinds, p_from, p_until) with ordinality
            as q (handle, term, kind, valid_from, valid_until, ordinal)
        left join lateral (
            select a.segment, a.account, a.organisation from account a where a.handle = q.handle order by a.segment limit 1
        ) a on true
        left join located l on l.kind = p_locator_kind and l.term = q.term
        left join lateral relation_limits_v1(a.organisation) m on true
    ), checked as (
        select a.*, case when (a.kind in ('caseload', 'cover', 'inbound')) is not true then 'relation'
            when a.account is null then 'no_account' when a.person is null then 'no_person'
            when not may_relate_v1(a.segment, a.organisation, a.held_in) then 'other_segment'
            when a.valid_until - coalesce(a.valid_from, v_now) > case a.kind
                when 'cover' then make_interval(hours => a.cover_hours)
                when 'inbound' then make_interval(hours => a.inbound_hours) end then 'until' end as refused
        from asked a
    )
    select array_agg(row(c.ordinal, c.segment, c.account, c.organisation, c.held_in, c.person,
            case when c.refused is null then c.kind end, c.valid_from, c.valid_until)::wished_relation order by c.ordinal),
        array_agg(c.refused order by c.ordinal)
        into v_asked, v_refused from checked c;
    if v_asked is null then
        return;
    end if;

    select array_agg(coalesce(v_refused[n.i], w.result) order by n.i), array_agg(w.retry_after order by n.i)
        into v_results, v_retries
    from generate_series(1, cardinality(v_asked)) as n (i)
    left join weigh_relations_v1(v_now, array(
        select q from unnest(v_asked) q where v_refused[q.ordinal] is null order by q.ordinal), false) w on w.ordinal = n.i;

    -- The last of several for one account, person and kind holds.
    perform put_relation_v1(v_now, q.held_in, q.account, q.person, q.kind, q.valid_from, q.valid_until)
    from (
        select distinct on (w.held_in, w.account, w.person, w.kind) w.* from unnest(v_asked) w
        where v_results[w.ordinal] = 'written'
        order by w.held_in, w.account, w.person, w.kind, w.ordinal desc
    ) q;
    perform log_act_v1(c.held_in, 'relations_imported', null, null, c.amount)
    from (select w.held_in, count(*)::integer as amount from unnest(v_asked) w where v_results[w.ordinal] = 'written'
          group by w.held_in order by w.held_in) c;
    return query select n.i, v_results[n.i], v_retries[n.i] from generate_series(1, cardinality(v_asked)) as n (i);
end $$;

-- -- sources of interactions -----------------------------------------------------------------------------------------

create or replace function cloison.create_feed_v1(
    p_name text, p_kind cloison.feed_kind, p_segments text[], p_client uuid
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_feed uuid;
begin
    insert into feed (name, kind, segments, client, created_at)
    values (p_name, p_kind, p_segments, p_client, clock_v1()) returning feed into v_feed;
    perform log_act_v1(coalesce(p_segments[1], '00'), 'feed_created', v_feed, null, null);
    return v_feed;
end $$;

-- Closes a source, and its client: from the next call on it writes nothing. Answers whether there was an open one.
create or replace function cloison.close_feed_v1(p_name text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_feed uuid;
    v_segments text[];
    v_client uuid;
begin
    update feed set closed_at = clock_v1() where name = p_name and closed_at is null
    returning feed, segments, client into v_feed, v_segments, v_client;
    if v_feed is null then
        return false;
    end if;
    update client c set closed_at = clock_v1() where c.client = v_client and c.closed_at is null;
    perform log_act_v1(coalesce(v_segments[1], '00'), 'feed_closed', v_feed, null, null);
    return true;
end $$;

-- Whether this is the token of a source's client, and the source is open.
create or replace function cloison.feed_known_v1(p_token bytea) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    return exists (select from feed f where f.client = client_of_v1(p_token, 'feed') and f.closed_at is null);
end $$;

-- Interactions of the source whose client's token this is; no row: no such source, or it is closed.
create or replace function cloison.feed_interactions_v1(
    p_token bytea, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[],
    p_from timestamptz[], p_until timestamptz[]
) returns table (ordinal integer, result text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    return query select i.* from feed f cross join lateral take_interactions_v1(f.feed, p_interactions, p_handles,
        p_locator_kinds, p_locator_terms, p_from, p_until) i
    where f.client = client_of_v1(p_token, 'feed') and f.closed_at is null;
end $$;

-- The same from a file of the operator's, who names the source.
create or replace function cloison.feed_file_v1(
    p_name text, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[],
    p_from timestamptz[], p_until timestamptz[]
) returns table (ordinal integer, result text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    return query select i.* from feed f cross join lateral take_interactions_v1(f.feed, p_interactions, p_handles,
        p_locator_kinds, p_locator_terms, p_from, p_until) i
    where f.name = p_name and f.closed_at is null;
end $$;

-- Takes interactions of a source in. Answers, in order: written, known (told before, or twice in this call), metered,
-- no_account, no_person, other_segment, not_covered (the source is not for that segment), time (too long, too far ahead),
-- over (it lies in the past: nobody needs to be opened for it any more).
-- Accounts and people that are not there are counted: behind so many in a day everything is `metered`, unseen.
create or replace function cloison.take_interactions_v1(
    p_feed uuid, p_interactions text[], p_handles text[], p_locator_kinds smallint[], p_locator_terms bigint[],
    p_from timestamptz[], p_until timestamptz[]
) returns table (ordinal integer, result text, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_segments text[];
    v_room integer;
    v_asked wished_relation[];
    v_ids bytea[];
    v_refused text[];
    v_results text[];
    v_retries integer[];
begin
    perform refuse_unsafe_caller_v1();
    if coalesce(cardinality(p_interactions), 0) > 1000 then
        raise exception 'at most 1000 interactions in a batch' using errcode = 'CL002';
    end if;
    perform from feed f where f.feed = p_feed for no key update;
    perform lock_organisations_v1(array(
        select distinct a.organisation from account a where a.handle = any (p_handles)));
    v_now := clock_v1();
    select f.segments into v_segments from feed f where f.feed = p_feed and f.closed_at is null;
    if not found then
        return;
    end if;
    select l.feed_misses_day - coalesce(sum(m.misses), 0) into v_room
    from relation_limits_v1('00000000-0000-0000-0000-000000000000') l
    left join feed_miss m on m.segment = '' and m.feed = p_feed and m.missed_at > v_now - interval '24 hours'
    group by l.feed_misses_day;

    with asked as materialized (
        select q.ordinal, a.segment, a.account, a.organisation, l.segment as held_in, l.person,
            sha256(convert_to(q.interaction, 'UTF8')) as id, q.begins, q.ends, m.feed_hours_ahead, m.feed_grace_minutes,
            row_number() over (partition by q.interaction order by q.ordinal) as turn
        from unnest(p_interactions, p_handles, p_locator_kinds, p_locator_terms, p_from, p_until) with ordinality
            as q (interaction, handle, kind, term, begins, ends, ordinal)
        left join lateral (
            select a.segment, a.account, a.organisation from account a where a.handle = q.handle order by a.segment limit 1
        ) a on true
        left join located l on l.kind = q.kind and l.term = q.term
        cross join lateral relation_limits_v1(coalesce(a.organisation, '00000000-0000-0000-0000-000000000000')) m
    ), counted as (
        select a.*, count(*) filter (where a.account is null or a.person is null) over (order by a.ordinal) as misses
        from asked a
    ), checked as (
        select c.*, case
            when c.misses > v_room or v_room <= 0 then 'metered'
            when c.account is null then 'no_account' when c.person is null then 'no_person'
            when c.turn > 1 or exists (select from interaction i where i.segment = c.held_in and i.feed = p_feed
                                       and i.interaction = c.id) then 'known'
            when c.held_in <> all (v_segments) then 'not_covered'
            when not may_relate_v1(c.segment, c.organisation, c.held_in) then 'other_segment'
            when (c.ends > c.begins and c.ends - c.begins <= interval '24 hours'
                  and c.begins <= v_now + make_interval(hours => c.feed_hours_ahead)) is not true then 'time'
            when c.ends <= v_now then 'over' end as refused
        from counted c
    )
    select array_agg(row(c.ordinal, c.segment, c.account, c.organisation, c.held_in, c.person, 'inbound',
            date_trunc('day', c.begins, 'UTC'), c.ends + make_interval(mins => c.feed_grace_minutes))::wished_relation
            order by c.ordinal),
        array_agg(c.id order by c.ordinal), array_agg(c.refused order by c.ordinal)
        into v_asked, v_ids, v_refused from checked c;
    if v_asked is null then
        return;
    end if;

    insert into feed_miss as m (segment, feed, missed_at, misses)
    select '', p_feed, v_now, count(*) from unnest(v_refused) r where r in ('no_account', 'no_person') having count(*) > 0
    on conflict (segment, feed, missed_at) do update set misses = m.misses + excluded.misses;

    select array_agg(coalesce(v_refused[n.i], w.result) order by n.i),
        array_agg(coalesce(w.retry_after, case when v_refused[n.i] = 'metered' then 86400 end) order by n.i)
        into v_results, v_retries
    from generate_series(1, cardinality(v_asked)) as n (i)
    left join weigh_relations_v1(v_now, array(
        select q from unnest(v_asked) q where v_refused[q.ordinal] is null order by q.ordinal), false) w on w.ordinal = n.i;

    insert into interaction (segment, feed, interaction, account, person, valid_from, valid_until, waiting, received_at)
    select w.held_in, p_feed, v_ids[w.ordinal], w.account, w.person, w.valid_from, w.valid_until, true, v_now
    from unnest(v_asked) w where v_results[w.ordinal] = 'written';
    -- Told by a number of somebody absorbed, it is theirs again after a split.
    insert into absorbed_interaction (segment, person, feed, interaction)
    select a.segment, a.person, p_feed, v_ids[w.ordinal] from unnest(v_asked) w
    join absorbed_locator a on a.segment = w.held_in and a.kind = p_locator_kinds[w.ordinal]
        and a.term = p_locator_terms[w.ordinal] and a.person <> w.person
    where v_results[w.ordinal] = 'written';
    perform install_interactions_v1(v_now, array(
        select distinct w.held_in from unnest(v_asked) w where v_results[w.ordinal] = 'written'));
    perform log_act_v1(c.held_in, 'relations_imported', p_feed, null, c.amount)
    from (select w.held_in, count(*)::integer as amount from unnest(v_asked) w where v_results[w.ordinal] = 'written'
          group by w.held_in order by w.held_in) c;
    return query select n.i, v_results[n.i], v_retries[n.i] from generate_series(1, cardinality(v_asked)) as n (i);
end $$;

-- Puts waiting interactions of these segments into `relation`, of each account and person the earliest: where none stands,
-- or where the one that stands touches it, which is widened. One that comes before what stands takes its place, which then
-- waits. Nobody can be opened between two interactions that do not touch.
create or replace function cloison.install_interactions_v1(p_now timestamptz, p_segments text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    i record;
    v_stands relation;
begin
    for i in
        select w.* from interaction w where w.waiting and w.segment = any (p_segments) and w.valid_until > p_now
        order by w.segment, w.account, w.person, w.valid_from, w.valid_until
    loop
        select r.* into v_stands from relation r where r.segment = i.segment and r.account = i.account
            and r.person = i.person and r.kind = 'inbound' and (r.valid_until is null or r.valid_until > p_now)
        for update;
        continue when found and v_stands.valid_until < i.valid_from;
        if found and i.valid_until < v_stands.valid_from then
            insert into interaction (segment, feed, interaction, account, person, valid_from, valid_until, waiting,
                received_at)
            select i.segment, i.feed, sha256(uuid_send(gen_random_uuid())), i.account, i.person, v_stands.valid_from,
                coalesce(v_stands.valid_until, 'infinity'), true, p_now;
            perform put_relation_v1(p_now, i.segment, i.account, i.person, 'inbound', i.valid_from, i.valid_until);
        else
            perform widen_relation_v1(p_now, i.segment, i.account, i.person, 'inbound', i.valid_from, i.valid_until);
        end if;
        update interaction w set waiting = false
        where w.segment = i.segment and w.feed = i.feed and w.interaction = i.interaction;
    end loop;
end $$;

-- Installs what waited, and removes what nothing counts any more.
create or replace function cloison.sweep_relations_v1() returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_now timestamptz := clock_v1();
begin
    perform install_interactions_v1(v_now, array(select distinct w.segment from interaction w
        where w.waiting and w.valid_from < v_now + interval '1 hour' and w.valid_until > v_now));
    delete from relation_write where written_at < v_now - interval '48 hours';
    delete from facts where kept_at < v_now - interval '80 hours';   -- as long as an act about them may wait, and more
    delete from feed_miss where missed_at < v_now - interval '48 hours';
    delete from interaction where valid_until < v_now - interval '672 hours';
    delete from absorbed_interaction a where not exists (
        select from interaction i where i.segment = a.segment and i.feed = a.feed and i.interaction = a.interaction);
    delete from code where asked_at < v_now - interval '48 hours';
end $$;

-- -- covers and handovers --------------------------------------------------------------------------------------------

-- The next entry of the account that asked or decided, whose ledger is locked.
create or replace function cloison.log_transfer_v1(
    who cloison.holder, p_now timestamptz, p_event cloison.event, p_transfer uuid, p_taker uuid, p_people integer
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_number bigint;
begin
    update ledger l set next_number = l.next_number + 1
    where l.segment = who.segment and l.account = who.account
    returning l.next_number - 1 into v_number;
    insert into entry (segment, account, number, at, event, outcome, session, request, subject, amount)
    values (who.segment, who.account, v_number, p_now, p_event, 'open', who.session, p_transfer, p_taker, p_people);
end $$;

-- Asks that p_taker stands in for p_giver, or takes over from them; by handle, all of the asker's organisation and
-- agency, and the asker is neither. Rules, in order:
--   1. caller, ledger, session, freeze, and the act `cover` (may_act_v1);
--   2. giver and taker are other accounts of the same segment, organisation and agency, the taker not frozen and with a
--      role that has such relations; the time is to come, and not too long;
--   3. named people, few and all of the giver's caseload, are given at once, and counted among the taker's new relations:
--      all or none. A whole caseload waits for another manager (decide_transfer_v1).
-- Whatever does not fit is `scope`, without saying which. `people` null: it waits.
create or replace function cloison.ask_transfer_v1(
    p_segment text, p_token bytea, p_kind text, p_giver text, p_taker text, p_from timestamptz, p_until timestamptz,
    p_people uuid[]
) returns table (outcome text, transfer uuid, people integer, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_now timestamptz;
    v_event event := case p_kind when 'cover' then 'cover_asked' else 'handover_asked' end;
    v_limits relation_limit;
    v_from timestamptz;
    v_giver uuid;
    v_taker uuid;
    v_wished wished_relation[];
    v_transfer uuid := gen_random_uuid();
    v_retry integer;
begin
    select * into v_may from may_act_v1(p_segment, p_token, 6, null);                       -- 1
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return query select v_may.verdict, null::uuid, null::integer, null::integer;
        return;
    end if;
    perform lock_organisations_v1(array[v_who.organisation]);
    v_now := clock_v1();
    v_limits := relation_limits_v1(v_who.organisation);
    v_from := greatest(coalesce(p_from, v_now), v_now);

    select g.account, t.account into v_giver, v_taker                                       -- 2
    from account m
    join account g on g.segment = m.segment and g.organisation = m.organisation and g.agency = m.agency
    join account t on t.segment = m.segment and t.organisation = m.organisation and t.agency = m.agency
    join role r on r.role = t.role
    where m.segment = p_segment and m.account = v_who.account and g.handle = p_giver and t.handle = p_taker
      and t.account not in (m.account, g.account)
      and (r.relations >> case p_kind when 'cover' then 1 else 0 end) & 1 = 1
      and not exists (select from account_freeze f where f.segment = t.segment and f.account = t.account
                      and f.lifted_at is null);
    if v_may.verdict <> 'open' or v_taker is null or (p_kind in ('cover', 'handover')) is not true
       or (p_kind = 'cover' and (p_until > v_from and p_until - v_from <= make_interval(hours => v_limits.cover_hours)
           and v_from <= v_now + interval '2160 hours') is not true)
       or (select count(*) from transfer x where x.segment = p_segment and x.asked_by = v_who.account
           and x.asked_at > v_now - interval '24 hours') >= v_limits.transfers_day then
        return query select refuse_act_v1(v_who, null, v_event, null,
            case when v_may.verdict <> 'open' then v_may.verdict else 'scope' end), null::uuid, null::integer,
            null::integer;
        return;
    end if;

    if p_people is not null then                                                            -- 3
        v_wished := array(
            select row(row_number() over (order by r.segment, r.person), p_segment, v_taker, v_who.organisation, r.segment,
                r.person, 'cover', v_from, p_until)::wished_relation
            from relation r
            where r.account = v_giver and r.person = any (p_people) and r.kind = 'caseload'
              and r.valid_from <= v_now and (r.valid_until is null or r.valid_until > v_now));
        if p_kind <> 'cover' or cardinality(p_people) > v_limits.cover_people or cardinality(p_people) = 0
           or cardinality(v_wished) <> (select count(distinct q) from unnest(p_people) q) then
            return query select refuse_act_v1(v_who, null, v_event, null, 'scope'), null::uuid, null::integer,
                null::integer;
            return;
        end if;
        select max(w.retry_after) into v_retry from weigh_relations_v1(v_now, v_wished, true) w where w.result = 'metered';
        if v_retry is not null then
            return query select refuse_act_v1(v_who, null, v_event, null, 'budget'), null::uuid, null::integer, v_retry;
            return;
        end if;
        perform widen_relation_v1(v_now, w.held_in, w.account, w.person, w.kind, w.valid_from, w.valid_until)
        from unnest(v_wished) w;
    end if;
    insert into transfer (segment, transfer, kind, asked_by, giver, taker, valid_from, valid_until, asked_at,
        decided_by, decided_at, people)
    select p_segment, v_transfer, p_kind::transfer_kind, v_who.account, v_giver, v_taker, v_from,
        case p_kind when 'cover' then p_until end, v_now, case when p_people is not null then v_who.account end,
        case when p_people is not null then v_now end, cardinality(v_wished);
    perform log_transfer_v1(v_who, v_now, case when p_people is null then v_event else 'cover_given' end, v_transfer,
        v_taker, cardinality(v_wished));
    return query select 'open', v_transfer, cardinality(v_wished), null::integer;
end $$;

-- The second manager's yes. Rules, in order: the act `approve`; asked for in this organisation by somebody else, by
-- nobody for themselves, not decided yet, at most seven days ago, its time not over; giver and taker still belong
-- together. Whole caseloads are not counted among anybody's new relations: two people answer for them.
create or replace function cloison.decide_transfer_v1(p_segment text, p_token bytea, p_kind text, p_transfer uuid)
returns table (outcome text, transfer uuid, people integer, retry_after integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_now timestamptz;
    v_event event := case p_kind when 'cover' then 'cover_given' else 'handover_done' end;
    v_asked transfer;
    v_people integer;
begin
    select * into v_may from may_act_v1(p_segment, p_token, 5, null);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return query select v_may.verdict, null::uuid, null::integer, null::integer;
        return;
    end if;
    perform lock_organisations_v1(array[v_who.organisation]);
    v_now := clock_v1();
    select x.* into v_asked from transfer x
    join account m on m.segment = x.segment and m.account = x.asked_by and m.organisation = v_who.organisation
    join account g on g.segment = x.segment and g.account = x.giver and g.organisation = m.organisation
        and g.agency = m.agency
    join account t on t.segment = x.segment and t.account = x.taker and t.organisation = m.organisation
        and t.agency = m.agency
    where x.segment = p_segment and x.transfer = p_transfer and x.kind::text = p_kind and x.decided_at is null
      and v_who.account not in (x.asked_by, x.taker)
      and x.asked_at > v_now - interval '168 hours' and (x.valid_until is null or x.valid_until > v_now)
      and not exists (select from account_freeze f where f.segment = x.segment and f.account in (x.taker, x.asked_by)
                      and f.lifted_at is null)
    for update of x;
    if v_may.verdict <> 'open' or v_asked.transfer is null then
        return query select refuse_act_v1(v_who, p_transfer, v_event, null,
            case when v_may.verdict <> 'open' then v_may.verdict else 'scope' end), null::uuid, null::integer,
            null::integer;
        return;
    end if;

    select count(*) into v_people from (
        select widen_relation_v1(v_now, r.segment, v_asked.taker, r.person,
            case p_kind when 'cover' then 'cover' else 'caseload' end::relation_kind,
            case p_kind when 'cover' then greatest(v_asked.valid_from, v_now) else greatest(r.valid_from, v_now) end,
            case p_kind when 'cover' then v_asked.valid_until else r.valid_until end)
        from relation r
        where r.account = v_asked.giver and r.kind = 'caseload' and (r.valid_until is null or r.valid_until > v_now)
    ) w;
    if p_kind = 'handover' then
        -- One that was still to begin ends before it does.
        update relation r set valid_until = v_now
        where r.account = v_asked.giver and r.kind = 'caseload' and (r.valid_until is null or r.valid_until > v_now);
    end if;
    update transfer x set decided_by = v_who.account, decided_at = v_now, people = v_people
    where x.segment = p_segment and x.transfer = p_transfer;
    perform log_transfer_v1(v_who, v_now, v_event, p_transfer, v_asked.taker, v_people);
    return query select 'open', p_transfer, v_people, null::integer;
end $$;

-- What waits for a second manager in the holder's organisation and segment; for those who may ask or approve.
create or replace function cloison.transfers_v1(p_segment text, p_token bytea, p_kind text)
returns table (
    outcome text, transfer uuid, asked_by text, giver text, taker text, valid_from timestamptz, valid_until timestamptz
)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_who holder;
begin
    perform refuse_unsafe_caller_v1();
    select * into v_who from holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1();
    return query select case when v_who.session is null then 'no_session'
            when exists (select from account_freeze f where f.segment = p_segment and f.account = v_who.account
                         and f.lifted_at is null) then 'frozen'
            when (v_who.permissions >> 5) & 3 = 0 then 'scope' else 'open' end,
        null::uuid, null::text, null::text, null::text, null::timestamptz, null::timestamptz;
    return query select 'open', x.transfer, m.handle, g.handle, t.handle, x.valid_from, x.valid_until
    from transfer x
    join account m on m.segment = x.segment and m.account = x.asked_by and m.organisation = v_who.organisation
    join account g on g.segment = x.segment and g.account = x.giver
    join account t on t.segment = x.segment and t.account = x.taker
    where x.segment = p_segment and x.kind::text = p_kind and x.decided_at is null and (v_who.permissions >> 5) & 3 <> 0
      and x.asked_at > clock_v1() - interval '168 hours' and (x.valid_until is null or x.valid_until > clock_v1())
      and not exists (select from account_freeze f where f.segment = p_segment and f.account = v_who.account
                      and f.lifted_at is null)
    order by x.asked_at limit 100;
end $$;

-- -- codes -----------------------------------------------------------------------------------------------------------

-- Whether the account wrote lately what is in somebody's record, or in one that theirs absorbed: to an address of its own
-- a code would prove nothing. A colleague's is not looked for.
create or replace function cloison.wrote_lately_v1(p_segment text, p_account uuid, p_person uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp set enable_seqscan = off as $$
begin
    return exists (
        select from entry e
        where e.segment = p_segment and e.account = p_account and e.outcome = 'open'
          and e.person = any (array(select i.person from identities_v1(p_segment, p_person) i where i.until = 'infinity'))
          and e.event in ('person_created', 'person_changed', 'person_moved', 'merge_asked')
          and e.at > clock_v1() - interval '672 hours');
end $$;

-- Notes that a code is sent to somebody at the counter, and charges the opening of where it goes: p_compartment, the one
-- that holds the address, which release_address_v1 then releases to the intake door alone. Only for somebody whom the
-- account found with both facts in the last half hour. p_hash is keyed: what is stored tells nobody the code.
create or replace function cloison.ask_code_v1(
    p_segment text, p_token bytea, p_code uuid, p_person uuid, p_compartment integer, p_hash bytea
) returns table (outcome text, retry_after integer, expires_at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_now timestamptz;
    v_limits relation_limit;
    v_oldest timestamptz;
    v_verdict text;
    v_settled record;
begin
    if p_code is null or (p_compartment > 0 and p_compartment = (select p.address_bit from profile p)) is not true then
        raise exception 'a code has a number, and the compartment of the address' using errcode = 'CL002';
    end if;
    select * into v_may from may_act_v1(p_segment, p_token, null, null);
    v_who := v_may.who;
    -- Two accounts at once must not both count before either has written. Not waited for, like a ledger.
    if v_may.verdict in ('no_session', 'busy') or not pg_try_advisory_xact_lock(hashtextextended(p_person::text, 42)) then
        return query select case v_may.verdict when 'no_session' then 'no_session' else 'busy' end, null::integer,
            null::timestamptz;
        return;
    end if;
    v_now := clock_v1();
    v_limits := relation_limits_v1(v_who.organisation);
    v_verdict := v_may.verdict;
    -- An organisation's cap is lent by its own ledger, which lends to the desk alone yet: nothing beyond it.
    if v_verdict = 'open' and (v_who.capped or (v_who.relations >> 3) & 1 = 0 or not exists (
        select from relation r where r.segment = p_segment and r.account = v_who.account
          and r.person = reachable_v1(p_segment, v_who.account, p_person) and r.kind = 'walk_in'
          and r.valid_from <= v_now and r.valid_until > v_now)
        or wrote_lately_v1(p_segment, v_who.account, p_person)) then
        v_verdict := 'scope';
    elsif v_verdict = 'open' then
        select min(greatest(q.oldest, v_now - interval '24 hours')) into v_oldest from (
            select min(c.asked_at) + interval '1 hour' as oldest from code c
            where c.segment = p_segment and c.person = p_person and c.asked_at > v_now - interval '1 hour'
            having count(*) >= v_limits.codes_person_hour
            union all
            select min(c.asked_at) + interval '24 hours' from code c
            where c.segment = p_segment and c.account = v_who.account and c.asked_at > v_now - interval '24 hours'
            having count(*) >= v_limits.codes_account_day
        ) q;
        v_verdict := case when v_oldest is null then 'open' else 'budget' end;
    end if;

    select * into v_settled from settle_v1(p_segment, v_now, array[row(
        1, v_who.session, v_who.account, v_who.role, p_code, p_person, p_compartment, null, 'walk_in', 'walk_in',
        'code_sent', v_verdict)::judged]);
    if v_settled.outcome = 'open' then
        -- No receipt stays, or the desk could have the address: reception has no right to it. The code's row is one.
        delete from receipt r where r.segment = p_segment and r.session = v_who.session and r.request = p_code;
        insert into code (segment, code, account, session, person, compartment, code_hash, asked_at, expires_at)
        values (p_segment, p_code, v_who.account, v_who.session, p_person, p_compartment, p_hash, v_now,
            v_now + interval '15 minutes');
    end if;
    return query select v_settled.outcome,
        coalesce(v_settled.retry_after, ceil(extract(epoch from v_oldest - v_now))::integer),
        case when v_settled.outcome = 'open' then v_now + interval '15 minutes' end;
end $$;

-- The release half, in a later transaction; the rules are those of release_v1, by the same numbers. The ticket opens the
-- one compartment, for the keeper's caller `intake` alone.
create or replace function cloison.release_address_v1(p_segment text, p_token bytea, p_code uuid)
returns table (person uuid, sealed bytea[], ticket text, mac bytea)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_code code;
begin
    if pg_current_xact_id_if_assigned() is not null then                                    -- 1
        raise exception 'release needs a transaction that has not written' using errcode = 'CL003';
    end if;
    perform refuse_unsafe_caller_v1();
    v_now := clock_v1();
    select c.* into v_code from code c                                                      -- 2
    join session s on s.segment = c.segment and s.session = c.session
    where c.segment = p_segment and c.code = p_code and s.token_hash = sha256(p_token) and c.released_at is null
      and c.asked_at > v_now - receipt_lifetime_v1()
    for update of c skip locked;
    if not found then
        return;
    end if;
    perform wait_until_flushed_v1();                                                        -- 3

    return query
    with used as (
        update code c set released_at = v_now                                               -- 4
        where c.segment = p_segment and c.code = p_code and c.released_at is null
          and c.asked_at > clock_v1() - receipt_lifetime_v1()
        returning c.code
    ), allowed as (
        select p.person, p.sealed, format('cloison-change-1|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', v_code.code, v_code.session,
            v_code.account, p_segment, p.cohort, p.person, p.key_id, v_code.compartment, p.version,
            floor(extract(epoch from v_now) * 1000)::bigint) as ticket
        from used u
        join holder h on h.segment = p_segment and h.session = v_code.session and h.expires_at > v_now
        join person p on p.segment = p_segment and p.person = v_code.person
        where (h.relations >> 3) & 1 = 1 and not h.capped
          and not wrote_lately_v1(p_segment, v_code.account, v_code.person)
          and not exists (select from account_freeze f where f.segment = p_segment and f.account = v_code.account
                          and f.lifted_at is null)
          and exists (select from relation r where r.segment = p_segment and r.account = v_code.account
                      and r.person = reachable_v1(p_segment, v_code.account, v_code.person) and r.kind = 'walk_in'
                      and r.valid_until > v_now)
    )
    select a.person, a.sealed, a.ticket,
        sha256(k.outer_block || sha256(k.inner_block || convert_to(a.ticket, 'UTF8')))
    from allowed a cross join ticket_key k;
end $$;

-- The code that the person told: the newest sent to them for this session, in time, within five tries. Right, it is an
-- interaction until the end of the day, counted like any other.
create or replace function cloison.confirm_code_v1(p_segment text, p_token bytea, p_person uuid, p_hash bytea)
returns table (outcome text, retry_after integer, valid_until timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_now timestamptz;
    v_code code;
    v_until timestamptz;
    v_retry integer;
begin
    select * into v_may from may_act_v1(p_segment, p_token, null, null);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return query select v_may.verdict, null::integer, null::timestamptz;
        return;
    end if;
    perform lock_organisations_v1(array[v_who.organisation]);
    v_now := clock_v1();
    if v_may.verdict = 'open' then
        select c.* into v_code from code c
        where c.segment = p_segment and c.session = v_who.session and c.account = v_who.account and c.person = p_person
        order by c.asked_at desc limit 1 for update;
        update code c set tries = c.tries + 1 where c.segment = p_segment and c.code = v_code.code;
    end if;
    if v_may.verdict <> 'open' or (v_code.confirmed_at is null and v_code.expires_at > v_now and v_code.tries < 5
                                   and v_code.code_hash = p_hash and (v_who.relations >> 3) & 1 = 1
                                   and p_person = reachable_v1(p_segment, v_who.account, p_person)) is not true then
        return query select refuse_act_v1(v_who, v_code.code, 'code_confirmed', null,
            case when v_may.verdict <> 'open' then v_may.verdict else 'scope' end), null::integer, null::timestamptz;
        return;
    end if;

    v_until := greatest(date_trunc('day', v_now, 'UTC') + interval '24 hours', v_now + interval '30 minutes');
    select w.retry_after into v_retry from weigh_relations_v1(v_now, array[row(1, p_segment, v_who.account,
        v_who.organisation, p_segment, p_person, 'inbound', v_now, v_until)::wished_relation], true) w
    where w.result = 'metered';
    if v_retry is not null then
        return query select refuse_act_v1(v_who, v_code.code, 'code_confirmed', null, 'budget'), v_retry,
            null::timestamptz;
        return;
    end if;
    perform widen_relation_v1(v_now, p_segment, v_who.account, p_person, 'inbound', v_now, v_until);
    update code c set confirmed_at = v_now where c.segment = p_segment and c.code = v_code.code;
    perform log_account_v1(v_who, v_code.code, 'code_confirmed', p_person, null, null, null, null);
    return query select 'open', null::integer, v_until;
end $$;
