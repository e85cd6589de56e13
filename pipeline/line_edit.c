/*
 * line_edit.c - replaces parts of a line's text and moves everything else along
 *
 * The new text is memory of the batch, with what scanners need behind it; the old one stays, for
 * others may point into it.  Parsing it again would be simpler and wrong: without its address an
 * access log's line may be taken for another format, or for none.
 */
#include "step_impl.h"

static void
sum_shifts(struct edit *e, size_t n)
{
	ptrdiff_t shift = 0;

	for (size_t i = 0; i < n; i++) {
		e[i].shift_ = shift;
		shift += (ptrdiff_t)e[i].len - (e[i].to - e[i].from);
	}
}

/* The last edit that begins before at, or NULL: a line may have many of both. */
static const struct edit *
last_before(const struct edit *e, size_t n, size_t at)
{
	size_t low = 0;

	while (n > 0) {
		size_t half = n / 2;

		if (e[low + half].from < at) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low ? &e[low - 1] : NULL;
}

/*
 * Where a byte of the old text has gone.  Of a part that was replaced, a beginning is where
 * the new one begins and an end where it ends.
 */
static size_t
moved(const struct edit *e, size_t n, size_t at, bool is_end)
{
	const struct edit *last = last_before(e, n, at + !is_end);

	if (!last)
		return at;
	if (at < last->to)
		return last->from + last->shift_ + (is_end ? last->len : 0);
	return at - last->to + last->from + last->shift_ + last->len;
}

/* With what parsing put behind the text. */
static size_t
extent(const struct line *l)
{
	const struct slice *parts[] = { &l->time, &l->host, &l->tag, &l->message };
	size_t end = l->len;

	for (int i = 0; i < 4; i++)
		if (parts[i]->len && end < (size_t)parts[i]->off + parts[i]->len)
			end = (size_t)parts[i]->off + parts[i]->len;
	return end;
}

static const char *
rewrite(struct batch *b, const struct line *l, const struct edit *e, size_t n)
{
	size_t old = extent(l), len = moved(e, n, old, true), at = 0;
	char *text = batch_alloc(b, len + BATCH_PAD), *to = text;

	for (size_t i = 0; i < n; i++) {
		memcpy(to, l->text + at, e[i].from - at);
		to += e[i].from - at;
		memcpy(to, e[i].with, e[i].len);
		to += e[i].len;
		at = e[i].to;
	}
	memcpy(to, l->text + at, old - at);
	memset(text + len, '\n', BATCH_PAD);
	return text;
}

/* A number of JSON may have become a string: its quotes are not part of the value. */
static bool
unquote(const char *text, size_t *from, size_t *to)
{
	if (*to - *from < 2 || text[*from] != '"')
		return false;
	++*from;
	--*to;
	return true;
}

static void
move_slice(struct slice *s, const struct line *l, const char *text, const struct edit *e,
    size_t n)
{
	size_t from, to;

	if (s->len == 0)
		return;
	from = moved(e, n, s->off, false);
	to = moved(e, n, s->off + s->len, true);
	if (l->kind == LINE_JSON)
		unquote(text, &from, &to);
	*s = (struct slice){ from, to - from };
}

/* False: it is not of the text. */
static bool
move_text(const char **p, uint32_t *len, const struct line *l, const char *text,
    const struct edit *e, size_t n, bool unquoting, bool *unquoted)
{
	size_t from, to, at = *p - l->text;

	if (*p < l->text || *p >= l->text + l->len)
		return false;
	from = moved(e, n, at, false);
	to = *len ? moved(e, n, at + *len, true) : from;
	*unquoted = unquoting && unquote(text, &from, &to);
	*p = text + from;
	*len = to - from;
	return true;
}

static void
move_field(struct field *f, const struct line *l, const char *text, const struct edit *e,
    size_t n)
{
	bool unquoted, json = l->kind == LINE_JSON;

	/* JSON in other formats: plain edits could break it, so it stays with the old text */
	if (f->kind != FIELD_TEXT && !json)
		return;
	move_text(&f->key, &f->klen, l, text, e, n, false, &unquoted);
	if (move_text(&f->value, &f->len, l, text, e, n, f->kind == FIELD_RAW, &unquoted) &&
	    unquoted)
		f->kind = FIELD_ESCAPED;
}

void
line_edit(struct batch *b, struct line *l, struct edit *edits, size_t n)
{
	const char *text;
	size_t len;

	sum_shifts(edits, n);
	len = moved(edits, n, l->len, true);
	text = rewrite(b, l, edits, n);

	move_slice(&l->time, l, text, edits, n);
	move_slice(&l->host, l, text, edits, n);
	move_slice(&l->tag, l, text, edits, n);
	move_slice(&l->message, l, text, edits, n);
	for (int i = 0; i < l->nfields; i++)
		move_field(&b->fields[l->field + i], l, text, edits, n);
	l->text = text;
	l->len = len;
}
