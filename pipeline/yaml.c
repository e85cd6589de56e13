/*
 * yaml.c - libyaml's events made into a tree; see yaml.h
 *
 * No recursion: the way from the root to the node at hand is an array, and all nodes are in
 * one list besides, which is how they are freed, whatever state the tree is in.
 */
#include "yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/map.h"

/* A list or map that is not complete yet. */
struct level {
	struct yaml *node, *key;	/* key: waits for its value */
	struct map   keys;		/* those that were there: of struct yaml */
};

struct reader {
	struct yaml_doc	  *doc;
	struct complaints *c;
	struct level	   way[YAML_DEPTH];
	int		   depth;
	bool		   failed;	/* does not go on */
};

static struct spot
place_of(yaml_mark_t m)
{
	return (struct spot){ (int)m.line + 1, (int)m.column + 1 };
}

static struct yaml *
node_new(struct reader *r, enum yaml_kind kind, const yaml_event_t *e)
{
	struct yaml *y = xcalloc(1, sizeof(*y));

	y->kind = kind;
	y->at = place_of(e->start_mark);
	y->text = "";
	y->next = r->doc->all;
	r->doc->all = y;
	return y;
}

static bool
is_nothing(const char *text)
{
	return !*text || !strcmp(text, "~") || !strcmp(text, "null") || !strcmp(text, "Null") ||
	    !strcmp(text, "NULL");
}

static struct yaml *
text_new(struct reader *r, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	struct yaml *y = node_new(r, YAML_TEXT, e);

	if (strlen(text) != e->data.scalar.length)
		complain(r->c, y->at, "a text cannot have a NUL character inside");
	if (*text)
		y->text = xstrdup(text);
	y->empty = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && is_nothing(text);
	return y;
}

static void
append(struct yaml *to, struct yaml *key, struct yaml *value)
{
	if (to->n == to->room) {
		to->room = to->room ? 2 * to->room : 4;
		to->item = xrealloc(to->item, to->room * sizeof(*to->item));
		to->key = xrealloc(to->key, to->room * sizeof(*to->key));
	}
	to->key[to->n] = key;
	to->item[to->n++] = value;
}

/* A key is a text, and new. */
static void
take_key(struct reader *r, struct level *l, struct yaml *y)
{
	struct map_entry *e;
	size_t len = strlen(y->text);
	bool added;
	char what[80];

	l->key = y;
	if (y->kind != YAML_TEXT) {
		complain(r->c, y->at, "a key must be a text, not %s", yaml_what(y, what));
		return;
	}
	e = map_insert(&l->keys, y->text, len, map_hash(y->text, len), &added);
	if (added) {
		e->value = y;
		return;
	}
	complain(r->c, y->at, "the key %s is here a second time; the first is in line %d",
	    yaml_what(y, what), ((struct yaml *)e->value)->at.line);
}

static void
take_node(struct reader *r, struct yaml *y)
{
	struct level *l = r->depth ? &r->way[r->depth - 1] : NULL;

	if (!l) {
		r->doc->root = y;
	} else if (l->node->kind == YAML_LIST) {
		append(l->node, NULL, y);
	} else if (!l->key) {
		take_key(r, l, y);
	} else {
		if (l->key->kind == YAML_TEXT)
			append(l->node, l->key, y);
		l->key = NULL;
	}
}

static void
give_up(struct reader *r, struct spot at, const char *why)
{
	complain(r->c, at, "%s", why);
	r->failed = true;
}

static void
open_level(struct reader *r, struct yaml *y)
{
	take_node(r, y);
	if (r->depth == YAML_DEPTH) {
		give_up(r, y->at, "this is nested too deeply: more than 32 levels");
		return;
	}
	r->way[r->depth++] = (struct level){ .node = y };
}

static void
close_level(struct reader *r)
{
	map_finish(&r->way[--r->depth].keys);
}

/* Anchors and tags are read over: the rest may have more to complain about. */
static void
refuse(struct reader *r, const yaml_event_t *e, const void *anchor, const void *tag)
{
	if (anchor)
		complain(r->c, place_of(e->start_mark),
		    "anchors (&%s) are not supported; write it out", (const char *)anchor);
	if (tag)
		complain(r->c, place_of(e->start_mark),
		    "tags (!...) are not supported; what a value is follows from its key");
}

static void
take_event(struct reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (r->doc->root)
			give_up(r, place_of(e->start_mark),
			    "a second document begins here; there must be one only");
		break;
	case YAML_ALIAS_EVENT:
		complain(r->c, place_of(e->start_mark),
		    "aliases (*%s) are not supported; write it out",
		    (const char *)e->data.alias.anchor);
		take_node(r, node_new(r, YAML_TEXT, e));
		break;
	case YAML_SCALAR_EVENT:
		refuse(r, e, e->data.scalar.anchor, e->data.scalar.tag);
		take_node(r, text_new(r, e));
		break;
	case YAML_SEQUENCE_START_EVENT:
		refuse(r, e, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		open_level(r, node_new(r, YAML_LIST, e));
		break;
	case YAML_MAPPING_START_EVENT:
		refuse(r, e, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		open_level(r, node_new(r, YAML_MAP, e));
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_level(r);
		break;
	default:
		break;
	}
}

/* The reader of characters knows no lines, only how far it came. */
static struct spot
place_at(const char *text, size_t len, size_t offset)
{
	struct spot at = { 1, 1 };

	for (size_t i = 0; i < offset && i < len; i++) {
		at.col++;
		if (text[i] == '\n')
			at = (struct spot){ at.line + 1, 1 };
	}
	return at;
}

/* What people meet most, and the remedy; else NULL. */
static const char *
remedy(const yaml_parser_t *p, char c)
{
	const char *in = p->context ? p->context : "";

	if (c == '\t')
		return "a line begins with a tab; indent it with blanks";
	if (strstr(in, "scanning an alias"))
		return "a text that begins with * needs quotes";
	if (strstr(in, "scanning an anchor"))
		return "a text that begins with & needs quotes";
	if (strstr(p->problem, "cannot start any token"))
		return "a text that begins with @, % or ` needs quotes";
	if (strstr(p->problem, "mapping values are not allowed"))
		return "there is a second \": \" here; a text with one inside needs quotes";
	if (strstr(in, "scanning a quoted scalar"))
		return "a text in quotes has no end";
	return NULL;
}

static void
not_yaml(struct reader *r, const yaml_parser_t *p, const char *text, size_t len)
{
	const char *why = p->problem ? p->problem : "out of memory", *better;
	struct spot at = place_of(p->problem_mark);

	r->failed = true;
	if (p->error == YAML_READER_ERROR) {
		complain(r->c, place_at(text, len, p->problem_offset),
		    "this is not YAML: a byte or character that cannot be in a text (%s)", why);
		return;
	}
	better = remedy(p, p->problem_mark.index < len ? text[p->problem_mark.index] : 0);
	if (better && p->context && strstr(p->context, "scanning a"))
		at = place_of(p->context_mark);		/* where it begins */
	if (better)
		complain(r->c, at, "this is not YAML: %s", better);
	else if (p->context && p->context_mark.line != p->problem_mark.line)
		complain(r->c, at, "this is not YAML: %s, %s that begins in line %d", why,
		    p->context, (int)p->context_mark.line + 1);
	else
		complain(r->c, at, "this is not YAML: %s%s%s", why, p->context ? ", " : "",
		    p->context ? p->context : "");
}

static void
read_events(struct reader *r, const char *text, size_t len)
{
	yaml_parser_t p;
	bool end = false;

	if (!yaml_parser_initialize(&p))
		die("out of memory: %zu bytes", sizeof(p));
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	while (!end && !r->failed) {
		yaml_event_t e;

		if (!yaml_parser_parse(&p, &e)) {
			not_yaml(r, &p, text, len);
			break;
		}
		take_event(r, &e);
		end = e.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&p);
}

bool
yaml_parse(struct yaml_doc *doc, const char *text, size_t len, struct complaints *c)
{
	struct reader *r;
	int before = c->n + c->more;

	*doc = (struct yaml_doc){ 0 };
	if (len > YAML_SIZE) {
		complain(c, (struct spot){ 0 }, "it is too long: more than 1 MiB");
		return false;
	}
	r = xcalloc(1, sizeof(*r));	/* 2 KiB: too much for a small stack */
	r->doc = doc;
	r->c = c;
	read_events(r, text, len);
	while (r->depth)
		close_level(r);
	if (r->failed)			/* half a tree would only mislead */
		doc->root = NULL;
	free(r);
	return c->n + c->more == before;
}

void
yaml_finish(struct yaml_doc *doc)
{
	for (struct yaml *y = doc->all, *next; y; y = next) {
		next = y->next;
		if (y->kind == YAML_TEXT && *y->text)
			free((char *)y->text);
		free(y->item);
		free(y->key);
		free(y);
	}
	*doc = (struct yaml_doc){ 0 };
}

struct yaml *
yaml_get(const struct yaml *y, const char *key)
{
	for (int i = 0; y && y->kind == YAML_MAP && i < y->n; i++)
		if (strcmp(y->key[i]->text, key) == 0)
			return y->item[i];
	return NULL;
}

const char *
yaml_what(const struct yaml *y, char out[80])
{
	int len;

	if (y->kind != YAML_TEXT)
		return y->kind == YAML_LIST ? "a list" : "a map";
	if (y->empty)
		return "empty";
	for (len = 0; y->text[len] && len < 60; len++)
		if ((unsigned char)y->text[len] < ' ')	/* a message is one line */
			break;
	while (y->text[len] && len && ((unsigned char)y->text[len] & 0xc0) == 0x80)
		len--;				/* whole characters */
	snprintf(out, 80, "\"%.*s%s\"", len, y->text, y->text[len] ? "..." : "");
	return out;
}
