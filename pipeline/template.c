/*
 * template.c - text with values of lines in it: "{user.name}@${REGION:-none}"
 *
 * ${NAME} is the environment's, read once; ${NAME:-text} has a default.  {ref} is the line's.
 * A brace is written twice.  What a line does not have is empty, and a line that has none of
 * the refs has no text at all.
 */
#include <stdlib.h>

#include "expr_impl.h"
#include "step_impl.h"

struct template {
	struct piece { char *text; size_t len; struct ref *ref; } *pieces;
	int	 n;
};

static void
add_text(struct template *t, struct buf *text)
{
	if (text->len == 0)
		return;
	t->pieces = xrealloc(t->pieces, (t->n + 1) * sizeof(*t->pieces));
	t->pieces[t->n++] = (struct piece){ xstrdup(buf_str(text)), text->len, NULL };
	text->len = 0;
}

/* After ${. */
static const char *
add_environment(struct buf *text, const char *at, struct buf *err)
{
	const char *end = strchr(at, '}'), *dash;
	char *name;

	if (!end) {
		buf_printf(err, "${%s has no }", at);
		return NULL;
	}
	name = text_dup(at, end - at);
	dash = strstr(name, ":-");
	if (dash)
		name[dash - name] = '\0';
	if (getenv(name) && (*getenv(name) || !dash)) {
		buf_adds(text, getenv(name));
	} else if (dash) {
		buf_adds(text, dash + 2);
	} else {
		buf_printf(err, "%s is not set in the environment: set it, or write a default,"
		    " ${%s:-none}", name, name);
		end = NULL;
	}
	free(name);
	return end ? end + 1 : NULL;
}

/* After {. */
static const char *
add_ref(struct template *t, const char *at, struct wants *wants, struct buf *err)
{
	const char *end = at;
	struct ref *r = ref_scan(&end, wants, err);

	if (!r) {
		buf_adds(err, ", after { (a brace itself is written {{)");
		return NULL;
	}
	t->pieces = xrealloc(t->pieces, (t->n + 1) * sizeof(*t->pieces));
	t->pieces[t->n++] = (struct piece){ .ref = r };
	if (*end == '}')
		return end + 1;
	buf_printf(err, "{%.*s has no } (a brace itself is written {{)", (int)(end - at), at);
	return NULL;
}

static bool
parse(struct template *t, const char *p, struct buf *text, struct wants *wants, struct buf *err)
{
	while (p && *p) {
		if ((*p == '{' || *p == '}') && p[1] == *p) {
			buf_addc(text, *p);
			p += 2;
		} else if (p[0] == '$' && p[1] == '{') {
			p = add_environment(text, p + 2, err);
		} else if (*p == '{') {
			add_text(t, text);
			p = add_ref(t, p + 1, wants, err);
		} else {
			buf_addc(text, *p++);
		}
	}
	add_text(t, text);
	return p != NULL;
}

struct template *
template_new(const char *text, struct wants *wants, struct buf *err)
{
	struct template *t = xcalloc(1, sizeof(*t));
	struct buf piece = { 0 };
	bool good = parse(t, text, &piece, wants, err);

	buf_finish(&piece);
	if (good)
		return t;
	template_free(t);
	return NULL;
}

void
template_free(struct template *t)
{
	if (!t)
		return;
	for (int i = 0; i < t->n; i++) {
		free(t->pieces[i].text);
		ref_free(t->pieces[i].ref);
	}
	free(t->pieces);
	free(t);
}

bool
template_text(const struct template *t, const struct batch *b, const struct line *l,
    struct buf *value, struct buf *room, struct text *out)
{
	int refs = 0, missing = 0;
	struct text text;

	if (t->n == 0 || (t->n == 1 && t->pieces[0].text)) {
		*out = t->n ? (struct text){ t->pieces[0].text, t->pieces[0].len } :
		    (struct text){ "", 0 };
		return true;
	}
	value->len = 0;
	for (int i = 0; i < t->n; i++) {
		const struct piece *p = &t->pieces[i];

		if (p->text) {
			buf_add(value, p->text, p->len);
			continue;
		}
		refs++;
		if (ref_text(p->ref, b, l, room, &text))
			buf_add(value, text.p, text.len);
		else
			missing++;
	}
	*out = (struct text){ value->data, value->len };
	return missing < refs;
}
