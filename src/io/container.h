/* SPDX-License-Identifier: MIT */
/* Whether this machine is one inside of another. */
#ifndef IO_CONTAINER_H
#define IO_CONTAINER_H

#include "base/environment.h"

/* True in a container of Docker, Podman or Kubernetes, by the marks that they leave: a browser that is opened there does
 * not share its loopback with the person's. */
bool container_present(const struct moidc_env *env);

#endif
