# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the hooks that it ran, and what it saw in them, into its unit databags."""

import json

import config
import ops


class ProbeCharm(ops.CharmBase):
    """Records what happens to it."""

    stored = ops.StoredState()

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self.stored.set_default(hooks="[]")
        for name, event in self.on.events().items():
            if not name.endswith("_action") and name not in ("collect_unit_status", "collect_app_status"):
                framework.observe(event, self._on_event)
        framework.observe(self.on.greet_action, self._on_greet)
        framework.observe(self.on.refuse_action, self._on_refuse)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_event(self, event: ops.EventBase) -> None:
        name = type(event).__name__.removesuffix("Event")
        self.stored.hooks = json.dumps([*json.loads(str(self.stored.hooks)), name])
        if isinstance(event, ops.ConfigChangedEvent) and self.config["raise"]:
            raise RuntimeError("as it was told to")
        if isinstance(event, ops.RelationEvent) and event.relation.name == "use":
            self._use(event)
        if self.unit.is_leader():
            self._serve(event)

    def _use(self, event: ops.RelationEvent) -> None:
        bag = event.relation.data[event.app]
        seen = {"greeting": bag.get("greeting", ""), "hook": type(event).__name__}
        if bag.get("secret-id"):
            seen["secret"] = self.model.get_secret(id=bag["secret-id"]).get_content(refresh=True)["key"]
        if not isinstance(event, ops.RelationBrokenEvent):
            event.relation.data[self.unit]["seen"] = json.dumps(seen)
        else:
            for relation in self.model.relations["peers"]:
                relation.data[self.unit]["broken"] = bag.get("greeting", "")

    def _serve(self, event: ops.EventBase) -> None:
        for relation in self.model.relations["serve"]:
            if isinstance(event, ops.RelationBrokenEvent) and event.relation.id == relation.id:
                continue
            relation.data[self.app]["greeting"] = str(self.config["text"])
            secret = self._secret()
            secret.grant(relation)
            relation.data[self.app]["secret-id"] = secret.id or ""

    def _secret(self) -> ops.Secret:
        content = {"key": f"secret {self.config['text']}"}
        try:
            secret = self.model.get_secret(label="own")
        except ops.SecretNotFoundError:
            return self.app.add_secret(content, label="own")
        if secret.peek_content() != content:
            secret.set_content(content)
        return self.model.get_secret(id=secret.get_info().id)

    def _on_greet(self, event: ops.ActionEvent) -> None:
        event.set_results({"text": " ".join([f"hello {event.params['name']}"] * event.params["times"])})

    def _on_refuse(self, event: ops.ActionEvent) -> None:
        event.fail("not today")

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        event.add_status(ops.ActiveStatus(config.NAME))


if __name__ == "__main__":
    ops.main(ProbeCharm)
