/* SPDX-License-Identifier: MIT */
/* Code of libcurl and OpenSSL runs inside this gate, so that fork() never copies it half-way through with its locks
 * held. Nobody waits inside it for the network. */
#ifndef BASE_FORK_GATE_H
#define BASE_FORK_GATE_H

void fork_gate_enter(void);
void fork_gate_leave(void);
/* In the child: the gate is open again. */
void fork_gate_reset(void);

#endif
