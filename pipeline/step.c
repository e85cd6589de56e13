/* step.c - what all steps have in common: running, counting, failing, naming fields */
#include "step_impl.h"

#include <stdlib.h>

#include "weft/time.h"

static void
add_count(counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);	/* a sum, no order */
}

void
step_each(struct step *s, struct scratch *sc, struct batch *b, step_line_fn *one, void *own)
{
	struct pass pass = { sc, b, weft_now(), own };
	uint64_t in = 0, out = 0;

	for (size_t i = 0; i < b->nlines; i++) {
		struct line *l = &b->lines[i];

		if (l->fate != KEPT)
			continue;
		in++;
		one(s, &pass, l);
		out += l->fate == KEPT;
	}
	add_count(&s->in, in);
	add_count(&s->out, out);
}

void
step_free(struct step *s)
{
	if (!s)
		return;
	free(s->name);
	s->free(s);
}

void
step_failed(struct step *s, struct batch *b, struct line *l, const char *why)
{
	(void)b;
	add_count(&s->failed, 1);
	if (!s->strict)
		return;
	l->fate = DEAD;
	l->error = why;
}

void
step_failed_late(struct step *s, struct batch *b, struct line *l, const char *why)
{
	step_failed(s, b, l, why);
	if (l->fate != KEPT)
		atomic_fetch_sub_explicit(&s->out, 1, memory_order_relaxed);	/* a sum */
}

static bool
check_name(const char *name, struct buf *err)
{
	if (!*name) {
		buf_adds(err, "a field's name is empty");
		return false;
	}
	for (const char *p = name; *p; p++) {
		if ((unsigned char)*p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f)
			continue;
		buf_printf(err, "\"%s\" is no name for a field: quotes, backslashes and control"
		    " characters cannot be in one", name);
		return false;
	}
	return true;
}

bool
step_name_init(struct step_name *n, const char *prefix, const char *name, struct buf *err)
{
	struct buf text = { 0 };

	*n = (struct step_name){ 0 };
	if (prefix && !*prefix)
		prefix = NULL;
	if (!check_name(name, err) || (prefix && !check_name(prefix, err)))
		return false;
	for (int i = 0; i < STEP_UNDERSCORES; i++)
		buf_addc(&text, '_');
	buf_printf(&text, "%s%s%s", prefix ? prefix : "", prefix ? "." : "", name);
	n->text = xstrdup(buf_str(&text));
	n->len = text.len - STEP_UNDERSCORES;
	buf_finish(&text);
	return true;
}

void
step_name_finish(struct step_name *n)
{
	free(n->text);
}

/*
 * Outputs write these of every line, or may: a field beside them would be a second one.  The
 * first three they write with an underscore when the line has some of its own.
 */
static bool
is_taken(const char *name, size_t len, int underscores)
{
	static const char *const ours[] = {
		"host", "source", "seq", "level", "time", "tag", "message"
	};
	size_t n = underscores == 0 ? 7 : underscores == 1 ? 3 : 0;

	name += underscores;
	len -= underscores;
	for (size_t i = 0; i < n; i++)
		if (strlen(ours[i]) == len && memcmp(ours[i], name, len) == 0)
			return true;
	return false;
}

struct field *
step_field(struct batch *b, struct line *l, const struct step_name *n)
{
	for (int i = 0; i <= STEP_UNDERSCORES; i++) {
		const char *key = n->text + STEP_UNDERSCORES - i;
		size_t len = n->len + i;
		struct field *f = batch_find(b, l, key, len);

		if (f && f->added)
			return f;
		if (f || is_taken(key, len, i))
			continue;
		if (l->nfields > MAX_FIELDS)
			return NULL;
		f = batch_field(b, l);
		f->key = key;
		f->klen = len;
		f->added = true;
		return f;
	}
	return NULL;
}

void
step_add(struct step *s, struct batch *b, struct line *l, const struct step_name *n,
    const char *value, size_t len)
{
	struct field *f = step_field(b, l, n);

	if (!f) {
		step_failed(s, b, l, "there are too many fields of that name");
		return;
	}
	f->value = value;
	f->len = len;
	f->kind = FIELD_TEXT;
}
