/* control_ask.c - the client's end of the control socket; see operate.h */
#include <string.h>
#include <sys/un.h>

#include "json.h"
#include "operate.h"
#include "weft/net.h"

/* The sentence of {"error":"sentence"}; false: it is no error. */
static bool
is_error(const char *line, size_t len, struct buf *why)
{
	struct field f;

	if (len < 9 || memcmp(line, "{\"error\":", 9) != 0 ||
	    !json_member(line, len, "error", 5, &f))
		return false;
	json_unescape(why, f.value, f.len);
	return true;
}

/* The whole lines in b go to f: 1 when that was all, 0 if more may come, or an error. */
static int
take_lines(struct buf *b, bool (*f)(const char *line, size_t len, void *arg), void *arg,
    struct buf *why)
{
	size_t at = 0;
	int end = 0;

	while (!end) {
		char *line = b->data + at, *eol = memchr(line, '\n', b->len - at);

		if (!eol)
			break;
		at = eol + 1 - b->data;
		if (eol == line)
			end = 1;
		else if (is_error(line, eol - line, why))
			end = -EREMOTEIO;
		else if (!f(line, eol + 1 - line, arg))
			end = 1;
	}
	memmove(b->data, b->data + at, b->len - at);
	b->len -= at;
	return end;
}

static int
converse(weft_ctx *ctx, weft_conn *c, const char *command,
    bool (*f)(const char *line, size_t len, void *arg), void *arg, struct buf *why)
{
	struct buf b = { 0 };
	ssize_t n;
	int end = 0;

	buf_printf(&b, "%s\n", command);
	n = weft_write(ctx, c, b.data, b.len);
	b.len = 0;
	while (n > 0 && !end) {
		buf_grow(&b, 65536);
		n = weft_read(ctx, c, b.data + b.len, b.room - b.len);
		if (n > 0) {
			b.len += n;
			end = take_lines(&b, f, arg, why);
		}
	}
	buf_finish(&b);
	if (end)
		return end < 0 ? end : 0;
	if (n == 0)
		buf_adds(why, "the pipeline has ended");
	return n < 0 ? (int)n : -EPIPE;
}

int
control_ask(weft_ctx *ctx, const char *state, const char *command,
    bool (*f)(const char *line, size_t len, void *arg), void *arg, struct buf *why)
{
	struct buf addr = { 0 };
	weft_conn *c;
	int err = -ENOENT;

	buf_printf(&addr, "unix:%s/control.sock", state);
	if (addr.len - 5 < sizeof(((struct sockaddr_un *)0)->sun_path))
		err = weft_dial(ctx, buf_str(&addr), &c);
	if (err == -ECONNREFUSED || err == -ENOTDIR)
		err = -ENOENT;
	if (err == -ENOENT)
		buf_printf(why, "no weft-pipeline runs with the state directory %s", state);
	else if (err)
		buf_printf(why, "%s/control.sock: %s", state, strerror(-err));
	buf_finish(&addr);
	if (err)
		return err;
	err = converse(ctx, c, command, f, arg, why);
	weft_conn_close(c);
	return err;
}
