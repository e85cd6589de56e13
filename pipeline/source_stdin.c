/*
 * source_stdin.c - standard input: a pipe, a terminal, a socket or a file
 *
 * The descriptor is shared with who knows whom, so it stays as it is: O_NONBLOCK would be set for
 * all of them.  We wait until there is something and read without waiting where the kernel lets
 * us; where it does not (terminals), and another process was quicker, the read waits with
 * a thread of its own.
 */
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "feed.h"
#include "regex.h"
#include "weft/net.h"

#define MAX_LINE ((size_t)64 << 20)

struct input {
	int	 fd;
	mode_t	 type;
};

static ssize_t
read_bracketed(int fd, void *buf, size_t n)
{
	ssize_t got;
	int err;

	do {
		weft_enter_blocking();
		got = read(fd, buf, n);
		err = errno;
		weft_leave_blocking();
	} while (got < 0 && err == EINTR);
	return got < 0 ? -err : got;
}

static ssize_t
read_now(struct input *in, void *buf, size_t n)
{
	struct iovec iov = { buf, n };
	ssize_t got;

	if (S_ISSOCK(in->type))
		got = recv(in->fd, buf, n, MSG_DONTWAIT);
	else
		got = preadv2(in->fd, &iov, 1, -1, RWF_NOWAIT);
	if (got >= 0)
		return got;
	if (S_ISREG(in->type) || errno == EOPNOTSUPP || errno == ENOSYS)
		return read_bracketed(in->fd, buf, n);	/* not in memory; or: see above */
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t
input_more(void *arg, void *buf, size_t n)
{
	struct input *in = arg;
	struct pollfd p = { in->fd, POLLIN, 0 };

	if (!S_ISREG(in->type) && poll(&p, 1, 0) <= 0)
		return -EAGAIN;
	return read_now(in, buf, n);
}

static ssize_t
input_read(weft_ctx *ctx, void *arg, void *buf, size_t n)
{
	struct input *in = arg;
	ssize_t got;
	int ready;

	do {
		if (weft_err(ctx))
			return weft_err(ctx);
		ready = S_ISREG(in->type) ? POLLIN : weft_wait_fd(ctx, in->fd, POLLIN);
		if (ready < 0)
			return ready;
		got = read_now(in, buf, n);
	} while (got == -EAGAIN);
	return got;
}

static const struct feed_from from_input = { input_read, input_more };

static void
read_input(weft_ctx *ctx, struct feed *f)
{
	int err = feed_run(ctx, f);

	if (err && err != -ESHUTDOWN && !weft_err(ctx))
		f->in->tell(f->in, err, "standard input: %s", strerror(-err));
	feed_finish(f);
}

void
source_stdin_run(weft_ctx *ctx, struct intake *in, const struct weft_source_options *o)
{
	struct input input = { .fd = STDIN_FILENO };
	struct feed f = { .in = in, .from = &from_input, .arg = &input };
	struct buf why = { 0 };
	struct stat st;

	if (fstat(input.fd, &st) < 0 || S_ISDIR(st.st_mode)) {
		in->tell(in, -EBADF, "standard input: there is none, or it is a directory");
		return;
	}
	input.type = st.st_mode;
	if (S_ISREG(st.st_mode) && in->ours(in, st.st_dev, st.st_ino)) {
		in->tell(in, -EBUSY, "standard input: the pipeline writes to that file");
		return;
	}
	f.framing.kind = FRAMING_TEXT;
	f.framing.max = o->max_line ? o->max_line : MAX_LINE;
	f.framing.multiline = multiline_new(o->multiline, o->format, &why);
	if (why.len)
		in->tell(in, -EINVAL, "standard input: %s", buf_str(&why));
	if (f.framing.multiline) {
		f.framing.scratch = scratch_new();
		f.wait = o->multiline_wait ? o->multiline_wait : WEFT_SECOND;
	}
	f.st = in->open(in, "standard input", NULL, NULL);
	read_input(ctx, &f);
	in->close(in, f.st, true, false);
	multiline_free(f.framing.multiline);
	scratch_free(f.framing.scratch);
	buf_finish(&why);
}
