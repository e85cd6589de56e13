/*
 * render.c - lines as JSON, and as they were; the other formats have files of their own
 *
 * A JSON object keeps every byte it had; host, source and seq are put in front.
 * A member of its own with such a name stays, and ours is called _host, _source
 * or _seq.  In JSON a line in is a line out: newlines inside are escaped.
 */
#include "render.h"

#include "letter.h"
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

#define PIECE		1024		/* bytes of text that room is made for at a time */
#define PIECE_ROOM	(6 * PIECE + 32)

static char *
escape_byte(char *to, unsigned char c)
{
	static const char hex[] = "0123456789abcdef", plain[] = "btn_fr";

	*to++ = '\\';
	if (c == '"' || c == '\\') {
		*to++ = c;
	} else if (c >= '\b' && c <= '\r' && c != '\v') {
		*to++ = plain[c - '\b'];
	} else {
		memcpy(to, "u00", 3);
		to[3] = hex[c >> 4];
		to[4] = hex[c & 15];
		to += 5;
	}
	return to;
}

/* What is not UTF-8 cannot be in JSON: such bytes become U+FFFD. */
static char *
escape_one(char *to, const unsigned char **p, const unsigned char *end)
{
	int n;

	if (**p < 0x80)
		return escape_byte(to, *(*p)++);
	n = utf8_length(*p, end);
	if (n == 0) {
		++*p;
		return mempcpy(to, "\\ufffd", 6);
	}
	for (int i = 0; i < n; i++)
		*to++ = *(*p)++;
	return to;
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Eight bytes are copied, and as many of them count as are plain. */
static char *
escape_piece(char *to, const unsigned char **at, const unsigned char *stop,
    const unsigned char *end)
{
	const unsigned char *p = *at;

	while (p < stop) {
		if (end - p >= 8) {
			size_t n = plain_bytes(p);

			memcpy(to, p, 8);
			p += n;
			to += n;
			if (n == 8)
				continue;
		} else if (is_plain(*p)) {
			*to++ = *p++;
			continue;
		}
		to = escape_one(to, &p, end);
	}
	*at = p;
	return to;
}

/* Piece by piece: a text could become six times as long, but hardly any does. */
void
render_escaped(struct buf *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;

	while (p < end) {
		const unsigned char *stop = end - p > PIECE ? p + PIECE : end;

		if (out->room - out->len < PIECE_ROOM)
			buf_grow(out, 6 * (stop - p) + 32);
		out->len = escape_piece(out->data + out->len, &p, stop, end) - out->data;
	}
}

void
render_string(struct buf *out, const char *p, size_t len)
{
	buf_addc(out, '"');
	render_escaped(out, p, len);
	buf_addc(out, '"');
}

/* They end in a NUL (origin_init). */
static const char *
origin_text(const struct buf *b)
{
	return b->data;
}

void
origin_init(struct origin *o, const char *host, const char *source, const char *stream)
{
	*o = (struct origin){ 0 };
	buf_adds(&o->host, host);
	buf_adds(&o->source, source);
	buf_adds(&o->prefix, "{\"host\":");
	render_string(&o->prefix, host, o->host.len);
	buf_adds(&o->prefix, ",\"source\":");
	render_string(&o->prefix, source, o->source.len);
	if (strcmp(source, stream) != 0) {
		buf_adds(&o->stream, ",\"origin\":");
		render_string(&o->stream, stream, strlen(stream));
	}
	buf_add(&o->prefix, o->stream.data, o->stream.len);
	buf_adds(&o->prefix, ",\"seq\":");
	buf_str(&o->host);
	buf_str(&o->source);
}

void
origin_finish(struct origin *o)
{
	buf_finish(&o->host);
	buf_finish(&o->source);
	buf_finish(&o->stream);
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
		buf_add(out, o->stream.data, o->stream.len);
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

/* What every record has; a field of such a name gets another one. */
static bool
is_ours(const struct field *f)
{
	switch (f->klen) {
	case 3:	return memcmp(f->key, "tag", 3) == 0;
	case 4:	return memcmp(f->key, "time", 4) == 0;
	case 5:	return memcmp(f->key, "level", 5) == 0;
	case 7:	return memcmp(f->key, "message", 7) == 0;
	}
	return false;
}

static void
json_value(struct buf *out, const struct field *f)
{
	switch (f->kind) {
	case FIELD_TEXT:
		render_string(out, f->value, f->len);
		return;
	case FIELD_ESCAPED:
		buf_addc(out, '"');
		buf_add(out, f->value, f->len);
		buf_addc(out, '"');
		return;
	default:
		buf_add(out, f->len ? f->value : "null", f->len ? f->len : 4);
	}
}

static void
json_field(struct buf *out, const struct line *l, const struct field *f)
{
	buf_add(out, ",\"", 2);
	if (l->kind == LINE_JSON && !f->added) {
		buf_add(out, f->key, f->klen);
	} else {
		if (l->kind != LINE_JSON && is_ours(f))
			buf_addc(out, '_');
		render_escaped(out, f->key, f->klen);
	}
	buf_add(out, "\":", 2);
	json_value(out, f);
}

static void
added_fields(struct buf *out, const struct batch *b, const struct line *l)
{
	for (EACH_FIELD(f, b, l))
		if (f->added && !field_is_hidden(b, l, f))
			json_field(out, l, f);
}

static void
json_from_json(struct buf *out, const struct origin *o, const struct batch *b,
    const struct line *l, uint64_t number)
{
	const char *text = l->text;
	size_t from = skip_blanks(text, 0, l->len);

	add_origin(out, o, &l->host, text, l->has, number);
	if (l->nfields)
		added_fields(out, b, l);
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
json_from_text(struct buf *out, const struct origin *o, const struct batch *b,
    const struct line *l, uint64_t number)
{
	const char *text = l->text;
	const char *level = weft_level_name(l->level);

	add_origin(out, o, &l->host, text, l->has, number);
	member(out, "\"level\":", level, strlen(level));
	if (l->time.len)
		member(out, "\"time\":", text + l->time.off, l->time.len);
	if (l->tag.len)
		member(out, "\"tag\":", text + l->tag.off, l->tag.len);
	member(out, "\"message\":", text + l->message.off, l->message.len);
	for (EACH_FIELD(f, b, l))
		if (!field_is_hidden(b, l, f))
			json_field(out, l, f);
	buf_adds(out, "}\n");
}

/* Both of a line's, if its text does not say what the steps have made of it. */
static void
json_from_fields(struct buf *out, const struct origin *o, const struct batch *b,
    const struct line *l, uint64_t number)
{
	add_origin(out, o, &l->host, l->text, l->has, number);
	for (EACH_FIELD(f, b, l))
		if (!field_is_hidden(b, l, f))
			json_field(out, l, f);
	buf_adds(out, "}\n");
}

static void
as_json(struct buf *out, const struct origin *o, const struct batch *b, const struct line *l,
    uint64_t number)
{
	if (l->kind != LINE_JSON)
		json_from_text(out, o, b, l, number);
	else if (unlikely((l->has & (IS_CHANGED | IS_OBJECT)) == (IS_CHANGED | IS_OBJECT)))
		json_from_fields(out, o, b, l, number);
	else
		json_from_json(out, o, b, l, number);
}

static void
as_loki(struct buf *out, const struct batch *b, const struct line *l, struct when *w)
{
	int64_t ns = line_time(w, b, l);

	buf_add(out, "[\"", 2);
	render_number(out, ns < 0 ? 0 : ns);
	buf_add(out, "\",", 2);
	render_string(out, l->text, l->len);
	buf_add(out, "]\n", 2);
}

void
render_record(struct buf *out, int format, const struct origin *o, const struct batch *b,
    const struct line *l, uint64_t number, struct when *w)
{
	switch (format) {
	case RENDER_JSON:
		as_json(out, o, b, l, number);
		return;
	case RENDER_LOKI:
		as_loki(out, b, l, w);
		return;
	case RENDER_RAW:
		buf_add(out, l->text, l->len);
		break;
	case RENDER_TEXT:
	case RENDER_COLOR:
		render_text(out, o, b, l, format == RENDER_COLOR);
		break;
	case RENDER_LOGFMT:
		render_logfmt(out, o, b, l, number);
		break;
	case RENDER_SYSLOG:
		render_syslog(out, o, b, l, w);
		break;
	case RENDER_SYSLOG_BSD:
		render_syslog_bsd(out, o, b, l, w);
		break;
	}
	buf_addc(out, '\n');
}

void
render_line(struct buf *out, int format, const struct batch *b, const struct line *l,
    uint64_t number, struct when *w)
{
	const struct origin *o = batch_origin(b);

	if (format != RENDER_LETTER) {
		render_record(out, format, o, b, l, number, w);
		return;
	}
	letter_render(out, &(struct letter){ .host = origin_text(&o->host),
	    .source = origin_text(&o->source), .stream = batch_stream_name(b), .seq = number,
	    .reason = l->error ? l->error : "", .text = l->text, .len = l->len });
}
