/* far.c - servers that take lines into a file; see far.h */
#include "far.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP (64 << 10)

static void
keep(struct far *f, const char *data, size_t n)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += data[i] == '\n';
	weft_mutex_lock(&f->lock);
	REQUIRE(write(f->fd, data, n) == (ssize_t)n);
	weft_mutex_unlock(&f->lock);
	f->lines += lines;
}

static void
keep_lines(struct far *f, struct buf *b)
{
	char *end = b->len ? memrchr(b->data, '\n', b->len) : NULL;
	size_t n = end ? end - b->data + 1 : 0;

	if (!n)
		return;
	keep(f, b->data, n);
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

static void
take_lines(struct far *f, weft_conn *c)
{
	struct buf b = { 0 };
	weft_ctx *ctx = f->ctx;
	ssize_t n;

	for (;;) {
		buf_grow(&b, STEP);
		n = weft_read(ctx, c, b.data + b.len, STEP);
		if (n == -ECANCELED && ctx) {
			shutdown(weft_conn_fd(c), SHUT_WR);
			ctx = NULL;		/* what comes still, until the other side ends */
			continue;
		}
		if (n <= 0)
			break;
		b.len += n;
		keep_lines(f, &b);
	}
	buf_finish(&b);
}

/* A request, whole, or nothing of it. */
static bool
take_request(struct far *f, weft_conn *c, struct buf *b)
{
	size_t length = 0, head = 0;
	char *end, *at, answer[100];
	ssize_t n;

	b->len = 0;
	while (!head || b->len < head + length) {
		buf_grow(b, STEP + 1);
		n = weft_read(f->ctx, c, b->data + b->len, STEP);
		if (n <= 0)
			return false;
		b->len += n;
		b->data[b->len] = '\0';
		if (!head && (end = strstr(b->data, "\r\n\r\n"))) {
			at = strstr(b->data, "Content-Length: ");
			length = at ? strtoul(at + 16, NULL, 10) : 0;
			head = end + 4 - b->data;
		}
	}
	if (!f->status)
		keep(f, b->data + head, length);
	snprintf(answer, sizeof(answer), "HTTP/1.1 %d Word\r\nContent-Length: 0\r\n\r\n",
	    f->status ? f->status : 200);
	return weft_write(f->ctx, c, answer, strlen(answer)) > 0;
}

static void
serve(struct far *f, weft_conn *c)
{
	struct buf b = { 0 };

	if (f->deaf) {
		weft_select(weft_on_done(f->ctx));
		take_lines(f, c);
	} else if (f->http) {
		while (take_request(f, c, &b))
			;
		buf_finish(&b);
	} else {
		take_lines(f, c);
	}
	weft_conn_close(c);
}

/* Nobody else gets in, and those who are in line are served: their bytes were acknowledged. */
static void
accept_last(struct far *f)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog all = { 1, &drop };
	weft_ctx *soon = weft_with_timeout(NULL, 10 * WEFT_MS);

	setsockopt(weft_listener_fd(f->l), SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof(all));
	for (weft_conn *c; weft_accept(soon, f->l, &c) == 0; )
		weft_waitgroup_go(&f->running, serve, f, c);
	weft_ctx_free(soon);
}

static void
listen_on(struct far *f)
{
	for (weft_conn *c; weft_accept(f->ctx, f->l, &c) == 0; )
		weft_waitgroup_go(&f->running, serve, f, c);
	accept_last(f);
}

/*
 * The address is for coming back to: not one of those that the system gives to connections, for it
 * might give it to another test's while we are away.
 */
static int
listen_somewhere(struct far *f)
{
	char any[120];
	int err = -EADDRINUSE;

	snprintf(any, sizeof(any), "tcp://%s", f->addr);
	if (*f->addr)
		return weft_listen(NULL, any, &f->l);
	for (int i = 0; i < 100 && err == -EADDRINUSE; i++) {
		snprintf(any, sizeof(any), "tcp://127.0.0.1:%d",
		    10000 + (int)((weft_random() >> 32) % 20000));
		err = weft_listen(NULL, any, &f->l);
	}
	return err;
}

void
far_come(struct far *f)
{
	if (!f->fd)
		f->fd = open(lab_path(f->lab, f->name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		    0600);
	REQUIRE(f->fd > 0 && listen_somewhere(f) == 0);
	snprintf(f->addr, sizeof(f->addr), "%s", weft_listener_addr(f->l) + 6);
	f->ctx = weft_with_cancel(NULL);
	weft_waitgroup_go(&f->running, listen_on, f);
}

void
far_go(struct far *f)
{
	if (!f->l)
		return;
	weft_cancel(f->ctx);
	weft_waitgroup_wait(&f->running);
	weft_listener_close(f->l);
	weft_ctx_free(f->ctx);
	f->l = NULL;
}

void
far_finish(struct far *f)
{
	far_go(f);
	close(f->fd);
}
