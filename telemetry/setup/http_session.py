"""A session of `requests` for the SDK's exporters over HTTP, which keeps to the certificates that it is given."""

from __future__ import annotations

from typing import Any

import requests


class OwnCertificates(requests.Session):
    """By default `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE` replace them, if the environment has one."""

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        given = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, given, cert)
