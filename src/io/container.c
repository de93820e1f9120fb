/* SPDX-License-Identifier: MIT */
#include "io/container.h"

#include <unistd.h>

bool container_present(const struct moidc_env *env)
{
    return env_get(env, "KUBERNETES_SERVICE_HOST") != NULL || access("/.dockerenv", F_OK) == 0 ||
           access("/run/.containerenv", F_OK) == 0;
}
