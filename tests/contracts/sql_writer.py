"""A process that stores instances until it is stopped, and says each that was acknowledged.

python sql_writer.py FOLDER NAME [COUNT]
"""

import sys
from dataclasses import replace
from pathlib import Path

from raykeep.adapters.sql.engine import open_database
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from raykeep.domain.changes import Unit
from raykeep.domain.instance import Instance
from tests.contracts.instances import a_unit, an_instance

KEY = bytes(range(32))


def main(folder: Path, name: int, count: int) -> None:
    """Store; each line that comes out is durable before it is written."""
    unit_of_work = SqlUnitOfWork(open_database(DatabaseSettings(), folder=folder, key=KEY))
    for number in range(count):
        one = an_instance(
            {"PatientID": f"P{number % 7}"},
            study=f"1.2.{number % 5}",  # shared with the other writers
            series=f"1.2.{number % 5}.{name}",
            instance=f"1.9.{name}.{number}",
        )
        unit = a_unit(replaced(one, name, number))
        unit_of_work.commit(replaced_records(unit, name, number))
        print(one.sop_instance_uid, flush=True)  # noqa: T201 - its purpose
    unit_of_work.close()


def replaced(one: Instance, name: int, number: int) -> Instance:
    """The instance under a blob key that no other process uses."""
    key = replace(one.sealed.key, object_id=f"{name:016x}{number:016x}")
    return replace(one, sealed=replace(one.sealed, key=key))


def replaced_records(unit: Unit, name: int, number: int) -> Unit:
    """The unit under a record id that no other process uses."""
    record = replace(unit.records[0], record_id=f"{name:016x}{number:016x}")
    return replace(unit, records=(record,))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1 << 30)
