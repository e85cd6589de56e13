/*
 * render_syslog.c - lines as syslog's protocols want them, RFC 5424 and RFC 3164
 *
 *	<14>1 2026-11-25T18:31:51.123456Z HOST APP PROCID MSGID [weft@32473 key="value"] MESSAGE
 *	<14>Nov 25 18:31:51 HOST APP[PROCID]: MESSAGE
 *
 * The facility is "user", the severity the line's level.  The number in the name of the
 * structured data is the one that is meant for those who have none.  A message is one line:
 * control characters in it are written as rsyslog does, #012 for a newline.  RFC 3164 has no
 * room for fields.
 */
#include <time.h>

#include "parse.h"
#include "render.h"

#define SECOND	INT64_C(1000000000)

static void
add_priority(struct buf *out, const struct line *l)
{
	static const char severity[] = { 7, 7, 6, 4, 3, 2 };

	buf_addc(out, '<');
	render_number(out, 8 + severity[l->level]);
	buf_addc(out, '>');
}

struct word { const char *p; size_t len; };

/* Printable ASCII without blanks, cut; "-" if there is none of it. */
static void
add_word(struct buf *out, struct word w, size_t most)
{
	size_t had = out->len;

	for (size_t i = 0; i < w.len && out->len - had < most; i++)
		if (w.p[i] > ' ' && w.p[i] < 0x7f)
			buf_addc(out, w.p[i]);
		else if ((w.p[i] & 0xc0) != 0x80)	/* once for a character */
			buf_addc(out, '_');
	if (out->len == had)
		buf_addc(out, '-');
}

static void
add_octal(struct buf *out, unsigned char c)
{
	char e[4] = { '#', '0' + (c >> 6), '0' + (c >> 3 & 7), '0' + (c & 7) };

	buf_add(out, e, 4);
}

/* Printable ASCII that needs nothing; quoted: within structured data. */
static inline bool
is_plain(unsigned char c, bool quoted)
{
	return c >= ' ' && c < 0x7f && !(quoted && (c == '"' || c == '\\' || c == ']'));
}

static const unsigned char *
copy_plain(struct buf *out, const unsigned char *p, const unsigned char *end, bool quoted)
{
	const unsigned char *from = p;

	while (p < end && is_plain(*p, quoted))
		p++;
	buf_add(out, from, p - from);
	return p;
}

/* What is not UTF-8 is U+FFFD; within structured data some get a backslash. */
static void
add_text(struct buf *out, const char *text, size_t len, bool quoted)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	int n;

	while ((p = copy_plain(out, p, end, quoted)) < end) {
		n = utf8_length(p, end);
		if (n == 0) {
			buf_adds(out, "\357\277\275");
			n = 1;
		} else if (n > 1) {
			buf_add(out, p, n);
		} else if (is_plain(*p, false)) {
			buf_addc(out, '\\');
			buf_addc(out, *p);
		} else {
			add_octal(out, *p);
		}
		p += n;
	}
}

static void
add_host(struct buf *out, const struct origin *o, const struct line *l)
{
	struct buf room = { 0 };
	size_t len;
	const char *p = line_part(&room, l, l->host, &len);

	if (len)
		add_word(out, (struct word){ p, len }, 255);
	else
		add_word(out, (struct word){ o->host.data, o->host.len }, 255);
	buf_finish(&room);
}

struct tag { struct word app, pid, id; };

static struct word
next_word(const char **p, const char *end)
{
	const char *from = *p, *to = memchr(from, ' ', end - from);

	to = to ? to : end;
	*p = to < end ? to + 1 : end;
	if (to - from == 1 && *from == '-')
		to = from;
	return (struct word){ from, to - from };
}

/* sshd[123] is an app and a process; RFC 5424 has three words.  Without an app: the source. */
static struct tag
tag_of(const struct origin *o, const struct line *l)
{
	const char *p = l->text + l->tag.off, *end = p + l->tag.len, *open;
	struct tag t = { .app = next_word(&p, end) };

	t.pid = next_word(&p, end);
	t.id = next_word(&p, end);
	open = t.app.len && t.app.p[t.app.len - 1] == ']' ? memchr(t.app.p, '[', t.app.len) : NULL;
	if (open && open > t.app.p) {
		t.pid = (struct word){ open + 1, t.app.p + t.app.len - 1 - (open + 1) };
		t.app.len = open - t.app.p;
	}
	if (t.app.len == 0)
		t.app = (struct word){ o->source.data, o->source.len };
	return t;
}

/* The tag's parts may be fields as well. */
static bool
is_of_tag(const struct line *l, const struct field *f)
{
	const char *tag = l->text + l->tag.off;

	return l->tag.len && f->value >= tag && f->value < tag + l->tag.len;
}

/* A name: printable ASCII, but no '=', ']', '"' and blanks; at most 32 of them. */
static void
add_param(struct buf *out, struct buf *room, const struct line *l, const struct field *f)
{
	size_t len, n = 0;
	const char *p = field_key(room, l, f, &len);

	buf_addc(out, ' ');
	for (; n < len && n < 32; n++)
		buf_addc(out, p[n] > ' ' && p[n] < 0x7f && !strchr("=]\"", p[n]) ? p[n] : '_');
	buf_adds(out, n ? "=\"" : "_=\"");
	p = field_text(room, f, &len);
	add_text(out, p, len, true);
	buf_addc(out, '"');
}

static void
add_fields(struct buf *out, const struct batch *b, const struct line *l)
{
	bool all = line_has_fields(b, l), any = false;
	struct buf room = { 0 };

	for (EACH_FIELD(f, b, l)) {
		if ((!all && !f->added) || field_is_said(l, f) || is_of_tag(l, f) ||
		    field_is_hidden(b, l, f))
			continue;
		if (!any)
			buf_adds(out, "[weft@32473");
		any = true;
		add_param(out, &room, l, f);
	}
	buf_addc(out, any ? ']' : '-');
	buf_finish(&room);
}

static void
add_message(struct buf *out, const struct batch *b, const struct line *l)
{
	struct buf room = { 0 };
	size_t len;
	const char *p = line_message(&room, b, l, &len);

	add_text(out, p, len, false);
	buf_finish(&room);
}

void
render_syslog(struct buf *out, const struct origin *o, const struct batch *b,
    const struct line *l, struct when *w)
{
	struct tag t = tag_of(o, l);
	char time[40];

	add_priority(out, l);
	buf_adds(out, "1 ");
	buf_add(out, time, when_rfc3339(w, line_time(w, b, l), 6, time));
	buf_addc(out, ' ');
	add_host(out, o, l);
	buf_addc(out, ' ');
	add_word(out, t.app, 48);
	buf_addc(out, ' ');
	add_word(out, t.pid, 128);
	buf_addc(out, ' ');
	add_word(out, t.id, 32);
	buf_addc(out, ' ');
	add_fields(out, b, l);
	buf_addc(out, ' ');
	add_message(out, b, l);
}

static void
add_local(struct buf *out, int64_t ns)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t second = ns / SECOND - (ns % SECOND < 0);
	struct tm tm = { 0 };

	localtime_r(&second, &tm);
	buf_printf(out, "%.3s %2d %02d:%02d:%02d ", months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec);
}

void
render_syslog_bsd(struct buf *out, const struct origin *o, const struct batch *b,
    const struct line *l, struct when *w)
{
	struct tag t = tag_of(o, l);

	add_priority(out, l);
	add_local(out, line_time(w, b, l));
	add_host(out, o, l);
	buf_addc(out, ' ');
	add_word(out, t.app, 48);
	if (t.pid.len) {
		buf_addc(out, '[');
		add_word(out, t.pid, 128);
		buf_addc(out, ']');
	}
	buf_adds(out, ": ");
	add_message(out, b, l);
}
