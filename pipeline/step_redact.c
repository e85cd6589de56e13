/*
 * step_redact.c - redact: what is personal or secret is replaced before any output sees it
 *
 * Text is searched as it is.  JSON stays JSON: its strings, keys too, are searched one by one
 * and without their escapes, so "\u0040" hides nothing, and a number that matches becomes a
 * string.  A pattern therefore never matches across two values.  What is not in the text, because
 * a step added it or parsing had to copy it, is searched as well, and JSON inside another
 * format is searched both ways: as part of the text, and as the fields that it is.
 *
 * Most lines are clean, and JSON without a backslash reads the same with and without its
 * quotes; so the whole of it is searched first, and its tokens only if something is there.
 */
#include <stdlib.h>

#include "json.h"
#include "redact.h"
#include "render.h"
#include "step_impl.h"
#include "suggest.h"
#include "weft/sync.h"

struct pattern {
	redact_find_fn	*find;		/* or */
	struct regex	*regex;
	char		*with;		/* fit for the inside of a JSON string */
	size_t		 len;
};

struct redact {
	struct step	 step;
	struct pattern	*patterns;
	int		 n;
	bool		 regexes;	/* is there one?  then no look at all of the line helps */
	weft_pool	*work;		/* of struct work */
};

/* What a worker needs on its way over a batch. */
struct work {
	struct redact	*r;
	struct scratch	*sc;
	struct batch	*b;
	struct hit { struct stretch at; const struct pattern *pattern; } *hits;
	size_t		 nhits, hits_room;
	struct edit	*edits;
	size_t		 nedits, edits_room;
	struct buf	 text, out, whole;
};

static void *
make_work(void)
{
	return xcalloc(1, sizeof(struct work));
}

static void
free_work(void *p)
{
	struct work *w = p;

	free(w->hits);
	free(w->edits);
	buf_finish(&w->text);
	buf_finish(&w->out);
	buf_finish(&w->whole);
	free(w);
}

static bool
find(struct work *w, const struct pattern *pat, const char *p, size_t len, size_t from,
    struct stretch *out)
{
	const size_t *at;
	bool limited;

	if (pat->find)
		return pat->find(p, len, from, out);
	while (regex_match(pat->regex, w->sc, p, len, from, &at, &limited)) {
		*out = (struct stretch){ at[0], at[1] };
		if (at[1] > at[0])
			return true;
		from = at[1] + 1;		/* nothing, at a place: go on behind it */
	}
	/* nobody knows what it would have found: all that is left may be secret */
	*out = (struct stretch){ from, len };
	return limited && from < len;
}

static void
add_hit(struct work *w, struct stretch at, const struct pattern *pat)
{
	if (w->nhits == w->hits_room) {
		w->hits_room = w->hits_room ? 2 * w->hits_room : 16;
		w->hits = xrealloc(w->hits, w->hits_room * sizeof(*w->hits));
	}
	w->hits[w->nhits++] = (struct hit){ at, pat };
}

static int
by_place(const void *a, const void *b)
{
	const struct stretch *x = &((const struct hit *)a)->at, *y = &((const struct hit *)b)->at;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to < y->to) - (x->to > y->to);
}

/* Of those that overlap, one replacement is enough: it covers them all. */
static void
merge_hits(struct work *w)
{
	size_t n = 0;

	if (w->nhits < 2)
		return;
	qsort(w->hits, w->nhits, sizeof(*w->hits), by_place);
	for (size_t i = 1; i < w->nhits; i++) {
		struct hit *last = &w->hits[n], *h = &w->hits[i];

		if (h->at.from >= last->at.to)
			w->hits[++n] = *h;
		else if (h->at.to > last->at.to)
			last->at.to = h->at.to;
	}
	w->nhits = n + 1;
}

/* All hits in a text, in order. */
static bool
search(struct work *w, const char *p, size_t len)
{
	w->nhits = 0;
	for (int i = 0; i < w->r->n; i++) {
		const struct pattern *pat = &w->r->patterns[i];
		struct stretch at = { 0, 0 };

		while (find(w, pat, p, len, at.to, &at))
			add_hit(w, at, pat);
	}
	merge_hits(w);
	return w->nhits > 0;
}

/* The text of the last search with its hits replaced, in out. */
static void
replace(struct work *w, const char *p, size_t len, struct buf *out)
{
	size_t at = 0;

	for (size_t i = 0; i < w->nhits; i++) {
		const struct hit *h = &w->hits[i];

		buf_add(out, p + at, h->at.from - at);
		buf_add(out, h->pattern->with, h->pattern->len);
		at = h->at.to;
	}
	buf_add(out, p + at, len - at);
}

static void
add_edit(struct work *w, size_t from, size_t to, const char *with, size_t len)
{
	if (w->nedits == w->edits_room) {
		w->edits_room = w->edits_room ? 2 * w->edits_room : 16;
		w->edits = xrealloc(w->edits, w->edits_room * sizeof(*w->edits));
	}
	w->edits[w->nedits++] = (struct edit){
	    .from = from, .to = to, .with = with, .len = len };
}

static void
edit_hits(struct work *w, size_t offset)
{
	for (size_t i = 0; i < w->nhits; i++) {
		const struct hit *h = &w->hits[i];

		add_edit(w, offset + h->at.from, offset + h->at.to, h->pattern->with,
		    h->pattern->len);
	}
}

static const char *
keep(struct work *w, const struct buf *text)
{
	return memcpy(batch_alloc(w->b, text->len), text->data, text->len);
}

/* A string with escapes is searched as what it says, and written anew if it is hit. */
static void
redact_escaped(struct work *w, const char *text, size_t from, size_t to)
{
	w->text.len = w->out.len = 0;
	json_unescape(&w->text, text + from, to - from);
	if (!search(w, w->text.data, w->text.len))
		return;
	replace(w, w->text.data, w->text.len, &w->out);
	w->text.len = 0;
	render_string(&w->text, w->out.data, w->out.len);
	add_edit(w, from, to, keep(w, &w->text) + 1, w->text.len - 2);
}

/* After the opening quote; where the closing one is. */
static size_t
redact_string(struct work *w, const char *text, size_t from)
{
	bool escaped = false;
	size_t to = from;

	for (; text[to] != '"'; to++)
		if (text[to] == '\\') {
			escaped = true;
			to++;
		}
	if (escaped)
		redact_escaped(w, text, from, to);
	else if (search(w, text + from, to - from))
		edit_hits(w, from);
	return to;
}

static bool
is_number_byte(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || (c | 0x20) == 'e';
}

/* Where it ends. */
static size_t
redact_number(struct work *w, const char *text, size_t from, size_t len)
{
	size_t to = from;

	while (to < len && is_number_byte(text[to]))
		to++;
	if (search(w, text + from, to - from)) {
		w->out.len = 0;
		buf_addc(&w->out, '"');
		replace(w, text + from, to - from, &w->out);
		buf_addc(&w->out, '"');
		add_edit(w, from, to, keep(w, &w->out), w->out.len);
	}
	return to;
}

/* Any JSON; it is valid: parsing said so. */
static void
redact_json(struct work *w, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '"')
			i = redact_string(w, text, i + 1);
		else if (c == '-' || (c >= '0' && c <= '9'))
			i = redact_number(w, text, i, len) - 1;
	}
}

/* A field that lives apart from the text, or is JSON inside another format. */
static void
apply_edits(struct work *w, struct field *f)
{
	size_t at = 0;

	if (w->nedits == 0)
		return;
	w->whole.len = 0;
	for (size_t i = 0; i < w->nedits; i++) {
		const struct edit *e = &w->edits[i];

		buf_add(&w->whole, f->value + at, e->from - at);
		buf_add(&w->whole, e->with, e->len);
		at = e->to;
	}
	buf_add(&w->whole, f->value + at, f->len - at);
	f->value = keep(w, &w->whole);
	f->len = w->whole.len;
	/* a number that has become a string */
	if (f->kind == FIELD_RAW && *f->value == '"') {
		f->kind = FIELD_ESCAPED;
		f->value++;
		f->len -= 2;
	}
}

static void
redact_field(struct work *w, struct field *f)
{
	struct buf quoted = { 0 };

	w->nedits = 0;
	if (f->len == 0)
		return;
	if (f->kind == FIELD_RAW) {
		redact_json(w, f->value, f->len);
		apply_edits(w, f);
	} else if (f->kind == FIELD_ESCAPED && memchr(f->value, '\\', f->len)) {
		/* as the string that it was; then its value begins with a quote again, or not */
		buf_addc(&quoted, '"');
		buf_add(&quoted, f->value, f->len);
		buf_addc(&quoted, '"');
		redact_json(w, quoted.data, quoted.len);
		if (w->nedits) {
			f->value = quoted.data;
			f->len = quoted.len;
			f->kind = FIELD_RAW;
			apply_edits(w, f);
		}
		buf_finish(&quoted);
	} else if (search(w, f->value, f->len)) {
		edit_hits(w, 0);
		apply_edits(w, f);
	}
}

static bool
is_inside(const struct line *l, const char *p)
{
	return p >= l->text && p < l->text + l->len;
}

/* Only these formats' lines bring keys of their own, which parsing may have left behind. */
static void
redact_key(struct work *w, const struct line *l, struct field *f)
{
	if ((l->kind != LINE_LOGFMT && l->kind != LINE_CRI) || f->added ||
	    (is_inside(l, f->key) && f->kind == FIELD_TEXT))
		return;
	if (!search(w, f->key, f->klen))
		return;
	w->out.len = 0;
	replace(w, f->key, f->klen, &w->out);
	f->key = keep(w, &w->out);
	f->klen = w->out.len;
}

static void
redact_fields(struct work *w, struct line *l)
{
	for (int i = 0; i < l->nfields; i++) {
		struct field *f = &w->b->fields[l->field + i];

		redact_key(w, l, f);
		if (!is_inside(l, f->value) || (f->kind != FIELD_TEXT && l->kind != LINE_JSON))
			redact_field(w, f);
	}
	w->nedits = 0;
}

/* What parsing has put behind the text, in the order in which it stands there. */
static void
redact_behind(struct work *w, const struct line *l)
{
	const struct slice *parts[] = { &l->time, &l->host, &l->tag, &l->message };
	size_t from = l->len;

	for (const struct slice *next; ; from = next->off + next->len) {
		next = NULL;
		for (int i = 0; i < 4; i++)
			if (parts[i]->len && parts[i]->off > from &&
			    (!next || parts[i]->off < next->off))
				next = parts[i];
		if (!next)
			return;
		if (search(w, l->text + next->off, next->len))
			edit_hits(w, next->off);
	}
}

static bool
may_have_some(struct work *w, const struct line *l)
{
	struct stretch at;

	if (w->r->regexes || memchr(l->text, '\\', l->len))
		return true;
	for (int i = 0; i < w->r->n; i++)
		if (w->r->patterns[i].find(l->text, l->len, 0, &at))
			return true;
	return false;
}

static void
one(struct step *s, struct pass *p, struct line *l)
{
	struct work *w = p->own;

	(void)s;
	redact_fields(w, l);
	if (l->kind != LINE_JSON) {
		if (search(w, l->text, l->len))
			edit_hits(w, 0);
		redact_behind(w, l);
	} else if (may_have_some(w, l)) {
		redact_json(w, l->text, l->len);
	}
	if (w->nedits)
		line_edit(p->b, l, w->edits, w->nedits);
}

static void
run(struct step *s, struct scratch *sc, struct batch *b)
{
	struct redact *r = (struct redact *)s;
	struct work *w = weft_pool_get(r->work);

	w->r = r;
	w->sc = sc;
	w->b = b;
	step_each(s, sc, b, one, w);
	weft_pool_put(r->work, w);
}

static void
finish(struct step *s)
{
	struct redact *r = (struct redact *)s;

	for (int i = 0; i < r->n; i++) {
		regex_free(r->patterns[i].regex);
		free(r->patterns[i].with);
	}
	free(r->patterns);
	if (r->work)
		weft_pool_free(r->work);
	free(r);
}

/* A name, or a pattern: what has only letters and digits is more likely a name misspelt. */
static bool
init_pattern(struct redact *r, const char *what, const char *with, struct buf *err)
{
	struct pattern *pat = &r->patterns[r->n++];
	struct buf text = { 0 };
	const char *near;

	pat->find = redact_find(what);
	if (with)
		buf_adds(&text, with);
	else
		buf_printf(&text, "[%s]", pat->find ? what : "redacted");
	pat->len = text.len;
	pat->with = xstrdup(buf_str(&text));
	buf_finish(&text);
	if (pat->find)
		return true;
	near = what[strspn(what, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")]
	    ? NULL : suggest(what, strlen(what), redact_names);
	if (near) {
		buf_printf(err, "%s is nothing to redact: did you mean %s?  As a pattern, write"
		    " (?:%s)", what, near, what);
		return false;
	}
	r->regexes = true;
	pat->regex = regex_new(what, NULL, err);
	return pat->regex != NULL;
}

/* It goes into JSON strings and between the quotes of others. */
static bool
check_with(const char *with, struct buf *err)
{
	const unsigned char *p = (const unsigned char *)(with ? with : "");
	const unsigned char *end = p + strlen((const char *)p);

	for (int n; p < end; p += n) {
		n = utf8_length(p, end);
		if (n > 0 && *p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f)
			continue;
		buf_adds(err, "what takes the place of redacted text has no quotes, backslashes,"
		    " control characters, nor broken UTF-8 in it");
		return false;
	}
	return true;
}

struct step *
step_redact(const char *const *what, int n, const char *with, struct buf *err)
{
	struct redact *r;

	if (n < 1) {
		buf_adds(err, "nothing is named that is to be redacted: email, card, ipv4, ipv6,"
		    " bearer, or a pattern");
		return NULL;
	}
	if (!check_with(with, err))
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->step = (struct step){ .kind = "redact", .run = run, .free = finish };
	r->patterns = xcalloc(n, sizeof(*r->patterns));
	for (int i = 0; i < n; i++)
		if (!init_pattern(r, what[i], with, err)) {
			finish(&r->step);
			return NULL;
		}
	r->work = weft_pool_new(make_work, free_work);
	return &r->step;
}
