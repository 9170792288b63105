-- Least privilege (docs/explanation/audit-trail.md): the program adds to the trail and reads it,
-- the sealer adds leaves and checkpoints, the reader reads. Nobody changes or removes.
DO $$
DECLARE
    trail text := 'audit_record, audit_leaf, audit_checkpoint';
    work text := 'patient, study, study_modality, study_sop_class, series, instance, '
        'quarantined_instance, multi_value, sequence_item, facility, device, token, generation, job';
    program text := current_setting('raykeep.program');
    sealer text := current_setting('raykeep.sealer');
    reader text := current_setting('raykeep.reader');
    who text;
BEGIN
    EXECUTE format('REVOKE ALL ON %s, %s, alembic_version FROM PUBLIC', work, trail);
    FOREACH who IN ARRAY ARRAY[program, sealer, reader] LOOP
        IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = who) AND who <> current_user THEN
            EXECUTE format('REVOKE ALL ON %s, %s, alembic_version FROM %I', work, trail, who);
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), who);
            EXECUTE format('GRANT SELECT ON %s, alembic_version TO %I', trail, who);
        END IF;
    END LOOP;
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = program) AND program <> current_user THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', work, program);
        EXECUTE format('GRANT INSERT ON audit_record TO %I', program);
    END IF;
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = sealer) AND sealer <> current_user THEN
        EXECUTE format('GRANT INSERT ON audit_leaf, audit_checkpoint TO %I', sealer);
    END IF;
END
$$;
