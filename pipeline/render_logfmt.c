/*
 * render_logfmt.c - key=value key="v a l u e"
 *
 *	time=... level=info host=h source=s seq=7 tag=sshd msg="..." and the fields
 *
 * A value is quoted when it is empty or has a blank, a quote, an equals sign, a control character
 * or something that is not UTF-8 in it; inside quotes the escapes are JSON's.  A key has no quotes:
 * what it cannot hold becomes '_'.
 */
#include "parse.h"
#include "render.h"

static bool
is_plain(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	int n;

	while (p < end) {
		if (*p < 0x80) {
			if (*p <= ' ' || *p == '"' || *p == '=' || *p == 0x7f)
				return false;
			p++;
		} else {
			n = utf8_length(p, end);
			if (n == 0)
				return false;
			p += n;
		}
	}
	return len > 0;
}

static void
add_value(struct buf *out, const char *p, size_t len)
{
	if (is_plain(p, len))
		buf_add(out, p, len);
	else
		render_string(out, p, len);
}

static void
add_key(struct buf *out, const char *p, size_t len)
{
	const unsigned char *k = (const unsigned char *)p, *end = k + len;
	int n;

	if (len == 0)
		buf_addc(out, '_');
	for (; k < end; k += n ? n : 1) {
		n = utf8_length(k, end);
		if (n == 0 || *k <= ' ' || *k == '"' || *k == '=' || *k == 0x7f)
			buf_addc(out, '_');
		else
			buf_add(out, k, n);
	}
	buf_addc(out, '=');
}

static void
add_pair(struct buf *out, const char *key, const char *p, size_t len)
{
	buf_adds(out, key);
	add_value(out, p, len);
}

static void
add_part(struct buf *out, struct buf *room, const char *key, const struct line *l,
    struct slice s)
{
	size_t len;
	const char *p = line_part(room, l, s, &len);

	if (len)
		add_pair(out, key, p, len);
}

static void
add_origin(struct buf *out, struct buf *room, const struct origin *o, const struct line *l,
    uint64_t number)
{
	if (l->host.len)
		add_part(out, room, " host=", l, l->host);
	else
		add_pair(out, l->has & HAS_HOST ? " _host=" : " host=", o->host.data, o->host.len);
	add_pair(out, l->has & HAS_SOURCE ? " _source=" : " source=", o->source.data,
	    o->source.len);
	buf_adds(out, l->has & HAS_SEQ ? " _seq=" : " seq=");
	render_number(out, number);
}

/* Ours is in front, and says the same in one word. */
static bool
is_level(const struct field *f)
{
	return f->klen == 5 && memcmp(f->key, "level", 5) == 0;
}

static void
add_fields(struct buf *out, struct buf *room, const struct batch *b, const struct line *l)
{
	const char *p;
	size_t len;

	for (EACH_FIELD(f, b, l)) {
		if (field_is_said(l, f) || is_level(f) || field_is_hidden(b, l, f))
			continue;
		buf_addc(out, ' ');
		p = field_key(room, l, f, &len);
		add_key(out, p, len);
		p = field_text(room, f, &len);
		add_value(out, p, len);
	}
}

void
render_logfmt(struct buf *out, const struct origin *o, const struct batch *b,
    const struct line *l, uint64_t number)
{
	struct buf room = { 0 };
	const char *level = weft_level_name(l->level), *p;
	size_t len;

	if (l->time.len) {
		add_part(out, &room, "time=", l, l->time);
		buf_addc(out, ' ');
	}
	add_pair(out, "level=", level, strlen(level));
	add_origin(out, &room, o, l, number);
	add_part(out, &room, " tag=", l, l->tag);
	p = line_message(&room, b, l, &len);
	if (len)
		add_pair(out, " msg=", p, len);
	add_fields(out, &room, b, l);
	buf_finish(&room);
}
