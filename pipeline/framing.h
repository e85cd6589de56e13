/*
 * framing.h - where messages begin and end in the bytes of a connection
 *
 * Two ways are in use for syslog over a stream (RFC 6587): a length before each message, or a
 * newline (or a NUL) after it.  A connection keeps to one of them, and its first bytes
 * tell: digits and a blank are a length, anything else is text.  Empty messages are none.
 *
 * A third one is for text that is no syslog: lines as split.c finds them.
 */
#ifndef WEFT_PIPELINE_FRAMING_H
#define WEFT_PIPELINE_FRAMING_H

#include "source.h"

enum framing_kind { FRAMING_UNKNOWN, FRAMING_NEWLINES, FRAMING_OCTETS, FRAMING_TEXT };

struct framing {
	int		 kind;
	size_t		 max;		/* longer messages are cut, or refused */
	size_t		 searched;	/* newlines: bytes without an end */
	size_t		 need;		/* octets: bytes until the message is whole */
	bool		 cut;		/* the last line was a piece: the next is its rest */
	const char	*broken;	/* why nothing more can be understood, or NULL */
	/* text */
	struct multiline *multiline;
	struct scratch	*scratch;
	uint64_t	 ncut;
};

/* Is there something to cut off?  rest is what has come and is not in a batch yet. */
bool	framing_whole(struct framing *f, const struct buf *rest);
/*
 * Finds the messages in b->bytes, from its beginning; if final, the last one need not be whole.
 * Returns how many bytes they take; not 0 when final.
 */
size_t	framing_cut(struct framing *f, struct batch *b, bool final);

/* A message without what ends it: newlines, CR and NUL. */
static inline size_t message_length(const char *p, size_t n)
{
	while (n && (p[n - 1] == '\n' || p[n - 1] == '\r' || p[n - 1] == '\0'))
		n--;
	return n;
}

/*
 * Where a message that came from elsewhere lacks its host, as RFC 3164 has it: the offset at
 * which to put it, and whether a time is missing too.  False: it has a host, or is no RFC 3164.
 */
bool	framing_lacks_host(const char *text, size_t len, size_t *at, bool *time);

#endif
