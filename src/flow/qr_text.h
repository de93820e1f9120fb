/* SPDX-License-Identifier: MIT */
/* A QR code (ISO/IEC 18004) for a terminal: two modules, one above the other, in each character. */
#ifndef FLOW_QR_TEXT_H
#define FLOW_QR_TEXT_H

#include "base/strbuf.h"

/* Appends the code of `text`, light on dark as most terminals are, with the quiet zone of four modules that readers
 * want; UTF-8, lines of equal width, a line end between them. False, and nothing is appended, where it needs more than
 * `columns`, or where this build has no QR codes. */
bool qr_text_add(struct strbuf *buf, const char *text, int columns);

#endif
