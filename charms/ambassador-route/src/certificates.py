# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Where the gateway's certificate comes from: an operator's secret, or the relation certificates."""

import collections.abc
import dataclasses

import config
import envoy
import model
import ops
import tls
from charmkit import pebble, single
from charmlibs.interfaces import tls_certificates

ENDPOINT = "certificates"

Wanted = tuple[str, str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """The certificate, or why there is none.

    Attributes:
        tls: the certificate; None without one.
        complaint: what a person must do.
        waiting: what the gateway waits for.
    """

    tls: model.Tls | None = None
    complaint: str = ""
    waiting: str = ""


class Certificates:
    """Asks for a certificate for each unit, and finds the one to use."""

    def __init__(
        self, charm: ops.CharmBase, container: ops.Container, *, wanted: collections.abc.Callable[[], Wanted]
    ) -> None:
        """Observe the relation.

        Args:
            charm: whose certificate it is.
            container: where it is used.
            wanted: returns the public URL, the name that an operator wants instead of its host, and further hosts.
        """
        self._charm = charm
        self._container = container
        self._wanted = wanted
        self._requirer = tls_certificates.TLSCertificatesRequiresV4(
            charm,
            ENDPOINT,
            certificate_requests=self._requests,
            refresh_events=[charm.on.config_changed, charm.on.update_status],
            key_algorithm=tls_certificates.KeyAlgorithm.ECDSA,
        )
        self.available = self._requirer.on.certificate_available

    def _requests(self, _: object) -> list[tls_certificates.CertificateRequestAttributes]:
        return tls.requests(*self._wanted())

    def find(self, options: config.Config) -> Found:
        """Return the certificate to use."""
        if options.tls_secret_id:
            return self._own(options.tls_secret_id, options.https_port)
        relation = single.relation(self._charm.model, ENDPOINT)
        if relation is None:
            return Found()
        signed, key = self._requirer.get_assigned_certificates()
        if not signed or key is None:
            # A renewed one may be on its way: what is served goes on.
            held = pebble.read(self._container, envoy.SECRETS) if self._container.can_connect() else None
            other = relation.app.name
            return Found(
                tls=envoy.held(held, options.https_port) if held else None,
                waiting=f"Waiting for a certificate from {other}: see juju status {other}",
            )
        chain = [str(signed[0].certificate), *(str(link) for link in signed[0].chain)]
        # Providers differ in whether the chain begins with the certificate.
        text = "\n".join(dict.fromkeys(link.strip() for link in chain))
        try:
            return Found(tls=tls.checked(text, str(key), options.https_port))
        except ValueError as error:
            removal = f"juju remove-relation {self._charm.app.name}:{ENDPOINT} {relation.app.name}"
            return Found(complaint=f"Certificate from {relation.app.name} is not usable, {error}: run {removal}")

    def _own(self, secret: ops.Secret, port: int) -> Found:
        app = self._charm.app.name
        identifier = secret.unique_identifier or ""
        try:
            content = secret.get_content(refresh=True)
        except (ops.SecretNotFoundError, ops.ModelError):
            grant = f"run juju grant-secret {identifier} {app}"
            return Found(complaint=f"tls-secret-id: the secret cannot be read: {grant}")
        try:
            return Found(tls=tls.own(content, port))
        except ValueError as error:
            update = f"run juju update-secret {identifier} tls-crt#file=CHAIN.pem tls-key#file=KEY.pem"
            return Found(complaint=f"tls-secret-id: {error}: {update}")
