/*
 * source_syslog.c - accepts, and keeps all goroutines of a syslog source together
 *
 * See listeners.h.  At the end the doors are shut first, so that nobody is left in a queue who
 * believes to have been heard; then the connections are told.
 */
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "listeners.h"

void
syslog_gripe(struct syslog_run *r, struct gripe *g, int err, const char *fmt, ...)
{
	int64_t now = weft_now();
	char text[400];
	uint64_t more;
	bool tell;
	va_list ap;

	weft_mutex_lock(&g->lock);
	tell = !g->told || now - g->told >= 60 * WEFT_SECOND;
	more = g->more;
	if (tell)
		g->told = now ? now : 1;
	g->more = tell ? 0 : more + 1;
	weft_mutex_unlock(&g->lock);
	if (!tell)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (more)
		r->in->tell(r->in, err, "%s (and %llu times more since the last message)", text,
		    (unsigned long long)more);
	else
		r->in->tell(r->in, err, "%s", text);
}

static void
serve(struct syslog_run *r, struct syslog_socket *s, weft_conn *c)
{
	weft_waitgroup_add(&r->end, 1);
	if (s->kind == SYSLOG_TLS)
		weft_go_stack(TLS_STACK, syslog_connection, r, s, c);
	else
		weft_go(syslog_connection, r, s, c);
}

/* A permit first: whoever finds none waits in the kernel's queue, and so do its bytes. */
static int
accept_one(weft_ctx *ctx, struct syslog_run *r, struct syslog_socket *s, weft_conn **c)
{
	int err;

	if (!weft_semaphore_try_acquire(r->room, 1)) {
		syslog_gripe(r, &r->full, 0, "%s: there are %d connections, the most there may be;"
		    " others wait", s->address, r->sockets->most);
		err = weft_semaphore_acquire(ctx, r->room, 1);
		if (err)
			return err;
	}
	err = weft_accept(ctx, s->listener, c);
	if (err)
		weft_semaphore_release(r->room, 1);
	return err;
}

/*
 * From here on nobody gets into the queue: a peer whose bytes the kernel acknowledges there, and
 * then forgets, would have lost them.  TCP's packets to the listener are dropped, which its peers
 * take for a bad line, until the port is closed; unix peers are refused.
 */
static void
shut_door(struct syslog_socket *s)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog all = { 1, &drop };
	int fd = weft_listener_fd(s->listener);

	if (s->kind == SYSLOG_UNIX)
		shutdown(fd, SHUT_RD);
	else
		setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof(all));
}

/* Those who came before are connected, as far as they know, and may have sent. */
static void
accept_last(struct syslog_run *r, struct syslog_socket *s)
{
	weft_ctx *soon = weft_with_timeout(NULL, 10 * WEFT_MS);
	weft_conn *c;

	shut_door(s);
	for (int n = 0; n < r->sockets->most && !accept_one(soon, r, s, &c); n++)
		serve(r, s, c);
	weft_ctx_free(soon);
	weft_listener_close(s->listener);
	s->listener = NULL;
	weft_waitgroup_done(&r->doors);
}

static void
accept_all(struct syslog_run *r, struct syslog_socket *s)
{
	weft_conn *c;
	int err;

	while (!weft_err(r->ctx)) {
		err = accept_one(r->ctx, r, s, &c);
		if (!err) {
			serve(r, s, c);
		} else if (!weft_err(r->ctx)) {
			/* no descriptors, no memory: both come back */
			syslog_gripe(r, &r->accept, err, "%s: a connection was not accepted: %s; "
			    "will go on trying", s->address, strerror(-err));
			weft_sleep_ctx(r->ctx, WEFT_SECOND / 4);
		}
	}
	accept_last(r, s);
	weft_waitgroup_done(&r->end);
}

static void
receive_all(struct syslog_run *r, struct syslog_socket *s)
{
	syslog_datagrams(r, s);
	weft_waitgroup_done(&r->end);
}

void
source_syslog_run(weft_ctx *ctx, struct intake *in, struct syslog_sockets *s,
    const struct weft_source_options *o)
{
	struct syslog_run *r = xcalloc(1, sizeof(*r));

	r->in = in;
	r->o = o;
	r->sockets = s;
	r->ctx = ctx;
	r->halves.most = SYSLOG_HALVES;
	/* whoever waits in accept has a permit already */
	r->room = weft_semaphore_new(s->most + s->n - 1);
	weft_waitgroup_add(&r->end, s->n);
	for (int i = 0; i < s->n; i++) {
		if (s->all[i].listener) {
			weft_waitgroup_add(&r->doors, 1);
			weft_go(accept_all, r, &s->all[i]);
		} else {
			weft_go(receive_all, r, &s->all[i]);
		}
	}
	weft_waitgroup_wait(&r->end);
	weft_semaphore_free(r->room);
	free(r);
}
