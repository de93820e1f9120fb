/* SPDX-License-Identifier: MIT */
#include "io/terminal.h"

#include <unistd.h>

bool terminal_present(void)
{
    return isatty(STDERR_FILENO) == 1 || isatty(STDIN_FILENO) == 1;
}
