/*
 * framing.c - finds messages in the bytes of a connection; see framing.h
 *
 * The bytes stay where they are, and a line points at them.  A message that came with its length
 * has the next one's length right behind it, where a parser wants a control character: it is moved
 * over the end of its own length, by one byte, which makes room for a newline.
 */
#include "framing.h"

enum { DIGITS = 9 };			/* of a length: a GB is absurd anyway */

static const char piece[] = "a piece of a message that is too long";

static bool
ends_message(char c)
{
	return c == '\n' || c == '\r' || c == '\0';
}

static size_t
count_digits(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && i <= DIGITS && p[i] >= '0' && p[i] <= '9')
		i++;
	return i;
}

/* A newline or a NUL. */
static const char *
find_end(const char *p, size_t n)
{
	const char *newline = memchr(p, '\n', n);
	const char *nul = memchr(p, '\0', newline ? (size_t)(newline - p) : n);

	return nul ? nul : newline;
}

static void
add_line(struct batch *b, size_t from, size_t len, size_t end, const char *error)
{
	struct line *l = batch_add(b);

	l->text = b->bytes.data + from;
	l->len = len;
	l->end = end;
	if (error) {
		l->error = error;
		l->fate = DEAD;
	}
}

/* By the first bytes; false: there are too few of them. */
static bool
detect(struct framing *f, const char *p, size_t n, bool final)
{
	size_t skip = 0, digits;

	while (skip < n && ends_message(p[skip]))
		skip++;
	if (skip == n && !final)
		return false;
	digits = count_digits(p + skip, n - skip);
	if (skip + digits == n && digits <= DIGITS && !final)
		return false;
	f->kind = digits && digits <= DIGITS && skip + digits < n && p[skip + digits] == ' ' ?
	    FRAMING_OCTETS : FRAMING_NEWLINES;
	return true;
}

/* ---- a newline after each ---- */

static bool
newline_there(struct framing *f, const struct buf *rest)
{
	if (rest->len >= f->max)
		return true;
	if (find_end(rest->data + f->searched, rest->len - f->searched))
		return true;
	f->searched = rest->len;
	return false;
}

static size_t
cut_newlines(struct framing *f, struct batch *b, bool final)
{
	const char *data = b->bytes.data;
	size_t at = 0, end = b->bytes.len;

	while (at < end && b->nlines < BATCH_LINES) {
		size_t room = end - at < f->max ? end - at : f->max;
		const char *stop = find_end(data + at, room);
		size_t to = stop ? (size_t)(stop - data) : at + room;
		bool torn = !stop && !(final && to == end);
		size_t len = torn ? room : message_length(data + at, to - at);

		if (torn && room < f->max)
			break;
		if (stop)
			to++;
		if (len || f->cut)
			add_line(b, at, len, to, torn || f->cut ? piece : NULL);
		f->cut = torn;
		at = to;
	}
	return at;
}

/* ---- a length before each ---- */

/* The header at p: its length, 0 if it is not whole yet; *len is the message's. */
static size_t
read_length(struct framing *f, const char *p, size_t n, size_t *len)
{
	size_t digits = count_digits(p, n);

	*len = 0;
	for (size_t i = 0; i < digits; i++)
		*len = *len * 10 + (p[i] - '0');
	if (digits > DIGITS || *len > f->max)
		f->broken = "the length of a message is absurd";
	else if (digits < n && (digits == 0 || p[digits] != ' '))
		f->broken = "there is no length where a message should begin";
	return f->broken || digits == n ? 0 : digits + 1;
}

/* Over the end of its length: see above. */
static void
add_counted(struct batch *b, size_t text, size_t len, const char *error)
{
	char *to = b->bytes.data + text - 1;
	size_t n;

	memmove(to, to + 1, len);
	n = message_length(to, len);
	to[n] = '\n';
	if (n)
		add_line(b, text - 1, n, text + len, error);
}

/* The end of the connection, or of all understanding: what is left is a line. */
static size_t
cut_remains(struct batch *b, size_t at)
{
	size_t len = message_length(b->bytes.data + at, b->bytes.len - at);

	if (len)
		add_line(b, at, len, b->bytes.len, "the connection ended inside of a message");
	return b->bytes.len;
}

static size_t
cut_octets(struct framing *f, struct batch *b, bool final)
{
	const char *data = b->bytes.data;
	size_t at = 0, end = b->bytes.len, head = 0, len = 0;

	while (!f->broken && b->nlines < BATCH_LINES) {
		size_t skip = at;

		/* some senders end each message with a newline that they do not count */
		while (skip < end && ends_message(data[skip]))
			skip++;
		head = skip < end ? read_length(f, data + skip, end - skip, &len) : 0;
		if (!head || end - skip - head < len) {
			f->need = head ? skip - at + head + len : end - at + 1;
			break;
		}
		add_counted(b, skip + head, len, NULL);
		at = skip + head + len;
		f->need = 1;
	}
	if ((final || f->broken) && b->nlines < BATCH_LINES)
		at = cut_remains(b, at);
	return at;
}

/* ---- both ---- */

bool
framing_whole(struct framing *f, const struct buf *rest)
{
	if (!rest->len || f->broken)
		return false;
	if (f->kind == FRAMING_UNKNOWN && !detect(f, rest->data, rest->len, false))
		return rest->len >= f->max;
	if (f->kind == FRAMING_OCTETS)
		return rest->len >= f->need;
	return newline_there(f, rest);
}

static size_t
cut(struct framing *f, struct batch *b, bool final)
{
	if (f->kind == FRAMING_TEXT)
		return split_lines(b, f->multiline, f->scratch, final, f->max, &f->ncut);
	if (f->kind == FRAMING_OCTETS)
		return cut_octets(f, b, final);
	return cut_newlines(f, b, final);
}

size_t
framing_cut(struct framing *f, struct batch *b, bool final)
{
	size_t taken;

	if (f->kind == FRAMING_UNKNOWN)
		detect(f, b->bytes.data, b->bytes.len, true);
	taken = cut(f, b, final);
	/* unless the batch is full, what is left waits for a newline that has not come yet */
	f->searched = b->nlines == BATCH_LINES ? 0 : b->bytes.len - taken;
	return taken;
}

/* ---- RFC 3164, section 4.3: what a relay adds ---- */

static size_t
skip_priority(const char *p, size_t n)
{
	size_t digits = n && p[0] == '<' ? count_digits(p + 1, n - 1) : 0;

	return digits && digits <= 3 && 1 + digits < n && p[1 + digits] == '>' ? digits + 2 : 0;
}

/* "Oct 11 22:14:15 " or "2026-11-25T18:31:51.003Z ": its length, or 0. */
static size_t
skip_time(const char *p, size_t n)
{
	const char *blank;

	if (n >= 16 && p[0] >= 'A' && p[0] <= 'Z' && p[3] == ' ' && p[6] == ' ' &&
	    p[9] == ':' && p[12] == ':' && p[15] == ' ')
		return 16;
	if (n < 20 || p[4] != '-' || p[7] != '-' || p[10] != 'T')
		return 0;
	blank = memchr(p, ' ', n);
	return blank ? blank - p + 1 : 0;
}

/* The first word is a tag: "su:", "cron[12]:". */
static bool
begins_with_tag(const char *p, size_t n)
{
	for (size_t i = 0; i < n && p[i] != ' '; i++)
		if (p[i] == ':' ? i + 1 == n || p[i + 1] == ' ' : p[i] == '[' && i > 0)
			return true;
	return false;
}

bool
framing_lacks_host(const char *text, size_t len, size_t *at, bool *time)
{
	size_t head = skip_priority(text, len), when;

	if (head && head + 1 < len && text[head] >= '0' && text[head] <= '9' && text[head + 1] == ' ')
		return false;		/* RFC 5424 */
	when = skip_time(text + head, len - head);
	if (when && !begins_with_tag(text + head + when, len - head - when))
		return false;
	*at = head + when;
	*time = !when;
	return true;
}
