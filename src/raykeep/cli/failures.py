"""How a command ends that could not be done: one line on standard error and an exit code."""


class CommandFailed(Exception):
    """The command line, or the archive, could not do what was asked."""

    def __init__(self, message: str, exit_code: int) -> None:
        """Say what, which value, what next.

        Args:
            message: For standard error.
            exit_code: See `raykeep.servers.control.statuses`.
        """
        super().__init__(message)
        self.exit_code = exit_code


class OutputClosed(Exception):
    """Whoever read standard output has enough, as `head` does."""
