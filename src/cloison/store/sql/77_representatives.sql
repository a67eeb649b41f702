-- Who speaks for whom: set and ended through the intake door, asked by the doors of the people's own space and of notices.

-- Says who speaks for somebody, or changes what was said. The door has read both records in this request; here is looked
-- at once more whom the account may change. Answers set, scope, or as may_act_v1.
create or replace function cloison.set_representative_v1(
    p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid,
    p_kind text, p_signs_in boolean, p_receives_notices boolean, p_from timestamptz, p_until timestamptz
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
declare
    v_may record;
    v_who holder;
begin
    select * into v_may from may_act_v1(p_segment, p_token, 4, p_purpose);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return v_may.verdict;
    elsif v_may.verdict <> 'open' or relation_now_v1(v_who, p_person) is null
          or relation_now_v1(v_who, p_representative) is null then
        return refuse_act_v1(v_who, p_request, 'representative_set', p_purpose,
            case v_may.verdict when 'open' then 'scope' else v_may.verdict end);
    end if;
    insert into representative (segment, person, representative_segment, representative, kind, signs_in,
        receives_notices, valid_from, valid_until)
    values (p_segment, p_person, p_segment, p_representative, p_kind::representative_kind, p_signs_in,
        p_receives_notices, coalesce(p_from, clock_v1()), p_until)
    on conflict (segment, person, representative) do update set kind = excluded.kind, signs_in = excluded.signs_in,
        receives_notices = excluded.receives_notices, valid_from = excluded.valid_from,
        valid_until = excluded.valid_until;
    perform log_account_v1(v_who, p_request, 'representative_set', p_person, p_representative, p_purpose, null, null);
    return 'set';
end $$;

-- Ends it now. Opens nobody, so that a relation with the person represented is enough. Answers ended, scope (no such
-- representative, too), or as may_act_v1.
create or replace function cloison.end_representative_v1(
    p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_person uuid, p_representative uuid
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
declare
    v_may record;
    v_who holder;
begin
    select * into v_may from may_act_v1(p_segment, p_token, 4, p_purpose);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return v_may.verdict;
    elsif v_may.verdict = 'open' and relation_now_v1(v_who, p_person) is not null then
        update representative r set valid_until = clock_v1()
        where r.segment = p_segment and r.person = p_person and r.representative = p_representative
          and (r.valid_until is null or r.valid_until > clock_v1());
        if found then
            perform log_account_v1(v_who, p_request, 'representative_ended', p_person, p_representative, p_purpose,
                null, null);
            return 'ended';
        end if;
    end if;
    return refuse_act_v1(v_who, p_request, 'representative_ended', p_purpose,
        case v_may.verdict when 'open' then 'scope' else v_may.verdict end);
end $$;

-- Who speaks for somebody now, merges followed on both sides. p_minor: whether the person is too young to act alone, as the
-- door that opened the record knows; the database has no birth dates. A parent speaks for a minor only.
create or replace function cloison.representatives_v1(p_segment text, p_person uuid, p_minor boolean)
returns table (segment text, person uuid, kind text, signs_in boolean, receives_notices boolean)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select r.representative_segment, coalesce(m.survivor, r.representative), r.kind::text, bool_or(r.signs_in),
        bool_or(r.receives_notices)
    from identities_v1(p_segment, p_person) i
    join representative r on r.segment = p_segment and r.person = i.person
    left join merge m on m.absorbed = r.representative and m.state in ('merged', 'split_asked')
    where i.until = 'infinity' and r.valid_from <= clock_v1()
      and (r.valid_until is null or r.valid_until > clock_v1()) and (p_minor or r.kind <> 'parent')
    group by 1, 2, 3;
$$;

-- Who may sign in where somebody's space is: the person, but for a minor, and whoever signs in in their place.
create or replace function cloison.who_signs_in_v1(p_segment text, p_person uuid, p_minor boolean)
returns table (segment text, person uuid)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select p_segment, p_person where not p_minor
    union
    select r.segment, r.person from representatives_v1(p_segment, p_person, p_minor) r where r.signs_in;
$$;

-- Who is written to about somebody: their representatives who receive notices, and the person too, but for a minor who has
-- such a representative.
create or replace function cloison.who_receives_notices_v1(p_segment text, p_person uuid, p_minor boolean)
returns table (segment text, person uuid)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    with told as materialized (
        select r.segment, r.person from representatives_v1(p_segment, p_person, p_minor) r where r.receives_notices
    )
    select t.segment, t.person from told t
    union
    select p_segment, p_person where not p_minor or not exists (select from told);
$$;
