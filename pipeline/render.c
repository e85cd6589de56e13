/*
 * render.c - lines as JSON, as text for people, and as they were
 *
 * A JSON object keeps every byte it had; host, source and seq are put in front.
 * A member of its own with such a name stays, and ours is called _host, _source
 * or _seq.  Whatever the format, a line in is a line out: newlines inside are
 * escaped, so outputs can count lines by their newlines.
 */
#include "render.h"

#include "parse.h"

void
render_number(struct buf *out, uint64_t n)
{
	char text[20], *p = text + sizeof(text);

	do
		*--p = '0' + n % 10;
	while (n /= 10);
	buf_add(out, p, text + sizeof(text) - p);
}

static void
escape_byte(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef", plain[] = "btn_fr";
	char e[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (c == '"' || c == '\\') {
		e[1] = c;
		buf_add(out, e, 2);
	} else if (c >= '\b' && c <= '\r' && c != '\v') {
		e[1] = plain[c - '\b'];
		buf_add(out, e, 2);
	} else {
		buf_add(out, e, 6);
	}
}

static const unsigned char *
copy_plain(struct buf *out, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *from = p;

	while (end - p >= 8 && plain_bytes(p) == 8)
		p += 8;
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	buf_add(out, from, p - from);
	return p;
}

/* What is not UTF-8 cannot be in JSON: such bytes become U+FFFD. */
static void
render_escaped(struct buf *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	int n;

	while ((p = copy_plain(out, p, end)) < end) {
		n = utf8_length(p, end);
		if (*p < 0x80)
			escape_byte(out, *p++);
		else if (n == 0) {
			buf_adds(out, "\\ufffd");
			p++;
		} else {
			buf_add(out, p, n);
			p += n;
		}
	}
}

void
render_string(struct buf *out, const char *p, size_t len)
{
	buf_addc(out, '"');
	render_escaped(out, p, len);
	buf_addc(out, '"');
}

void
origin_init(struct origin *o, const char *host, const char *source, const char *stream)
{
	*o = (struct origin){ 0 };
(void)stream;
	buf_adds(&o->host, host);
	buf_adds(&o->source, source);
	buf_adds(&o->prefix, "{\"host\":");
	render_string(&o->prefix, host, o->host.len);
	buf_adds(&o->prefix, ",\"source\":");
	render_string(&o->prefix, source, o->source.len);
	buf_adds(&o->prefix, ",\"seq\":");
}

void
origin_finish(struct origin *o)
{
	buf_finish(&o->host);
	buf_finish(&o->source);
	buf_finish(&o->prefix);
}

static void
member(struct buf *out, const char *key, const char *p, size_t len)
{
	buf_addc(out, ',');
	buf_adds(out, key);
	render_string(out, p, len);
}

/* The prefix and the number, when some of the names are taken or host differs. */
static void
add_origin(struct buf *out, const struct origin *o, const struct slice *host,
    const char *text, int has, uint64_t number)
{
	if (!(has & (HAS_HOST | HAS_SOURCE | HAS_SEQ)) && !host->len) {
		buf_add(out, o->prefix.data, o->prefix.len);
	} else {
		buf_adds(out, has & HAS_HOST ? "{\"_host\":" : "{\"host\":");
		if (host->len)
			render_string(out, text + host->off, host->len);
		else
			render_string(out, o->host.data, o->host.len);
		member(out, has & HAS_SOURCE ? "\"_source\":" : "\"source\":",
		    o->source.data, o->source.len);
		buf_adds(out, has & HAS_SEQ ? ",\"_seq\":" : ",\"seq\":");
	}
	render_number(out, number);
}

static size_t
skip_blanks(const char *text, size_t i, size_t len)
{
	while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r'))
		i++;
	return i;
}

static void
json_from_json(struct buf *out, const struct origin *o, const struct line *l, uint64_t number)
{
	const char *text = l->text;
	size_t from = skip_blanks(text, 0, l->len);

	add_origin(out, o, &l->host, text, l->has, number);
	if (l->has & IS_OBJECT) {
		from = skip_blanks(text, from + 1, l->len);
		if (text[from] != '}')
			buf_addc(out, ',');
		buf_add(out, text + from, l->len - from);
		buf_addc(out, '\n');
		return;
	}
	member(out, "\"level\":", weft_level_name(l->level), strlen(weft_level_name(l->level)));
	buf_adds(out, ",\"value\":");
	buf_add(out, text + from, l->len - from);
	buf_adds(out, "}\n");
}

static void
json_from_text(struct buf *out, const struct origin *o, const struct line *l, uint64_t number)
{
	const char *text = l->text;
	const char *level = weft_level_name(l->level);

	add_origin(out, o, &l->host, text, 0, number);
	member(out, "\"level\":", level, strlen(level));
	if (l->time.len)
		member(out, "\"time\":", text + l->time.off, l->time.len);
	if (l->tag.len)
		member(out, "\"tag\":", text + l->tag.off, l->tag.len);
	member(out, "\"message\":", text + l->message.off, l->message.len);
	buf_adds(out, "}\n");
}

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

	if (l->kind != LINE_JSON)
		visible(out, text + l->message.off, l->message.len);
	else if (l->message.len)
		unescaped(out, text + l->message.off, l->message.len);
	else
		visible(out, text, l->len);
}

static void
as_text(struct buf *out, const struct origin *o, const struct line *l, bool color)
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
	buf_addc(out, '\n');
}

void
render_line(struct buf *out, int format, const struct batch *b, const struct line *l,
    uint64_t number, struct when *w)
{
	const struct origin *o = batch_origin(b);
(void)w;
	switch (format) {
	case RENDER_JSON:
		if (l->kind == LINE_JSON)
			json_from_json(out, o, l, number);
		else
			json_from_text(out, o, l, number);
		return;
	case RENDER_TEXT:
	case RENDER_COLOR:
		as_text(out, o, l, format == RENDER_COLOR);
		return;
	case RENDER_RAW: default:
		buf_add(out, l->text, l->len);
		buf_addc(out, '\n');
	}
}
