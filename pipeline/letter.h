/*
 * letter.h - dead letters: lines that could not be understood or delivered
 *
 *	{"host":"h","source":"s","seq":7,"stream":"/var/log/x","reason":"...","output":"o",
 *	 "line":"..."}
 *
 * in one line.  The bytes are "line" when they are UTF-8, else "base64", so that parsing gives
 * back exactly those.
 */
#ifndef WEFT_PIPELINE_LETTER_H
#define WEFT_PIPELINE_LETTER_H

#include <stdint.h>

#include "base/buf.h"

struct letter {
	const char	*host, *source;
	const char	*stream, *output;	/* NULL: none */
	const char	*reason;
	uint64_t	 seq;
	const char	*text;
	size_t		 len;
};

/* Appends it, with a newline. */
void	letter_render(struct buf *out, const struct letter *l);
/*
 * Reads one, with or without its newline.  The texts are in room, which is overwritten, and end in
 * a NUL.  Members it does not know are left out.  -EINVAL: it is no letter.
 */
int	letter_parse(const char *text, size_t len, struct letter *l, struct buf *room);

#endif
