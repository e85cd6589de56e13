/*
 * access.c - access logs of web servers: common and combined log format
 *
 *	host ident user [time] "request" status bytes "referer" "user agent" ...
 *
 * with the virtual host in front if there is one.  - is none.  The message is the
 * request, the level follows from the status.  What comes after the user agent is a
 * field: x_forwarded_for if it is in quotes, as nginx's "main" has it, else rest.
 */
#include "cursor.h"

#define WITHIN 256		/* bytes: the time stands early */

static const char times[] = "[99/";

static const char *
find_time(const char *p, const char *end)
{
	while ((p = memchr(p, '[', end - p))) {
		if (looks_like(p, end, times))
			return p;
		p++;
	}
	return NULL;
}

bool
access_likely(const char *text, size_t len)
{
	const char *end = text + (len < WITHIN ? len : WITHIN);

	return len > 32 && find_time(text, end) && !memchr(text, '\n', len);
}

static void
add(struct batch *b, struct line *l, const char *key, const char *from, const char *to)
{
	if (to > from && (to - from != 1 || *from != '-'))
		line_field(b, l, key, strlen(key), from, to - from, FIELD_TEXT);
}

static void
add_number(struct batch *b, struct line *l, const char *key, const char *from, const char *to)
{
	if (to > from && (to - from != 1 || *from != '-'))
		line_number(b, l, key, from, to - from);
}

/* Words before the time: [vhost] remote ident user, where a user may have blanks. */
static bool
take_who(struct batch *b, struct cursor *c, struct line *l, const char *time)
{
	const char *word[4], *to[4], *end = time - 1;
	int n = 0;

	if (time == c->p || *end != ' ')
		return false;
	while (n < 4 && c->p < end) {
		word[n] = c->p;
		c->p = word_end(c);
		if (c->p > end)
			return false;
		to[n++] = c->p;
		skip_spaces(c);
	}
	if (n < 3)
		return false;
	/* host - name of two words, or vhost host - name? */
	int v = n == 4 && !(to[1] - word[1] == 1 && *word[1] == '-') ? 1 : 0;
	if (v)
		add(b, l, "vhost", word[0], to[0]);
	add(b, l, "remote_addr", word[v], to[v]);
	add(b, l, "ident", word[v + 1], to[v + 1]);
	add(b, l, "user", word[v + 2], end);
	return true;
}

/* [02/Jan/2024:03:04:05 +0100] */
static bool
take_time(struct cursor *c, struct line *l, const char *time)
{
	static const char shape[] = "9999:99:99:99 ";
	const char *end = memchr(time, ']', c->end - time);

	if (!end || end - time != 27 || !looks_like(time + 8, c->end, shape))
		return false;
	l->time = slice(c, time + 1, end);
	c->p = end + 1;
	skip_spaces(c);
	return true;
}

/* What is in quotes, which a backslash escapes; steps over it. */
static bool
take_quoted(struct cursor *c, const char **from, const char **to)
{
	const char *p = c->p;

	if (p == c->end || *p != '"')
		return false;
	*from = ++p;
	for (;;) {
		p = memchr(p, '"', c->end - p);
		if (!p)
			return false;
		const char *q = p;
		while (q > *from && q[-1] == '\\')
			q--;
		if ((p - q) % 2 == 0)
			break;
		p++;
	}
	*to = p;
	c->p = p + 1;
	skip_spaces(c);
	return true;
}

/* GET /path HTTP/1.1; what attackers send is all message */
static void
split_request(struct batch *b, struct line *l, const char *p, const char *end)
{
	const char *path = memchr(p, ' ', end - p), *protocol = NULL;

	if (!path || path == p)
		return;
	for (const char *q = p; q < path; q++)
		if (*q < 'A' || *q > 'Z')
			return;
	protocol = memrchr(path + 1, ' ', end - path - 1);
	if (protocol && (end - protocol < 6 || memcmp(protocol + 1, "HTTP/", 5) != 0))
		protocol = NULL;
	add(b, l, "method", p, path);
	add(b, l, "path", path + 1, protocol ? protocol : end);
	if (protocol)
		add(b, l, "protocol", protocol + 1, end);
}

static bool
take_status(struct batch *b, struct cursor *c, struct line *l)
{
	const char *status = c->p, *end = word_end(c);

	l->level = WEFT_LEVEL_INFO;
	if (looks_like(status, c->end, "999") && end == status + 3)
		l->level = *status >= '5' ? WEFT_LEVEL_ERROR : *status == '4' ? WEFT_LEVEL_WARN :
		    WEFT_LEVEL_INFO;
	else if (end != status + 1 || *status != '-')
		return false;
	add_number(b, l, "status", status, end);
	c->p = end;
	skip_spaces(c);
	end = word_end(c);
	if (end == c->p || (*c->p != '-' && skip_digits(c->p, end) != end))
		return false;
	add_number(b, l, "bytes", c->p, end);
	c->p = end;
	skip_spaces(c);
	return true;
}

const char *
access_parse(struct batch *b, struct line *l)
{
	struct cursor c = { l->text, l->text, l->text + l->len };
	const char *time = find_time(c.p, c.end), *from, *to;

	l->kind = LINE_ACCESS;
	if (!time || !take_who(b, &c, l, time) || !take_time(&c, l, time))
		return "not an access log: no address, user and [time]";
	if (!take_quoted(&c, &from, &to))
		return "not an access log: no \"request\" after the time";
	l->message = slice(&c, from, to);
	split_request(b, l, from, to);
	if (!take_status(b, &c, l))
		return "not an access log: no status and size after the request";
	if (take_quoted(&c, &from, &to)) {
		add(b, l, "referer", from, to);
		if (take_quoted(&c, &from, &to))
			add(b, l, "user_agent", from, to);
	}
	if (take_quoted(&c, &from, &to))
		add(b, l, "x_forwarded_for", from, to);
	add(b, l, "rest", c.p, c.end);
	return NULL;
}
