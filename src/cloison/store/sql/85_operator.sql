-- What the operator of the machine asks for and does, by a login that reads nobody. The rules, in order:
--   1. what gives rights is an act: asked under the nil account, without a signature, and signed by two who may sign such
--      acts, by three and a day above the threshold, at the sign-in door as any other (81_acts.sql, rules 1 to 5);
--   2. it is tried when it is asked, and undone: what could not be done is not put before anybody;
--   3. a file of staff is staged first; the database counts and hashes it, and what is signed are these figures. What was
--      signed may then be brought in, some at a time, within 72 hours;
--   4. what takes rights away the operator does at once: freezing, closing and signing out accounts, ending agreements and
--      sources, protecting people, saying whose record an account's holder is. It is logged under the nil account.

-- Rule 1: what the operator may ask for; grants are for those who work with people.
create or replace function cloison.operated_v1(p_kind text) returns boolean
language sql immutable parallel safe security definer set search_path = pg_catalog, cloison, pg_temp
return p_kind in ('account.create', 'account.elevate', 'account.recover', 'account.unfreeze', 'account.forget_holder',
    'organisation.create', 'agreement.make', 'feed.open', 'client.register', 'protection.lift', 'staff.import',
    'limit.set');

-- The lines of a file, as they were staged: how many of what, their roles, their hash; what an act to bring them in says.
create or replace function cloison.staged_staff_v1(p_act uuid) returns jsonb
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select jsonb_build_object(
        'sha256', encode(sha256(convert_to(string_agg(s.line, chr(10) order by s.number), 'UTF8')), 'hex'),
        'organisations', count(*) filter (where s.line::jsonb ->> 0 = 'organisation'),
        'agencies', count(*) filter (where s.line::jsonb ->> 0 = 'agency'),
        'accounts', count(*) filter (where s.line::jsonb ->> 0 = 'account'),
        'roles', coalesce((
            select jsonb_object_agg(x.role, x.accounts) from (
                select r.line::jsonb ->> 5 as role, count(*) as accounts from staged_staff r
                where r.act = p_act and r.line::jsonb ->> 0 = 'account' group by 1
            ) x where x.role is not null), '{}'))
    from staged_staff s where s.act = p_act;
$$;

-- The first line that will be refused whatever else happens: of which file and row, and why. What an agreement does not
-- allow shows when it is brought in.
create or replace function cloison.staged_flaw_v1(p_act uuid) returns table (line text, state text)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    with lines as (
        select s.number, s.line::jsonb as said, concat_ws(' ', s.line::jsonb ->> 0, s.line::jsonb ->> -1) as place
        from staged_staff s where s.act = p_act
    ), named as (
        select l.said ->> 1 as name from lines l where l.said ->> 0 = 'organisation'
        union select o.name from organisation o
    ), flaws as (
        select l.number, l.place, 'CL030' as state from lines l
        where (l.said ->> 0 = 'agency' and not exists (select from named n where n.name = l.said ->> 1))
           or (l.said ->> 0 = 'account' and not exists (select from named n where n.name = l.said ->> 2))
        union all
        select l.number, l.place, 'CL005' from lines l
        where l.said ->> 0 = 'account' and not exists (select from role r where r.name = l.said ->> 5)
        union all
        select l.number, l.place, 'CL005' from lines l cross join jsonb_array_elements_text(
            case when jsonb_typeof(l.said -> 3) = 'array' then l.said -> 3 else '[]' end) x
        where l.said ->> 0 = 'organisation' and not exists (select from role r where r.name = x.value)
        union all
        select l.number, l.place, '23514' from lines l cross join jsonb_array_elements_text(case
            when l.said ->> 0 = 'organisation' then case when jsonb_typeof(l.said -> 2) = 'array' then l.said -> 2 else '[]' end
            when l.said ->> 0 = 'agency' then jsonb_build_array(l.said -> 3) else jsonb_build_array(l.said -> 4) end) x
        where x.value !~ '^[0-9A-Za-z_-]{1,16}$'
        union all
        select l.number, l.place, '23514' from lines l where l.said ->> 0 = 'account' and l.said ->> 1 !~ '^[0-9A-Za-z._-]{1,64}$'
        union all
        select l.number, l.place, '23505' from lines l
        join account a on a.handle = l.said ->> 1 join organisation o on o.organisation = a.organisation join role r on r.role = a.role
        where l.said ->> 0 = 'account'
          and (o.name, a.agency, a.segment, r.name) is distinct from (l.said ->> 2, l.said ->> 3, l.said ->> 4, l.said ->> 5)
    )
    select f.place, f.state from flaws f order by f.number limit 1;
$$;

create or replace function cloison.operator_stage_v1(p_act uuid, p_first integer, p_lines text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    if exists (select from act a where a.act = p_act) then
        raise exception 'the act was asked for' using errcode = 'CL021';
    end if;
    delete from staged_staff s where s.staged_at < clock_v1() - interval '168 hours';   -- signed and brought in, or too late
    insert into staged_staff (act, number, line, staged_at)
    select p_act, p_first + n - 1, l.line, clock_v1() from unnest(p_lines) with ordinality l (line, n)
    on conflict (act, number) do update set line = excluded.line;
end $$;

-- What an act of the operator's does; called by do_act_v1.
create or replace function cloison.do_operated_v1(p_act cloison.act) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    d jsonb := p_act.details;
begin
    if not operated_v1(p_act.kind) then
        raise exception 'not an act that is done here' using errcode = 'CL021';
    elsif p_act.kind = 'feed.open' then
        perform register_client_v1(p_act, array['feed']);
        perform create_feed_v1(d ->> 'name', (d ->> 'source')::feed_kind, texts_v1(d -> 'segments'), p_act.act);
    elsif p_act.kind = 'client.register' then
        perform register_client_v1(p_act, texts_v1(d -> 'uses'));
    elsif p_act.kind = 'protection.lift' then
        if not lift_by_owner_v1((d ->> 'protection')::uuid) then
            raise exception 'no such protection stands' using errcode = 'CL031';
        end if;
    elsif p_act.kind = 'account.forget_holder' then
        perform set_holder_v1(d ->> 'segment', (d ->> 'account')::uuid, '{}', '{}');
    elsif p_act.kind = 'limit.set' then
        perform set_limit_v1(d ->> 'limit', (d ->> 'value')::integer, d ->> 'only_of');
    elsif p_act.kind = 'staff.import' and d - 'reason' is distinct from staged_staff_v1(p_act.act) then
        raise exception 'not the lines that were signed' using errcode = 'CL022';
    end if;   -- brought in afterwards: operator_import_v1
end $$;

-- Sets one limit of 42_feeds.sql: everybody's, or of one organisation, which then has limits of its own.
create or replace function cloison.set_limit_v1(p_limit text, p_value integer, p_organisation text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_whose uuid := '00000000-0000-0000-0000-000000000000';
    v_names text;
begin
    if not exists (select from pg_attribute t where t.attrelid = 'cloison.relation_limit'::regclass and t.attnum > 0
                   and not t.attisdropped and t.attname = p_limit and t.attname <> 'organisation') then
        raise exception 'no such limit' using errcode = 'CL029';
    end if;
    if p_organisation is not null then
        select o.organisation into v_whose from organisation o where o.name = p_organisation;
        if v_whose is null then
            raise exception 'no such organisation' using errcode = 'CL005';
        end if;
        select string_agg(quote_ident(t.attname), ', ') into v_names from pg_attribute t
        where t.attrelid = 'cloison.relation_limit'::regclass and t.attnum > 0 and not t.attisdropped and t.attname <> 'organisation';
        execute format('insert into relation_limit (organisation, %1$s) select $1, %1$s from relation_limit '
            'where organisation = $2 on conflict (organisation) do nothing', v_names)
            using v_whose, uuid '00000000-0000-0000-0000-000000000000';
    end if;
    execute format('update relation_limit set %I = $1 where organisation = $2', p_limit) using p_value, v_whose;
end $$;

-- Rule 1 and 2: asks for an act.
create or replace function cloison.operator_ask_v1(
    p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamptz
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    if not operated_v1(p_kind) then
        raise exception 'not an act of the operator''s' using errcode = 'CL021';
    end if;
    perform ask_unsigned_v1(p_act, p_kind, p_canonical, p_details, p_organisation, p_expires_at);
end $$;

-- Asks for an act that whoever asks signs not: two others do. Raises what it would raise when it is done, and CL022 where
-- the bytes say something else. No login may call it.
create or replace function cloison.ask_unsigned_v1(
    p_act uuid, p_kind text, p_canonical bytea, p_details jsonb, p_organisation uuid, p_expires_at timestamptz
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_said jsonb := convert_from(p_canonical, 'UTF8');
    v_large boolean := act_adds_v1(p_kind, p_details) >= coalesce((select t.people_a_day from act_threshold t), 200);   -- assumed
    v_now timestamptz := clock_v1();
    v_act act;
    v_flaw record;
begin
    if (v_said ->> 'act', v_said ->> 'kind', v_said ->> 'organisation', v_said -> 'details', v_said -> 'asked_by',
           (v_said ->> 'expires_at')::timestamptz)
          is distinct from (p_act::text, p_kind, p_organisation::text, p_details, jsonb 'null', p_expires_at) then
        raise exception 'not what is to be signed' using errcode = 'CL022';
    end if;
    insert into act (act, kind, canonical, details, organisation, asked_by, asked_at, expires_at, people_needed, not_before, state)
    values (p_act, p_kind, p_canonical, p_details, p_organisation, '00000000-0000-0000-0000-000000000000', v_now,
        least(p_expires_at, v_now + interval '72 hours'), case when v_large then 3 else 2 end,
        v_now + case when v_large then interval '24 hours' else interval '0' end, 'waiting')
    returning * into v_act;
    select * into v_flaw from staged_flaw_v1(p_act) f where p_kind = 'staff.import';
    if v_flaw.state is not null then
        raise exception 'a line is refused' using errcode = v_flaw.state, detail = v_flaw.line;
    end if;
    begin
        perform do_act_v1(v_act);
        raise exception 'tried' using errcode = 'CL099';
    exception when sqlstate 'CL099' then
        null;   -- undone
    end;
    perform log_act_v1('00', 'act_asked', p_act, null, null);
end $$;

-- Takes back what the operator asked; whether it was waiting.
create or replace function cloison.operator_withdraw_v1(p_act uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
begin
    update act a set state = 'refused', settled_at = clock_v1(), refused_by = a.asked_by
    where a.act = p_act and a.state = 'waiting' and a.asked_by = '00000000-0000-0000-0000-000000000000';
    if found then
        perform log_act_v1('00', 'act_refused', p_act, null, null);
    end if;
    return found;
end $$;

-- Acts of the last 28 days, or one of them: what was signed, by whom, and how it stands. Names accounts, nobody else.
create or replace function cloison.operator_acts_v1(p_act uuid) returns table (
    act uuid, kind text, asked_by text, organisation text, details jsonb, state text, asked_at timestamptz,
    expires_at timestamptz, not_before timestamptz, people_needed smallint, signed_by text[], adds integer
)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select a.act, a.kind, coalesce((select c.handle from account c where c.account = a.asked_by), ''), o.name, a.details,
        case when a.state = 'waiting' and a.expires_at <= clock_v1() then 'expired' else a.state::text end,
        a.asked_at, a.expires_at, a.not_before, a.people_needed,
        array(select c.handle from act_signature s join account c on c.segment = s.segment and c.account = s.account
              where s.act = a.act order by s.signed_at),
        case when a.state = 'waiting' then act_adds_v1(a.kind, a.details) end
    from act a join organisation o on o.organisation = a.organisation
    where a.act = p_act or (p_act is null and a.asked_at > clock_v1() - interval '672 hours')
    order by a.asked_at;
$$;

-- What an act names: an organisation, by default the service; and an account of that handle, whose organisation it is then.
create or replace function cloison.operator_named_v1(p_organisation text, p_handle text)
returns table (organisation uuid, account uuid, segment text)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select a.organisation, a.account, a.segment from account a where a.handle = p_handle and a.closed_at is null
    union all
    select o.organisation, null, null from organisation o
    where p_handle is null and (o.name = p_organisation or (p_organisation is null and o.service));
$$;

-- Rule 3: brings in lines of a file that was signed, from number p_first on; answers the number after the last one, null
-- where there are no more, and how many of each were new. What is there already stays; what differs is refused, with its number.
create or replace function cloison.operator_import_v1(p_act uuid, p_first integer, p_most integer)
returns table (next_number integer, organisations integer, accounts integer)
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_line record;
    v_state text;
    v_next integer;
    v_place text;
    v_made integer;
    v_organisations integer := 0;
    v_accounts integer := 0;
begin
    if not exists (select from act a where a.act = p_act and a.kind = 'staff.import' and a.state = 'done'
                   and a.settled_at > clock_v1() - interval '72 hours') then
        raise exception 'not an import that was signed in the last 72 hours' using errcode = 'CL021';
    end if;
    v_next := p_first;
    begin
        for v_line in
            select s.number, s.line::jsonb as said from staged_staff s
            where s.act = p_act and s.number >= p_first order by s.number limit p_most
        loop
            v_next := v_line.number;
            v_place := concat_ws(' ', v_line.said ->> 0, v_line.said ->> -1);
            v_made := import_line_v1(v_line.said);
            if v_line.said ->> 0 = 'account' then
                v_accounts := v_accounts + v_made;
            else
                v_organisations := v_organisations + v_made;
            end if;
        end loop;
    exception when others then   -- said again with the line's number; a message of PostgreSQL's may quote values
        get stacked diagnostics v_state = returned_sqlstate;
        raise exception 'a line is refused' using errcode = v_state, detail = v_place;
    end;
    return query select (select min(s.number) from staged_staff s where s.act = p_act and s.number > v_next),
        v_organisations, v_accounts;
end $$;

-- One line: `["organisation", name, segments, roles, accounts, row]`, `["agency", organisation, name, segment, row]` or
-- `["account", handle, organisation, agency, segment, role, row]`; `row` is its place in the file. How many organisations or accounts it made.
create or replace function cloison.import_line_v1(p_line jsonb) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_organisation uuid;
    v_known account;
begin
    if p_line ->> 0 = 'organisation' then
        insert into organisation (name) values (p_line ->> 1) on conflict (name) do nothing
        returning organisation into v_organisation;
        if v_organisation is null then
            return 0;   -- it keeps the agreement that it has
        end if;
        perform agree_v1(v_organisation, texts_v1(p_line -> 2), texts_v1(p_line -> 3), null, (p_line ->> 4)::integer,
            array[null, null, null, null]::integer[]);
        return 1;
    end if;
    select o.organisation into v_organisation from organisation o
    where o.name = p_line ->> (case when p_line ->> 0 = 'agency' then 1 else 2 end);
    if v_organisation is null then
        raise exception 'no such organisation' using errcode = 'CL030';
    elsif p_line ->> 0 = 'agency' then
        insert into agency (organisation, name, segment) values (v_organisation, p_line ->> 2, p_line ->> 3)
        on conflict (organisation, name) do update set segment = excluded.segment;
        return 0;
    end if;
    select * into v_known from account a where a.handle = p_line ->> 1;
    if v_known.account is null then
        perform create_account_v1(p_line ->> 4, p_line ->> 1, v_organisation, p_line ->> 3, p_line ->> 5);
        return 1;
    elsif (v_known.organisation, v_known.agency, v_known.segment, v_known.role) is distinct from (v_organisation, p_line ->> 3,
          p_line ->> 4, (select r.role from role r where r.name = p_line ->> 5)) then
        raise exception 'the handle is taken' using errcode = 'unique_violation';
    end if;
    return 0;
end $$;

-- Rule 4: what is done to an account at once, by its handle; whether there is such an account.
create or replace function cloison.operator_tend_v1(p_what text, p_handle text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_account account;
begin
    select * into v_account from account a where a.handle = p_handle;
    if v_account.account is null then
        return false;
    elsif p_what = 'freeze' then
        perform freeze_v1(v_account.segment, v_account.account);
    elsif p_what = 'sign_out' then
        perform end_sessions_v1(v_account.segment, v_account.account);
    elsif p_what = 'close' then
        perform close_account_v1(v_account.segment, v_account.account);
    else
        raise exception 'not an act of one person' using errcode = 'CL021';
    end if;
    return true;
end $$;

-- Rule 4: adds numbers by which an account's holder is known; to forget one takes an act.
create or replace function cloison.operator_hold_v1(p_handle text, p_kinds smallint[], p_terms bigint[]) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
declare
    v_account account;
begin
    select * into v_account from account a where a.handle = p_handle;
    if v_account.account is null then
        return false;
    end if;
    insert into account_holder (segment, account, kind, term)
    select v_account.segment, v_account.account, q.kind, q.term from unnest(p_kinds, p_terms) q (kind, term)
    on conflict do nothing;
    perform log_act_v1(v_account.segment, 'holder_set', v_account.account, null, cardinality(p_terms));
    return true;
end $$;

-- Who has one of these numbers, to be protected: segment and number alone.
create or replace function cloison.operator_located_v1(p_kinds smallint[], p_terms bigint[])
returns table (segment text, person uuid)
language sql volatile security definer set search_path = pg_catalog, cloison, pg_temp as $$
    select distinct l.segment, l.person from unnest(p_kinds, p_terms) q (kind, term)
    join locator l on l.kind = q.kind and l.term = q.term;
$$;
