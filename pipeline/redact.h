/* redact.h - where in a text are e-mail addresses, card numbers, IP addresses, tokens */
#ifndef WEFT_PIPELINE_REDACT_H
#define WEFT_PIPELINE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

struct stretch { size_t from, to; };

/*
 * The first one at or after from.  What stands before from and after the span is looked at:
 * digits that go on are no card.  A text without any costs little: see each.
 */
typedef bool redact_find_fn(const char *p, size_t len, size_t from, struct stretch *out);
redact_find_fn redact_email, redact_card, redact_ipv4, redact_ipv6, redact_bearer;

redact_find_fn *redact_find(const char *what);	/* by name; NULL: no such kind */
extern const char *const redact_names[];	/* ended by NULL */

#endif
