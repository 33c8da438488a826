"""Sessions of `requests` for the SDK's exporters over HTTP."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from slashspan.exporters.common import at_fork
from slashspan.exporters.common.at_fork import ForkAware


class OwnConnections(requests.Session, ForkAware):
    """A forked child connects anew: on an open connection of its parent, requests and answers of both would mix."""

    def __init__(self) -> None:
        super().__init__()
        at_fork.register(self)

    def after_fork_in_child(self) -> None:
        for prefix in list(self.adapters):
            self.mount(prefix, HTTPAdapter())


class OwnCertificates(OwnConnections):
    """Keeps to the certificates that it is given. By default `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE` replace them, if
    the environment has one."""

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        given = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, given, cert)
