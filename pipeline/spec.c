/*
 * spec.c - options as they are kept: copies of them, and texts by which two can be compared
 *
 * A reload leaves alone what has not changed, and equal texts are how it knows.
 */
#include "spec.h"

#include <stdlib.h>
#include <sys/stat.h>

static char *
copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static char **
copy_list(const char *const *list)
{
	char **out;
	size_t n = 0;

	if (!list)
		return NULL;
	while (list[n])
		n++;
	out = xcalloc(n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = xstrdup(list[i]);
	return out;
}

static void
free_list(const char *const *list)
{
	for (size_t i = 0; list && list[i]; i++)
		free((char *)list[i]);
	free((char **)list);
}

void
source_options_copy(struct weft_source_options *to, const struct weft_source_options *o)
{
	*to = *o;
	to->file = copy(o->file);
	to->exclude = copy(o->exclude);
	to->listen = copy(o->listen);
	to->regex = copy(o->regex);
	to->multiline = copy(o->multiline);
	to->cert = copy(o->cert);
	to->key = copy(o->key);
	to->ca = copy(o->ca);
}

void
source_options_finish(struct weft_source_options *o)
{
	const char *const texts[] = {
		o->file, o->exclude, o->listen, o->regex, o->multiline, o->cert, o->key, o->ca
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free((char *)texts[i]);
}

static void *
copy_bytes(const void *p, size_t n)
{
	return p ? memcpy(xmalloc(n), p, n) : NULL;
}

static void
copy_file(struct weft_file_options *f)
{
	f->path = copy(f->path);
	f->compress = copy(f->compress);
}

static void
copy_syslog(struct weft_syslog_options *s)
{
	s->address = copy(s->address);
	s->ca = copy(s->ca);
	s->cert = copy(s->cert);
	s->key = copy(s->key);
}

static void
copy_http(struct weft_http_options *h)
{
	h->url = copy(h->url);
	h->index = copy(h->index);
	h->labels = (const char *const *)copy_list(h->labels);
	h->headers = (const char *const *)copy_list(h->headers);
	h->user = copy(h->user);
	h->ca = copy(h->ca);
}

void
output_options_copy(struct weft_output_options *to, const struct weft_output_options *o)
{
	*to = *o;
	to->where = copy(o->where);
	to->from = copy(o->from);
	to->file = copy_bytes(o->file, sizeof(*o->file));
	to->syslog = copy_bytes(o->syslog, sizeof(*o->syslog));
	to->http = copy_bytes(o->http, sizeof(*o->http));
	if (to->file)
		copy_file((struct weft_file_options *)to->file);
	if (to->syslog)
		copy_syslog((struct weft_syslog_options *)to->syslog);
	if (to->http)
		copy_http((struct weft_http_options *)to->http);
}

static void
free_all(const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((char *)texts[i]);
}

void
output_options_finish(struct weft_output_options *o)
{
	const struct weft_file_options *f = o->file;
	const struct weft_syslog_options *s = o->syslog;
	const struct weft_http_options *h = o->http;

	if (f)
		free_all((const char *const[]){ f->path, f->compress }, 2);
	if (s)
		free_all((const char *const[]){ s->address, s->ca, s->cert, s->key }, 4);
	if (h) {
		free_all((const char *const[]){ h->url, h->index, h->user, h->ca }, 4);
		free_list(h->labels);
		free_list(h->headers);
	}
	free_all((const char *const[]){ o->where, o->from }, 2);
	free((void *)f);
	free((void *)s);
	free((void *)h);
}

/* A length before each text, so that no two lists of options read the same. */
static void
text(struct buf *out, const char *s)
{
	if (s)
		buf_printf(out, "%zu:%s,", strlen(s), s);
	else
		buf_adds(out, "-,");
}

static void
list(struct buf *out, const char *const *l)
{
	for (size_t i = 0; l && l[i]; i++)
		text(out, l[i]);
	buf_addc(out, ';');
}

static void
number(struct buf *out, int64_t n)
{
	buf_printf(out, "%lld,", (long long)n);
}

/* A file whose content counts: a certificate that was renewed is another one. */
static void
content(struct buf *out, const char *path)
{
	struct stat st;

	text(out, path);
	if (path && stat(path, &st) == 0) {
		number(out, st.st_ino);
		number(out, st.st_size);
		number(out, st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec);
	}
}

char *
source_spec(const struct weft_source_options *o)
{
	struct buf out = { 0 };
	char *spec;

	list(&out, (const char *const[]){ "source", NULL });
	text(&out, o->file);
	text(&out, o->exclude);
	text(&out, o->listen);
	text(&out, o->regex);
	text(&out, o->multiline);
	content(&out, o->cert);
	content(&out, o->key);
	content(&out, o->ca);
	number(&out, o->standard_input);
	number(&out, o->format);
	number(&out, o->multiline_wait);
	number(&out, o->once);
	number(&out, o->at_end);
	number(&out, o->max_line);
	number(&out, o->linger);
	spec = xstrdup(buf_str(&out));
	buf_finish(&out);
	return spec;
}

static void
file_spec(struct buf *out, const struct weft_file_options *f)
{
	text(out, f->path);
	text(out, f->compress);
	number(out, f->replace);
	number(out, f->rotate_size);
	number(out, f->rotate_every);
	number(out, f->keep);
	number(out, f->compress_rotated);
	number(out, f->fsync);
	number(out, f->mode);
}

static void
syslog_spec(struct buf *out, const struct weft_syslog_options *s)
{
	text(out, s->address);
	content(out, s->ca);
	content(out, s->cert);
	content(out, s->key);
	number(out, s->octets);
	number(out, s->insecure);
	number(out, s->timeout);
}

static void
http_spec(struct buf *out, const struct weft_http_options *h)
{
	text(out, h->url);
	text(out, h->index);
	text(out, h->user);
	content(out, h->ca);
	list(out, h->labels);
	list(out, h->headers);
	number(out, h->shape);
	number(out, h->insecure);
	number(out, h->gzip);
	number(out, h->timeout);
}

char *
output_spec(const struct weft_output_options *o)
{
	struct buf out = { 0 };
	char *spec;

	number(&out, o->standard_output);
	if (o->file)
		file_spec(&out, o->file);
	if (o->syslog)
		syslog_spec(&out, o->syslog);
	if (o->http)
		http_spec(&out, o->http);
	buf_printf(&out, "%p,%p,", (void *)o->call, o->arg);
	number(&out, o->format);
	text(&out, o->where);
	text(&out, o->from);
	number(&out, o->when_full);
	number(&out, o->queue);
	number(&out, o->dead);
	spec = xstrdup(buf_str(&out));
	buf_finish(&out);
	return spec;
}
