/* SPDX-License-Identifier: MIT */
/* The environment of a program that is started for the user: MLflow's variables name the server and one credential, and
 * none that would win over it is left. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include "mlflow_oidc.h"

#include <stdbool.h>

/* True where MLFLOW_TRACKING_TOKEN reaches `server` in the header that it wants; else that has been told. */
bool environment_serves(const struct moidc_server *server);

/* A copy of our own environment with MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN set and without MLFLOW_TRACKING_OIDC_*,
 * and without other credentials for the server. `by_proxy`: `uri` is the local proxy, which no other proxy is to stand
 * before; the server's certificates do not matter to it.
 * The caller's, environment_free(). NULL when memory is out. */
char **environment_for(const char *uri, const char *token, bool by_proxy);
void environment_free(char **environment);

#endif
