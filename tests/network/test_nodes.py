"""Nodes by name and by address, and what is refused."""

from __future__ import annotations

import pytest

from prosector.errors import FileFormatError, NetworkError, UnknownNameError, UsageError
from prosector.network.nodes import Node, node_of, read_nodes

NODES = """
[nodes.archive]
host = "pacs.example.org"
port = 11112
title = "ARCHIVE"
calling = "WS1"
listen = "0.0.0.0:11113"
tls = true
ca = "/etc/ca.pem"
retrieve = "move"
timeout_s = 5

[nodes.web]
url = "https://pacs.example.org/dicom-web/"
user = "ws"
password_env = "WEB_PASSWORD"
"""


def test_nodes_are_read_from_the_workstation(workstation, monkeypatch):
    assert read_nodes() == {}
    (workstation / "nodes.toml").write_text(NODES)
    archive, web = node_of("archive"), node_of("web")
    assert (archive.address, archive.listening()) == ("dicoms://ARCHIVE@pacs.example.org:11112", ("0.0.0.0", 11113))
    assert (archive.protocol, archive.calling, archive.retrieve, archive.timeout_s) == ("dimse", "WS1", "move", 5)
    assert (web.protocol, web.address) == ("dicomweb", "https://pacs.example.org/dicom-web")
    with pytest.raises(NetworkError, match="WEB_PASSWORD is not set"):
        web.secret()
    monkeypatch.setenv("WEB_PASSWORD", "hunter2")
    assert web.secret() == "hunter2"
    assert "hunter2" not in repr(web) + str(web.as_dict())
    with pytest.raises(UnknownNameError, match="archive"):
        node_of("arcive")


def test_addresses_stand_for_nodes():
    node = node_of("dicom://PACS@10.0.0.7:11112?calling=US&listen=10.0.0.5:11113&retrieve=move")
    assert (node.host, node.port, node.title, node.calling, node.tls) == ("10.0.0.7", 11112, "PACS", "US", False)
    assert (node.listening(), node.retrieve) == (("10.0.0.5", 11113), "move")
    assert node_of("dicoms://PACS@host").port == 2762
    assert node_of("dicom://PACS@[::1]:104").host == "::1"
    assert node_of("dicom://PACS@host").listening() == ("127.0.0.1", 0)
    assert node_of("https://host/dicom-web/").address == "https://host/dicom-web"
    assert node_of("dicom://PACS@host").address != node_of("dicoms://PACS@host:104").address


@pytest.mark.parametrize(
    "text",
    ["ftp://x@host", "dicom://host", "dicom://A@host:99999", "dicom://ABCDEFGHIJKLMNOPQ@host", "dicom://A@host/path",
     "dicom://A@host?color=red", "dicom://A@host?listen=here", "https://"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError):
        node_of(text)


@pytest.mark.parametrize("text", ["https://ws:hunter2@host/dicom-web", "dicom://A:hunter2@host:104", "http://ws@host"])
def test_no_password_in_an_address(text):
    with pytest.raises(UsageError, match=r"nodes\.toml") as caught:
        node_of(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ('host = "h"\ntitle = "A"\npassword = "hunter2"', UsageError),
        ('host = "h"\ntitle = "A"\ncolour = "red"', UnknownNameError),
        ('host = "h"\ntitle = "A"\nport = "104"', UsageError),
        ('host = "h"', UsageError),
        ('url = "https://ws:hunter2@host/"', UsageError),
        ('host = "h"\ntitle = "A"\ncert = "c.pem"', UsageError),
        ("host = ", FileFormatError),
    ],
)
def test_a_wrong_entry_is_explained(workstation, table, error):
    (workstation / "nodes.toml").write_text(f"[nodes.x]\n{table}\n")
    with pytest.raises(error) as caught:
        read_nodes()
    assert "hunter2" not in str(caught.value)


def test_a_missing_password_file_is_said(tmp_path):
    with pytest.raises(NetworkError, match="password file"):
        Node("n", protocol="dicomweb", url="http://h", password_file=str(tmp_path / "none")).secret()
