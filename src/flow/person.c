/* SPDX-License-Identifier: MIT */
#include "flow/person.h"

#include "base/text.h"
#include "io/browser.h"
#include "io/terminal.h"

/* both: the client of a person's settings is a public one, most often */
#define OWN_CLIENT "a client of its own: set MLFLOW_TRACKING_OIDC_CLIENT_ID and MLFLOW_TRACKING_OIDC_CLIENT_SECRET"

enum moidc_code person_check(const struct call *call, struct moidc_err *err)
{
    const char *ci = env_get(call->env, "CI");

    if (ci != NULL && !text_equal_nocase(ci, "false") && !text_equal_nocase(ci, "0")) {
        err_set(err, MOIDC_E_LOGIN_REQUIRED, "a person has to sign in, and nobody is here to: CI is set");
        err_where(err, "environment variable CI");
        return err_next(err, "give the job " OWN_CLIENT);
    }
    if (call->ui == NULL || call->ui->show == NULL ||
        (!browser_available(call->env) && !terminal_present() && !call->ui->notebook)) {
        err_set(err, MOIDC_E_LOGIN_REQUIRED,
                "a person has to sign in, and nobody is here to: no browser, no display "
                "and no terminal");
        err_where(err, "environment variables BROWSER and DISPLAY");
        return err_next(err, "run mlflow-oidc login in a terminal first, or give a job " OWN_CLIENT);
    }
    return MOIDC_OK;
}
