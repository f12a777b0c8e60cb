"""DICOMweb (PS3.18): one way to ask, with credentials, certificates and patience, and errors in words.

Searching goes through dicomweb-client. Storing and retrieving use the same session directly: files travel byte by
byte as they are, and the answer to a store is read whatever its HTTP status.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import requests
from dicomweb_client.web import DICOMwebClient
from pydicom.dataset import Dataset

from prosector.errors import NetworkError
from prosector.network.association import Broken
from prosector.network.instances import Instance
from prosector.network.nodes import Node
from prosector.network.store import NO_CONTEXT, Acknowledge

LATER = (408, 425, 429, 500, 502, 503, 504)
"""HTTP statuses that may be another another time."""

UIDS = ("0020000D", "0020000E", "00080018")
"""Of study, series and instance: what tells rows apart."""

Row = dict[str, dict[str, Any]]

STORED = "200"
TYPE = "application/dicom"


class _Session(requests.Session):
    """A session in which the node's authority counts: otherwise a variable of the environment would go before it."""

    def merge_environment_settings(self, *given: Any, **named: Any) -> Any:
        """What holds for one request."""
        settings = super().merge_environment_settings(*given, **named)
        return settings if self.verify is True else {**settings, "verify": self.verify}


@contextmanager
def asking(node: Node) -> Iterator[requests.Session]:
    """A session with the node's credentials; whatever goes wrong in the block becomes words.

    Raises
    ------
    Broken
        If the node cannot be reached, breaks off, or is busy.
    NetworkError
        If it refuses, or its certificate is not trusted.
    """
    secret = node.secret()
    with _Session() as session:
        session.verify = node.ca or True
        session.cert = (node.cert, node.key) if node.cert else None
        if node.token_env:
            session.headers["Authorization"] = f"Bearer {secret}"
        elif node.user:
            session.auth = (node.user, secret)
        try:
            yield session
        except requests.exceptions.SSLError as error:
            raise NetworkError(
                f"{node.name}: no trusted TLS connection ({_reason(error)}); name its authority (ca)"
            ) from None
        except requests.HTTPError as error:
            raise_for(node, error.response)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise Broken(f"{node.name} cannot be reached or broke off ({type(error).__name__})") from None
        except (requests.RequestException, OSError) as error:
            raise NetworkError(f"{node.name}: the request cannot be made ({type(error).__name__}); are the url and the "
                               "certificate files right?") from None  # fmt: skip


def raise_for(node: Node, answer: requests.Response | None) -> None:
    """Say what an HTTP status means."""
    status = answer.status_code if answer is not None else 0
    if status in LATER:
        raise Broken(f"{node.name} answers HTTP {status}")
    what = {
        401: "it wants a user and password, or a token: user with password_file or password_env, token_env",
        403: "this user may not do that",
        404: "nothing is there: is the base of the url right?",
    }.get(status, "see the archive's own log")
    raise NetworkError(f"{node.name} answers HTTP {status}: {what}")


def searching(node: Node, session: requests.Session) -> DICOMwebClient:
    """A client for QIDO-RS over a session."""
    client = DICOMwebClient(node.url, session=session, timeout=node.timeout_s, permissive_uid=True)
    client.set_http_retry_params(retry=False)
    return client


def stow(node: Node, instances: list[Instance], acknowledge: Acknowledge) -> None:
    """Send instances by STOW-RS, one a request, so that each has an answer of its own (PS3.18 10.5).

    Parameters
    ----------
    acknowledge : callable
        Is given the instance and its status: 200 where it was stored; the failure reason (0008,1197) as four
        hexadecimal digits, or the HTTP status, where it was not.

    Raises
    ------
    Broken, NetworkError
        As :func:`asking`.
    """
    with asking(node) as session:
        for instance in instances:
            acknowledge(instance, _stored(node, session, instance))


def _stored(node: Node, session: requests.Session, instance: Instance) -> str:
    data = instance.path.read_bytes()
    boundary = secrets.token_hex(16)
    body = b"".join(
        (f"--{boundary}\r\nContent-Type: {TYPE}\r\n\r\n".encode(), data, f"\r\n--{boundary}--\r\n".encode())
    )
    headers = {
        "Content-Type": f'multipart/related; type="{TYPE}"; boundary={boundary}',
        "Accept": "application/dicom+json",
    }
    url = f"{node.url.rstrip('/')}/studies/{instance.study_uid}"
    answer = session.post(url, data=body, headers=headers, timeout=node.timeout_s, allow_redirects=False)
    if answer.status_code in (*LATER, 401, 403, 404):
        raise_for(node, answer)
    return _status_of(answer, instance)


def _status_of(answer: requests.Response, instance: Instance) -> str:
    """What the reply says of the one instance; an archive may answer 200 or 202 and name it among the failed."""
    try:
        reply = Dataset.from_json(answer.json())
    except Exception:  # no body, or none that is DICOM JSON: only the status speaks
        return STORED if answer.status_code == requests.codes.ok else str(answer.status_code)
    failed = reply.get("FailedSOPSequence") or []  # Orthanc always sends it: its length counts
    if len(failed):
        reason = failed[0].get("FailureReason")
        return f"{int(reason):04X}" if reason else NO_CONTEXT
    stored = [item.get("ReferencedSOPInstanceUID") for item in reply.get("ReferencedSOPSequence") or []]
    if answer.ok and instance.sop_instance_uid in stored:
        return STORED
    return str(answer.status_code) if not answer.ok else "C000"


def present(node: Node, wanted: Mapping[str, str]) -> set[str]:
    """Which instances a node holds, by QIDO-RS: what stands for storage commitment, which DICOMweb has not.

    Parameters
    ----------
    wanted : mapping
        Study Instance UID by SOP Instance UID.
    """
    found: set[str] = set()
    with asking(node) as session:
        client = searching(node, session)
        for study in dict.fromkeys(wanted.values()):
            rows = everything(partial(client.search_for_instances, study))
            found |= {value(row, "00080018") for row in rows}
    return found & set(wanted)


def everything(search: Callable[..., list[Row]]) -> list[Row]:
    """All rows of a search, page by page: some archives limit a page, and some send the first one for ever."""
    found: dict[tuple[str, ...], Row] = {}
    while True:
        before = len(found)
        for row in search(offset=before) if before else search():
            found.setdefault(tuple(value(row, tag) for tag in UIDS), row)
        if len(found) == before:
            return list(found.values())


def value(row: Mapping[str, Any], tag: str) -> str:
    """The first value of an attribute of a DICOM JSON object (PS3.18 F.2), as text."""
    values = row.get(tag, {}).get("Value") or [""]
    first = values[0]
    if isinstance(first, dict):  # a person's name
        first = first.get("Alphabetic", "")
    return str(first)


def wado(node: Node, session: requests.Session, uids: tuple[str, str, str]) -> bytes:
    """A file as it is stored, by WADO-RS (PS3.18 10.4); the transfer syntax stays.

    Parameters
    ----------
    uids : tuple of str
        Of study, series and instance.
    """
    study, series, instance = uids
    url = f"{node.url.rstrip('/')}/studies/{study}/series/{series}/instances/{instance}"
    accept = f'multipart/related; type="{TYPE}"; transfer-syntax=*'
    answer = session.get(url, headers={"Accept": accept}, timeout=node.timeout_s)
    if not answer.ok:
        raise_for(node, answer)
    kind = answer.headers.get("Content-Type", "")
    if kind.startswith(TYPE):
        return answer.content
    return _only_part(node, answer.content)


def _only_part(node: Node, body: bytes) -> bytes:
    """The content of a multipart message of one part (RFC 2046 5.1.1)."""
    start = body.find(b"--")
    boundary = body[start : body.find(b"\r\n", start)]
    header = body.find(b"\r\n\r\n", start)
    end = body.rfind(b"\r\n" + boundary)
    if min(start, header) < 0 or not boundary.strip(b"-") or end < header:
        raise Broken(f"{node.name} sent half an answer")
    return body[header + 4 : end]


def _reason(error: Exception) -> str:
    cause: Any = error
    while getattr(cause, "args", None) and isinstance(cause.args[0], Exception):
        cause = cause.args[0]
    inner = getattr(cause, "reason", None)
    while isinstance(inner, Exception) and getattr(inner, "args", None) and isinstance(inner.args[0], Exception):
        inner = inner.args[0]
    return getattr(inner, "verify_message", "") or type(inner or cause).__name__
