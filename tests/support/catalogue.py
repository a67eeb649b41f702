"""What PostgreSQL knows of our schema, as lines of text that two databases can be compared by."""

# ruff: noqa: S608 - the statements are constants of this file, put together

import psycopg

SCHEMA = "'cloison'::regnamespace"
RIGHTS = "(select string_agg(a::text, ' ' order by a::text) from unnest({}) a)"

# Each gives lines. Columns stand without their place: a migration adds them at the end.
QUESTIONS = {
    "relations": f"""
        select format('%s %s %s %s %s %s', relname, relkind, relpersistence, relowner::regrole,
            array_to_string(reloptions, ','), {RIGHTS.format("relacl")})
        from pg_class where relnamespace = {SCHEMA} and relkind not in ('i', 't')""",
    "columns": f"""
        select format('%s.%s %s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attstorage, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid))
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where c.relnamespace = {SCHEMA} and c.relkind not in ('i', 't') and a.attnum > 0 and not a.attisdropped""",
    "constraints": f"""
        select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        from pg_constraint where connamespace = {SCHEMA} and contype <> 'n'""",
    "indexes": f"""
        select format('%s %s', pg_get_indexdef(indexrelid), indisvalid)
        from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = {SCHEMA}""",
    "views": f"select relname || pg_get_viewdef(oid) from pg_class where relnamespace = {SCHEMA} and relkind = 'v'",
    "types": f"""
        select format('%s %s %s %s %s', t.typname, t.typtype, t.typowner::regrole, {RIGHTS.format("t.typacl")},
            (select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid))
        from pg_type t where t.typnamespace = {SCHEMA}""",
    "functions": f"""
        select format('%s %s %s', pg_get_functiondef(oid), proowner::regrole, {RIGHTS.format("proacl")})
        from pg_proc where pronamespace = {SCHEMA} and prokind <> 'a'""",
    "aggregates": f"""
        select format('%s %s %s %s %s', p.oid::regprocedure, a.aggtransfn, a.aggtranstype::regtype, a.agginitval,
            {RIGHTS.format("p.proacl")})
        from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid where p.pronamespace = {SCHEMA}""",
    "triggers": f"""
        select pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = {SCHEMA} and not t.tgisinternal""",
    "schema": f"""
        select format('%s %s', nspowner::regrole, {RIGHTS.format("nspacl")}) from pg_namespace where oid = {SCHEMA}""",
    "defaults": """
        select format('%s %s %s %s', defaclrole::regrole, defaclnamespace, defaclobjtype, defaclacl)
        from pg_default_acl where defaclrole = 'cloison_owner'::regrole""",
}


def describe(owner: psycopg.Connection) -> dict[str, list[str]]:
    """Everything in the schema `cloison`, by kind, sorted."""
    return {
        kind: sorted(row[0] for row in owner.execute(f"select x from ({question}) q (x)").fetchall())
        for kind, question in QUESTIONS.items()
    }
