/*
 * parse.c - which format is a line in?
 *
 * Decided line by line, by the first byte that is no blank: a line that begins
 * with { claims to be JSON and is unparsable when it is not; one that begins
 * with [ may as well be text ("[error] ..."), so it is JSON only if it is valid.
 * Everything else is text, which never fails.
 */
#include "parse.h"

static unsigned char
first_byte(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != ' ' && text[i] != '\t')
			return text[i];
	return 0;
}

static void
forget(struct line *l)
{
	*l = (struct line){ .text = l->text, .len = l->len, .end = l->end };
}

static void
plain(struct line *l)
{
	int level = level_guess(l->text, l->len);

	l->kind = LINE_PLAIN;
	l->level = level == LEVEL_NONE ? WEFT_LEVEL_INFO : level;
	l->message = (struct slice){ 0, l->len };
}

void
parse_line(const struct format *f, struct scratch *s, struct batch *b, struct line *l)
{
	int format = f->kind;
(void)s;(void)b;
	const char *text = l->text;
	unsigned char first;

	if (format == WEFT_LINE_JSON) {
		l->error = jsonline_parse(text, l->len, l);
		return;
	}
	if (format == WEFT_LINE_PLAIN) {
		plain(l);
		return;
	}
	first = first_byte(text, l->len);
	if (first == '{') {
		l->error = jsonline_parse(text, l->len, l);
		return;
	}
	if (first == '[') {
		if (!jsonline_parse(text, l->len, l))
			return;
		forget(l);
	}
	text_parse(text, l);
}
