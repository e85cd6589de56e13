/*
 * trouble.c - the end of the error channel: dead letters, warnings, counts
 *
 * Failures are counted here, at the receiving end, so that one that got lost on
 * the way would show as an account that does not balance.  A dead letter is a
 * JSON object with the source, the line's number, the reason, the output when it
 * is one's fault, and the bytes: "line" when they are UTF-8, else "base64".
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parse.h"
#include "stage.h"

#define TELL	5		/* so many unparsable lines are told, then only counted */
#define FLUSH	(64 << 10)

struct mailbox {
	weft_pipeline	*p;
	struct buf	 letters;
	uint64_t	 nletters, told;
	int		 error;		/* the file is broken since */
};

void
trouble_warn(weft_pipeline *p, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p->opt.warn)
		p->opt.warn(p->opt.warn_arg, text);
	else
		dprintf(STDERR_FILENO, "weft-pipeline: %s\n", text);
}

void
stage_error(weft_pipeline *p, int err)
{
	int none = 0;

	atomic_compare_exchange_strong(&p->error, &none, err);
}

int
trouble_open(weft_pipeline *p)
{
	struct stat st;

	if (!p->dead)
		return 0;
	p->dead_fd = fdio_open(p->dead, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (p->dead_fd < 0)
		return p->dead_fd;
	if (fstat(p->dead_fd, &st) == 0 && S_ISREG(st.st_mode)) {
		p->dead_dev = st.st_dev;
		p->dead_ino = st.st_ino;
	}
	return 0;
}

void
trouble_close(weft_pipeline *p)
{
	if (p->dead_fd >= 0)
		close(p->dead_fd);
	p->dead_fd = -1;
}

static void
flush(struct mailbox *m)
{
	size_t done;
	int err = m->error;

	if (m->letters.len == 0)
		return;
	if (!err)
		err = fdio_write(m->p->dead_fd, m->letters.data, m->letters.len, &done);
	if (err) {
		if (!m->error)
			trouble_warn(m->p, "cannot write %s: %s", m->p->dead, strerror(-err));
		m->error = err;
		stage_error(m->p, err);
		count(&m->p->dead_lost, m->nletters);
	}
	m->letters.len = m->nletters = 0;
}

static bool
is_utf8(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	int n;

	for (; p < end; p += n)
		if (!(n = utf8_length(p, end)))
			return false;
	return true;
}

static void
add_base64(struct buf *out, const unsigned char *p, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	buf_addc(out, '"');
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t w = p[i] << 16;

		w |= left > 1 ? p[i + 1] << 8 : 0;
		w |= left > 2 ? p[i + 2] : 0;

		buf_addc(out, digits[w >> 18]);
		buf_addc(out, digits[w >> 12 & 63]);
		buf_addc(out, left > 1 ? digits[w >> 6 & 63] : '=');
		buf_addc(out, left > 2 ? digits[w & 63] : '=');
	}
	buf_addc(out, '"');
}

static void
add_letter(struct mailbox *m, const struct trouble *t, size_t i, const char *reason)
{
	const struct line *l = &t->batch->lines[i];
	const char *text = l->text;
	struct buf *out = &m->letters;

	buf_add(out, t->batch->source->origin.prefix.data, t->batch->source->origin.prefix.len);
	render_number(out, t->batch->first + i);
	buf_adds(out, ",\"reason\":");
	render_string(out, reason, strlen(reason));
	if (t->output) {
		buf_adds(out, ",\"output\":");
		render_string(out, t->output->name, strlen(t->output->name));
	}
	if (is_utf8(text, l->len)) {
		buf_adds(out, ",\"line\":");
		render_string(out, text, l->len);
	} else {
		buf_adds(out, ",\"base64\":");
		add_base64(out, (const unsigned char *)text, l->len);
	}
	buf_addc(out, '}');
	buf_addc(out, '\n');
	m->nletters++;
	if (out->len >= FLUSH)
		flush(m);
}

static void
unparsable(struct mailbox *m, const struct trouble *t)
{
	for (size_t i = 0; i < t->batch->nlines; i++) {
		const struct line *l = &t->batch->lines[i];

		if (!l->error)
			continue;
		count(&m->p->unparsable, 1);
		if (m->told++ < TELL)
			trouble_warn(m->p, "%s:%llu: %s", t->batch->source->path,
			    (unsigned long long)(t->batch->first + i), l->error);
		if (m->told == TELL + 1)
			trouble_warn(m->p, "more unparsable lines follow; they are counted%s",
			    m->p->dead ? " and kept as dead letters" : "");
		if (m->p->dead)
			add_letter(m, t, i, l->error);
	}
}

static void
undelivered(struct mailbox *m, const struct trouble *t)
{
	size_t kept = 0;

	if (!t->batch) {
		trouble_warn(m->p, "%s: %s when closed; its last lines may be lost",
		    t->output->name, strerror(-t->error));
		return;
	}
	if (counted(&t->output->failed) == 0)
		trouble_warn(m->p, "cannot write %s: %s; what was meant for it is %s",
		    t->output->name, strerror(-t->error),
		    m->p->dead ? "kept as dead letters" : "counted as failed");
	count(&t->output->failed, t->to - t->from);
	for (size_t i = 0; m->p->dead && i < t->batch->nlines; i++)
		if (batch_kept(t->batch, i) && kept++ >= t->from)
			add_letter(m, t, i, strerror(-t->error));
}

void
trouble_run(weft_pipeline *p)
{
	struct mailbox m = { .p = p };

	for (struct trouble t; weft_recv(p->errors, &t); ) {
		if (t.source)
			trouble_warn(p, "cannot read %s: %s", t.source->path,
			    t.what ? t.what : strerror(-t.error));
		else if (t.output)
			undelivered(&m, &t);
		else
			unparsable(&m, &t);
		if (weft_len(p->errors) == 0)
			flush(&m);
		if (t.batch)
			batch_unref(t.batch);
	}
	flush(&m);
	buf_finish(&m.letters);
}
