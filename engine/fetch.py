"""Bringing a clip from somebody's URL to disk without becoming their way into our network.

A name is resolved once, every address it has is checked, and the connection goes to an address that was checked: a
name that changes between the check and the connection (DNS rebinding) gains nothing. Every redirect is checked anew.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Collection, Generator
from pathlib import Path

import httpx

from engine.model import BadInput, Progress

MAX_REDIRECTS = 3
MAX_SECONDS = 60.0
TIMEOUT = httpx.Timeout(10.0)

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def fetch(url: str, target: Path, max_bytes: int, allowed: Collection[str]) -> Generator[Progress, None, None]:
    """Download `url` to `target`, yielding now and then so that a cancel is obeyed.

    Only http and https, only public addresses unless the host is in `allowed`; at most `max_bytes` and `MAX_SECONDS`.
    Raises `BadInput` ("file_download_error", "file_too_large").
    """
    yield Progress(0.0, "Fetching the clip")
    deadline = time.monotonic() + MAX_SECONDS
    # No proxy of the environment: it would resolve the name again, behind the check. SSL_CERT_FILE does hold.
    with httpx.Client(timeout=TIMEOUT, verify=httpx.create_ssl_context(), trust_env=False) as client:
        try:
            response = _follow(client, httpx.URL(url), allowed)
            try:
                yield from _save(response, target, max_bytes, deadline)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise _refused("The clip could not be fetched from its address.") from error


def _follow(client: httpx.Client, url: httpx.URL, allowed: Collection[str]) -> httpx.Response:
    for _ in range(MAX_REDIRECTS + 1):
        response = _ask(client, url, allowed)
        if not response.has_redirect_location:
            return response
        response.close()
        url = url.join(response.headers["Location"])
    raise _refused("The clip's address redirects too often.")


def _ask(client: httpx.Client, url: httpx.URL, allowed: Collection[str]) -> httpx.Response:
    """The open response of one request, sent to an address that was checked."""
    if url.scheme not in {"http", "https"} or not url.host:
        raise _refused("The clip's address must begin with http:// or https://.")
    error: httpx.TransportError | None = None
    for address in _addresses(url, allowed):
        request = client.build_request(
            "GET",
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        try:
            return client.send(request, stream=True)
        except httpx.ConnectError as refused:
            error = refused
    raise error or _refused("The clip's address does not exist.")


def _addresses(url: httpx.URL, allowed: Collection[str]) -> list[str]:
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(url.raw_host.decode("ascii").strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _refused("The clip's address does not exist.") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if url.host.lower() not in allowed and not all(is_public(address) for address in addresses):
        raise _refused("The clip's address is not public. Upload the clip instead.")
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also when it is wrapped in an IPv6 address."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _save(response: httpx.Response, target: Path, max_bytes: int, deadline: float) -> Generator[Progress, None, None]:
    if response.status_code != 200:
        raise _refused(f"The clip's address answered with status {response.status_code}.")
    received = 0
    with target.open("wb") as file:
        for chunk in response.iter_raw(256 * 1024):
            received += len(chunk)
            if received > max_bytes:
                raise BadInput(f"The clip is larger than {max_bytes / 1024**2:.3g} MB.", "file_too_large")
            if time.monotonic() > deadline:
                raise _refused(f"Fetching the clip took longer than {MAX_SECONDS:.0f} seconds.")
            file.write(chunk)
            yield Progress(0.0, "Fetching the clip")


def _refused(sentence: str) -> BadInput:
    return BadInput(sentence, "file_download_error")
