"""DICOM associations: opened, secured, and what went wrong in words."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import ThreadedAssociationServer

from prosector.dicom.uids import IMPLEMENTATION_CLASS_UID
from prosector.errors import NetworkError
from prosector.network.nodes import Node

CONNECT_S = 10.0

# Files go out as they lie on the disk, byte by byte, and are not read into memory first.
_config.STORE_SEND_CHUNKED_DATASET = True

REJECTED_FOR_NOW = 2
"""Result of an A-ASSOCIATE-RJ that is transient (PS3.8, 9.3.4)."""

Handlers = Sequence[tuple[Any, ...]]


class Broken(Exception):  # noqa: N818 - never leaves the room
    """The connection was lost or refused for now: worth another try. Says what happened."""


def application(node: Node) -> AE:
    """Our side, with the node's patience."""
    ae = AE(ae_title=node.calling)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = node.timeout_s
    ae.connection_timeout = CONNECT_S
    ae.maximum_pdu_size = 0
    return ae


@contextmanager
def associated(
    node: Node, contexts: Sequence[PresentationContext], handlers: Handlers = (), roles: Sequence[Any] = ()
) -> Iterator[Association]:
    """An association with a node, released at the end, aborted when something is raised.

    Raises
    ------
    Broken
        If the node cannot be reached or is too busy.
    NetworkError
        If it refuses us for good.
    """
    require_reachable(node)
    links: list[socket.socket] = []
    association = application(node).associate(
        node.host,
        node.port,
        contexts=list(contexts),
        ae_title=node.title,
        ext_neg=list(roles),
        tls_args=(client_security(node), node.host) if node.tls else None,
        evt_handlers=[(evt.EVT_CONN_OPEN, _opened, [links]), *handlers],
    )
    try:
        if not association.is_established:
            raise_for(node, association)
        yield association
        if association.is_established:
            association.release()
            links.clear()
    finally:
        if association.is_established:
            association.abort()
        for link in links:  # a peer that breaks off leaves them open in pynetdicom
            link.close()


def _opened(event: evt.Event, links: list[socket.socket]) -> None:
    """Keep the connection, and send each message at once: an instance takes two, and the second would wait 40 ms."""
    link = event.assoc.dul.socket.socket  # type: ignore[union-attr]
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore[union-attr]
    links.append(link)  # type: ignore[arg-type]


def raise_for(node: Node, association: Association) -> None:
    """Say why there is no association."""
    answer = association.acceptor.primitive
    if association.is_rejected and answer is not None:
        titles = f"called {node.title!r}, calling {node.calling!r}"
        said = f"{node.name} refuses the association: {answer.reason_str} ({titles})"
        if answer.result == REJECTED_FOR_NOW:
            raise Broken(said)
        raise NetworkError(
            f"{said}. Check the titles in nodes.toml; the archive's administrator enters our title, address and port"
        )
    if association.acceptor.primitive is not None and not association.accepted_contexts:
        raise NetworkError(f"{node.name} takes none of the kinds of object or query that were offered")
    doubt = (
        "does it trust our certificate (cert, key)" if node.tls else "is it a DICOM port, does it want TLS (dicoms://)"
    )
    raise Broken(f"{node.name} at {node.host}:{node.port} takes connections and breaks them off; {doubt}?")


def require_reachable(node: Node) -> None:
    """Make a bare connection and let it go: it tells more than an association that did not come about.

    Raises
    ------
    Broken
        If nobody answers.
    NetworkError
        If there is no trusted TLS.
    """
    where = f"{node.name} at {node.host}:{node.port}"
    security = client_security(node) if node.tls else None
    try:
        with socket.create_connection((node.host, node.port), CONNECT_S) as bare:
            if security is not None:
                security.wrap_socket(bare, server_hostname=node.host).close()
    except ssl.SSLCertVerificationError as error:
        said = f"{where} has a certificate that is not trusted: {error.verify_message}"
        raise NetworkError(f"{said}; name the authority that vouches for it (ca)") from None
    except ssl.SSLError as error:
        raise NetworkError(
            f"{where} does not agree on TLS ({error.reason or 'no TLS there'}); is it dicom://?"
        ) from None
    except TimeoutError:
        said = f"{where} does not answer within {CONNECT_S:g} s"
        raise Broken(f"{said}; is the address right, does a firewall stand between?") from None
    except OSError as error:
        said = f"{where} cannot be reached: {error.strerror or type(error).__name__}"
        raise Broken(f"{said}; is it running, are host and port right?") from None


def client_security(node: Node) -> ssl.SSLContext:
    """TLS as BCP 195 wants it (PS3.15 B.12): the peer's certificate and name are checked.

    Raises
    ------
    NetworkError
        If a certificate cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=node.ca or None)
        if node.cert:
            context.load_cert_chain(node.cert, node.key)
    except OSError as error:  # as ssl.SSLError is
        raise NetworkError(f"node {node.name!r}: ca, cert or key cannot be used: {error.strerror or error}") from error
    return context


@contextmanager
def listening(
    node: Node, contexts: Sequence[PresentationContext], handlers: Handlers
) -> Iterator[ThreadedAssociationServer]:
    """Our own server for what a node calls back with; on loopback unless the node says otherwise.

    It answers our title only, speaks TLS where the node does, and stops at the end.

    Raises
    ------
    NetworkError
        If the port is taken.
    """
    ae = application(node)
    ae.supported_contexts = list(contexts)
    ae.require_called_aet = True
    ae.require_calling_aet = [node.title]
    address = node.listening()
    security = server_security(node) if node.tls else None
    try:
        server = ae.start_server(address, block=False, evt_handlers=list(handlers), ssl_context=security)
    except OSError as error:
        raise NetworkError(
            f"cannot listen at {address[0]}:{address[1]}: {error.strerror}; another program has the port, or the "
            f"address is not this machine's: set listen of node {node.name!r}"
        ) from error
    assert isinstance(server, ThreadedAssociationServer)
    try:
        yield server
    finally:
        server.shutdown()


def server_security(node: Node) -> ssl.SSLContext:
    """TLS of our listener: it shows the node's ``cert`` and wants one that ``ca`` vouches for."""
    if not node.cert:
        raise NetworkError(f"node {node.name!r}: to be called back over TLS needs cert and key")
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=node.ca or None)
        context.load_cert_chain(node.cert, node.key)
    except OSError as error:
        raise NetworkError(f"node {node.name!r}: ca, cert or key cannot be used: {error.strerror or error}") from error
    context.verify_mode = ssl.CERT_REQUIRED
    return context


__all__ = ["AE", "Broken", "associated", "client_security", "evt", "listening"]
