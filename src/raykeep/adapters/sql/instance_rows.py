"""Instances of the domain as rows: which column gets what."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.values import (
    LONGEST_TEXT,
    LONGEST_VALUE,
    MOST_VALUES,
    clean,
    folded,
    is_date,
    json_text,
    name_text,
    order_number,
    padded_time,
    plain_date,
    several,
    to_microseconds,
    year_of,
)
from raykeep.domain.attributes import BY_KEYWORD, Attribute, Level, of_level
from raykeep.domain.instance import Instance, InstanceAttributes, Values

Row = dict[str, object]

# Patients are told apart by these; the archive never takes two persons for one by itself.
_IDENTITY = tuple(
    BY_KEYWORD[keyword].tag
    for keyword in (
        "PatientID",
        "IssuerOfPatientID",
        "PatientName",
        "PatientBirthDate",
        "PatientSex",
    )
)
_LONG = ("LT", "ST", "UT")
_MODALITY = BY_KEYWORD["Modality"].tag
_STUDY_DATE = BY_KEYWORD["StudyDate"].tag
_SERIES_NUMBER = BY_KEYWORD["SeriesNumber"].tag
_INSTANCE_NUMBER = BY_KEYWORD["InstanceNumber"].tag
_NUMBER_OF_FRAMES = BY_KEYWORD["NumberOfFrames"].tag


@dataclass(frozen=True, slots=True)
class _Reader:
    """How one attribute becomes columns."""

    tag: int
    column: str
    name_columns: tuple[str, ...]
    padded_column: str
    is_date: bool
    longest: int


def _readers(level: Level) -> tuple[_Reader, ...]:
    return tuple(
        _Reader(
            a.tag,
            a.column,
            tuple(f"{a.column}_{group}" for group in tables.GROUPS)
            if tables.is_single_name(a)
            else (),
            f"{a.column}_padded" if tables.is_time(a) else "",
            a.vr == "DA",
            LONGEST_TEXT if a.multiple or a.vr in _LONG else LONGEST_VALUE,
        )
        for a in of_level(level, stored=True)
    )


_READERS = {level: _readers(level) for level in Level}
_MULTIPLE = {level: [a for a in of_level(level, stored=True) if a.multiple] for level in Level}
_SEQUENCES = {level: [a for a in of_level(level) if a.items] for level in Level}


def _columns(level: Level, values: Values) -> Row:
    row: Row = {}
    for reader in _READERS[level]:
        text = values.get(reader.tag)
        if text and (len(text) > LONGEST_VALUE or not text.isascii() or "\0" in text):
            text = clean(text, reader.longest)
        if text and reader.is_date:
            text = plain_date(text)
        row[reader.column] = text
        if reader.padded_column:
            row[reader.padded_column] = padded_time(text) if text else None
        elif reader.name_columns:
            groups = folded(text or "")
            alphabetic, ideographic, phonetic = reader.name_columns
            row[alphabetic] = groups.alphabetic or None
            row[ideographic] = groups.ideographic or None
            row[phonetic] = groups.phonetic or None
    return row


def _items(attribute: Attribute, attributes: InstanceAttributes) -> list[dict[int, str]] | None:
    items = attributes.sequences.get(attribute.tag)
    if items is None:
        return None
    return [
        {a.tag: clean(item[a.tag]) for a in attribute.items if a.tag in item}
        for item in items[:MOST_VALUES]
    ]


def _sequences(level: Level, attributes: InstanceAttributes) -> Row:
    """The JSON of each sequence, as it is given back."""
    row: Row = {}
    for attribute in _SEQUENCES[level]:
        items = _items(attribute, attributes)
        row[attribute.column] = None if items is None else json_text(items)
    return row


def patient_row(instance: Instance) -> Row:
    """Columns of the patient."""
    values = instance.attributes.values
    row = _columns(Level.PATIENT, values) | _sequences(Level.PATIENT, instance.attributes)
    row["facility"] = instance.facility
    row["identity"] = identity_of(values)
    row["name_text"] = name_text(folded(clean(values.get(_IDENTITY[2], ""))))
    return row


def identity_of(values: Values) -> bytes:
    """What tells patients of one facility apart."""
    told = [values.get(tag, "") for tag in _IDENTITY]
    text = json_text([clean(value, LONGEST_TEXT) for value in told])
    return hashlib.sha256(text.encode()).digest()


def study_row(instance: Instance, patient: int) -> Row:
    """Columns of the study."""
    row = _columns(Level.STUDY, instance.attributes.values)
    row |= _sequences(Level.STUDY, instance.attributes)
    date = str(row["study_date"] or "")
    row |= {
        "facility": instance.facility,
        "patient_row": patient,
        "study_instance_uid": instance.study_instance_uid,
        "year": year_of(date),
        "order_date": date if is_date(date) else "",
        "order_time": row["study_time_padded"] or "",
    }
    return row


def series_row(instance: Instance, study: int) -> Row:
    """Columns of the series."""
    row = _columns(Level.SERIES, instance.attributes.values)
    row |= _sequences(Level.SERIES, instance.attributes)
    row["study_row"] = study
    row["series_instance_uid"] = instance.series_instance_uid
    row["order_number"] = order_number(instance.attributes.values.get(_SERIES_NUMBER))
    return row


def modalities_of(instance: Instance) -> list[str]:
    """Modalities that the series of `instance` adds to its study."""
    text = clean(instance.attributes.values.get(_MODALITY, ""))
    return sorted({value for value in text.split("\\") if value})


def instance_row(instance: Instance, series: int) -> Row:
    """Columns of the instance."""
    attributes = instance.attributes
    row = _columns(Level.INSTANCE, attributes.values)
    row["concept_name_code_sequence"] = None
    if attributes.sequences:
        row |= _sequences(Level.INSTANCE, attributes)
    row["series_row"] = series
    row["order_number"] = order_number(attributes.values.get(_INSTANCE_NUMBER))
    _add_ticket(row, instance)
    return row


def quarantined_row(instance: Instance) -> Row:
    """Columns of a quarantined instance."""
    values = instance.attributes.values
    row: Row = {
        "study_instance_uid": instance.study_instance_uid,
        "series_instance_uid": instance.series_instance_uid,
        "modality": "\\".join(modalities_of(instance)),
        "year": year_of(values.get(_STUDY_DATE, "")),
        "number_of_frames": clean(values.get(_NUMBER_OF_FRAMES, "")),
        "finding": clean(instance.finding),
    }
    _add_ticket(row, instance)
    return row


def _add_ticket(row: Row, instance: Instance) -> None:
    sealed, provenance = instance.sealed, instance.provenance
    row["facility"] = instance.facility
    row["sop_instance_uid"] = instance.sop_instance_uid
    row["sop_class_uid"] = instance.sop_class_uid
    row["available_transfer_syntax_uid"] = instance.transfer_syntax_uid
    row["blob_key"] = str(sealed.key)
    row["study_key_id"] = sealed.study_key_id
    row["length"] = sealed.length
    row["digest"] = sealed.digest
    row["stored_length"] = sealed.stored_length
    row["pixel_data_offset"] = instance.pixel_data_offset
    row["arrived_at"] = to_microseconds(provenance.arrived_at)
    row["door"] = provenance.door.value
    row["sender"] = clean(provenance.sender)
    row["address"] = clean(provenance.address)
    row["patient_pseudonym"] = instance.patient_pseudonym
    row["sealed_header"] = instance.sealed_header
    row["fragments"] = instance.fragments


def value_rows(level: Level, owner: int, values: Values) -> list[Row]:
    """Rows of `multi_value`: one for each value of each multi-valued attribute."""
    rows: list[Row] = []
    for attribute in _MULTIPLE[level]:
        text = values.get(attribute.tag)
        if not text:
            continue
        for position, value in enumerate(several(clean(text, LONGEST_TEXT))):
            groups = folded(value) if attribute.vr == "PN" else None
            row: Row = {
                "level": level.depth,
                "owner": owner,
                "tag": attribute.tag,
                "position": position,
                "value": value[:LONGEST_VALUE],
            }
            for group in tables.GROUPS:
                row[group] = (getattr(groups, group) or None) if groups else None
            rows.append(row)
    return rows


_ITEM_COLUMNS: Mapping[int, str] = {
    a.tag: a.column for level in Level for s in of_level(level) for a in s.items
}


def item_rows(level: Level, owner: int, attributes: InstanceAttributes) -> list[Row]:
    """Rows of `sequence_item`: one for each item of each indexed sequence."""
    rows: list[Row] = []
    for attribute in _SEQUENCES[level]:
        for position, item in enumerate(_items(attribute, attributes) or ()):
            row: Row = dict.fromkeys(_ITEM_COLUMNS.values())
            row |= {
                "level": level.depth,
                "owner": owner,
                "tag": attribute.tag,
                "position": position,
            }
            row |= {_ITEM_COLUMNS[tag]: value for tag, value in item.items()}
            rows.append(row)
    return rows
