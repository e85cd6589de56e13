/*
 * outname.h - names with times and sources in them
 *
 *	/data/%Y%m%d/{source}-{host}.log
 *
 * %Y %m %d %H %M are local time, %% is a percent sign, {source} and {host} are put in as the
 * style says: what comes from a log must not choose a directory or break a syntax.
 */
#ifndef WEFT_PIPELINE_OUTNAME_H
#define WEFT_PIPELINE_OUTNAME_H

#include "base/buf.h"

enum outname_style {
	OUTNAME_PATH,		/* one component of a path: no '/', no leading dots */
	OUTNAME_INDEX,		/* Elasticsearch's rules: lower case, few signs */
	OUTNAME_AS_IS
};

struct outname {
	char		*text;
	int		 style;
	bool		 timed, named;	/* has a % or a {} in it */
	/* how long the time below is good: the offset of local time moves at quarters of an hour */
	int64_t		 minute;
	int		 year, month, day, hour, min;
};

/* 0, or -EINVAL and a sentence. */
int	outname_init(struct outname *t, const char *text, int style, struct buf *err);
void	outname_finish(struct outname *t);
/* Appends it; source and host may be NULL. */
void	outname_expand(struct outname *t, struct buf *out, int64_t ns, const char *source,
	    const char *host);
/* ${NAME} of the environment; -EINVAL and a sentence if there is none. */
int	outname_environment(struct buf *out, const char *text, struct buf *err);

/* Seconds that local time is ahead of UTC at ns since 1970. */
int64_t	outname_offset(int64_t ns);

#endif
