"""Commands of the local operator, for a running archive over its control socket.

The same table serves the command line when the archive is down.
"""
