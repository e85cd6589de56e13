/*
 * schema.c - tables against trees; see schema.h
 *
 * Every message has the form of: "key" must be a something, such as this, not "that": why.
 */
#include "schema.h"

#include <inttypes.h>
#include <stdlib.h>

#include "units.h"

void *
reading_own(struct reading *r, void *p)
{
	if (r->nowned == r->room) {
		r->room = r->room ? 2 * r->room : 64;
		r->owned = xrealloc(r->owned, r->room * sizeof(*r->owned));
	}
	r->owned[r->nowned++] = p;
	return p;
}

void
reading_finish(struct reading *r)
{
	for (size_t i = 0; i < r->nowned; i++)
		free(r->owned[i]);
	free(r->owned);
	r->owned = NULL;
	r->nowned = r->room = 0;
}

/* "pretty or json": what a text may be. */
static void
list_choices(const struct choice *c, struct buf *out)
{
	for (; c->name; c++)
		buf_printf(out, "%s%s", c->name,
		    !c[1].name ? "" : c[2].name ? ", " : " or ");
}

static const char *
choice_name(const void *arg, int i)
{
	return ((const struct choice *)arg)[i].name;
}

static const char *
type_text(enum key_type t)
{
	static const char *const text[] = {
		[KEY_TEXT] = "a text",
		[KEY_BOOL] = "true or false",
		[KEY_INTEGER] = "a whole number, such as 4",
		[KEY_SIZE] = "a size, such as 64MB or 4GiB",
		[KEY_DURATION] = "a duration, such as 200ms or 1h",
		[KEY_RATE] = "a rate, such as 200/s",
		[KEY_SHARE] = "a share, such as 10%",
		[KEY_TEXTS] = "a text, or a list of texts, such as [one, two]",
		[KEY_PAIRS] = "a map of texts, such as { name: value }",
	};

	return text[t];
}

static void
wrong(struct reading *r, const struct yaml *y, const char *key, const char *wanted,
    const char *why)
{
	char what[80];

	complain(r->complaints, y->at, "\"%s\" must be %s, not %s%s%s", key, wanted,
	    yaml_what(y, what), why ? ": " : "", why ? why : "");
}

/* In a template the braces of a value are doubled: they name no field. */
static void
add_value(struct buf *out, const char *value, size_t len, enum path path)
{
	for (size_t i = 0; i < len; i++) {
		if (path == PATH_TEMPLATE && (value[i] == '{' || value[i] == '}'))
			buf_addc(out, value[i]);
		buf_addc(out, value[i]);
	}
}

/*
 * ${NAME} and ${NAME:-instead}, and $$ for a dollar.  Another dollar is one: regular
 * expressions are full of them.  Returns where it goes on; NULL: complained.
 */
static const char *
expand_one(struct reading *r, const struct yaml *y, const char *p, enum path path,
    struct buf *out)
{
	const char *end = strchr(p, '}'), *name = p + 2, *instead, *value;
	struct buf text = { 0 };
	size_t len;

	if (!end) {
		complain(r->complaints, y->at,
		    "\"${\" has no \"}\"; write $${ if you mean the characters");
		return NULL;
	}
	len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
	instead = strncmp(name + len, ":-", 2) == 0 ? name + len + 2 : NULL;
	if (!len || (name[len] != '}' && !instead)) {
		complain(r->complaints, y->at, "\"%.*s\" is not ${NAME} or ${NAME:-instead}; "
		    "write $${ if you mean the characters", (int)(end + 1 - p), p);
		return NULL;
	}
	buf_add(&text, name, len);
	value = getenv(buf_str(&text));
	buf_finish(&text);
	if (value && (*value || !instead)) {
		add_value(out, value, strlen(value), path);
	} else if (instead) {
		add_value(out, instead, end - instead, path);
	} else {
		complain(r->complaints, y->at, "the environment has no %.*s; set it, or write "
		    "${%.*s:-instead}", (int)len, name, (int)len, name);
		return NULL;
	}
	return end + 1;
}

static const char *
expand(struct reading *r, const struct yaml *y, enum path path)
{
	struct buf out = { 0 };
	const char *p = y->text;

	if (!strchr(p, '$'))
		return p;
	while (p && *p)
		if (p[0] == '$' && p[1] == '{') {
			p = expand_one(r, y, p, path, &out);
		} else {
			buf_addc(&out, *p);
			p += p[0] == '$' && p[1] == '$' ? 2 : 1;
		}
	buf_str(&out);
	reading_own(r, out.data);
	return p ? out.data : NULL;
}

/* The path in an address of a unix socket; NULL: it is another address. */
static const char *
socket_path(const char *text)
{
	if (strncmp(text, "unix:", 5) == 0)
		return text + 5;
	return strncmp(text, "unixgram:", 9) == 0 ? text + 9 : NULL;
}

/* Of a pattern without a slash only the name counts, wherever the file is. */
static const char *
from_dir(struct reading *r, const char *text, enum path path)
{
	const char *from = path == PATH_ADDRESS ? socket_path(text) : text;
	struct buf out = { 0 };

	if (path == PATH_NONE || path == PATH_TEMPLATE || !*r->dir || !from || *from == '/' ||
	    (path == PATH_PATTERN && !strchr(text, '/')) || (path == PATH_ADDRESS && *from == '@'))
		return text;
	buf_add(&out, text, from - text);
	buf_adds(&out, r->dir);
	buf_adds(&out, from);
	buf_str(&out);
	return reading_own(r, out.data);
}

static const char *
scalar(struct reading *r, const struct yaml *y, const char *key, const char *wanted,
    enum path path)
{
	if (y->kind == YAML_TEXT && !y->empty)
		return expand(r, y, path);
	wrong(r, y, key, wanted, NULL);
	return NULL;
}

const char *
schema_text(struct reading *r, const struct yaml *y, const char *key)
{
	return scalar(r, y, key, type_text(KEY_TEXT), PATH_NONE);
}

static bool
read_texts(struct reading *r, const struct yaml *y, const char *key, enum path path,
    struct texts *out)
{
	int n = y->kind == YAML_LIST ? y->n : 1;
	const char **item = xcalloc(n + 1, sizeof(*item)), *text;

	reading_own(r, item);
	if (y->kind == YAML_MAP || y->empty) {
		wrong(r, y, key, type_text(KEY_TEXTS), NULL);
		return false;
	}
	*out = (struct texts){ item, 0 };
	for (int i = 0; i < n; i++) {
		text = scalar(r, y->kind == YAML_LIST ? y->item[i] : y, key,
		    type_text(KEY_TEXTS), path);
		if (text)
			item[out->n++] = from_dir(r, text, path);
	}
	return out->n == n;
}

bool
schema_texts(struct reading *r, const struct yaml *y, const char *key, struct texts *out)
{
	return read_texts(r, y, key, PATH_NONE, out);
}

static bool
read_pairs(struct reading *r, const struct yaml *y, const char *key, enum path path,
    struct pairs *out)
{
	const char **name, **value;

	if (y->kind != YAML_MAP) {
		wrong(r, y, key, type_text(KEY_PAIRS), NULL);
		return false;
	}
	name = reading_own(r, xcalloc(y->n + 1, sizeof(*name)));
	value = reading_own(r, xcalloc(y->n + 1, sizeof(*value)));
	*out = (struct pairs){ name, value, 0 };
	for (int i = 0; i < y->n; i++) {
		const char *text = scalar(r, y->item[i], y->key[i]->text, type_text(KEY_TEXT),
		    path);

		if (!text)
			continue;
		name[out->n] = y->key[i]->text;
		value[out->n++] = text;
	}
	return out->n == y->n;
}

bool
schema_pairs(struct reading *r, const struct yaml *y, const char *key, struct pairs *out)
{
	return read_pairs(r, y, key, PATH_NONE, out);
}

bool
schema_choice(struct reading *r, const struct yaml *y, const char *key,
    const struct choice *choices, int *out)
{
	struct buf wanted = { 0 };
	const char *text, *near;

	buf_adds(&wanted, choices[1].name && choices[2].name ? "one of " : "");
	list_choices(choices, &wanted);
	text = scalar(r, y, key, buf_str(&wanted), PATH_NONE);
	for (const struct choice *c = choices; text && c->name; c++)
		if (strcmp(c->name, text) == 0) {
			*out = c->value;
			buf_finish(&wanted);
			return true;
		}
	if (text) {
		char what[80];

		near = meant(text, choice_name, choices);
		complain(r->complaints, y->at, "\"%s\" must be %s, not %s%s%s%s", key,
		    buf_str(&wanted), yaml_what(y, what), near ? "; did you mean \"" : "",
		    near ? near : "", near ? "\"?" : "");
	}
	buf_finish(&wanted);
	return false;
}

static void
read_integer(struct reading *r, const struct yaml *y, const struct key *k, const char *text,
    int64_t *out)
{
	int64_t n = 0;
	const char *why = unit_integer(text, &n);

	if (!why && k->max && (n < k->min || n > k->max))
		complain(r->complaints, y->at, "\"%s\" must be %" PRId64 " to %" PRId64
		    ", not %" PRId64, k->name, k->min, k->max, n);
	else if (!why)
		*out = n;
	else
		wrong(r, y, k->name, type_text(KEY_INTEGER),
		    strcmp(why, "it is none") == 0 ? NULL : why);
}

static void
read_scalar(struct reading *r, const struct yaml *y, const struct key *k, void *at)
{
	const char *text = scalar(r, y, k->name, type_text(k->type), k->path), *why = NULL;

	if (!text)
		return;
	switch (k->type) {
	case KEY_TEXT:
		*(const char **)at = from_dir(r, text, k->path);
		break;
	case KEY_BOOL:
		if (unit_bool(text, at))
			wrong(r, y, k->name, type_text(KEY_BOOL), NULL);
		break;
	case KEY_INTEGER:
		read_integer(r, y, k, text, at);
		break;
	case KEY_SIZE:
		why = unit_size(text, at);
		break;
	case KEY_DURATION:
		why = unit_duration(text, at);
		break;
	case KEY_RATE:
		why = unit_rate(text, &((struct rate *)at)->events, &((struct rate *)at)->per);
		break;
	case KEY_SHARE:
		why = unit_share(text, at);
		break;
	default:
		break;
	}
	if (why)
		wrong(r, y, k->name, type_text(k->type), why);
}

static void
read_value(struct reading *r, const struct yaml *y, const struct key *k, void *out)
{
	void *at = (char *)out + k->at;

	switch (k->type) {
	case KEY_CHOICE:
		schema_choice(r, y, k->name, k->choices, at);
		break;
	case KEY_TEXTS:
		read_texts(r, y, k->name, k->path, at);
		break;
	case KEY_PAIRS:
		read_pairs(r, y, k->name, k->path, at);
		break;
	case KEY_OBJECT:
		schema_read(r, y, k->sub, at);
		break;
	case KEY_OTHER:
		if (k->read)
			k->read(r, y, at);
		break;
	default:
		read_scalar(r, y, k, at);
	}
}

static const char *
key_name(const void *arg, int i)
{
	return ((const struct schema *)arg)->keys[i].name;
}

static const struct key *
find_key(const struct schema *s, const char *name)
{
	for (const struct key *k = s->keys; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static void
unknown_key(struct reading *r, const struct yaml *y, const struct schema *s)
{
	const char *near = meant(y->text, key_name, s);
	struct buf all = { 0 };
	char what[80];

	if (near) {
		complain(r->complaints, y->at, "there is no key %s in %s; did you mean \"%s\"?",
		    yaml_what(y, what), s->what, near);
		return;
	}
	for (const struct key *k = s->keys; k->name; k++)
		buf_printf(&all, "%s%s", k->name, k[1].name ? ", " : "");
	complain(r->complaints, y->at, "there is no key %s in %s; the keys are %s",
	    yaml_what(y, what), s->what, buf_str(&all));
	buf_finish(&all);
}

/* The one key that says what kind of thing it is. */
static const struct key *
find_kind(struct reading *r, const struct yaml *y, const struct schema *s)
{
	const struct key *found = NULL, *k;

	for (int i = 0; i < y->n; i++) {
		k = find_key(s, y->key[i]->text);
		if (!k || !k->kind || k == found)
			continue;
		if (found) {
			complain(r->complaints, y->key[i]->at,
			    "%s has one of %s, not both \"%s\" and \"%s\"", s->what, s->kinds,
			    found->name, k->name);
			return NULL;
		}
		found = k;
	}
	if (!found)
		complain(r->complaints, y->at, "%s needs one of %s", s->what, s->kinds);
	return found;
}

static void
check_kind(struct reading *r, const struct yaml *at, const struct schema *s,
    const struct key *k, const struct key *kind)
{
	struct buf all = { 0 };

	if (!kind || !k->only || (k->only & kind->kind))
		return;
	for (const struct key *o = s->keys; o->name; o++)
		if (o->kind & k->only)
			buf_printf(&all, "%s%s", all.len ? ", " : "", o->name);
	complain(r->complaints, at->at, "\"%s\" does not go with \"%s\"; it is for %s", k->name,
	    kind->name, buf_str(&all));
	buf_finish(&all);
}

unsigned
schema_read(struct reading *r, const struct yaml *y, const struct schema *s, void *out)
{
	static const struct yaml none = { .kind = YAML_MAP, .text = "", .at = { 1, 1 } };
	const struct key *kind = NULL, *k;
	char what[80];

	if (!y)
		y = &none;
	if (y->kind != YAML_MAP && !(y->empty && !s->kinds)) {
		complain(r->complaints, y->at, "%s must be a map, such as { key: value }, not %s",
		    s->what, yaml_what(y, what));
		return 0;
	}
	if (s->kinds)
		kind = find_kind(r, y, s);
	for (int i = 0; i < y->n; i++) {
		k = find_key(s, y->key[i]->text);
		if (!k) {
			unknown_key(r, y->key[i], s);
			continue;
		}
		check_kind(r, y->key[i], s, k, kind);
		read_value(r, y->item[i], k, out);
	}
	return kind ? kind->kind : 0;
}
