/*
 * groups.c - lines that a regex takes apart: its named groups are what the line says
 *
 * Groups named level, time, message, host, tag (and what else programs call these) go to
 * the line's own; if one of them is there already, or a level is none, it is a
 * field, as all others are.  A group that took no part says nothing.
 */
#include "names.h"
#include "parse.h"

static struct slice *
own(struct line *l, const char *name, size_t len)
{
	switch (name_of(name, len)) {
	case NAME_TIME:
		return &l->time;
	case NAME_MESSAGE:
		return &l->message;
	case NAME_HOST:
		return &l->host;
	default:
		return len == 3 && memcmp(name, "tag", 3) == 0 ? &l->tag : NULL;
	}
}

/* True: the level is found. */
static bool
take(struct batch *b, struct line *l, const char *name, size_t from, size_t to)
{
	size_t len = strlen(name);
	struct slice *part = own(l, name, len);
	int level;

	if (part && !part->len) {
		*part = (struct slice){ from, to - from };
		return false;
	}
	if (!part && name_of(name, len) == NAME_LEVEL) {
		level = level_from_value(l->text + from, to - from);
		if (level != LEVEL_NONE) {
			l->level = level;
			return true;
		}
	}
	line_field(b, l, name, len, l->text + from, to - from, FIELD_TEXT);
	return false;
}

const char *
groups_parse(const struct format *f, struct scratch *s, struct batch *b, struct line *l)
{
	bool limited, leveled = false;
	const size_t *at;
	int level, g;

	l->kind = LINE_REGEX;
	l->level = WEFT_LEVEL_INFO;
	if (!regex_match(f->regex, s, l->text, l->len, 0, &at, &limited))
		return limited ? "the source's regex gives up on it: too many steps" :
		    "the source's regex does not match";
	for (int i = 0, n = regex_groups(f->regex); i < n; i++) {
		const char *name = regex_group(f->regex, i, &g);

		if (at[2 * g] != (size_t)-1 && at[2 * g + 1] >= at[2 * g])
			leveled |= take(b, l, name, at[2 * g], at[2 * g + 1]);
	}
	if (!leveled && l->message.len) {
		level = level_guess(l->text + l->message.off, l->message.len);
		if (level != LEVEL_NONE)
			l->level = level;
	}
	return NULL;
}
