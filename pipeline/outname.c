/*
 * outname.c - names with times and sources in them
 *
 * A text is checked once, by outname_init, so that expanding it cannot fail.  Names taken
 * from logs are cut at 128 bytes: a component of a path has 255, and there may be two of them.
 */
#include "outname.h"

#include <stdlib.h>
#include <time.h>

#include "weft/weft.h"

#define LONGEST	128

static int
check_percent(struct outname *t, const char *at, struct buf *err)
{
	if (at[1] == '%')
		return 0;
	if (at[1] && strchr("YmdHM", at[1])) {
		t->timed = true;
		return 0;
	}
	if (at[1])
		buf_printf(err, "%s: %%%c is unknown; there are %%Y %%m %%d %%H %%M and %%%%",
		    t->text, at[1]);
	else
		buf_printf(err, "%s: ends in a single %%; write %%%%", t->text);
	return -EINVAL;
}

static int
check_brace(struct outname *t, const char *at, struct buf *err)
{
	int n = (int)strcspn(at, "}");

	t->named = true;
	if (strncmp(at, "{source}", 8) == 0 || strncmp(at, "{host}", 6) == 0)
		return 0;
	buf_printf(err, "%s: %.*s%s is unknown; there are {source} and {host}", t->text, n, at,
	    at[n] ? "}" : "");
	return -EINVAL;
}

int
outname_init(struct outname *t, const char *text, int style, struct buf *err)
{
	int error = 0;

	*t = (struct outname){ .text = xstrdup(text), .style = style, .minute = INT64_MIN };
	for (const char *p = t->text; *p && !error; p++) {
		if (*p == '%') {
			error = check_percent(t, p, err);
			p += p[1] != '\0';
		} else if (*p == '{') {
			error = check_brace(t, p, err);
		}
	}
	if (error)
		outname_finish(t);
	return error;
}

void
outname_finish(struct outname *t)
{
	free(t->text);
	t->text = NULL;
}

int64_t
outname_offset(int64_t ns)
{
	time_t second = ns / WEFT_SECOND - (ns % WEFT_SECOND < 0);
	struct tm tm;

	return localtime_r(&second, &tm) ? tm.tm_gmtoff : 0;
}

static void
set_time(struct outname *t, int64_t ns)
{
	time_t second = ns / WEFT_SECOND - (ns % WEFT_SECOND < 0);
	int64_t minute = second / 60 - (second % 60 < 0);
	struct tm tm;

	if (t->minute == minute || !localtime_r(&second, &tm))
		return;
	t->minute = minute;
	t->year = tm.tm_year + 1900;
	t->month = tm.tm_mon + 1;
	t->day = tm.tm_mday;
	t->hour = tm.tm_hour;
	t->min = tm.tm_min;
}

static void
add_time(const struct outname *t, struct buf *out, char what)
{
	switch (what) {
	case 'Y':	buf_printf(out, "%04d", t->year); return;
	case 'm':	buf_printf(out, "%02d", t->month); return;
	case 'd':	buf_printf(out, "%02d", t->day); return;
	case 'H':	buf_printf(out, "%02d", t->hour); return;
	case 'M':	buf_printf(out, "%02d", t->min); return;
	default:	buf_addc(out, what);
	}
}

static bool
allowed(int style, unsigned char c, bool first)
{
	if (style == OUTNAME_PATH)
		return c > ' ' && c != 0x7f && c != '/' && !(first && c == '.');
	return c > ' ' && c != 0x7f && !strchr("\\/*?\"<>|,#:", c) &&
	    !(first && strchr(".-_+", c));
}

/* Leading dots all go: "..", "...." and a hidden file are none of a log's business. */
static void
add_name(struct buf *out, int style, const char *name)
{
	size_t len = name ? strlen(name) : 0;
	bool first = true;

	if (style == OUTNAME_AS_IS) {
		buf_add(out, name, len);
		return;
	}
	if (len > LONGEST)
		len = LONGEST;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = name[i];

		if (!allowed(style, c, first))
			c = style == OUTNAME_INDEX && first ? 'x' : '_';
		else
			first = false;
		if (style == OUTNAME_INDEX && c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		buf_addc(out, c);
	}
	if (len == 0)
		buf_addc(out, style == OUTNAME_INDEX ? 'x' : '_');
}

void
outname_expand(struct outname *t, struct buf *out, int64_t ns, const char *source,
    const char *host)
{
	if (t->timed)
		set_time(t, ns);
	for (const char *p = t->text; *p; p++) {
		if (*p == '%') {
			add_time(t, out, *++p);
		} else if (*p == '{') {
			add_name(out, t->style, p[1] == 's' ? source : host);
			p = strchr(p, '}');
		} else {
			buf_addc(out, *p);
		}
	}
}

int
outname_environment(struct buf *out, const char *text, struct buf *err)
{
	for (const char *p = text; *p; p++) {
		const char *end = strncmp(p, "${", 2) == 0 ? strchr(p, '}') : NULL, *value;

		if (!end) {
			buf_addc(out, *p);
			continue;
		}
		char *name = xstrdup(p + 2);

		name[end - p - 2] = '\0';
		value = getenv(name);
		if (!value)
			buf_printf(err, "${%s}: there is no such variable in the environment",
			    name);
		free(name);
		if (!value)
			return -EINVAL;
		buf_adds(out, value);
		p = end;
	}
	return 0;
}
