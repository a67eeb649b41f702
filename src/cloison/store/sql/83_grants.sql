-- Break-glass: one account opens one person of its home segment whom it has no relation with, for hours. Rules, in order:
--   1. the person is named by facts at the desk, NIR or identifier and birth date, charged as a search that finds nobody;
--      what is kept are their keyed hashes, for an hour. Whether anybody is meant is not looked for, and not answered;
--   2. somebody else of the organisation, who may approve it, signs, not seeing whom; the person counts against that one's
--      budget too, in their own ledger, so that nobody can approve more people than they could open;
--   3. then, and not before, the facts are looked up: one person, who is protected from nobody and not the account's own
--      holder; anybody else is nobody. The asker's own list of grants says which;
--   4. in an emergency the asker's signature is enough at first, for 4 hours, in which somebody else is to approve it. Two
--      may wait so for each holder, whatever accounts they have. One that is refused, or not approved in time, ends, and
--      its holder asks for no more until two others say so (grant.reinstate);
--   5. the relation is `grant`, for the compartments asked and no change; each opening is charged as any other.


-- Rule 1. As search_v1, whose keeper's signature it takes; `open`: the number by which the facts are asked about.
create or replace function cloison.keep_facts_v1(
    p_segment text, p_token bytea, p_request uuid, p_purpose smallint, p_slot integer, p_terms bigint[],
    p_proof_slot integer, p_proof_terms bigint[], p_group bigint, p_at bigint, p_mac bytea
) returns table (outcome text, facts uuid)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
#variable_conflict use_column
declare
    v_outcome text;
    v_asked asked;
    v_facts uuid := gen_random_uuid();
begin
    select s.outcome into v_outcome from search_v1(p_segment, p_token, p_request, p_purpose, p_slot, p_terms, p_proof_slot,
        p_proof_terms, p_group, p_at, p_mac) s;
    if v_outcome <> 'open' then
        return query select v_outcome, null::uuid;
        return;
    end if;
    -- It is not a search any more: find_v1 would take the charge back.
    delete from asked a using holder h
    where h.segment = p_segment and h.token_hash = sha256(p_token) and a.segment = p_segment and a.session = h.session
      and a.request = p_request and (h.permissions >> 11) & 1 = 1
    returning a.* into v_asked;
    if cardinality(v_asked.proof_terms) > 0 then
        insert into facts (segment, facts, account, slot, terms, proof_terms, kept_at)
        values (p_segment, v_facts, v_asked.account, v_asked.slot, v_asked.terms, v_asked.proof_terms, clock_v1());
        return query select 'open', v_facts;
    else
        return query select 'scope', null::uuid;
    end if;
end $$;

-- The mask of these compartments, where each is one of the account's role; null otherwise.
create or replace function cloison.compartments_of_v1(p_account uuid, p_names text[]) returns integer
language sql stable security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select case when cardinality(p_names) > 0 and bool_and(((r.compartments >> array_position(p.compartments, n) - 1) & 1 = 1) is true)
                then bit_or(1 << array_position(p.compartments, n) - 1) end
    from account a join role r on r.role = a.role cross join profile p cross join unnest(p_names) n
    where a.account = p_account
    group by p_names;
$$;

-- Emergencies of this account's holder: how many wait to be approved, and whether one was not in time.
create or replace function cloison.emergencies_v1(p_account uuid) returns table (waiting bigint, missed boolean)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select count(*) filter (where a.state = 'waiting' and a.expires_at > clock_v1()),
        coalesce(bool_or(a.state = 'refused' or a.expires_at <= clock_v1()), false)
    from account o join account mine on mine.holder = o.holder
    join break_glass g on g.segment = mine.segment and g.account = mine.account
    join act a on a.act = g.act
    where o.account = p_account and g.emergency and g.approved_by is null and g.forgiven_at is null;
$$;

-- What is looked at when a grant is asked for, in the transaction that writes the act; raises CL024 to CL026.
create or replace function cloison.grant_asked_v1(p_act cloison.act) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    d jsonb := p_act.details;
    v_emergency boolean := coalesce((d ->> 'emergency')::boolean, false);
    v_so_far record;
begin
    if p_act.kind <> 'grant.break_glass' then
        return;
    elsif not exists (select from facts f where f.facts = (d ->> 'facts')::uuid and f.account = p_act.asked_by
                      and f.kept_at > clock_v1() - interval '1 hour')
          or compartments_of_v1(p_act.asked_by, texts_v1(d -> 'compartments')) is null
          or ((d ->> 'hours')::integer between 1 and 8) is not true then
        raise exception 'not facts of the last hour, compartments or hours' using errcode = 'CL024';
    end if;
    -- Two at once of one holder count each other.
    perform from account o join account mine on mine.holder = o.holder
    where o.account = p_act.asked_by order by mine.segment, mine.account for no key update of mine;
    select * into v_so_far from emergencies_v1(p_act.asked_by);
    if v_so_far.missed then
        raise exception 'an emergency was not approved in time' using errcode = 'CL025';
    elsif v_emergency and v_so_far.waiting >= 2 then
        raise exception 'two emergencies wait to be approved' using errcode = 'CL026';
    elsif v_emergency then
        update act a set expires_at = least(a.expires_at, clock_v1() + interval '4 hours') where a.act = p_act.act
        returning a.* into p_act;
        perform break_glass_v1(p_act, true);
    end if;
end $$;

-- Rule 3.
create or replace function cloison.break_glass_v1(p_act cloison.act, p_emergency boolean) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp
    set enable_seqscan = off as $$
declare
    d jsonb := p_act.details;
    v_now timestamptz := clock_v1();
    v_facts facts;
    v_people uuid[];
    v_grant break_glass;
begin
    delete from facts f where f.facts = (d ->> 'facts')::uuid and f.account = p_act.asked_by returning f.* into v_facts;
    if v_facts.facts is null then
        raise exception 'the facts are used' using errcode = 'CL024';
    end if;
    v_people := array(
        select distinct m.person from (
            select * from matches_v1(v_facts.segment, v_facts.slot, v_facts.terms,
                (select s.proof_slot from search_slot s where s.slot = v_facts.slot), v_facts.proof_terms)
            union all
            select * from absorbed_matches_v1(v_facts.segment, v_facts.slot, v_facts.terms, v_facts.proof_terms, p_act.act)
        ) m
        join lateral withheld_each_v1(array[v_facts.account], array[v_facts.account], array[m.person]) w on true
        where m.proven and not w.shielded and not w.own);
    insert into break_glass (act, segment, account, person, compartments, given_at, valid_until, emergency)
    values (p_act.act, v_facts.segment, v_facts.account, case when cardinality(v_people) = 1 then v_people[1] end,
        compartments_of_v1(v_facts.account, texts_v1(d -> 'compartments')), v_now,
        v_now + make_interval(hours => (d ->> 'hours')::integer), p_emergency)
    returning * into v_grant;
    perform relate_v1(v_grant, case when p_emergency then least(v_grant.valid_until, p_act.expires_at) else v_grant.valid_until end);
    perform log_own_act_v1(v_grant.segment, v_grant.account, 'grant_given', 'open', null, p_act.act);
end $$;

-- Writes the relation of a grant; one that stands for the same person is only ever widened.
create or replace function cloison.relate_v1(p_grant cloison.break_glass, p_until timestamptz) returns void
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    insert into relation as r (segment, account, person, kind, valid_from, valid_until, compartments)
    select p_grant.segment, p_grant.account, p_grant.person, 'grant', p_grant.given_at, p_until, p_grant.compartments
    where p_grant.person is not null
    on conflict (segment, account, person, kind) do update set
        valid_from = excluded.valid_from,
        compartments = excluded.compartments | case when r.valid_until > clock_v1() then r.compartments else 0 end,
        valid_until = case when r.valid_until > clock_v1() then greatest(r.valid_until, excluded.valid_until) else excluded.valid_until end;
$$;

-- Rule 2, and the second half of rule 4: done by the signature that completes the act.
create or replace function cloison.do_grant_v1(p_act cloison.act) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_grant break_glass;
    v_approver act_signature;
begin
    if p_act.kind = 'grant.reinstate' then
        update break_glass g set forgiven_at = clock_v1() from account o join account mine on mine.holder = o.holder
        where o.segment = p_act.details ->> 'segment' and o.account = (p_act.details ->> 'account')::uuid
          and g.segment = mine.segment and g.account = mine.account and g.emergency and g.approved_by is null;
        return;
    elsif p_act.kind <> 'grant.break_glass' then
        raise exception 'not an act that is done here' using errcode = 'CL021';
    end if;
    if not exists (select from break_glass g where g.act = p_act.act) then
        perform break_glass_v1(p_act, false);
    end if;
    select * into v_approver from act_signature s where s.act = p_act.act and s.account <> p_act.asked_by
    order by s.signed_at desc limit 1;
    update break_glass g set approved_by = v_approver.account where g.act = p_act.act returning g.* into v_grant;
    if v_grant.emergency and v_grant.valid_until > clock_v1() then
        perform relate_v1(v_grant, v_grant.valid_until);
    end if;
    perform approver_charged_v1(v_grant, v_approver);
end $$;

-- The person counts against the budget of who approved, as one whom they opened; raises CL027 where it does not fit.
create or replace function cloison.approver_charged_v1(p_grant cloison.break_glass, p_approver cloison.act_signature) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_role smallint;
    v_outcome text;
begin
    perform refuse_unsafe_caller_v1();
    select a.role into v_role from account a where a.segment = p_approver.segment and a.account = p_approver.account;
    if p_approver.segment <> p_grant.segment then
        raise exception 'another segment''s ledger' using errcode = 'CL027';
    end if;
    perform from ledger l where l.segment = p_approver.segment and l.account = p_approver.account for update;
    -- In a statement, so with a snapshot, of its own. Facts that were nobody's count as a person too.
    select s.outcome into v_outcome from settle_v1(p_approver.segment, clock_v1(), array[row(1, null, p_approver.account, v_role,
        p_grant.act, coalesce(p_grant.person, p_grant.act), 0, null, 'grant', 'open', 'allowance_lent', 'open')::judged]) s;
    if v_outcome is distinct from 'open' then
        raise exception 'the budget of who approves is used up' using errcode = 'CL027';
    end if;
end $$;

-- A grant that was refused, or taken back, ends.
create or replace function cloison.end_grant_v1(p_act uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_grant break_glass;
begin
    update break_glass g set ended_at = clock_v1() where g.act = p_act and g.ended_at is null returning g.* into v_grant;
    update relation r set valid_until = clock_v1()
    where r.account = v_grant.account and r.person = v_grant.person and r.kind = 'grant' and r.valid_until > clock_v1();
    if v_grant.act is not null then
        perform log_own_act_v1(v_grant.segment, v_grant.account, 'grant_ended', 'open', null, p_act);
    end if;
end $$;

-- What became of the break-glass that this session's account asked for in the last week. State: `waiting`, `open`,
-- `nobody`, `refused`, `over`. Nothing is said of the person before it is given.
create or replace function cloison.grants_v1(p_segment text, p_token bytea) returns table (
    act uuid, state text, person uuid, segment text, compartments integer, valid_until timestamptz, emergency boolean, approved boolean
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select a.act, case
            when g.act is null then case when a.state = 'waiting' and a.expires_at > clock_v1() then 'waiting'
                                         when a.state = 'refused' then 'refused' else 'over' end
            when g.ended_at is not null then 'refused'
            when g.person is null then 'nobody'
            when e.ends <= clock_v1() then 'over'
            else 'open' end,
        g.person, (select p.segment from person p where p.person = g.person), coalesce(g.compartments, 0), coalesce(e.ends, a.expires_at), coalesce((a.details ->> 'emergency')::boolean, false),
        g.approved_by is not null
    from holder h
    join act a on a.kind = 'grant.break_glass' and a.asked_by = h.account and a.asked_at > clock_v1() - interval '168 hours'
    left join break_glass g on g.act = a.act
    left join lateral (select case when g.emergency and g.approved_by is null then least(g.valid_until, a.expires_at) else g.valid_until end as ends) e on true
    where h.segment = p_segment and h.token_hash = sha256(p_token) and h.expires_at > clock_v1()
    order by a.asked_at desc;
$$;
