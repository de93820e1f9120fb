/* SPDX-License-Identifier: MIT */
/* The man page mlflow-oidc(1), from the tables that --help and the settings come from. */
#ifndef MANUAL_H
#define MANUAL_H

/* Writes it to the standard output, for man(7). */
void manual_write(void);

#endif
