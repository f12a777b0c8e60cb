"""Nodes: archives that can be sent to and fetched from, by name or by address."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from prosector.case.people import home
from prosector.errors import FileFormatError, NetworkError, UnknownNameError, UsageError

FILE = "nodes.toml"
PROTOCOLS = ("dimse", "dicomweb")
RETRIEVAL = ("get", "move")
CALLING = "PROSECTOR"
LOOPBACK = "127.0.0.1:0"
"""Where our own listener stands unless told: on this machine only, on a free port."""

DIMSE_SCHEMES = ("dicom", "dicoms")
WEB_SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class Node:
    """An archive.

    Parameters
    ----------
    name : str
        As ``nodes.toml`` calls it; of a node given by its URL, the URL.
    protocol : str
        ``dimse`` or ``dicomweb``.
    host, port, title
        Of a DIMSE node; ``title`` is its application entity title (PS3.5 6.2: at most 16 characters).
    calling : str
        Our own title.
    url : str
        Base of a DICOMweb service (PS3.18), ``https://host/dicom-web``.
    tls : bool
        DIMSE over TLS. DICOMweb has it by its ``https``.
    ca, cert, key : str
        Files (PEM): whom to trust (left out: the system), and what to show for ourselves.
    user, password_env, password_file, token_env : str
        For DICOMweb; passwords and bearer tokens come from an environment variable or a file, never from here.
    listen : str
        ``host:port`` of our own listener, which storage commitment and C-MOVE call.
    retrieve : str
        How a DIMSE node brings images: ``get`` or ``move``.
    commitment : bool
        Whether to ask for storage commitment.
    timeout_s : float
        How long to wait for any single answer.

    Raises
    ------
    UsageError
        If something is missing or has another form.
    """

    name: str
    protocol: str = "dimse"
    host: str = ""
    port: int = 104
    title: str = ""
    calling: str = CALLING
    url: str = ""
    tls: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""
    user: str = ""
    password_env: str = ""
    password_file: str = ""
    token_env: str = ""
    listen: str = LOOPBACK
    retrieve: str = "get"
    commitment: bool = True
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        for what, value, known in (("protocol", self.protocol, PROTOCOLS), ("retrieve", self.retrieve, RETRIEVAL)):
            if value not in known:
                raise UsageError(f"node {self.name!r}: {what} is {' or '.join(known)}; found {value!r}")
        if self.protocol == "dimse":
            if not self.host or not 1 <= self.port <= 65535:
                raise UsageError(f"node {self.name!r}: a DIMSE node has a host, and a port from 1 to 65535")
            _require_titles(self)
            self.listening()
        elif urlsplit(self.url).scheme not in WEB_SCHEMES or not urlsplit(self.url).hostname:
            raise UsageError(f"node {self.name!r}: a DICOMweb node has a url, https://host/dicom-web")
        elif "@" in urlsplit(self.url).netloc:
            raise UsageError(f"a node's url holds a user or password: {NO_SECRETS}")
        if self.cert and not self.key:
            raise UsageError(f"node {self.name!r}: cert needs its key")

    @property
    def address(self) -> str:
        """What tells it from others whatever it is called: receipts hold for an address."""
        if self.protocol == "dicomweb":
            return self.url.rstrip("/")
        return f"{'dicoms' if self.tls else 'dicom'}://{self.title}@{self.host}:{self.port}"

    def listening(self) -> tuple[str, int]:
        """Host and port of our own listener."""
        found = re.fullmatch(r"\[?([^\]]+)\]?:(\d{1,5})", self.listen)
        if found is None or int(found[2]) > 65535:
            raise UsageError(f"node {self.name!r}: listen is host:port, such as 127.0.0.1:11113; found {self.listen!r}")
        return found[1], int(found[2])

    def as_dict(self) -> dict[str, str]:
        """What a receipt says of it."""
        return {"name": self.name, "protocol": self.protocol, "title": self.title, "address": self.address}

    def secret(self) -> str:
        """The password or token, or nothing.

        Raises
        ------
        NetworkError
            If the file or environment variable that should hold it is not there.
        """
        variable = self.token_env or self.password_env
        if variable:
            if variable not in os.environ:
                raise NetworkError(f"node {self.name!r}: the environment variable {variable} is not set")
            return os.environ[variable]
        if not self.password_file:
            return ""
        try:
            return Path(self.password_file).expanduser().read_text(encoding="utf-8").strip()
        except OSError as error:
            raise NetworkError(f"node {self.name!r}: its password file cannot be read: {error.strerror}") from error


NO_SECRETS = (
    "a URL with a password in it is kept by shells and logs; put user and password_file or password_env into nodes.toml"
)


def read_nodes() -> dict[str, Node]:
    """The nodes of ``nodes.toml`` in the workstation's own folder, by name; none where there is no such file.

    Raises
    ------
    FileFormatError
        If the file is no TOML.
    UsageError
        If a node is not complete, or has a field that is not known.
    """
    path = home() / FILE
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("nodes", {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise FileFormatError(f"{path} holds nodes as tables: [nodes.NAME]")
    return {name: _from_table(name, table) for name, table in found.items()}


def node_of(text: str) -> Node:
    """A node by its name or address.

    Parameters
    ----------
    text : str
        A name of ``nodes.toml``, ``dicom://TITLE@host:port``, ``dicoms://…`` or ``http(s)://host/dicom-web``. A DIMSE
        address may end in ``?calling=TITLE&listen=host:port&retrieve=move``.

    Raises
    ------
    UnknownNameError
        For a name that is not there.
    UsageError
        For an address of another form, or one with a password in it.
    """
    if "://" not in text:
        nodes = read_nodes()
        if text not in nodes:
            raise UnknownNameError("node", text, [*nodes, "or an address: dicom://TITLE@host:port, https://host/…"])
        return nodes[text]
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"this is no address of a node: {error}") from None
    if parts.password is not None or (parts.username and parts.scheme in WEB_SCHEMES):
        raise UsageError(f"this address names a password or user: {NO_SECRETS}")
    if parts.scheme in DIMSE_SCHEMES:
        return _dimse(parts, port)
    if parts.scheme not in WEB_SCHEMES:
        raise UsageError(f"an address begins with {', '.join((*DIMSE_SCHEMES, *WEB_SCHEMES))}; found {parts.scheme!r}")
    bare = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
    return Node(name=bare, protocol="dicomweb", url=bare)


def _dimse(parts: SplitResult, port: int | None) -> Node:
    given = dict(parse_qsl(parts.query))
    strange = set(given) - {"calling", "listen", "retrieve"}
    if strange or not parts.username or parts.path.strip("/"):
        form = "dicom://TITLE@host:port, and after a question mark calling, listen or retrieve"
        raise UsageError(f"the address of a DICOM node is {form}")
    secure = parts.scheme == "dicoms"
    port = port or (2762 if secure else 104)  # as registered with IANA
    name = f"{parts.scheme}://{parts.username}@{parts.hostname}:{port}"
    return Node(name=name, host=parts.hostname or "", port=port, title=parts.username, tls=secure, **given)  # type: ignore[arg-type]


def _from_table(name: str, table: Any) -> Node:
    known = {field.name: field.type for field in fields(Node) if field.name != "name"}
    if not isinstance(table, dict):
        raise UsageError(f"node {name!r} is no table: [nodes.{name}]")
    if "password" in table or "token" in table:
        raise UsageError(f"node {name!r} holds a secret; name a password_file, password_env or token_env instead")
    for key, value in table.items():
        if key not in known:
            raise UnknownNameError(f"field of node {name!r}", key, known)
        wanted = {"int": int, "bool": bool, "float": (int, float)}.get(str(known[key]), str)
        if not isinstance(value, wanted) or (isinstance(value, bool) and known[key] != "bool"):  # type: ignore[arg-type]
            raise UsageError(f"node {name!r}: {key} is a {known[key]}; found {value!r}")
    given = dict(table)
    if "url" in given:
        given.setdefault("protocol", "dicomweb")
    return Node(name=name, **given)


def _require_titles(node: Node) -> None:
    for what, title in (("title", node.title), ("calling", node.calling)):
        if not re.fullmatch(r"[\x20-\x5b\x5d-\x7e]{1,16}", title) or not title.strip():
            raise UsageError(f"node {node.name!r}: {what} has 1 to 16 characters, no backslash; found {title!r}")
