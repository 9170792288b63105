"""Index an instance: the hot path of every store.

The first instance of a patient, study or series writes their rows; the others find their
series' row in memory. Counters are summed up and written once a transaction.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.committer import Writer
from raykeep.adapters.sql.dialect import Dialect, Statement, compiled
from raykeep.adapters.sql.errors import Collision, is_integrity, is_missing_parent
from raykeep.adapters.sql.instance_rows import (
    Row,
    identity_of,
    instance_row,
    item_rows,
    modalities_of,
    patient_row,
    quarantined_row,
    series_row,
    study_row,
    value_rows,
)
from raykeep.domain.attributes import Level
from raykeep.domain.errors import ChangeRefused
from raykeep.domain.instance import Instance, InstanceState

MOST_REMEMBERED = 10_000  # series, and pairs of study and SOP class


class _Place(NamedTuple):
    """Where an instance belongs."""

    study: int
    series: int


class _Stored(NamedTuple):
    """What the end of the transaction needs of one stored instance."""

    key: tuple[str, str, str]  # facility, study, series
    place: _Place
    sop_class_uid: str
    stored_length: int


class InstanceWriter:
    """Writes instances, in the committer's thread alone; remembers what it saw committed."""

    def __init__(self, dialect: Dialect) -> None:
        self._sql = _Statements(dialect)
        self._known: OrderedDict[tuple[str, str, str], _Place] = OrderedDict()
        self._sop_classes: OrderedDict[tuple[int, str], bool] = OrderedDict()

    def add(self, writer: Writer, instance: Instance) -> None:
        """Index `instance`.

        Raises:
            ChangeRefused: its facility holds a stored instance of that UID, or another row
                names its blob.
        """
        if instance.state is InstanceState.QUARANTINED:
            writer.run(self._sql.quarantine, quarantined_row(instance))
            return
        key = (instance.facility, instance.study_instance_uid, instance.series_instance_uid)
        place = self._known.get(key)
        if place is None:
            place = self._find_or_make(writer, instance)
        try:
            writer.run(self._sql.add_instance, instance_row(instance, place.series))
        except Exception as error:
            if is_missing_parent(error):
                # Somebody removed the series: forgotten here, and made anew by the next try.
                self._known.pop(key, None)
                msg = "the series was removed meanwhile. Try again"
                raise Collision(msg) from error
            if is_integrity(error):
                msg = (
                    f"facility {instance.facility} holds instance {instance.sop_instance_uid} "
                    "already; the stored one is unchanged"
                )
                raise ChangeRefused(msg) from error
            raise
        if instance.attributes.sequences:
            self._add_items(writer, Level.INSTANCE, None, instance)
        length = instance.sealed.stored_length
        writer.note(self, _Stored(key, place, instance.sop_class_uid, length))

    def flush(self, writer: Writer, notes: Sequence[_Stored]) -> None:
        """Add up what was stored, and write the sums: rows in order, so that hosts queue."""
        of_study: Counter[int] = Counter()
        bytes_of_study: Counter[int] = Counter()
        of_series: Counter[int] = Counter()
        classes: set[tuple[int, str]] = set()
        for note in notes:
            of_study[note.place.study] += 1
            bytes_of_study[note.place.study] += note.stored_length
            of_series[note.place.series] += 1
            classes.add((note.place.study, note.sop_class_uid))
        writer.run_many(
            self._sql.count_in_study,
            [
                {"row": row, "instances": of_study[row], "bytes": bytes_of_study[row]}
                for row in sorted(of_study)
            ],
        )
        writer.run_many(
            self._sql.count_in_series,
            [{"row": row, "instances": of_series[row]} for row in sorted(of_series)],
        )
        unknown = sorted({one for one in classes if one not in self._sop_classes})
        for study, uid in unknown:
            writer.run(self._sql.add_class, {"study_row": study, "sop_class_uid": uid})
        for study in sorted({study for study, _ in unknown}):
            found = writer.rows(self._sql.classes, {"row": study})
            text = "\\".join(uid for (uid,) in found)
            writer.run(self._sql.set_classes, {"row": study, "text": text})

    def committed(self, notes: Sequence[_Stored]) -> None:
        """Remember the rows, which are there for certain now."""
        for note in notes:
            _remember(self._known, note.key, note.place)
            _remember(self._sop_classes, (note.place.study, note.sop_class_uid), value=True)

    # --- rows that are new -------------------------------------------------------------------

    def _find_or_make(self, writer: Writer, instance: Instance) -> _Place:
        where: Row = {
            "study_instance_uid": instance.study_instance_uid,
            "facility": instance.facility,
        }
        found = writer.row(self._sql.find_study, where)
        study = found[0] if found else self._make_study(writer, instance, where)
        # The study's row stays ours until the commit: another host that adds a series to it
        # waits, and then sees the modality that we added.
        writer.rows(self._sql.lock_study, {"row": study})
        where = {"series_instance_uid": instance.series_instance_uid, "study_row": study}
        found = writer.row(self._sql.find_series, where)
        series = found[0] if found else self._make_series(writer, instance, study)
        return _Place(study, series)

    def _make_study(self, writer: Writer, instance: Instance, where: Row) -> int:
        patient = self._patient(writer, instance)
        made = writer.row(self._sql.add_study, study_row(instance, patient))
        if made is None:  # another host was first
            return _only(writer.row(self._sql.find_study, where))
        self._add_values(writer, Level.STUDY, made[0], instance)
        return int(made[0])

    def _patient(self, writer: Writer, instance: Instance) -> int:
        identity = identity_of(instance.attributes.values)
        where: Row = {"identity": identity, "facility": instance.facility}
        found = writer.row(self._sql.find_patient, where)
        if found:
            return int(found[0])
        made = writer.row(self._sql.add_patient, patient_row(instance))
        if made is None:
            return _only(writer.row(self._sql.find_patient, where))
        self._add_values(writer, Level.PATIENT, made[0], instance)
        return int(made[0])

    def _make_series(self, writer: Writer, instance: Instance, study: int) -> int:
        made = _only(writer.row(self._sql.add_series, series_row(instance, study)))
        self._add_values(writer, Level.SERIES, made, instance)
        writer.run(self._sql.count_series, {"row": study})
        if modalities := modalities_of(instance):
            rows: list[Row] = [
                {"study_row": study, "modality": modality, "series": 1} for modality in modalities
            ]
            writer.run_many(self._sql.count_modality, rows)
            text = "\\".join(m for (m,) in writer.rows(self._sql.modalities, {"row": study}))
            writer.run(self._sql.set_modalities, {"row": study, "text": text})
        return made

    def _add_values(self, writer: Writer, level: Level, owner: int, instance: Instance) -> None:
        if rows := value_rows(level, owner, instance.attributes.values):
            writer.run_many(self._sql.add_value, rows)
        if instance.attributes.sequences:
            self._add_items(writer, level, owner, instance)

    def _add_items(
        self, writer: Writer, level: Level, owner: int | None, instance: Instance
    ) -> None:
        rows = item_rows(level, owner or 0, instance.attributes)
        if not rows:
            return
        if owner is None:
            where = {
                "sop_instance_uid": instance.sop_instance_uid,
                "facility": instance.facility,
            }
            own = _only(writer.row(self._sql.find_instance, where))
            rows = [row | {"owner": own} for row in rows]
        writer.run_many(self._sql.add_item, rows)


class _Statements:
    """SQL of this file, made once for an engine."""

    def __init__(self, dialect: Dialect) -> None:
        def sql(clause: sa.ClauseElement, *columns: str) -> Statement:
            return compiled(dialect, clause, columns or None)

        def adding(table: sa.Table, *, unless_there: bool = False) -> Statement:
            # What the database gives by itself is left out.
            columns = [c.name for c in table.columns if c.name != "id" and c.server_default is None]
            insert = dialect.insert_or_ignore(table) if unless_there else sa.insert(table)
            if unless_there:
                insert = insert.returning(table.c.id)
            return sql(insert, *columns)

        patient, study, series = tables.patient, tables.study, tables.series
        self.add_patient = adding(patient, unless_there=True)
        self.add_study = adding(study, unless_there=True)
        self.add_series = adding(series, unless_there=True)
        self.add_instance = adding(tables.instance)
        self.quarantine = adding(tables.quarantined_instance)
        self.add_value = adding(tables.multi_value)
        self.add_item = adding(tables.sequence_item)

        self.find_patient = sql(_by(patient, "identity", "facility"))
        self.find_study = sql(_by(study, "study_instance_uid", "facility"))
        self.find_series = sql(_by(series, "series_instance_uid", "study_row"))
        self.find_instance = sql(_by(tables.instance, "sop_instance_uid", "facility"))
        self.lock_study = sql(
            sa.select(study.c.id).where(study.c.id == sa.bindparam("row")).with_for_update()
        )

        changing = sa.update(study).where(study.c.id == sa.bindparam("row"))
        instances = study.c.number_of_study_related_instances
        self.count_in_study = sql(
            changing.values(
                {
                    instances: instances + sa.bindparam("instances"),
                    study.c.stored_bytes: study.c.stored_bytes + sa.bindparam("bytes"),
                }
            )
        )
        number = study.c.number_of_study_related_series
        self.count_series = sql(changing.values({number: number + 1}))
        text = sa.bindparam("text", type_=sa.Text())
        self.set_modalities = sql(changing.values({study.c.modalities_in_study: text}))
        self.set_classes = sql(changing.values({study.c.sop_classes_in_study: text}))

        own = series.c.number_of_series_related_instances
        self.count_in_series = sql(
            sa.update(series)
            .where(series.c.id == sa.bindparam("row"))
            .values({own: own + sa.bindparam("instances")})
        )

        modality = tables.study_modality
        self.count_modality = sql(
            dialect.upsert(modality, "series", ["study_row", "modality"]),
            *modality.c.keys(),
        )
        self.modalities = sql(
            sa.select(modality.c.modality)
            .where(modality.c.study_row == sa.bindparam("row"))
            .order_by(modality.c.modality)
        )
        sop_class = tables.study_sop_class
        self.add_class = sql(dialect.insert_or_ignore(sop_class), *sop_class.c.keys())
        self.classes = sql(
            sa.select(sop_class.c.sop_class_uid)
            .where(sop_class.c.study_row == sa.bindparam("row"))
            .order_by(sop_class.c.sop_class_uid)
        )


def _by(table: sa.Table, *columns: str) -> sa.Select[Any]:
    """The number of the row whose unique columns are bound by their names."""
    return sa.select(table.c.id).where(*(table.c[name] == sa.bindparam(name) for name in columns))


def _only(row: tuple[Any, ...] | None) -> int:
    if row is None:
        msg = "another writer removed what this one wrote. Try again"
        raise Collision(msg)
    return int(row[0])


def _remember(memory: OrderedDict[Any, Any], key: object, value: object) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > MOST_REMEMBERED:
        memory.popitem(last=False)
