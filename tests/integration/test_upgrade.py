# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""From charms that were packed before to those that are here."""

import contextlib
import pathlib

import deployed


def test_an_upgrade_loses_no_session_and_no_password(
    model: deployed.Deployed, previous: dict[str, dict], charms: dict[str, dict], scratch: pathlib.Path
):
    model.deploy(previous, scratch)
    credentials = model.credentials()
    session, page = model.login(*credentials)
    with contextlib.closing(session):
        before = deployed.asked(page)["kubeflow-userid"]
        for application, new in charms.items():
            model.juju.refresh(application, path=new["charm"], resources=new["resources"])
            model.settle()
            model.answers(session, 200)
        assert deployed.asked(session.get("/"))["kubeflow-userid"] == before
    assert model.credentials() == credentials
    model.logs_in(*credentials)
