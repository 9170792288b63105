"""Which presentation contexts and roles an association gets (PS3.8 9.3.3.2, PS3.7 D.3.3.4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from raykeep.domain.errors import ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.items import RoleSelection
from raykeep.wire.upperlayer.pdu import (
    AssociateAC,
    AssociateRQ,
    ContextResult,
    ContextResultCode,
    ProposedContext,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """What the acceptor does for one abstract syntax.

    `transfer_syntaxes` is an ordered tuple, or a predicate where objects are
    kept as they come. `requestor_as_scu` is the usual direction;
    `requestor_as_scp` lets the acceptor send to the requestor on the same
    association, as C-GET needs it.
    """

    transfer_syntaxes: tuple[UID, ...] | Callable[[UID], bool]
    requestor_as_scu: bool = True
    requestor_as_scp: bool = False
    # Whose order decides among several; the requestor's unless told otherwise.
    prefer_acceptor_order: bool = False


# None for an abstract syntax that is not supported.
SupportedSyntaxes: TypeAlias = Mapping[UID, Supported] | Callable[[UID], Supported | None]


@dataclass(frozen=True, slots=True)
class AcceptedContext:
    """A presentation context that both sides agreed on, with the requestor's roles."""

    context_id: int
    abstract_syntax: UID
    transfer_syntax: UID
    requestor_as_scu: bool = True
    requestor_as_scp: bool = False


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What `negotiate` found: the answer's items, and what was accepted by context ID."""

    results: tuple[ContextResult, ...]
    roles: tuple[RoleSelection, ...]
    contexts: Mapping[int, AcceptedContext]


def negotiate(request: AssociateRQ, supported: SupportedSyntaxes) -> Negotiated:
    """Answer each proposed context, in the order of the proposal.

    Args:
        request: The A-ASSOCIATE-RQ.
        supported: What the acceptor does, by abstract syntax.

    Returns:
        One result for each context: 0 acceptance, 1 no role of it is
        supported, 3 abstract syntax not supported, 4 transfer syntaxes not
        supported; and one role item for each proposed one whose SOP class was
        accepted.
    """
    look_up = supported.get if isinstance(supported, Mapping) else supported
    proposed_roles: dict[UID, RoleSelection] = {}
    for role in request.user_information.roles:
        proposed_roles.setdefault(role.sop_class_uid, role)
    results: list[ContextResult] = []
    contexts: dict[int, AcceptedContext] = {}
    granted: dict[UID, RoleSelection] = {}
    for proposed in request.contexts:
        abstract = proposed.abstract_syntax
        support = look_up(abstract) if abstract is not None else None
        if abstract is None or support is None:
            code = ContextResultCode.ABSTRACT_SYNTAX_NOT_SUPPORTED
            results.append(ContextResult(proposed.context_id, code))
            continue
        asked = proposed_roles.get(abstract)
        scu = support.requestor_as_scu and (asked is None or asked.scu)
        # Without an item the requestor is SCU alone (PS3.7 D.3.3.4).
        scp = support.requestor_as_scp and asked is not None and asked.scp
        syntax = _chosen(proposed, support)
        if not (scu or scp):
            code = ContextResultCode.USER_REJECTION
        elif syntax is None:
            code = ContextResultCode.TRANSFER_SYNTAXES_NOT_SUPPORTED
        else:
            code = ContextResultCode.ACCEPTANCE
            accepted = AcceptedContext(proposed.context_id, abstract, syntax, scu, scp)
            contexts[proposed.context_id] = accepted
            if asked is not None:
                granted[abstract] = RoleSelection(abstract, scu=scu, scp=scp)
        accepted_syntax = syntax if code is ContextResultCode.ACCEPTANCE else None
        results.append(ContextResult(proposed.context_id, code, accepted_syntax))
    return Negotiated(tuple(results), tuple(granted.values()), contexts)


def _chosen(proposed: ProposedContext, support: Supported) -> UID | None:
    syntaxes = support.transfer_syntaxes
    if callable(syntaxes):
        return next(filter(syntaxes, proposed.transfer_syntaxes), None)
    if support.prefer_acceptor_order:
        return next((one for one in syntaxes if one in proposed.transfer_syntaxes), None)
    return next((one for one in proposed.transfer_syntaxes if one in syntaxes), None)


def interpret(request: AssociateRQ, answer: AssociateAC) -> dict[int, AcceptedContext]:
    """Read an A-ASSOCIATE-AC as the requestor that asked.

    Returns:
        The accepted contexts by context ID.

    Raises:
        ProtocolError: the answer names a context or a transfer syntax that was
            not proposed.
    """
    proposed = {one.context_id: one for one in request.contexts}
    asked = {role.sop_class_uid: role for role in request.user_information.roles}
    granted = {role.sop_class_uid: role for role in answer.user_information.roles}
    contexts: dict[int, AcceptedContext] = {}
    for result in answer.results:
        context = proposed.get(result.context_id)
        if context is None:
            raise ProtocolError(f"presentation context {result.context_id} was never proposed")
        if result.result != ContextResultCode.ACCEPTANCE:
            continue
        syntax, abstract = result.transfer_syntax, context.abstract_syntax
        if syntax is None or abstract is None or syntax not in context.transfer_syntaxes:
            raise ProtocolError(
                f"presentation context {result.context_id} was accepted with a transfer syntax "
                "that was never proposed"
            )
        role, wish = granted.get(abstract), asked.get(abstract)
        # No item in the answer: the proposal was not taken up, the defaults hold.
        # A role that was not asked for is not given either (PS3.7 D.3.3.4.2).
        scu = wish.scu and role.scu if wish is not None and role is not None else True
        scp = wish.scp and role.scp if wish is not None and role is not None else False
        contexts[result.context_id] = AcceptedContext(
            result.context_id, abstract, syntax, requestor_as_scu=scu, requestor_as_scp=scp
        )
    return contexts
