"""From a path to a route: a small tree, walked segment by segment."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from raykeep.edge.errors import HttpRefusal

Action = TypeVar("Action")


@dataclass(frozen=True, slots=True)
class Route(Generic[Action]):
    """One line of a server's table.

    Attributes:
        method: HTTP method.
        template: Path below the mount; `{name}` stands for one segment, `{name*}` at the
            end for one or more.
        action: What answers.
    """

    method: str
    template: str
    action: Action


@dataclass(slots=True)
class _Node(Generic[Action]):
    words: "dict[str, _Node[Action]]" = field(default_factory=dict)
    any: "_Node[Action] | None" = None
    rest: bool = False
    methods: dict[str, Route[Action]] = field(default_factory=dict)


class Router(Generic[Action]):
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[Route[Action]]) -> None:
        self._root: _Node[Action] = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route[Action]) -> None:
        node = self._root
        for part in route.template.strip("/").split("/"):
            if not part.startswith("{"):
                node = node.words.setdefault(part, _Node())
                continue
            if node.any is None:
                node.any = _Node()
            node = node.any
            node.rest = part.endswith("*}")
        if route.method in node.methods:
            msg = f"{route.method} {route.template} stands in the table twice"
            raise ValueError(msg)
        node.methods[route.method] = route

    def find(self, method: str, segments: tuple[str, ...]) -> tuple[Route[Action], tuple[str, ...]]:
        """The route, and what its placeholders stand for.

        Raises:
            HttpRefusal: there is no such path (404), or it has not this method (405).
        """
        node: _Node[Action] | None = self._root
        values: list[str] = []
        for at, segment in enumerate(segments):
            if node is None:
                break
            known = node.words.get(segment)
            if known is None:
                known = node.any
                if known is not None and known.rest:
                    values.append("/".join(segments[at:]))
                    node = known
                    break
                values.append(segment)
            node = known
        if node is None or not node.methods:
            raise HttpRefusal(404, "not-found", "nothing of that name is here, or not for you")
        route = node.methods.get(method)
        if route is None:
            allowed = ", ".join(sorted(node.methods))
            raise HttpRefusal(
                405,
                "method-not-allowed",
                f"this address takes {allowed}",
                ((b"allow", allowed.encode("ascii")),),
            )
        return route, tuple(values)
