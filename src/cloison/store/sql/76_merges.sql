-- Merging: asked for by one account, which was charged for both records and has them before it; carried out when
-- somebody else of the same organisation approves, who opens nothing. Taken back likewise.

-- How long a request waits for its approval.
create or replace function cloison.approval_patience_v1() returns interval
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return interval '168 hours';

-- Notes that two records shall be one, or (p_merge given) that a merge shall be taken back. p_versions: of survivor and
-- absorbed, as the door read them. p_change: the survivor as it shall be, sealed; empty: as it is. Answers pending, scope, stale, protected
-- (the record that would go is), or as may_act_v1; and the merge's number.
create or replace function cloison.ask_merge_v1(
    p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_merge uuid, p_survivor uuid, p_absorbed uuid,
    p_reason text, p_versions integer[], p_filled smallint[], p_change cloison.resealed[]
) returns table (outcome text, merge uuid)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_merge merge;
    v_number uuid := coalesce(p_merge, gen_random_uuid());
    v_versions integer[];
begin
    -- Of anybody else it would be a change without an entry, in the name of whoever approves.
    if cardinality(p_change) > 1 or exists (
        select from unnest(p_change) c
        where (c.former_segment, c.segment, c.person, c.former_version)
            is distinct from (p_segment, p_segment, p_survivor, p_versions[1])) then
        raise exception 'a merge changes its survivor' using errcode = 'CL002';
    end if;
    select * into v_may from may_act_v1(p_segment, p_token, 3, p_purpose);
    v_who := v_may.who;
    if v_may.verdict <> 'open' then
        return query select v_may.verdict, null::uuid;
        return;
    end if;
    select * into v_merge from merge m where m.segment = p_segment and m.merge = p_merge for update;
    v_versions := array[
        (select p.version from person p where p.segment = p_segment and p.person = p_survivor),
        (select p.version from person p where p.segment = p_segment and p.person = p_absorbed and p_merge is null
         union all
         select a.version from absorbed a where a.segment = p_segment and a.person = p_absorbed
           and v_merge.state in ('merged', 'split_asked'))];
    -- The door says what it read; whom the account may change is looked at here once more.
    if p_survivor = p_absorbed or relation_now_v1(v_who, p_survivor) is null
       or (p_merge is null and relation_now_v1(v_who, p_absorbed) is null)
       or (p_merge is not null and (v_merge.state in ('merged', 'split_asked') and v_merge.survivor = p_survivor
                                    and v_merge.absorbed = p_absorbed) is not true) then
        return query select refuse_act_v1(v_who, p_request, 'merge_asked', p_purpose, 'scope'), null::uuid;
        return;
    elsif v_versions is distinct from p_versions then
        return query select 'stale', null::uuid;
        return;
    elsif p_merge is null and shielded_v1(p_absorbed) then
        return query select 'protected', null::uuid;   -- the survivor's record would say what was withheld
        return;
    end if;

    if p_merge is null then
        delete from planned p using merge m
        where m.segment = p_segment and m.survivor = p_survivor and m.absorbed = p_absorbed and m.state = 'asked'
          and p.segment = m.segment and p.merge = m.merge;
        delete from merge m where m.segment = p_segment and m.survivor = p_survivor and m.absorbed = p_absorbed
            and m.state = 'asked';
        insert into merge (segment, merge, survivor, absorbed, state, reason, asked_by, asked_at, filled)
        values (p_segment, v_number, p_survivor, p_absorbed, 'asked', p_reason, v_who.account, clock_v1(), p_filled);
        perform log_account_v1(v_who, p_request, 'merge_asked', p_survivor, p_absorbed, p_purpose, null, null);
    else
        update merge m set state = 'split_asked', split_asked_by = v_who.account, split_asked_at = clock_v1()
        where m.segment = p_segment and m.merge = p_merge;
        perform log_account_v1(v_who, p_request, 'split_asked', p_survivor, p_absorbed, p_purpose, null, null);
    end if;
    insert into planned as p (segment, merge, version, absorbed_version, change)
    values (p_segment, v_number, p_versions[1], p_versions[2], p_change[1])
    on conflict (segment, merge) do update set version = excluded.version,
        absorbed_version = excluded.absorbed_version, change = excluded.change;
    return query select 'pending', v_number;
end $$;

-- Which records a merge is about, and which fields were filled in, for whoever may ask to take it back.
create or replace function cloison.merge_parts_v1(p_segment text, p_token bytea, p_merge uuid)
returns table (survivor uuid, absorbed uuid, filled smallint[])
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select m.survivor, m.absorbed, m.filled
    from holder h
    join merge m on m.segment = h.segment and m.merge = p_merge and m.state in ('merged', 'split_asked')
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1()
      and (h.permissions >> 3) & 1 = 1 and relation_now_v1(h, m.survivor) is not null;
$$;

-- Approves what somebody else of the same organisation asked: a merge becomes merged, a split split. Answers done, scope
-- (no such request, one's own, another organisation's, a frozen account's, too old), stale (a record changed since; ask anew), or as
-- may_act_v1; and the survivor with the version of its row, for the keeper.
create or replace function cloison.approve_merge_v1(p_segment text, p_token bytea, p_request uuid, p_merge uuid)
returns table (outcome text, state text, survivor uuid, absorbed uuid, key_id bigint, version integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
#variable_conflict use_column
declare
    v_may record;
    v_who holder;
    v_merge merge;
    v_plan planned;
    v_event event;
    v_asked_by uuid;
    v_standing record;
    v_result text;
begin
    select * into v_may from may_act_v1(p_segment, p_token, 5, null);
    v_who := v_may.who;
    if v_may.verdict in ('no_session', 'busy') then
        return query select v_may.verdict, null, null::uuid, null::uuid, null::bigint, null::integer;
        return;
    end if;
    select * into v_merge from merge m where m.segment = p_segment and m.merge = p_merge for update;
    v_event := case v_merge.state when 'split_asked' then 'people_split' else 'people_merged' end;
    v_asked_by := case v_merge.state when 'asked' then v_merge.asked_by
                                     when 'split_asked' then v_merge.split_asked_by end;
    if v_may.verdict <> 'open' or not exists (
        select from account a where a.segment = p_segment and a.account = v_asked_by and a.account <> v_who.account
          and a.organisation = v_who.organisation
          and not exists (select from account_freeze f where f.segment = a.segment and f.account = a.account
                          and f.lifted_at is null)
          and clock_v1() < approval_patience_v1()
              + case v_merge.state when 'asked' then v_merge.asked_at else v_merge.split_asked_at end) then
        return query select refuse_act_v1(v_who, p_request, v_event, null,
            case v_may.verdict when 'open' then 'scope' else v_may.verdict end),
            null, null::uuid, null::uuid, null::bigint, null::integer;
        return;
    end if;

    select * into v_plan from planned p where p.segment = p_segment and p.merge = p_merge;
    v_result := case v_merge.state
        when 'asked' then carry_out_merge_v1(v_merge, v_plan) else carry_out_split_v1(v_merge, v_plan) end;
    if v_result <> 'done' then
        return query select v_result, null, null::uuid, null::uuid, null::bigint, null::integer;
        return;
    end if;
    delete from planned p where p.segment = p_segment and p.merge = p_merge;
    if v_merge.state = 'asked' then
        perform space_end_v1(v_merge.absorbed, null);   -- whose login it was is to be seen anew; the survivor keeps theirs
    end if;
    update merge m set
        state = case v_merge.state when 'asked' then 'merged' else 'split' end::merge_state,
        merged_by = case v_merge.state when 'asked' then v_who.account else m.merged_by end,
        merged_at = case v_merge.state when 'asked' then clock_v1() else m.merged_at end,
        split_by = case v_merge.state when 'asked' then null else v_who.account end,
        split_at = case v_merge.state when 'asked' then null else clock_v1() end
    where m.segment = p_segment and m.merge = p_merge;
    select p.key_id, p.version, sealed_hash_v1(p.sealed) as hash into v_standing
    from person p where p.segment = p_segment and p.person = v_merge.survivor;
    perform log_account_v1(v_who, p_request, v_event, v_merge.survivor, v_merge.absorbed, null, v_standing.version,
        v_standing.hash);
    perform note_change_v1(p_segment, v_merge.survivor, v_event, v_standing.version);
    perform note_change_v1(p_segment, v_merge.absorbed, v_event, (
        select p.version from person p where p.segment = p_segment and p.person = v_merge.absorbed));
    return query select 'done', case v_merge.state when 'asked' then 'merged' else 'split' end,
        v_merge.survivor, v_merge.absorbed, v_standing.key_id, v_standing.version;
end $$;

-- The absorbed record leaves the register as it is, its locators, relations and interactions lead to the survivor, and the
-- survivor takes the fields that it lacked.
create or replace function cloison.carry_out_merge_v1(merging cloison.merge, plan cloison.planned) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
declare
    v_segment text := merging.segment;
begin
    -- In id order, so that two merges never wait for each other in a circle.
    perform from person p where p.segment = v_segment and p.person in (merging.survivor, merging.absorbed)
        order by p.person for update;
    if not exists (select from person p where p.segment = v_segment and p.person = merging.survivor
                   and p.version = plan.version)
       or not exists (select from person p where p.segment = v_segment and p.person = merging.absorbed
                      and p.version = plan.absorbed_version)
       or shielded_v1(merging.absorbed) then
        return 'stale';
    end if;
    delete from absorbed a where a.segment = v_segment and a.person = merging.absorbed;
    delete from absorbed_term a where a.segment = v_segment and a.person = merging.absorbed;
    insert into absorbed select p.* from person p where p.segment = v_segment and p.person = merging.absorbed;
    insert into absorbed_term (segment, person, slot, term, proof)
    select v_segment, a.person, s.slot, t.terms[s.slot], t.terms[s.proof_slot]
    from absorbed a cross join search_slot s
    cross join lateral (
        select array[a.term1, a.term2, a.term3, a.term4, a.term5, a.term6, a.term7, a.term8] as terms
    ) t
    where a.segment = v_segment and a.person = merging.absorbed and s.proof_slot is not null
      and t.terms[s.slot] is not null;
    perform count_cells_v1(v_segment, '{}', array(
        select a.cell from absorbed a
        where a.segment = v_segment and a.person = merging.absorbed and a.cell is not null));
    delete from person p where p.segment = v_segment and p.person = merging.absorbed;

    delete from absorbed_locator l where l.segment = v_segment and l.person = merging.absorbed;
    insert into absorbed_locator (segment, person, kind, term)
    select v_segment, l.person, l.kind, l.term from locator l where l.segment = v_segment and l.person = merging.absorbed;
    update locator l set person = merging.survivor, segment = v_segment
    from absorbed_locator a
    where a.segment = v_segment and a.person = merging.absorbed and l.kind = a.kind and l.term = a.term;

    if (plan.change).key_id is not null and reseal_one_v1(plan.change) <> 'changed' then
        raise exception 'the survivor has changed' using errcode = 'CL006';
    end if;

    delete from absorbed_relation r where r.segment = v_segment and r.person = merging.absorbed;
    insert into absorbed_relation (segment, person, account, kind, valid_from, valid_until, added)
    select v_segment, r.person, r.account, r.kind, r.valid_from, r.valid_until,
        not exists (select from relation s where s.segment = v_segment and s.person = merging.survivor
                    and s.account = r.account and s.kind = r.kind
                    and (s.valid_until is null or s.valid_until > clock_v1()))
    from relation r where r.segment = v_segment and r.person = merging.absorbed and r.kind <> 'grant';   -- it was for one record
    delete from relation r where r.segment = v_segment and r.person = merging.absorbed;
    insert into relation (segment, account, person, kind, valid_from, valid_until)
    select v_segment, r.account, merging.survivor, r.kind, r.valid_from, r.valid_until
    from absorbed_relation r where r.segment = v_segment and r.person = merging.absorbed and r.added
    on conflict (segment, account, person, kind)
        do update set valid_from = excluded.valid_from, valid_until = excluded.valid_until;
    perform merge_interactions_v1(v_segment, merging.absorbed, merging.survivor);
    return 'done';
end $$;

-- Interactions with the absorbed record are ones with the survivor from now on. Those that are not over are weighed
-- anew, beside the survivor's own.
create or replace function cloison.merge_interactions_v1(p_segment text, p_absorbed uuid, p_survivor uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
declare
    v_now timestamptz := clock_v1();
begin
    delete from absorbed_interaction a where a.segment = p_segment and a.person = p_absorbed;
    insert into absorbed_interaction (segment, person, feed, interaction)
    select i.segment, i.person, i.feed, i.interaction from interaction i
    where i.segment = p_segment and i.person = p_absorbed;
    update interaction i set person = p_survivor, waiting = i.waiting or i.valid_until > v_now
    where i.segment = p_segment and i.person = p_absorbed;
    if found then
        perform install_interactions_v1(v_now, array[p_segment]);
    end if;
end $$;

-- Each has its own interactions again. What the survivor's relations hold of both cannot be told apart: they are made anew
-- from those that are left, so that nobody is opened for a meeting with somebody else.
create or replace function cloison.split_interactions_v1(p_segment text, p_absorbed uuid, p_survivor uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
declare
    v_now timestamptz := clock_v1();
    v_accounts uuid[];
begin
    with given_back as (
        update interaction i set person = p_absorbed, waiting = i.waiting or i.valid_until > v_now
        from absorbed_interaction a
        where a.segment = p_segment and a.person = p_absorbed and i.segment = a.segment and i.feed = a.feed
          and i.interaction = a.interaction and i.person = p_survivor
        returning i.account, i.valid_until
    )
    select array_agg(distinct g.account) into v_accounts from given_back g where g.valid_until > v_now;
    delete from absorbed_interaction a where a.segment = p_segment and a.person = p_absorbed;
    if v_accounts is null then
        return;
    end if;
    delete from relation r where r.segment = p_segment and r.person = p_survivor and r.account = any (v_accounts)
        and r.kind = 'inbound';
    update interaction i set waiting = true
    where i.segment = p_segment and i.person = p_survivor and i.account = any (v_accounts) and i.valid_until > v_now;
    perform install_interactions_v1(v_now, array[p_segment]);
end $$;

-- The absorbed record comes back as it was, with its locators, relations and interactions; the survivor gives back what it took, but
-- for what was corrected since.
create or replace function cloison.carry_out_split_v1(merging cloison.merge, plan cloison.planned) returns text
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
declare
    v_segment text := merging.segment;
begin
    perform from person p where p.segment = v_segment and p.person = merging.survivor for update;
    if not exists (select from person p where p.segment = v_segment and p.person = merging.survivor
                   and p.version = plan.version)
       or not exists (select from absorbed a where a.segment = v_segment and a.person = merging.absorbed
                      and a.version = plan.absorbed_version) then
        return 'stale';
    end if;
    if (plan.change).key_id is not null and reseal_one_v1(plan.change) <> 'changed' then
        raise exception 'the survivor has changed' using errcode = 'CL006';
    end if;
    insert into person select a.* from absorbed a where a.segment = v_segment and a.person = merging.absorbed;
    perform count_cells_v1(v_segment, array(
        select a.cell from absorbed a
        where a.segment = v_segment and a.person = merging.absorbed and a.cell is not null), '{}');
    delete from absorbed a where a.segment = v_segment and a.person = merging.absorbed;
    delete from absorbed_term a where a.segment = v_segment and a.person = merging.absorbed;

    -- Also one that the survivor gave up meanwhile, or the record could be brought in twice.
    insert into locator (kind, term, segment, person)
    select a.kind, a.term, v_segment, merging.absorbed from absorbed_locator a
    where a.segment = v_segment and a.person = merging.absorbed
    on conflict (term) do update set person = excluded.person, segment = excluded.segment
        where locator.person = merging.survivor;
    delete from absorbed_locator a where a.segment = v_segment and a.person = merging.absorbed;

    -- What the survivor has only through the merge goes; what was changed since stays.
    delete from relation r using absorbed_relation a
    where a.segment = v_segment and a.person = merging.absorbed and a.added and r.segment = v_segment
      and r.person = merging.survivor and r.account = a.account and r.kind = a.kind
      and r.valid_from = a.valid_from and r.valid_until is not distinct from a.valid_until;
    insert into relation (segment, account, person, kind, valid_from, valid_until)
    select v_segment, a.account, a.person, a.kind, a.valid_from, a.valid_until
    from absorbed_relation a where a.segment = v_segment and a.person = merging.absorbed
    on conflict (segment, account, person, kind) do nothing;
    delete from absorbed_relation a where a.segment = v_segment and a.person = merging.absorbed;
    perform split_interactions_v1(v_segment, merging.absorbed, merging.survivor);
    -- Whoever was protected while the two were one may be either.
    perform inherit_protection_v1(merging.survivor, v_segment, merging.absorbed) where exists (
        select from protection p where p.person = merging.survivor and p.lifted_at is null
          and p.since >= merging.merged_at and (p.valid_until is null or p.valid_until > clock_v1()));
    return 'done';
end $$;

-- All numbers under which somebody was ever kept, and from when to when their entries speak of this person too: those that
-- were absorbed, and, while absorbed, the survivor's. So an exposure follows both.
create or replace function cloison.identities_v1(p_segment text, p_person uuid)
returns table (person uuid, since timestamptz, until timestamptz)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    with recursive known (person, since, until) as (
        select p_person, timestamptz '-infinity', timestamptz 'infinity'
        union
        select n.person, n.since, n.until from known k cross join lateral (
            select m.absorbed, timestamptz '-infinity', timestamptz 'infinity' from merge m
            where m.survivor = k.person and m.state in ('merged', 'split_asked') and k.until = 'infinity'
            union all
            select m.survivor, greatest(m.merged_at, k.since), least(coalesce(m.split_at, 'infinity'), k.until)
            from merge m
            where m.absorbed = k.person and m.merged_at is not null
              and greatest(m.merged_at, k.since) < least(coalesce(m.split_at, 'infinity'), k.until)
        ) n (person, since, until)
    )
    select k.person, min(k.since), max(k.until) from known k group by k.person;
$$;

-- What was done with somebody's record, oldest first, under all numbers they had: what the person will see.
create or replace function cloison.history_v1(p_segment text, p_person uuid)
returns table (
    at timestamptz, person uuid, organisation text, role text, event text, outcome text, purpose text,
    compartments integer, version integer
)
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select e.at, e.person, o.name, r.name, e.event::text, e.outcome::text, p.purposes[e.purpose + 1], e.compartments,
        e.version
    from identities_v1(p_segment, p_person) i
    cross join lateral (
        select e.* from entry e where e.person = i.person
          and e.segment = any (array(select distinct a.segment from account a union select p_segment))
        union all                        -- as the one absorbed, or as somebody's representative
        select e.* from entry e where e.subject = i.person and e.event in (
            'merge_asked', 'people_merged', 'split_asked', 'people_split', 'representative_set', 'representative_ended')
    ) e
    cross join profile p
    left join account a on a.segment = e.segment and a.account = e.account
    left join organisation o on o.organisation = a.organisation
    left join role r on r.role = a.role
    where e.at between i.since and i.until
    order by e.at, e.account, e.number;
$$;
