/*
 * entry.c - steps of the user's: a function that sees each line as a weft_entry
 *
 * What it sets is what the line says from then on: unlike a set: step, a field of the line's own
 * is replaced, for the user has looked at it.  In JSON the text itself is changed; other lines
 * are marked as no longer saying in their text what their fields say.
 */
#include <stdlib.h>

#include "expr_impl.h"
#include "names.h"
#include "render.h"
#include "step_impl.h"
#include "when.h"

#define REFS 16				/* names that one function asks for again and again */

struct call {
	struct step	 step;
	weft_pipeline_fn *f;
	void		*arg;
};

struct weft_entry {
	struct pass	*pass;
	struct line	*line;
	const char	*reason;
	struct ref	*refs[REFS];	/* by what was asked for first */
	int		 nrefs;
	struct ref	*last;		/* of the names that did not fit */
};

static struct ref *
make_ref(const char *name)
{
	struct wants wants = { 0 };
	struct buf quoted = { 0 }, err = { 0 };
	struct ref *r = ref_new(name, &wants, &err);

	if (!r) {
		/* not a name that needs no quotes: then it is a field called exactly that */
		buf_adds(&quoted, "[\"");
		for (const char *p = name; *p; p++) {
			if (*p == '"' || *p == '\\')
				buf_addc(&quoted, '\\');
			buf_addc(&quoted, *p);
		}
		buf_adds(&quoted, "\"]");
		r = ref_new(buf_str(&quoted), &wants, &err);
		free(r->whole);
		r->whole = xstrdup(name);
		r->len = strlen(name);
	}
	buf_finish(&quoted);
	buf_finish(&err);
	return r;
}

static struct ref *
ref_of(weft_entry *e, const char *name)
{
	for (int i = 0; i < e->nrefs; i++)
		if (strcmp(e->refs[i]->whole, name) == 0)
			return e->refs[i];
	if (e->nrefs < REFS)
		return e->refs[e->nrefs++] = make_ref(name);
	ref_free(e->last);
	return e->last = make_ref(name);
}

int
weft_entry_level(weft_entry *e)
{
	return e->line->level;
}

bool
weft_entry_time(weft_entry *e, int64_t *ns)
{
	const struct line *l = e->line;

	return l->time.len && when_parse(scratch_when(e->pass->sc), l->text + l->time.off,
	    l->time.len, e->pass->b->received, ns);
}

bool
weft_entry_get(weft_entry *e, const char *name, const char **text, size_t *len)
{
	struct buf *room = scratch_room(e->pass->sc);
	struct text t;

	if (!ref_text(ref_of(e, name), e->pass->b, e->line, room, &t))
		return false;
	/* the room is used again by the next call */
	if (t.len && t.p == room->data)
		t.p = memcpy(batch_alloc(e->pass->b, t.len), t.p, t.len);
	*text = t.p;
	*len = t.len;
	return true;
}

static char *
copy(struct batch *b, const char *p, size_t len)
{
	return len ? memcpy(batch_alloc(b, len), p, len) : "";
}

/* text as a string of JSON, with its quotes. */
static struct buf
as_json(const char *text, size_t len)
{
	struct buf out = { 0 };

	render_string(&out, text, len);
	return out;
}

/* Puts text where from..to of the line is, quotes and all if it is a string of JSON. */
static void
replace(weft_entry *e, size_t from, size_t to, const char *text, size_t len)
{
	struct line *l = e->line;
	struct buf json = { 0 };
	struct edit edit = { .from = from, .to = to, .with = text, .len = len };

	if (l->kind == LINE_JSON) {
		json = as_json(text, len);
		edit.with = json.data;
		edit.len = json.len;
		if (from && l->text[from - 1] == '"') {
			edit.with++;
			edit.len -= 2;
		}
	} else {
		l->has |= IS_CHANGED;
	}
	line_edit(e->pass->b, l, &edit, 1);
	buf_finish(&json);
}

static struct slice *
slice_of(struct line *l, enum ref_what what)
{
	switch (what) {
	case REF_MESSAGE:
		return &l->message;
	case REF_HOST:
		return &l->host;
	case REF_TIME:
		return &l->time;
	case REF_TAG:
		return &l->tag;
	default:
		return NULL;
	}
}

/* Where the line has no such part: a field, which must not be a second one beside ours. */
static const char *
name_of_field(const struct line *l, const struct ref *r)
{
	switch (r->what) {
	case REF_HOST:
		return "_host";
	case REF_SOURCE:
		return "_source";
	case REF_MESSAGE:
		return l->kind == LINE_JSON ? "message" : "_message";
	default:
		return r->whole;
	}
}

static bool
is_inside(const struct line *l, const struct field *f)
{
	return f->value >= l->text && f->value < l->text + l->len;
}

static void
set_field(weft_entry *e, struct field *f, const char *text, size_t len)
{
	struct line *l = e->line;

	if (!f->added && l->kind == LINE_JSON && is_inside(l, f)) {
		size_t from = f->value - l->text;

		replace(e, from, from + f->len, text, len);
		return;
	}
	if (!f->added)
		l->has |= IS_CHANGED;
	f->value = copy(e->pass->b, text, len);
	f->len = len;
	f->kind = FIELD_TEXT;
}

static char *
key_of(struct batch *b, const char *name, size_t *len)
{
	struct buf json = as_json(name, strlen(name));
	char *key;

	*len = json.len - 2;
	key = copy(b, json.data + 1, *len);
	buf_finish(&json);
	return key;
}

/* It is there, or it is added. */
static struct field *
field_named(struct batch *b, struct line *l, const char *name)
{
	struct field *f = batch_find(b, l, name, strlen(name));
	size_t klen;
	char *key;

	if (f || l->nfields > MAX_FIELDS)
		return f;
	key = key_of(b, name, &klen);
	f = batch_field(b, l);
	*f = (struct field){ .key = key, .klen = klen, .added = true };
	return f;
}

void
weft_entry_set(weft_entry *e, const char *name, const char *text, size_t len)
{
	struct batch *b = e->pass->b;
	struct line *l = e->line;
	struct ref *r = ref_of(e, name);
	struct slice *s = slice_of(l, r->what);
	struct field *f;
	int level;

	if (r->what == REF_LEVEL) {
		level = level_from_word(text, len);
		if (level != LEVEL_NONE)
			weft_entry_set_level(e, level);
		return;
	}
	if (s && s->len) {
		replace(e, s->off, s->off + s->len, text, len);
		return;
	}
	f = field_named(b, l, name_of_field(l, r));
	if (f)
		set_field(e, f, text, len);
}

/* In JSON the member that said so says the new one, or there is one from now on. */
static void
set_json_level(weft_entry *e, const char *name)
{
	struct batch *b = e->pass->b;
	struct line *l = e->line;
	struct field *f;

	for (int i = 0; i < l->nfields; i++) {
		f = &b->fields[l->field + i];
		if (name_of(f->key, f->klen) == NAME_LEVEL &&
		    level_from_value(f->value, f->len) != LEVEL_NONE) {
			set_field(e, f, name, strlen(name));
			return;
		}
	}
	if (l->has & IS_OBJECT && (f = field_named(b, l, "level")))
		set_field(e, f, name, strlen(name));
}

void
weft_entry_set_level(weft_entry *e, int level)
{
	struct line *l = e->line;

	if (level < WEFT_LEVEL_TRACE || level > WEFT_LEVEL_FATAL || level == l->level)
		return;
	l->level = level;
	if (l->kind == LINE_JSON)
		set_json_level(e, weft_level_name(level));
	else
		l->has |= IS_CHANGED;
}

void
weft_entry_reason(weft_entry *e, const char *why)
{
	char *text = batch_alloc(e->pass->b, strlen(why) + 1);

	e->reason = strcpy(text, why);
}

static void
one(struct step *s, struct pass *p, struct line *l)
{
	struct call *c = (struct call *)s;
	weft_entry *e = p->own;

	e->pass = p;
	e->line = l;
	e->reason = NULL;
	switch (c->f(e, c->arg)) {
	case WEFT_DROP:
		l->fate = FILTERED;
		break;
	case WEFT_DEAD:
		l->fate = DEAD;
		l->error = e->reason ? e->reason : "a function of the program's refused it";
		break;
	case WEFT_KEEP:
		break;
	}
}

static void
run(struct step *s, struct scratch *sc, struct batch *b)
{
	weft_entry e = { 0 };

	step_each(s, sc, b, one, &e);
	for (int i = 0; i < e.nrefs; i++)
		ref_free(e.refs[i]);
	ref_free(e.last);
}

static void
finish(struct step *s)
{
	free(s);
}

struct step *
step_call(weft_pipeline_fn *f, void *arg)
{
	struct call *c = xcalloc(1, sizeof(*c));

	c->step = (struct step){ .kind = "call", .run = run, .free = finish };
	/* nobody knows what it will ask for */
	c->step.wants.fields = true;
	c->f = f;
	c->arg = arg;
	return &c->step;
}
