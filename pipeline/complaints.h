/*
 * complaints.h - what is wrong with a file that somebody wrote, each with its place
 *
 *	app.yaml:4:12: "drain" must be a duration, such as 30s, not "soon"
 *
 * All of them are collected, so that they can be mended in one go; the text has them in the
 * order of the file, at most COMPLAINTS of them, and says how many more there are.
 */
#ifndef WEFT_PIPELINE_COMPLAINTS_H
#define WEFT_PIPELINE_COMPLAINTS_H

#include "base/buf.h"

#define COMPLAINTS 20

struct spot { int line, col; };	/* from 1; line 0: the file as a whole */

struct complaint { struct spot at; int order; char *text; };
struct complaints {
	const char	*file;			/* borrowed */
	struct complaint list[COMPLAINTS];
	int		 n, more;
};

void	complain(struct complaints *c, struct spot at, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* A line for each; sorts them. */
void	complaints_text(struct complaints *c, struct buf *out);
void	complaints_finish(struct complaints *c);

/*
 * The one among names that somebody meant who typed text, or NULL: few letters are wrong,
 * left out, added, or swapped.  name gives the i-th name, NULL after the last.
 */
const char *meant(const char *text, const char *(*name)(const void *arg, int i),
	    const void *arg);

#endif
