/* SPDX-License-Identifier: MIT */
/* How a person signs in here: browser, code or paste (setting `flow`). */
#ifndef FLOW_SIGN_IN_CHOICE_H
#define FLOW_SIGN_IN_CHOICE_H

#include "flow/session.h"

/* What the choice depends on. */
struct sign_in_place {
    enum moidc_flow wanted; /* not MOIDC_FLOW_SETTINGS */
    bool no_browser;        /* the caller wants none opened */
    bool browser_here;      /* one can be opened, and reaches our loopback */
    bool reader;            /* a person reads what is shown: a terminal or a notebook */
    bool device_offered;    /* the metadata names the endpoint */
};

/* MOIDC_FLOW_BROWSER, _DEVICE or _PASTE. With `auto` a browser where one can be opened here, else the device flow where
 * it is offered, else a browser that somebody opens. */
enum moidc_flow sign_in_choose(const struct sign_in_place *place);

struct sign_in_choice {
    enum moidc_flow flow;
    bool forced; /* by the setting or the caller: nothing else is tried in its place */
};

/* Chooses for `wish`, after provider_discover(). MOIDC_E_CONFIGURATION: what is wanted lacks something, which err
 * names. */
enum moidc_code sign_in_choice_of(const struct session *session, const struct wish *wish, struct sign_in_choice *ret,
                                  struct moidc_err *err) MUST_CHECK;

#endif
