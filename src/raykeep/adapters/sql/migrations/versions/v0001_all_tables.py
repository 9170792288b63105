"""Make all tables: patients to instances, the registry, jobs, and the trail with its locks.

The trail takes INSERT and SELECT alone. Triggers refuse UPDATE and DELETE, and on SQLite a
second INSERT of an id too, so that INSERT OR REPLACE does not walk round them. Never alter
the trail in Alembic's batch mode: it would copy the table and drop the triggers.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

Kind = sa.types.TypeEngine[Any]
Column = sa.Column[Any]

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

TICKET: dict[str, Kind] = {
    "blob_key": TEXT,
    "study_key_id": TEXT,
    "length": sa.BigInteger(),
    "digest": sa.LargeBinary(),
    "stored_length": sa.BigInteger(),
}
ARRIVAL: dict[str, Kind] = {
    "arrived_at": sa.BigInteger(),
    "door": TEXT,
    "sender": TEXT,
    "address": TEXT,
    "patient_pseudonym": TEXT,
    "sealed_header": sa.LargeBinary(),
    "fragments": sa.LargeBinary(),
}


def number_of_its_own() -> Column:
    return sa.Column("id", ROW, sa.Identity(), primary_key=True)


def parent(name: str, table: str) -> Column:
    return sa.Column(name, ROW, sa.ForeignKey(f"{table}.id"), nullable=False)


def required(**columns: Kind) -> list[Column]:
    return [sa.Column(name, kind, nullable=False) for name, kind in columns.items()]


def texts(names: str) -> list[Column]:
    return [sa.Column(name, TEXT, nullable=False) for name in names.split()]


def absent_or_text(names: str) -> list[Column]:
    return [sa.Column(name, TEXT) for name in names.split()]


def numbers(names: str) -> list[Column]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names.split()]


def counters(names: str) -> list[Column]:
    return [
        sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        for name in names.split()
    ]


def empty_texts(names: str) -> list[Column]:
    return [sa.Column(name, TEXT, nullable=False, server_default="") for name in names.split()]


def key(name: str, kind: Kind = TEXT) -> Column:
    return sa.Column(name, kind, primary_key=True)


def partial(name: str, table: str, columns: list[str], condition: str) -> None:
    op.create_index(
        name, table, columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition)
    )


def upgrade() -> None:
    make_patients()
    make_studies()
    make_series()
    make_instances()
    make_values()
    make_registry()
    make_jobs()
    make_trail()
    if op.get_context().dialect.name == "sqlite":
        search_names_on_sqlite()
        lock_trail_on_sqlite()
    else:
        search_names_on_postgresql()
        lock_trail_on_postgresql()


def make_patients() -> None:
    op.create_table(
        "patient",
        number_of_its_own(),
        *texts("facility"),
        *required(identity=sa.LargeBinary()),
        *texts("name_text"),
        *absent_or_text(
            "patient_name patient_name_alphabetic patient_name_ideographic patient_name_phonetic "
            "patient_id issuer_of_patient_id patient_birth_date patient_birth_time "
            "patient_birth_time_padded patient_sex other_patient_ids other_patient_names "
            "ethnic_group patient_comments"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_patient_identity", "patient", ["identity", "facility"], unique=True)
    op.create_index("ix_patient_patient_id", "patient", ["patient_id"])
    op.create_index("ix_patient_birth_date", "patient", ["patient_birth_date"])
    for group in ("alphabetic", "ideographic", "phonetic"):
        column = f"patient_name_{group}"
        present = sa.column(column).is_not(None)
        op.create_index(
            f"ix_patient_{group}",
            "patient",
            [column],
            sqlite_where=present,
            postgresql_where=present,
        )


def make_studies() -> None:
    op.create_table(
        "study",
        number_of_its_own(),
        *texts("facility"),
        parent("patient_row", "patient"),
        *numbers("year"),
        *texts("order_date order_time study_instance_uid"),
        *absent_or_text(
            "study_date study_time study_time_padded accession_number study_id "
            "referring_physician_name referring_physician_name_alphabetic "
            "referring_physician_name_ideographic referring_physician_name_phonetic "
            "study_description name_of_physicians_reading_study admitting_diagnoses_description "
            "patient_age patient_size patient_weight occupation additional_patient_history "
            "timezone_offset_from_utc procedure_code_sequence"
        ),
        *empty_texts("modalities_in_study sop_classes_in_study"),
        *counters("number_of_study_related_series number_of_study_related_instances stored_bytes"),
        sqlite_autoincrement=True,
    )
    newest = ["order_date", "order_time", "id"]
    op.create_index("uq_study_uid", "study", ["study_instance_uid", "facility"], unique=True)
    op.create_index(
        "ix_study_patient", "study", ["patient_row", "order_date", "order_time", "facility"]
    )
    op.create_index("ix_study_newest", "study", newest)
    op.create_index("ix_study_facility_newest", "study", ["facility", *newest])
    partial("ix_study_accession", "study", ["accession_number"], "accession_number IS NOT NULL")
    op.create_table(
        "study_modality",
        sa.Column("study_row", ROW, sa.ForeignKey("study.id"), primary_key=True),
        key("modality"),
        *counters("series"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_study_modality", "study_modality", ["modality", "study_row"])
    op.create_table(
        "study_sop_class",
        sa.Column("study_row", ROW, sa.ForeignKey("study.id"), primary_key=True),
        key("sop_class_uid"),
        sqlite_with_rowid=False,
    )


def make_series() -> None:
    op.create_table(
        "series",
        number_of_its_own(),
        parent("study_row", "study"),
        *numbers("order_number"),
        *texts("series_instance_uid"),
        *absent_or_text(
            "modality series_number series_description series_date series_time "
            "series_time_padded body_part_examined laterality manufacturer institution_name "
            "station_name performing_physician_name operators_name protocol_name "
            "performed_procedure_step_start_date performed_procedure_step_start_time "
            "performed_procedure_step_start_time_padded performed_procedure_step_id "
            "request_attributes_sequence"
        ),
        *counters("number_of_series_related_instances"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_series_uid", "series", ["series_instance_uid", "study_row"], unique=True)
    op.create_index("ix_series_study", "series", ["study_row", "order_number"])


def make_instances() -> None:
    op.create_table(
        "instance",
        number_of_its_own(),
        parent("series_row", "series"),
        *texts("facility"),
        *numbers("order_number"),
        *texts("sop_instance_uid"),
        *absent_or_text(
            "sop_class_uid instance_number content_date content_time content_time_padded "
            "acquisition_date acquisition_time acquisition_time_padded acquisition_number "
            "rows columns bits_allocated number_of_frames container_identifier completion_flag "
            "verification_flag content_label concept_name_code_sequence"
        ),
        *texts("available_transfer_syntax_uid"),
        *required(**TICKET),
        sa.Column("pixel_data_offset", sa.BigInteger()),
        *required(**ARRIVAL),
    )
    op.create_index("uq_instance_uid", "instance", ["sop_instance_uid", "facility"], unique=True)
    op.create_index("ix_instance_series", "instance", ["series_row", "order_number"])
    op.create_index("uq_instance_blob", "instance", ["blob_key"], unique=True)
    op.create_table(
        "quarantined_instance",
        number_of_its_own(),
        *texts(
            "facility study_instance_uid series_instance_uid sop_instance_uid sop_class_uid "
            "available_transfer_syntax_uid modality"
        ),
        *numbers("year"),
        *texts("number_of_frames finding"),
        *required(**TICKET),
        sa.Column("pixel_data_offset", sa.BigInteger()),
        *required(**ARRIVAL),
    )
    op.create_index("ix_quarantined_uid", "quarantined_instance", ["sop_instance_uid"])
    op.create_index("uq_quarantined_blob", "quarantined_instance", ["blob_key"], unique=True)


def make_values() -> None:
    def place() -> list[Column]:
        return [
            key("level", sa.SmallInteger()),
            key("owner", ROW),
            key("tag", sa.BigInteger()),
            key("position", sa.Integer()),
        ]

    op.create_table(
        "multi_value",
        *place(),
        *texts("value"),
        *absent_or_text("alphabetic ideographic phonetic"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_multi_value", "multi_value", ["value", "tag"])
    op.create_table(
        "sequence_item",
        *place(),
        *absent_or_text(
            "code_value coding_scheme_designator code_meaning scheduled_procedure_step_id "
            "requested_procedure_id"
        ),
        sqlite_with_rowid=False,
    )


def make_registry() -> None:
    op.create_table("facility", key("name"), *texts("title"), *numbers("created_at"))
    op.create_table(
        "device",
        key("ae_title"),
        *texts("facility rights networks certificate_sha256 own_certificates_pem"),
        sa.Column("certificate_expires_at", sa.BigInteger()),
        sa.Column("exempt_until", sa.BigInteger()),
        *empty_texts("exemption_owner exemption_reason"),
        *numbers("enrolled_at"),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("last_seen_at", sa.BigInteger()),
        *numbers("version"),
    )
    op.create_table(
        "token",
        key("token_id"),
        *texts("name role facilities secret_sha256 networks"),
        *numbers("created_at expires_at"),
        sa.Column("revoked_at", sa.BigInteger()),
        *numbers("version"),
    )
    op.create_table(
        "generation",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False),
        *numbers("value"),
    )
    op.execute("INSERT INTO generation (id, value) VALUES (1, 1)")


def make_jobs() -> None:
    op.create_table(
        "job",
        number_of_its_own(),
        *texts("kind key"),
        *numbers("not_before"),
        *texts("payload"),
        *counters("attempt"),
        sa.Column("lease_until", sa.BigInteger()),
        *empty_texts("last_error"),
        sqlite_autoincrement=True,
    )
    waits = sa.text("lease_until IS NULL")
    op.create_index(
        "uq_job_waiting",
        "job",
        ["kind", "key"],
        unique=True,
        sqlite_where=waits,
        postgresql_where=waits,
    )
    op.create_index("ix_job_due", "job", ["not_before"])


def make_trail() -> None:
    op.create_table(
        "audit_record",
        number_of_its_own(),
        *texts("record_id"),
        *numbers("at event"),
        *texts("action outcome actor_kind actor door address"),
        *absent_or_text("facility"),
        *texts("study_instance_uid patient"),
        *numbers("count"),
        *texts("reason details"),
    )
    op.create_index("uq_audit_record", "audit_record", ["record_id"], unique=True)
    op.create_index("ix_audit_at", "audit_record", ["at"])
    op.create_index("ix_audit_actor", "audit_record", ["actor", "at"])
    op.create_index("ix_audit_action", "audit_record", ["action", "at"])
    partial(
        "ix_audit_study", "audit_record", ["study_instance_uid", "at"], "study_instance_uid > ''"
    )
    partial("ix_audit_patient", "audit_record", ["patient", "at"], "patient > ''")
    partial("ix_audit_trouble", "audit_record", ["outcome", "at"], "outcome != 'success'")
    op.create_table(
        "audit_leaf",
        sa.Column("position", ROW, primary_key=True, autoincrement=False),
        *texts("record_id"),
        *required(entry=sa.LargeBinary(), leaf_hash=sa.LargeBinary(), chain=sa.LargeBinary()),
    )
    op.create_index("uq_audit_leaf", "audit_leaf", ["record_id"], unique=True)
    op.create_table(
        "audit_checkpoint",
        number_of_its_own(),
        *numbers("size"),
        *texts("note"),
    )
    op.create_index("ix_audit_checkpoint_size", "audit_checkpoint", ["size"])


# --- names by any three letters of theirs ------------------------------------------------------


def search_names_on_sqlite() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE patient_name_trigram USING fts5(name_text, content='patient', "
        "content_rowid='id', detail=none, columnsize=0, tokenize='trigram case_sensitive 1')"
    )
    # What is deleted leaves no trace in the index.
    op.execute(
        "INSERT INTO patient_name_trigram (patient_name_trigram, rank) VALUES ('secure-delete', 1)"
    )
    op.execute(
        "CREATE TRIGGER patient_name_added AFTER INSERT ON patient BEGIN "
        "INSERT INTO patient_name_trigram (rowid, name_text) VALUES (new.id, new.name_text); END"
    )
    op.execute(
        "CREATE TRIGGER patient_name_removed AFTER DELETE ON patient BEGIN "
        "INSERT INTO patient_name_trigram (patient_name_trigram, rowid, name_text) "
        "VALUES ('delete', old.id, old.name_text); END"
    )
    op.execute(
        "CREATE TRIGGER patient_name_changed AFTER UPDATE OF name_text ON patient BEGIN "
        "INSERT INTO patient_name_trigram (patient_name_trigram, rowid, name_text) "
        "VALUES ('delete', old.id, old.name_text); "
        "INSERT INTO patient_name_trigram (rowid, name_text) VALUES (new.id, new.name_text); END"
    )


def search_names_on_postgresql() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")  # trusted: needs no superuser
    op.create_index(
        "ix_patient_name_text",
        "patient",
        ["name_text"],
        postgresql_using="gin",
        postgresql_ops={"name_text": "gin_trgm_ops"},
    )


# --- the locks of the trail --------------------------------------------------------------------


def lock_trail_on_sqlite() -> None:
    op.execute(
        "CREATE TRIGGER audit_record_no_update BEFORE UPDATE ON audit_record BEGIN "
        "SELECT RAISE(ABORT, 'the trail takes no UPDATE'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_record_no_delete BEFORE DELETE ON audit_record BEGIN "
        "SELECT RAISE(ABORT, 'the trail takes no DELETE'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_record_no_second BEFORE INSERT ON audit_record "
        "WHEN EXISTS (SELECT 1 FROM audit_record WHERE record_id = new.record_id) "
        "OR EXISTS (SELECT 1 FROM audit_record WHERE id = new.id) BEGIN "
        "SELECT RAISE(ABORT, 'the trail has this record already'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_leaf_no_update BEFORE UPDATE ON audit_leaf BEGIN "
        "SELECT RAISE(ABORT, 'the trail takes no UPDATE'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_leaf_no_delete BEFORE DELETE ON audit_leaf BEGIN "
        "SELECT RAISE(ABORT, 'the trail takes no DELETE'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_leaf_no_second BEFORE INSERT ON audit_leaf "
        "WHEN EXISTS (SELECT 1 FROM audit_leaf WHERE record_id = new.record_id) "
        "OR EXISTS (SELECT 1 FROM audit_leaf WHERE position = new.position) BEGIN "
        "SELECT RAISE(ABORT, 'the trail has this leaf already'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_checkpoint_no_update BEFORE UPDATE ON audit_checkpoint BEGIN "
        "SELECT RAISE(ABORT, 'the trail takes no UPDATE'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_checkpoint_no_delete BEFORE DELETE ON audit_checkpoint BEGIN "
        "SELECT RAISE(ABORT, 'the trail takes no DELETE'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_checkpoint_no_second BEFORE INSERT ON audit_checkpoint "
        "WHEN EXISTS (SELECT 1 FROM audit_checkpoint WHERE id = new.id) BEGIN "
        "SELECT RAISE(ABORT, 'the trail has this checkpoint already'); END"
    )


def lock_trail_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'the trail takes no %', TG_OP USING ERRCODE = '23001'; END $$"
    )
    # Of the statement, not of each row: it fires for TRUNCATE and ON CONFLICT DO UPDATE, too.
    op.execute(
        "CREATE TRIGGER audit_record_no_change BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_record EXECUTE FUNCTION audit_refuses()"
    )
    op.execute(
        "CREATE TRIGGER audit_leaf_no_change BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_leaf EXECUTE FUNCTION audit_refuses()"
    )
    op.execute(
        "CREATE TRIGGER audit_checkpoint_no_change BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_checkpoint EXECUTE FUNCTION audit_refuses()"
    )
