/*
 * control.c - the control socket: commands in lines, answers in lines of JSON; see operate.h
 *
 *	ledger			a row a line
 *	counts			everything, in one line
 *	tap step|source|output NAME [where EXPR]
 *				records, and every second {"seen":n,"shown":n,"missed":n}, until
 *				the client closes
 *	replay PATH		dead letters through the pipeline again, see replay.c
 *
 * An answer ends with an empty line; {"error":"sentence"} is one, too.  A connection takes
 * one command after the other.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "operate.h"
#include "stage.h"
#include "weft/net.h"
#include "weft/time.h"

#define COMMAND		16384	/* bytes at most */
#define CLIENTS		32
#define STACK		(256 << 10)	/* PCRE2 compiles the expressions of taps */

struct control {
	weft_pipeline	*p;
	weft_listener	*l;
	weft_ctx	*life;
	weft_waitgroup	 running;
	atomic_int	 clients;
};

struct client {
	struct control	*control;
	weft_conn	*conn;
	weft_ctx	*ctx;		/* ends with the control, or when the client has gone */
	struct buf	 in, out;
};

static void
socket_path(const char *state, struct buf *out)
{
	buf_printf(out, "unix:%s/control.sock", state);
}

static bool
fits(struct buf *addr)
{
	return addr->len - strlen("unix:") < sizeof(((struct sockaddr_un *)0)->sun_path);
}

/* The directory is ours (state.c locks it), so a socket there is one that a dead process left. */
int
control_open(weft_pipeline *p, const char *state, struct control **out, struct buf *err)
{
	struct buf addr = { 0 };
	struct control *c;
	weft_listener *l;
	int e = 0;

	socket_path(state, &addr);
	if (!fits(&addr)) {
		pipeline_tell(p, "%s/control.sock is too long a name for a socket; top, tap and "
		    "replay cannot reach this process", state);
		buf_finish(&addr);
		*out = NULL;
		return 0;
	}
	e = weft_listen(NULL, buf_str(&addr), &l);
	if (!e && chmod(buf_str(&addr) + strlen("unix:"), 0600) < 0) {
		e = -errno;
		weft_listener_close(l);
	}
	if (e) {
		buf_printf(err, "cannot listen at %s/control.sock: %s", state, strerror(-e));
	} else {
		c = xcalloc(1, sizeof(*c));
		c->p = p;
		c->l = l;
		*out = c;
	}
	buf_finish(&addr);
	return e;
}

static int
flush(struct client *c)
{
	ssize_t n = weft_write(c->ctx, c->conn, c->out.data, c->out.len);

	c->out.len = 0;
	return n < 0 ? (int)n : 0;
}

static void
add_error(struct client *c, const char *text)
{
	buf_adds(&c->out, "{\"error\":");
	render_string(&c->out, text, strlen(text));
	buf_adds(&c->out, "}\n");
}

static void
add_count(struct buf *out, const char *name, uint64_t n)
{
	buf_printf(out, ",\"%s\":", name);
	render_number(out, n);
}

static void
answer_ledger(struct client *c)
{
	struct weft_ledger_row *rows;
	struct snapshot s;

	snapshot_take(c->control->p, &s);
	rows = xcalloc(s.count[SNAP_LEDGER] + 1, sizeof(*rows));
	snapshot_ledger(&s, rows);
	for (int i = 0; i < s.count[SNAP_LEDGER]; i++)
		ledger_json(&rows[i], &c->out);
	free(rows);
	snapshot_finish(&s);
}

static void
answer_counts(struct client *c)
{
	struct snapshot s;

	snapshot_take(c->control->p, &s);
	snapshot_json(&s, &c->out);
	snapshot_finish(&s);
}

/* "step NAME where EXPR"; changes the text. */
static int
parse_tap(char *text, int *place, char **name, char **where)
{
	static const char *const places[] = {
		[TAP_STEP] = "step ", [TAP_SOURCE] = "source ", [TAP_OUTPUT] = "output "
	};

	for (*place = 0; *place < 3; ++*place)
		if (strncmp(text, places[*place], strlen(places[*place])) == 0)
			break;
	if (*place == 3)
		return -EINVAL;
	*name = text + strlen(places[*place]);
	*where = strstr(*name, " where ");
	if (*where) {
		**where = '\0';
		*where += strlen(" where ");
	}
	return 0;
}

static void
add_tap_counts(struct client *c, struct tap *t)
{
	struct tap_counts n;

	tap_counts(t, &n);
	buf_adds(&c->out, "{\"tap\":");
	buf_adds(&c->out, tap_exists(c->control->p, t) ? "true" : "false");
	add_count(&c->out, "seen", n.seen);
	add_count(&c->out, "shown", n.shown);
	add_count(&c->out, "missed", n.missed);
	buf_adds(&c->out, "}\n");
}

/* What is there goes in one write; the counts come once a second, and tell that we live. */
static void
send_records(struct client *c, struct tap *t)
{
	int64_t next = weft_now();
	int got = 0;

	do {
		if (weft_now() >= next) {
			add_tap_counts(c, t);
			next = weft_now() + WEFT_SECOND;
		}
		if (c->out.len && flush(c))
			return;
		got = tap_next(c->ctx, t, next, &c->out);
		while (got > 0 && c->out.len < 65536)
			if (tap_next(c->ctx, t, 0, &c->out) <= 0)
				break;
	} while (got >= 0);
}

/* Whoever taps says nothing more: when there is something to read, it has gone. */
static void
watch_gone(struct client *c)
{
	char byte;

	if (weft_read(c->ctx, c->conn, &byte, 1) >= 0)
		weft_cancel(c->ctx);
}

static void
answer_tap(struct client *c, char *text)
{
	struct buf err = { 0 };
	weft_waitgroup watching = { 0 };
	struct tap *t;
	char *name, *where;
	int place;

	if (parse_tap(text, &place, &name, &where)) {
		add_error(c, "tap what? step NAME, source NAME or output NAME");
		return;
	}
	if (tap_open(c->control->p, place, name, where, &t, &err)) {
		add_error(c, buf_str(&err));
		buf_finish(&err);
		return;
	}
	weft_waitgroup_go(&watching, watch_gone, c);
	send_records(c, t);
	weft_cancel(c->ctx);
	weft_waitgroup_wait(&watching);
	tap_close(c->control->p, t);
}

static void
answer_replay(struct client *c, const char *path)
{
	struct weft_replay_counts n;
	struct buf err = { 0 };

	if (replay_file(c->control->p, path, &n, &err)) {
		add_error(c, buf_str(&err));
	} else {
		buf_adds(&c->out, "{\"replay\":true");
		add_count(&c->out, "letters", n.letters);
		add_count(&c->out, "skipped", n.skipped);
		buf_adds(&c->out, "}\n");
	}
	buf_finish(&err);
}

static void
answer(struct client *c, char *command)
{
	if (strcmp(command, "ledger") == 0)
		answer_ledger(c);
	else if (strcmp(command, "counts") == 0)
		answer_counts(c);
	else if (strncmp(command, "tap ", 4) == 0)
		answer_tap(c, command + 4);
	else if (strncmp(command, "replay ", 7) == 0)
		answer_replay(c, command + 7);
	else
		add_error(c, "the commands are ledger, counts, tap and replay");
	buf_addc(&c->out, '\n');
}

/* The next line, without its newline; NULL: there is none any more. */
static char *
next_command(struct client *c, size_t *used)
{
	char *eol;

	memmove(c->in.data, c->in.data + *used, c->in.len - *used);
	c->in.len -= *used;
	*used = 0;
	while (!(eol = memchr(c->in.data, '\n', c->in.len))) {
		ssize_t n;

		if (c->in.len == COMMAND)
			return NULL;
		n = weft_read(c->ctx, c->conn, c->in.data + c->in.len, COMMAND - c->in.len);
		if (n <= 0)
			return NULL;
		c->in.len += n;
	}
	*eol = '\0';
	*used = eol + 1 - c->in.data;
	return c->in.data;
}

static void
serve_client(struct control *control, weft_conn *conn)
{
	struct client c = {
		.control = control, .conn = conn, .ctx = weft_with_cancel(control->life)
	};
	size_t used = 0;
	char *command;

	buf_grow(&c.in, COMMAND);
	while (!weft_err(c.ctx) && (command = next_command(&c, &used))) {
		answer(&c, command);
		if (flush(&c))
			break;
	}
	weft_conn_close(conn);
	weft_ctx_free(c.ctx);
	buf_finish(&c.in);
	buf_finish(&c.out);
	atomic_fetch_sub(&control->clients, 1);
	weft_waitgroup_done(&control->running);
}

/* The mode of the file says the same, but not before it is set. */
static bool
may_command(weft_conn *conn)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(weft_conn_fd(conn), SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    (peer.uid == 0 || peer.uid == geteuid());
}

static void
accept_clients(struct control *c)
{
	weft_conn *conn;

	while (!weft_err(c->life)) {
		if (weft_accept(c->life, c->l, &conn)) {
			weft_sleep_ctx(c->life, 100 * WEFT_MS);
		} else if (atomic_load(&c->clients) >= CLIENTS || !may_command(conn)) {
			weft_conn_close(conn);
		} else {
			atomic_fetch_add(&c->clients, 1);
			weft_waitgroup_add(&c->running, 1);
			weft_go_stack(STACK, serve_client, c, conn);
		}
	}
}

void
control_start(struct control *c)
{
	if (!c)
		return;
	c->life = weft_with_cancel(NULL);
	weft_waitgroup_go(&c->running, accept_clients, c);
}

void
control_stop(struct control *c)
{
	if (!c)
		return;
	if (c->life)			/* it was started */
		weft_cancel(c->life);
	weft_waitgroup_wait(&c->running);
	weft_listener_close(c->l);
	weft_ctx_free(c->life);
	free(c);
}
