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
	*l = (struct line){ .off = l->off, .len = l->len };
}

static void
plain(const char *text, struct line *l)
{
	int level = level_guess(text, l->len);

	l->kind = LINE_PLAIN;
	l->level = level == LEVEL_NONE ? WEFT_LEVEL_INFO : level;
	l->message = (struct slice){ 0, l->len };
}

void
parse_line(const char *text, struct line *l, int format)
{
	unsigned char first;

	if (format == WEFT_LINE_JSON) {
		l->error = jsonline_parse(text, l->len, l);
		return;
	}
	if (format == WEFT_LINE_PLAIN) {
		plain(text, l);
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
