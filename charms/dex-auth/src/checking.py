# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The action check-connectors: everything that can be found out about connectors without applying them."""

import dataclasses
import json

import connectors
import ops
import probes
import reading
import redaction
import references
from charmkit import authorities


class Checking(ops.Object):
    """Answers the action."""

    def __init__(self, charm: ops.CharmBase) -> None:
        super().__init__(charm, "checking")
        self._charm = charm
        self.framework.observe(charm.on["check-connectors"].action, self._on_check_connectors)

    def _on_check_connectors(self, event: ops.ActionEvent) -> None:
        text = event.params.get("content") or str(self._charm.config.get("connectors", ""))
        reference = event.params.get("password-secret", "")
        facts = reading.facts(self.model, self._charm.unit.get_container("dex"), text, reference)
        facts = dataclasses.replace(facts, mock=bool(self._charm.config.get("allow-mock-connectors")))
        try:
            person = _person(event.params.get("username", ""), reference, facts)
            found = connectors.parse(text, facts=facts)
        except connectors.ConnectorError as error:
            event.set_results({"problems": "\n".join(error.problems)})
            event.fail(error.problems[0])
            return
        except ValueError as error:
            event.fail(f"password-secret: {error}")
            return
        questions = probes.Questions(
            person=person,
            saml_metadata=event.params.get("saml-metadata", ""),
            authorities=authorities.read(self._charm).pem,
        )
        reports = probes.check(found.entries, questions, facts.now)
        secrets = {*found.secrets, *([person.password] if person else [])}
        lines = {
            name: [redaction.hide(line, secrets) for line in report.lines] or ["nothing to ask on the network"]
            for name, report in reports.items()
        }
        results = {"checks": json.dumps(lines, indent=2)}
        if found.warnings:
            results["warnings"] = "\n".join(found.warnings)
        event.set_results(results)
        count = sum(report.problems for report in reports.values())
        if count:
            first = next(line for found in lines.values() for line in found if line.startswith("problem: "))
            more = f" (and {count - 1} more, see checks)" if count > 1 else ""
            event.fail(first.removeprefix("problem: ") + more)


def _person(username: str, reference: str, facts: connectors.Facts) -> probes.Person | None:
    """Return who would log in.

    Raises:
        ValueError: the password cannot be read.
    """
    if not username:
        return None
    if reference and not reference.startswith("secret:"):
        raise ValueError("a reference to a secret is expected, secret:<id> or secret:<id>#<key>")
    password = references.resolve(reference, facts.contents or {}, app=facts.app) if reference else ""
    return probes.Person(username=username, password=password)
