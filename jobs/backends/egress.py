"""The only way out of the house: backends' clients go where the configuration says, and nowhere else.

Three circles. The configured addresses: trusted whatever network they are in, and the only ones that get the key. The
file hosts (`RESULT_HOSTS`, `UPLOAD_HOSTS`): https, public addresses alone, no key. Everything else: refused, whoever
names it, also when a redirect does.

A file host's name is resolved once, every address it has is checked, and the connection goes to an address that was
checked: a name that changes between the check and the connection (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpx

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
MAX_REDIRECTS = 3

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Forbidden(Exception):
    """An address outside the circles; the message names its host alone."""


class Egress:
    """Connections of one backend's client.

    `addresses` are the configured ones, `authorisation` the header that goes to them, `result_hosts` and `upload_hosts`
    names such as "files.example.com", "files.example.com:8443" and "*.example.com" (every host below example.com).
    `context` tells the headers that go to the configured addresses beside it, at each call anew.
    """

    def __init__(
        self,
        addresses: Iterable[str],
        authorisation: str,
        result_hosts: Collection[str] = (),
        upload_hosts: Collection[str] = (),
        context: Callable[[], dict[str, str]] = dict,
    ) -> None:
        self._origins = {_origin(httpx.URL(address)) for address in addresses}
        self._authorisation = {"Authorization": authorisation} if authorisation else {}
        self._context = context
        self._result_hosts, self._upload_hosts = tuple(result_hosts), tuple(upload_hosts)
        self._client = self._new_client()
        weakref.finalize(self, self._client.close)  # one that is forgotten gives its connections back too

    @contextmanager
    def call(self, method: str, url: str, **options: Any) -> Iterator[httpx.Response]:
        """A call of the API, the key where it belongs; a GET follows redirects. Raises Forbidden, httpx.HTTPError."""
        with self._follow(
            self._client, method, httpx.URL(url), self._result_hosts, self._authorisation, options
        ) as got:
            yield got

    @contextmanager
    def call_once(self, method: str, url: str, **options: Any) -> Iterator[httpx.Response]:
        """A call that must not be made twice: on a connection of its own, so that no idle one breaks under it."""
        target = httpx.URL(url)
        if _origin(target) not in self._origins:
            raise Forbidden(target.host)
        with (
            self._new_client() as client,
            client.stream(method, target, **_with_headers(options, self._authorisation)) as response,
        ):
            yield response

    @contextmanager
    def send(self, url: str, **options: Any) -> Iterator[httpx.Response]:
        """PUT a file where an answer said, without the key. Raises Forbidden, httpx.HTTPError."""
        with (
            self._new_client() as client,
            self._follow(client, "PUT", httpx.URL(url), self._upload_hosts, {}, options) as response,
        ):
            yield response

    @contextmanager
    def fetch(self, url: str) -> Iterator[httpx.Response]:
        """GET a file where an answer said, without the key. Raises Forbidden, httpx.HTTPError."""
        options = {"headers": {"Accept-Encoding": "identity"}}
        with (
            self._new_client() as client,
            self._follow(client, "GET", httpx.URL(url), self._result_hosts, {}, options) as response,
        ):
            yield response

    def close(self) -> None:
        self._client.close()

    @staticmethod
    def _new_client() -> httpx.Client:
        # No proxy of the environment: it would resolve names again, behind the check. SSL_CERT_FILE does hold.
        return httpx.Client(timeout=TIMEOUT, verify=_tls(), trust_env=False, follow_redirects=False)

    @contextmanager
    def _follow(
        self,
        client: httpx.Client,
        method: str,
        url: httpx.URL,
        hosts: Collection[str],
        authorisation: dict[str, str],
        options: dict[str, Any],
    ) -> Iterator[httpx.Response]:
        for _ in range(MAX_REDIRECTS + 1):
            response = self._ask(client, method, url, hosts, authorisation, options)
            try:
                if method != "GET" or not response.has_redirect_location:
                    yield response
                    return
            finally:
                response.close()
            url = url.join(response.headers["Location"])
            options = {name: value for name, value in options.items() if name != "params"}
        raise Forbidden(url.host)

    def _ask(
        self,
        client: httpx.Client,
        method: str,
        url: httpx.URL,
        hosts: Collection[str],
        authorisation: dict[str, str],
        options: dict[str, Any],
    ) -> httpx.Response:
        """The open response of one request, if it may be made at all."""
        if _origin(url) in self._origins:
            sent = _with_headers(options, authorisation | self._context())
            return client.send(client.build_request(method, url, **sent), stream=True)
        if url.scheme != "https" or url.userinfo or not _named(url, hosts):
            raise Forbidden(url.host)
        trouble: httpx.TransportError | None = None
        for address in _checked_addresses(url):
            request = client.build_request(
                method,
                url.copy_with(host=address),
                **_with_headers(options, {"Host": url.netloc.decode("ascii")}),
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
            )
            try:
                return client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing has left: the next may do
                trouble = error
        raise trouble or httpx.ConnectError(f"{url.host} has no address")


@cache
def _tls() -> ssl.SSLContext:
    """Whom to trust: dear to make, and the same for all."""
    return httpx.create_ssl_context()


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host.lower(), url.port or {"http": 80, "https": 443}.get(url.scheme)


def _with_headers(options: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return options | {"headers": options.get("headers", {}) | headers}


def _named(url: httpx.URL, hosts: Collection[str]) -> bool:
    """Whether `hosts` names the URL's host and port; without a port 443 is meant."""
    host, port = url.host.lower(), url.port or 443
    for entry in hosts:
        name, _, wanted = entry.lower().partition(":")
        if port == int(wanted or 443) and (host == name or (name.startswith("*.") and host.endswith(name[1:]))):
            return True
    return False


def _checked_addresses(url: httpx.URL) -> list[str]:
    """The addresses of a file host, if all of them are public."""
    try:
        found = socket.getaddrinfo(url.raw_host.decode("ascii"), url.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx.ConnectError(f"{url.host} can't be resolved") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not all(is_public(address) for address in addresses):
        raise Forbidden(url.host)
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
