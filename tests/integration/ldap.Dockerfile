# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
# What --ldap-image asks for; the tests bring the configuration and the people.
FROM debian:12-slim
RUN apt-get update && apt-get install --yes --no-install-recommends slapd && rm -rf /var/lib/apt/lists/*
