/* SPDX-License-Identifier: MIT */
/* Whether a person can be asked to sign in here (contract: Sign-in). */
#ifndef FLOW_PERSON_H
#define FLOW_PERSON_H

#include "flow/provider.h"

/* MOIDC_OK, or MOIDC_E_LOGIN_REQUIRED with the reason and what to do: `CI` is set, or there is no browser, no display
 * and neither a terminal nor a notebook. */
enum moidc_code person_check(const struct call *call, struct moidc_err *err) MUST_CHECK;

#endif
