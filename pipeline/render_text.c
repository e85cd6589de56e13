/*
 * render_text.c - lines for people to read
 *
 *	TIME LEVEL HOST SOURCE TAG: MESSAGE FIELD=VALUE
 *
 * Fields are those that steps have added.  A line that is nothing but fields is shown as it is.
 * One that was read as several is several again, and those after the first are indented: so
 * nobody can write a line into a log that looks like another's.
 */
#include "parse.h"
#include "render.h"

/* Terminals obey control characters, and logs hold what strangers wrote. */
static void
visible(struct buf *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len, *from;
	int n;

	while (p < end) {
		for (from = p; p < end && ((*p >= 0x20 && *p < 0x7f) || *p == '\t'); )
			p++;
		buf_add(out, from, p - from);
		if (p == end)
			return;
		if (*p == '\n') {		/* of a line that was several */
			buf_adds(out, "\n    ");
			p++;
			continue;
		}
		n = utf8_length(p, end);
		if (n > 1 && !(*p == 0xc2 && p[1] < 0xa0)) {	/* C1 controls */
			buf_add(out, p, n);
			p += n;
		} else {
			buf_printf(out, "\\x%02x", *p++);
		}
	}
}

/* A slice of a JSON string: the commonest escapes are undone, \n is left. */
static void
unescaped(struct buf *out, const char *p, size_t len)
{
	const char *end = p + len, *slash;

	while ((slash = memchr(p, '\\', end - p)) && end - slash >= 2) {
		visible(out, p, slash - p);
		if (slash[1] == '"' || slash[1] == '\\' || slash[1] == '/')
			buf_addc(out, slash[1]);
		else if (slash[1] == 't')
			buf_addc(out, '\t');
		else
			buf_add(out, slash, 2);
		p = slash + 2;
	}
	visible(out, p, end - p);
}

static void
text_message(struct buf *out, const struct line *l)
{
	const char *text = l->text;

	if (l->kind == LINE_JSON && l->message.len)
		unescaped(out, text + l->message.off, l->message.len);
	else if (l->kind != LINE_JSON && (l->message.len || !l->nfields))
		visible(out, text + l->message.off, l->message.len);
	else
		visible(out, text, l->len);
}

/* What the steps know about it, and the text does not. */
static void
added_fields(struct buf *out, const struct batch *b, const struct line *l, bool color)
{
	bool any = false;

	for (EACH_FIELD(f, b, l)) {
		bool quotes = memchr(f->value, ' ', f->len) || !f->len;

		if (!f->added || field_is_hidden(b, l, f))
			continue;
		if (!any && color)
			buf_adds(out, "\033[2m");
		any = true;
		buf_addc(out, ' ');
		visible(out, f->key, f->klen);
		buf_adds(out, quotes ? "=\"" : "=");
		visible(out, f->value, f->len);
		if (quotes)
			buf_addc(out, '"');
	}
	if (any && color)
		buf_adds(out, "\033[0m");
}

void
render_text(struct buf *out, const struct origin *o, const struct batch *b,
    const struct line *l, bool color)
{
	static const char *const on[] = {
		"\033[90m", "\033[36m", "\033[32m", "\033[33m", "\033[31m", "\033[1;31m"
	};
	static const char label[][6] = { "TRACE", "DEBUG", "INFO ", "WARN ", "ERROR", "FATAL" };
	const char *text = l->text;

	visible(out, text + l->time.off, l->time.len);
	if (l->time.len)
		buf_addc(out, ' ');
	if (color)
		buf_adds(out, on[l->level]);
	buf_add(out, label[l->level], 5);
	if (color)
		buf_adds(out, "\033[0m");
	buf_addc(out, ' ');
	if (l->host.len)
		visible(out, text + l->host.off, l->host.len);
	else
		visible(out, o->host.data, o->host.len);
	buf_addc(out, ' ');
	visible(out, o->source.data, o->source.len);
	if (l->tag.len) {
		buf_addc(out, ' ');
		visible(out, text + l->tag.off, l->tag.len);
	}
	buf_add(out, ": ", 2);
	text_message(out, l);
	added_fields(out, b, l, color);
}
