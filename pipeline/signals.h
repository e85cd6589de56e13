/*
 * signals.h - SIGINT and SIGTERM stop, SIGHUP reloads
 *
 * The first stop is told to a function; the second one must work even if everything
 * hangs, so it ends the process right in the handler, with 128 + signal.  That is safe at any
 * moment: what is in the state directory bears kill -9.
 */
#ifndef WEFT_PIPELINE_SIGNALS_H
#define WEFT_PIPELINE_SIGNALS_H

#include "weft/weft.h"

struct signals {
	void	(*stop)(void *arg);	/* once */
	void	(*reload)(void *arg);	/* NULL: SIGHUP stops, too */
	void	*arg;
};

/* From now on; SIGPIPE is ignored.  0, or a negative errno. */
int	signals_catch(bool reload);
/* Tells of signals until life is cancelled; in a goroutine of its own. */
void	signals_watch(weft_ctx *life, const struct signals *s);

#endif
