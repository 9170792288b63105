"""The revisions that the program says it knows are those of its migrations."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from raykeep.adapters.sql import migrate, schema


def test_every_migration_is_known_by_name_and_in_order():
    config = Config()
    config.set_main_option(
        "script_location", str(migrate.__file__).replace("migrate.py", "migrations")
    )
    scripts = ScriptDirectory.from_config(config)

    found = [script.revision for script in scripts.walk_revisions()][::-1]

    assert tuple(found) == schema.REVISIONS
    assert scripts.get_current_head() == schema.heads()
