# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""External authorization service: answers a gateway's checks, and logs people in with OpenID Connect."""
