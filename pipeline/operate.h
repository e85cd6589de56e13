/*
 * operate.h - how an operator looks at a pipeline that runs: HTTP, health, control socket
 *
 * Nothing here is on the way of a line.  What is shown is a snapshot (snapshot.h), taken when
 * somebody asks.
 */
#ifndef WEFT_PIPELINE_OPERATE_H
#define WEFT_PIPELINE_OPERATE_H

#include "snapshot.h"
#include "weft/sync.h"

/* Is it well?  Knows how long each output has not moved on, so it must be told of time. */
struct health_limits {
	int64_t	failing;	/* ns; an output may fail for so long */
	int64_t	stalled;	/* and work wait without progress */
	int64_t	errors;		/* an error of a source counts for so long */
};
extern const struct health_limits health_limits;

struct health {
	weft_mutex	 lock;		/* the rest */
	struct progress { char *output; uint64_t settled; int64_t since; } *at;
	int		 n;
};
void	health_watch(struct health *h, const struct snapshot *s, int64_t now);
/* Appends a line for all that is wrong; true: nothing is.  now and since: weft_now. */
bool	health_good(struct health *h, const struct health_limits *limits,
	    const struct snapshot *s, int64_t now, struct buf *why);
void	health_finish(struct health *h);

/*
 * The HTTP server: bounded in connections, bytes and time, so that it can be reached by anyone.
 * open binds, start serves, stop ends both; NULL: nothing.
 */
struct server;
int	server_open(weft_pipeline *p, const char *address, struct server **out, struct buf *err);
void	server_start(struct server *s);
void	server_stop(struct server *s);
const char *server_address(struct server *s);	/* for dialling */

/* What a request is answered with; head: without the body. */
void	server_answer(struct server *s, const char *request, size_t len, struct buf *out);

/* The control socket, STATE/control.sock, for the user the pipeline runs as, and root. */
struct control;
int	control_open(weft_pipeline *p, const char *state, struct control **out, struct buf *err);
void	control_start(struct control *c);
void	control_stop(struct control *c);

/*
 * The other end of it: sends a command, calls f with every line of the answer (with its newline)
 * until f returns false, the answer ends, or ctx.  -ENOENT: nobody runs there.  An error of the
 * other side is -EREMOTEIO, and why has its sentence.
 */
int	control_ask(weft_ctx *ctx, const char *state, const char *command,
	    bool (*f)(const char *line, size_t len, void *arg), void *arg, struct buf *why);

#endif
