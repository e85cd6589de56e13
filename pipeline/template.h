/*
 * template.h - names with times and sources in them
 *
 *	/data/%Y%m%d/{source}-{host}.log
 *
 * %Y %m %d %H %M are local time, %% is a percent sign, {source} and {host} are put in as the
 * style says: what comes from a log must not choose a directory or break a syntax.
 */
#ifndef WEFT_PIPELINE_TEMPLATE_H
#define WEFT_PIPELINE_TEMPLATE_H

#include "base/buf.h"

enum template_style {
	TEMPLATE_PATH,		/* one component of a path: no '/', no leading dots */
	TEMPLATE_INDEX,		/* Elasticsearch's rules: lower case, few signs */
	TEMPLATE_AS_IS
};

struct template {
	char		*text;
	int		 style;
	bool		 timed, named;	/* has a % or a {} in it */
	/* how long the time below is good: the offset of local time moves at quarters of an hour */
	int64_t		 minute;
	int		 year, month, day, hour, min;
};

/* 0, or -EINVAL and a sentence. */
int	template_init(struct template *t, const char *text, int style, struct buf *err);
void	template_finish(struct template *t);
/* Appends it; source and host may be NULL. */
void	template_expand(struct template *t, struct buf *out, int64_t ns, const char *source,
	    const char *host);
/* ${NAME} of the environment; -EINVAL and a sentence if there is none. */
int	template_environment(struct buf *out, const char *text, struct buf *err);

/* Seconds that local time is ahead of UTC at ns since 1970. */
int64_t	template_offset(int64_t ns);

#endif
