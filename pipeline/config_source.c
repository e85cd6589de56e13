/*
 * config_source.c - the sources: part of a configuration
 *
 *	sources:
 *	  app:  { file: [/var/log/app.log], from: end, multiline: stacktrace }
 *	  edge: { syslog: ["udp://:5514", "tcp://:6514", "unix:/run/x.sock"] }
 *	  pipe: { stdin: json }
 */
#include <stdlib.h>

#include "config_impl.h"

static const struct choice formats[] = {
	{ "auto", WEFT_LINE_AUTO }, { "json", WEFT_LINE_JSON }, { "plain", WEFT_LINE_PLAIN },
	{ "logfmt", WEFT_LINE_LOGFMT }, { "syslog", WEFT_LINE_SYSLOG },
	{ "access", WEFT_LINE_ACCESS }, { "cri", WEFT_LINE_CRI }, { "regex", WEFT_LINE_REGEX },
	{ NULL, 0 }
};
static const struct choice from[] = { { "begin", false }, { "end", true }, { NULL, 0 } };

/* stdin: json, stdin: {}, or nothing at all. */
static void
read_stdin(struct reading *r, const struct yaml *y, void *out)
{
	struct config_source *s = out;

	if (!y->empty && !(y->kind == YAML_MAP && y->n == 0))
		schema_choice(r, y, "stdin", formats, &s->o.format);
}

static void
read_from(struct reading *r, const struct yaml *y, void *out)
{
	struct config_source *s = out;
	int at_end = 0;

	schema_choice(r, y, "from", from, &at_end);
	s->o.at_end = at_end;
}

#define AT(f) .at = offsetof(struct config_source, f)
static const struct key keys[] = {
	{ "file", KEY_TEXTS, AT(file), .path = PATH_FILE, .kind = SOURCE_FILE },
	{ "syslog", KEY_TEXTS, AT(syslog), .path = PATH_ADDRESS, .kind = SOURCE_SYSLOG },
	{ "stdin", KEY_OTHER, .read = read_stdin, .kind = SOURCE_STDIN },
	{ "exclude", KEY_TEXTS, AT(exclude), .path = PATH_PATTERN, .only = SOURCE_FILE },
	{ "format", KEY_CHOICE, AT(o.format), .choices = formats },
	{ "regex", KEY_TEXT, AT(o.regex) },
	{ "multiline", KEY_TEXT, AT(o.multiline), .only = SOURCE_FILE | SOURCE_STDIN },
	{ "multiline_wait", KEY_DURATION, AT(o.multiline_wait),
	    .only = SOURCE_FILE | SOURCE_STDIN },
	{ "from", KEY_OTHER, .read = read_from, .only = SOURCE_FILE },
	{ "once", KEY_BOOL, AT(o.once), .only = SOURCE_FILE },
	{ "max_line", KEY_SIZE, AT(max_line) },
	{ "linger", KEY_DURATION, AT(o.linger), .only = SOURCE_FILE },
	{ "cert", KEY_TEXT, AT(o.cert), .path = PATH_FILE, .only = SOURCE_SYSLOG },
	{ "key", KEY_TEXT, AT(o.key), .path = PATH_FILE, .only = SOURCE_SYSLOG },
	{ "ca", KEY_TEXT, AT(o.ca), .path = PATH_FILE, .only = SOURCE_SYSLOG },
	{ .name = NULL }
};
static const struct schema schema = { "a source", "file, syslog or stdin", keys };

void
config_read_sources(struct reading *r, const struct yaml *y, void *out)
{
	struct config *c = out;

	c->sources = config_items(r, y, "sources", &schema, sizeof(*c->sources), &c->nsources);
}

/* The pipeline takes several as one text with blanks between; those in patterns are quoted. */
static void
check_blanks(struct config *c, struct config_source *s, const char *key,
    const struct texts *texts, const char *blanks)
{
	for (int i = 0; i < texts->n; i++)
		if (strpbrk(texts->item[i], blanks))
			complain(&c->complaints, config_place(&s->item, key),
			    "\"%s\" has a blank in \"%s\"; write a list, one in each text", key,
			    texts->item[i]);
}

static void
check_regex(struct config *c, struct config_source *s)
{
	const struct yaml *given = yaml_get(s->item.yaml, "format");

	if (s->o.regex && !given && s->o.format == WEFT_LINE_AUTO)
		s->o.format = WEFT_LINE_REGEX;
	if (s->o.regex && s->o.format != WEFT_LINE_REGEX)
		complain(&c->complaints, config_place(&s->item, "regex"),
		    "\"regex\" goes with the format regex only");
	if (!s->o.regex && s->o.format == WEFT_LINE_REGEX)
		complain(&c->complaints, config_place(&s->item, "format"),
		    "the format regex needs \"regex\", a pattern with named groups, such as "
		    "'^(?<time>\\S+) (?<level>\\w+) (?<message>.*)'");
}

void
config_check_sources(struct config *c)
{
	for (int i = 0; i < c->nsources; i++) {
		struct config_source *s = &c->sources[i];
		int before = config_count(c);

		check_blanks(c, s, "file", &s->file, "\t\n");
		check_blanks(c, s, "exclude", &s->exclude, "\t\n");
		check_blanks(c, s, "syslog", &s->syslog, " \t\n");
		if (!s->item.bad)
			check_regex(c, s);
		s->o.max_line = s->max_line;
		s->item.bad |= config_count(c) != before;
	}
}
