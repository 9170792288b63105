"""All commands in one table."""

from raykeep.servers.control import audit, devices, overview, storage, tokens
from raykeep.servers.control.table import CommandTable

ALL_COMMANDS = CommandTable()

for _part in (audit, devices, overview, storage, tokens):
    ALL_COMMANDS.include(_part.COMMANDS)
