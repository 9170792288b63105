"""The tables, as SQLAlchemy Core knows them; the migrations spell them out for themselves.

The columns of the four levels come from `domain.attributes`. Each row has a number of its
own (`id`) and names its parent by `..._row`, since `patient_id` and `study_id` are
attributes of DICOM. Moments are whole microseconds of Unix time. A column that is NULL was
absent from the data set, one that is empty was there without a value.
"""

import sqlalchemy as sa

from raykeep.domain.attributes import Attribute, Level, of_level

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Compared byte by byte on both engines, so that order, ranges and prefixes agree.
Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger()
Binary = sa.LargeBinary()
GROUPS = ("alphabetic", "ideographic", "phonetic")

metadata = sa.MetaData()


def is_time(attribute: Attribute) -> bool:
    """Whether ranges on it go by a padded form that is kept beside the value."""
    return attribute.vr == "TM"


def is_single_name(attribute: Attribute) -> bool:
    """Whether its folded groups stand on the row itself."""
    return attribute.vr == "PN" and not attribute.multiple


def read_from_instances(level: Level) -> tuple[Attribute, ...]:
    """Every attribute of a level that instances bring along, sequences included."""
    return tuple(a for a in of_level(level) if not a.derived)


def _attributes(level: Level, unique: str = "") -> list[sa.Column[str]]:
    """Columns of a level: the value, and beside it what matching needs.

    `unique` names the one that is never absent. Multi-valued texts stand as they came,
    sequences as JSON, both to be given back; `multi_value` and `sequence_item` hold what
    matching needs of them.
    """
    columns: list[sa.Column[str]] = []
    for attribute in read_from_instances(level):
        name = attribute.column
        columns.append(sa.Column(name, Text, nullable=name != unique))
        if is_single_name(attribute):
            columns += [sa.Column(f"{name}_{group}", Text) for group in GROUPS]
        if is_time(attribute):
            columns.append(sa.Column(f"{name}_padded", Text))
    return columns


def _id() -> sa.Column[int]:
    return sa.Column("id", Id, sa.Identity(), primary_key=True)


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, Text, nullable=False, server_default=default)


def _number(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, Number, nullable=False, server_default=default)


def _binary(name: str) -> sa.Column[bytes]:
    return sa.Column(name, Binary, nullable=False)


def _parent(name: str, table: str) -> sa.Column[int]:
    return sa.Column(name, Id, sa.ForeignKey(f"{table}.id"), nullable=False)


def _ticket() -> list[sa.Column[str] | sa.Column[int] | sa.Column[bytes]]:
    """What a retrieval needs of an instance, whatever its state."""
    return [
        _text("blob_key"),
        _text("study_key_id"),
        _number("length"),
        _binary("digest"),
        _number("stored_length"),
        sa.Column("pixel_data_offset", Number),
        _number("arrived_at"),
        _text("door"),
        _text("sender"),
        _text("address"),
        _text("patient_pseudonym"),
        _binary("sealed_header"),
        _binary("fragments"),
    ]


# --- patient, study, series, instance ----------------------------------------------------------
# AUTOINCREMENT: a number is never given twice, so that a remembered one is right or nowhere.

patient = sa.Table(
    "patient",
    metadata,
    _id(),
    _text("facility"),
    _binary("identity"),  # SHA-256 of the values that tell patients apart
    _text("name_text"),  # all groups of the name in one text, for the trigram index
    *_attributes(Level.PATIENT),
    sqlite_autoincrement=True,
)
sa.Index("uq_patient_identity", patient.c.identity, patient.c.facility, unique=True)
sa.Index("ix_patient_patient_id", patient.c.patient_id)
sa.Index("ix_patient_birth_date", patient.c.patient_birth_date)
for _group in GROUPS:
    _column = patient.c[f"patient_name_{_group}"]
    _present = _column.is_not(None)  # most names have one group alone
    sa.Index(f"ix_patient_{_group}", _column, sqlite_where=_present, postgresql_where=_present)
sa.Index(
    "ix_patient_name_text",
    patient.c.name_text,
    postgresql_using="gin",
    postgresql_ops={"name_text": "gin_trgm_ops"},
).ddl_if(dialect="postgresql")

study = sa.Table(
    "study",
    metadata,
    _id(),
    _text("facility"),
    _parent("patient_row", "patient"),
    _number("year"),  # of the study date, 0 without one: scopes ask for it
    _text("order_date"),  # YYYYMMDD, empty without a usable one
    _text("order_time"),  # HHMMSS.FFFFFF, empty without a usable one
    *_attributes(Level.STUDY, unique="study_instance_uid"),
    _text("modalities_in_study", ""),  # sorted, parted by backslashes
    _text("sop_classes_in_study", ""),
    _number("number_of_study_related_series", "0"),
    _number("number_of_study_related_instances", "0"),
    _number("stored_bytes", "0"),
    sqlite_autoincrement=True,
)
sa.Index("uq_study_uid", study.c.study_instance_uid, study.c.facility, unique=True)
sa.Index(
    "ix_study_patient",
    study.c.patient_row,
    study.c.order_date,
    study.c.order_time,
    study.c.facility,
)
sa.Index("ix_study_newest", study.c.order_date, study.c.order_time, study.c.id)
sa.Index(
    "ix_study_facility_newest",
    study.c.facility,
    study.c.order_date,
    study.c.order_time,
    study.c.id,
)
_present = study.c.accession_number.is_not(None)
sa.Index(
    "ix_study_accession",
    study.c.accession_number,
    sqlite_where=_present,
    postgresql_where=_present,
)

study_modality = sa.Table(
    "study_modality",
    metadata,
    sa.Column("study_row", Id, sa.ForeignKey("study.id"), primary_key=True),
    sa.Column("modality", Text, primary_key=True),
    _number("series", "0"),  # how many have it
    sqlite_with_rowid=False,
)
sa.Index("ix_study_modality", study_modality.c.modality, study_modality.c.study_row)

study_sop_class = sa.Table(
    "study_sop_class",
    metadata,
    sa.Column("study_row", Id, sa.ForeignKey("study.id"), primary_key=True),
    sa.Column("sop_class_uid", Text, primary_key=True),
    sqlite_with_rowid=False,
)

series = sa.Table(
    "series",
    metadata,
    _id(),
    _parent("study_row", "study"),
    _number("order_number"),  # of the series, for sorting
    *_attributes(Level.SERIES, unique="series_instance_uid"),
    _number("number_of_series_related_instances", "0"),
    sqlite_autoincrement=True,
)
sa.Index("uq_series_uid", series.c.series_instance_uid, series.c.study_row, unique=True)
sa.Index("ix_series_study", series.c.study_row, series.c.order_number)

instance = sa.Table(
    "instance",
    metadata,
    _id(),
    _parent("series_row", "series"),
    _text("facility"),
    _number("order_number"),
    *_attributes(Level.INSTANCE, unique="sop_instance_uid"),
    _text("available_transfer_syntax_uid"),
    *_ticket(),
)
sa.Index("uq_instance_uid", instance.c.sop_instance_uid, instance.c.facility, unique=True)
sa.Index("ix_instance_series", instance.c.series_row, instance.c.order_number)
sa.Index("uq_instance_blob", instance.c.blob_key, unique=True)

# A table of its own, which no search reads: nobody finds these by forgetting a condition.
quarantined_instance = sa.Table(
    "quarantined_instance",
    metadata,
    _id(),
    _text("facility"),
    _text("study_instance_uid"),
    _text("series_instance_uid"),
    _text("sop_instance_uid"),
    _text("sop_class_uid"),
    _text("available_transfer_syntax_uid"),
    _text("modality"),
    _number("year"),
    _text("number_of_frames"),
    _text("finding"),
    *_ticket(),
)
sa.Index("ix_quarantined_uid", quarantined_instance.c.sop_instance_uid)
sa.Index("uq_quarantined_blob", quarantined_instance.c.blob_key, unique=True)

# --- what several values or items need for matching --------------------------------------------

multi_value = sa.Table(
    "multi_value",
    metadata,
    sa.Column("level", sa.SmallInteger, primary_key=True),  # `Level.depth`
    sa.Column("owner", Id, primary_key=True),  # row of that level
    sa.Column("tag", Number, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    _text("value"),
    *(sa.Column(group, Text) for group in GROUPS),  # of person names
    sqlite_with_rowid=False,
)
sa.Index("ix_multi_value", multi_value.c.value, multi_value.c.tag)

sequence_item = sa.Table(
    "sequence_item",
    metadata,
    sa.Column("level", sa.SmallInteger, primary_key=True),
    sa.Column("owner", Id, primary_key=True),
    sa.Column("tag", Number, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("code_value", Text),
    sa.Column("coding_scheme_designator", Text),
    sa.Column("code_meaning", Text),
    sa.Column("scheduled_procedure_step_id", Text),
    sa.Column("requested_procedure_id", Text),
    sqlite_with_rowid=False,
)

# --- who and what is known ---------------------------------------------------------------------

facility = sa.Table(
    "facility",
    metadata,
    sa.Column("name", Text, primary_key=True),
    _text("title"),
    _number("created_at"),
)

device = sa.Table(
    "device",
    metadata,
    sa.Column("ae_title", Text, primary_key=True),
    _text("facility"),
    _text("rights"),  # JSON list, as the other lists
    _text("networks"),
    _text("certificate_sha256"),
    _text("own_certificates_pem"),
    sa.Column("certificate_expires_at", Number),
    sa.Column("exempt_until", Number),
    _text("exemption_owner", ""),
    _text("exemption_reason", ""),
    _number("enrolled_at"),
    sa.Column("revoked_at", Number),
    sa.Column("last_seen_at", Number),
    _number("version"),
)

token = sa.Table(
    "token",
    metadata,
    sa.Column("token_id", Text, primary_key=True),
    _text("name"),
    _text("role"),
    _text("facilities"),
    _text("secret_sha256"),
    _text("networks"),
    _number("created_at"),
    _number("expires_at"),
    sa.Column("revoked_at", Number),
    _number("version"),
)

generation = sa.Table(
    "generation",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    _number("value"),
)

job = sa.Table(
    "job",
    metadata,
    _id(),
    _text("kind"),
    _text("key"),
    _number("not_before"),
    _text("payload"),
    _number("attempt", "0"),
    sa.Column("lease_until", Number),  # NULL while it waits
    _text("last_error", ""),
    sqlite_autoincrement=True,
)
_waits = job.c.lease_until.is_(None)
sa.Index(
    "uq_job_waiting",
    job.c.kind,
    job.c["key"],
    unique=True,
    sqlite_where=_waits,
    postgresql_where=_waits,
)
sa.Index("ix_job_due", job.c.not_before)

# --- the trail: INSERT and SELECT alone; triggers refuse the rest ---------------------------------

audit_record = sa.Table(
    "audit_record",
    metadata,
    _id(),
    _text("record_id"),
    _number("at"),
    _number("event"),
    _text("action"),
    _text("outcome"),
    _text("actor_kind"),
    _text("actor"),
    _text("door"),
    _text("address"),
    sa.Column("facility", Text),
    _text("study_instance_uid"),
    _text("patient"),
    _number("count"),
    _text("reason"),
    _text("details"),  # JSON
)
sa.Index("uq_audit_record", audit_record.c.record_id, unique=True)
sa.Index("ix_audit_at", audit_record.c["at"])
sa.Index("ix_audit_actor", audit_record.c.actor, audit_record.c["at"])
sa.Index("ix_audit_action", audit_record.c.action, audit_record.c["at"])
for _name, _column, _wanted in (
    ("study", audit_record.c.study_instance_uid, audit_record.c.study_instance_uid > ""),
    ("patient", audit_record.c.patient, audit_record.c.patient > ""),
    ("trouble", audit_record.c.outcome, audit_record.c.outcome != "success"),
):
    sa.Index(
        f"ix_audit_{_name}",
        _column,
        audit_record.c["at"],
        sqlite_where=_wanted,
        postgresql_where=_wanted,
    )

audit_leaf = sa.Table(
    "audit_leaf",
    metadata,
    sa.Column("position", Id, primary_key=True, autoincrement=False),
    _text("record_id"),
    _binary("entry"),
    _binary("leaf_hash"),
    _binary("chain"),
)
sa.Index("uq_audit_leaf", audit_leaf.c.record_id, unique=True)

audit_checkpoint = sa.Table(
    "audit_checkpoint",
    metadata,
    _id(),
    _number("size"),
    _text("note"),
)
sa.Index("ix_audit_checkpoint_size", audit_checkpoint.c.size)
