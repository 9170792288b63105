"""`AgentKeys` keeps the promises of `KeyWrapper`, through the agent of a supervisor."""

import socket
from collections.abc import Iterator

import pytest

from raykeep.adapters.keys.agent import AgentServer
from raykeep.adapters.keys.agent_client import AgentKeys
from raykeep.adapters.keys.authority import LocalAuthority
from raykeep.adapters.keys.keyring import KeyRing
from raykeep.adapters.keys.local import LocalKeys
from raykeep.adapters.keys.names import ProcessRole
from tests.contracts.key_wrapper import KeyWrapperContract
from tests.fakes.keys import SettableClock


class TestAgentKeys(KeyWrapperContract):
    @pytest.fixture
    def keys(self, keyring: KeyRing) -> Iterator[AgentKeys]:
        ours, theirs = socket.socketpair()
        authority = LocalAuthority(keyring, SettableClock(), "host7")
        server = AgentServer(ours, LocalKeys(keyring), authority, ProcessRole.WORKER, print)
        server.start()
        client = AgentKeys(theirs)
        yield client
        client.close()
        server.close()
